/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/job/verify_unit.h - a small repository to be looked through, and what is asked of the report */
#pragma once

#include "unit.h"

#include "fake/folder.h"
#include "archive/archive_unit.h"
#include "backup/backup_unit.h"
#include "cluster/commit_note.h"
#include "job/verify.h"
#include "repo/container.h"

/* A small repository with one of every kind: two timelines, a failover, a backup. */
typedef struct Scene {
    Repo *repo;
    Arena *arena;
    Report report;
    VerifyResult result;
    TestFolder folder;
    const char *state_dir; /* NULL: this host keeps no notes */
} Scene;

static inline void scene_done(Scene *scene)
{
    repo_free(&scene->repo);
    arena_free(&scene->arena);
    report_done(&scene->report);
    test_folder_done(&scene->folder);
}

#define LABEL "20260101-000050F"

/* The first `to` bytes of that segment, behind those of put_days(). */
static inline void put_begin_of(Repo *repo, uint32_t timeline, uint64_t segment, uint32_t to, uint32_t xid)
{
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    for (uint64_t at = 5; at < segment; at++) {
        add_commit(&wal, (uint32_t)(800 + at), (int64_t)at * 10);
        fill_segment(&wal, 0);
    }
    add_commit(&wal, xid, 1000);
    fill_segment(&wal, 0);
    const WalTail tail = {segment_name(timeline, segment), 0, to};
    put_tail(repo, &tail, span_cut(buf_span(&wal.bytes), (segment - 5) * FAKE_WAL_SEGMENT, SIZE_MAX));
}

static inline Scene scene_new(void)
{
    Scene scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()};
    put_generation(scene.repo);
    put_branch(scene.repo, 1, 0, (Lsn){0});
    put_days(scene.repo, 1, 5, 7);
    put_history(scene.repo, 2, "1\t0/780000\tx\n");
    put_branch(scene.repo, 2, 1, (Lsn){0x780000});
    put_days(scene.repo, 2, 7, 8);
    put_begin_of(scene.repo, 2, 9, 20000, 900);
    WalName other = segment_name(1, 5);
    other.kind = WAL_NAME_BACKUP;
    other.offset = 0x28;
    put_wal_file(scene.repo, other, span_of("START WAL LOCATION", 18));
    other = segment_name(1, 8);
    other.kind = WAL_NAME_PARTIAL;
    put_wal_file(scene.repo, other, span_of("half a segment", 14));
    put_full_backup(scene.repo, LABEL, SEGMENT(5), (Lsn){SEGMENT(6).at + 8192});
    return scene;
}

static inline Err *verify_at(Scene *scene, VerifyOptions options)
{
    static const RepoOptions repos[] = {{.name = "main", .url = "/nowhere"}};
    const ClusterOptions cluster = {
        .name = "main", .repos = repos, .repo_count = 1, .jobs = 2, .state_dir = scene->state_dir};
    Progress progress = {.phase = ""};
    const VerifyWork work = {
        .cluster = &cluster, .options = options, .progress = &progress, .report = &scene->report};
    report_done(&scene->report);
    scene->report = (Report){0};
    return verify_repo(&scene->result, scene->repo, &work, scene->arena);
}

static inline void look(Scene *scene)
{
    ASSERT_OK(verify_at(scene, (VerifyOptions){.depth = VERIFY_ALL}));
}

/* Is there a fault of the class whose text has `part` in it? */
static inline bool is_told(const Report *report, ErrClass class, const char *part)
{
    for (size_t i = 0; i < report->count; i++) {
        const Notice *const notice = &report->notices[i];
        if (notice->level == NOTICE_FAULT && notice->class == class && strstr(notice->text, part))
            return true;
    }
    return false;
}

static inline bool is_warned(const Report *report, const char *part)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->notices[i].level == NOTICE_WARNING && strstr(report->notices[i].text, part))
            return true;
    }
    return false;
}

typedef struct Keys {
    Key keys[64];
    size_t count;
} Keys;

static inline Err *key_add(void *arg, const ObjectEntry *entry)
{
    Keys *const keys = arg;
    assert_true(keys->count < COUNT_OF(keys->keys));
    strcpy(keys->keys[keys->count++].text, entry->key);
    return NULL;
}

static inline Keys all_keys(Repo *repo)
{
    Keys keys = {.count = 0};
    ASSERT_OK(store_list(repo->store, "", (ListOpts){0}, key_add, &keys));
    return keys;
}

static inline void object_take(Buf *out, Scene *scene, const Key *key)
{
    ASSERT_OK(store_get_all(out, scene->repo->store, key->text, RANGE_ALL, 1 << 24));
    ASSERT_OK(store_remove(scene->repo->store, key->text));
}

static inline void object_put(Scene *scene, const Key *key, Span bytes)
{
    ASSERT_OK(store_remove(scene->repo->store, key->text));
    ASSERT_OK(store_put_all(scene->repo->store, key->text, bytes));
}

static inline Key segment_key(uint32_t timeline, uint64_t segment)
{
    return key_wal(&unit_generation.root, segment_name(timeline, segment));
}

/* The object as it is stored when its records cannot be read: the same without an index. */
static inline void index_remove(Repo *repo, uint32_t timeline, uint64_t segment)
{
    const Key key = segment_key(timeline, segment);
    const ContainerExpect expect = {CONTAINER_WAL, key_object_name(key.text)};
    AUTO(container_close) ContainerReader *reader = NULL;
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    AUTO(buf_done) Buf plain = {0};
    AUTO(buf_done) Buf object = {0};
    ASSERT_OK(container_open(&reader, repo->store, key.text, &expect));
    ASSERT_OK(wal_object_read(&plain, repo->store, &unit_generation.root, segment_name(timeline, segment)));
    BufSink to = buf_sink(&object, SIZE_MAX);
    const ContainerSpec spec = {.kind = CONTAINER_WAL,
                                .name = expect.name,
                                .codec = CODEC_ZSTD,
                                .level = 1,
                                .facts = container_info(reader)->facts};
    ASSERT_OK(container_begin(&writer, &spec, &to.sink));
    for (size_t done = 0; done < plain.len; done += FRAME_PLAIN_MAX)
        ASSERT_OK(container_frame(writer, span_cut(buf_span(&plain), done, FRAME_PLAIN_MAX)));
    ContainerSummary summary;
    ASSERT_OK(container_finish(&summary, writer));
    ASSERT_OK(store_remove(repo->store, key.text));
    ASSERT_OK(store_put_all(repo->store, key.text, buf_span(&object)));
}
