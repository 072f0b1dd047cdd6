/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "archive/archive_unit.h"
#include "backup/backup_unit.h"
#include "base/crc32c.h"
#include "job/verify.h"
#include "repo/container_layout.h"

#define LABEL "20260101-000050F"

static void object_take(Buf *out, Repo *repo, const char *key)
{
    ASSERT_OK(store_get_all(out, repo->store, key, RANGE_ALL, 1 << 24));
    ASSERT_OK(store_remove(repo->store, key));
}

static void damage(Repo *repo, const char *key)
{
    AUTO(buf_done) Buf bytes = {0};
    object_take(&bytes, repo, key);
    bytes.data[bytes.len / 2] ^= 4;
    ASSERT_OK(store_put_all(repo->store, key, buf_span(&bytes)));
}

/* As a newer program would have written it. */
static void make_newer(Repo *repo, const char *key)
{
    AUTO(buf_done) Buf bytes = {0};
    object_take(&bytes, repo, key);
    uint8_t *const trailer = bytes.data + bytes.len - TRAILER_BYTES;
    trailer[58]++;
    put_u32(trailer + TRAILER_BYTES - 4, crc32c(span_of(trailer, TRAILER_BYTES - 4)));
    ASSERT_OK(store_put_all(repo->store, key, buf_span(&bytes)));
}

static bool is_told(const Report *report, ErrClass class)
{
    for (size_t i = 0; i < report->count; i++) {
        const Notice *const notice = &report->notices[i];
        if (notice->level == NOTICE_FAULT && notice->class == class &&
            strstr(notice->text, "backup " LABEL " cannot be restored: WAL "))
            return true;
    }
    return false;
}

/* A backup that needs segments 5 and 6: of one a newer program's bytes, the other damaged, or a pack of it. */
static void test_verify__a_newer_segment_hides_no_damage(void **state)
{
    (void)state;
    const KeyRoot *const root = &unit_generation.root;
    const Key segments[] = {key_wal(root, segment_name(1, 5)), key_wal(root, segment_name(1, 6))};
    const Key pack = key_pack(root, label_of(LABEL), 1);
    static const RepoOptions options = {.name = "main", .url = "/nowhere"};
    const ClusterOptions cluster = {.name = "main", .repos = &options, .repo_count = 1, .jobs = 2};
    for (size_t i = 0; i < 3; i++) {
        AUTO(repo_free) Repo *repo = new_repo("main");
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(report_done) Report report = {0};
        Progress progress = {.phase = ""};
        VerifyResult result;
        put_generation(repo);
        put_branch(repo, 1, 0, (Lsn){0});
        put_days(repo, 1, 5, 7);
        put_full_backup(repo, LABEL, SEGMENT(5), (Lsn){SEGMENT(6).at + 8192});
        make_newer(repo, segments[i % 2].text);
        damage(repo, i == 2 ? pack.text : segments[1 - i].text);
        const VerifyWork work = {
            .cluster = &cluster, .options = {.depth = VERIFY_ALL}, .progress = &progress, .report = &report};
        ASSERT_OK(verify_repo(&result, repo, &work, arena));
        assert_int_equal(result.backups[0].state, VERIFY_DAMAGED);
        assert_true(is_told(&report, i == 2 ? ERR_UNSUPPORTED : ERR_CORRUPT));
    }
}

UNIT_MAIN(cmocka_unit_test(test_verify__a_newer_segment_hides_no_damage))
