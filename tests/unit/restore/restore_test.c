/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * A repository that somebody forged, given to a whole restore: nothing outside of the data directory is touched, and no
 * server can be started on what is in it. The backups are made of one of a small stopped cluster with another manifest.
 */
#include "unit.h"

#include "base/text.h"
#include "pg/fixture.h"

#include "fake/no_leak_check.h"
#include "fake/stopped_cluster.h"
#include "restore/restore.h"
#include "repo/place_store.h"

#include <unistd.h>

enum { NOBODY = 65534 };

typedef struct Forgery {
    StoppedCluster cluster;
    BackupRecord honest;
    char target[128], outside[128];
    Arena *arena;
} Forgery;

static void forgery_done(Forgery *forgery)
{
    arena_free(&forgery->arena);
    stopped_cluster_done(&forgery->cluster);
}

static void forgery_begin(Forgery *forgery)
{
    if (geteuid() == 0) /* a restore refuses to make files of root's */
        assert_int_equal(seteuid(NOBODY), 0);
    stopped_cluster_make(&forgery->cluster);
    forgery->arena = arena_new();
    snprintf(forgery->target, sizeof forgery->target, "%s/restored", forgery->cluster.top.path);
    snprintf(forgery->outside, sizeof forgery->outside, "%s/outside", forgery->cluster.top.path);
    ASSERT_OK(folder_make(forgery->outside, 0700));
    BackupResult backup;
    ASSERT_OK(stopped_cluster_backup(&backup, &forgery->cluster, NULL));
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(&forgery->cluster.options, 0);
    ASSERT_OK(repo_open(&repo, &spec));
    ASSERT_OK(
        backup_record_load(&forgery->honest, repo, &forgery->cluster.root, backup.label, forgery->arena));
}

static PlainPlace piece_put(PackWriter *packs, BackupLabel label, const char *text)
{
    PlainPlace place;
    ASSERT_OK(place_put(&place, packs, label, span_of(text, strlen(text))));
    return place;
}

static PlainPlace root_put(PackWriter *packs, BackupLabel label, const char *const *lines)
{
    AUTO(buf_done) Buf leaf = {0};
    AUTO(buf_done) Buf root = {0};
    size_t count = 0, files = 0;
    buf_add_text(&leaf, "{\"leaf\":1,\"labels\":[]}\n");
    for (; lines[count]; count++) {
        files += strstr(lines[count], "\"kind\"") == NULL;
        buf_addf(&leaf, "%s\n", lines[count]);
    }
    const PlainPlace place = piece_put(packs, label, buf_text(&leaf));
    char hash[2 * sizeof place.hash.bytes + 1];
    text_hex_format(hash, place.hash.bytes, sizeof place.hash.bytes);
    const char *const path = "\"path\":";
    const char *const first = strstr(lines[0], path) + strlen(path), *const last =
                                                                         strstr(lines[count - 1], path) +
                                                                         strlen(path);
    buf_addf(&root,
             "{\"root\":1,\"leaves\":1,\"entries\":%zu,\"files\":%zu,\"size\":0,\"labels\":[\"%s\"]}\n",
             count, files, label.text);
    buf_addf(&root,
             "{\"first\":%.*s,\"last\":%.*s,\"lines\":%zu,\"label\":0,\"pack\":%u,\"offset\":%llu,\"size\":%"
             "llu,\"hash\":\"%s\"}\n",
             (int)strcspn(first, ",}"), first, (int)strcspn(last, ",}"), last, count, place.pack,
             (unsigned long long)place.offset, (unsigned long long)place.size_bytes, hash);
    return piece_put(packs, label, buf_text(&root));
}

/* A backup of the lines, with the honest one's control file as side data. */
static void forge(Forgery *forgery, const char *text, const char *const *lines)
{
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec repo_spec = cluster_repo_spec(&forgery->cluster.options, 0);
    ASSERT_OK(repo_open(&repo, &repo_spec));
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.shut_down");
    Counter begun = {0};
    BackupLabel label;
    ASSERT_OK(label_parse(&label, text));
    const PackWriterSpec spec = {.stores = &repo->store,
                                 .store_count = 1,
                                 .root = &forgery->cluster.root,
                                 .label = label,
                                 .packs_begun = &begun,
                                 .codec = CODEC_ZSTD,
                                 .level = 1};
    AUTO(pack_writer_free) PackWriter *packs = NULL;
    ASSERT_OK(pack_writer_new(&packs, &spec));
    BackupRecord record = forgery->honest;
    SideItem side = {.name = SIDE_CONTROL};
    ASSERT_OK(place_put(&side.place, packs, label, buf_span(&control)));
    record.label = label;
    record.manifest_root = root_put(packs, label, lines);
    record.side = &side;
    record.side_count = 1;
    ASSERT_OK(pack_finish(packs));
    size_t count;
    const PackWritten *const written = pack_writer_packs(packs, &count);
    const PackUse use = {.label = label,
                         .pack = written->pack,
                         .stored_bytes = written->summary.stored_bytes,
                         .plain_bytes = written->summary.plain_bytes,
                         .live_bytes = written->summary.plain_bytes,
                         .sha256 = written->summary.sha256};
    RepoSet set = {.repos = &repo, .stores = &repo->store, .count = 1};
    const BackupBegin begin = {
        .label = label, .timeline = record.timeline, .created = {1}, .host = "x", .data_directory = "/x"};
    ASSERT_OK(backup_begin_write(&set, &forgery->cluster.root, &begin));
    ASSERT_OK(backup_packs_write(&set, &forgery->cluster.root, label, (PackUses){&use, 1}));
    BackupCommit commit;
    ASSERT_OK(backup_record_write(&commit, &set, &forgery->cluster.root, &record));
}

static Err *restore(const Forgery *forgery, const char *label)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    Progress progress = {.phase = ""};
    RestoreResult result;
    const RestoreOptions options = {.target_text = "the latest",
                                    .backup = label,
                                    .to_dir = forgery->target,
                                    .restore_command = "false",
                                    .delta = true,
                                    .progress = &progress};
    return restore_run(&result, &forgery->cluster.options, &options, &report, arena);
}

static bool is_there(const char *folder, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, path_join(folder, path, arena)));
    return info.kind != ENTRY_ABSENT;
}

static void assert_nothing_outside(const Forgery *forgery)
{
    bool is_empty;
    ASSERT_OK(folder_is_empty(&is_empty, forgery->outside));
    assert_true(is_empty);
    assert_false(is_there(forgery->cluster.top.path, "evil"));
}

#define EMPTY(path)  "{\"path\":\"" path "\",\"mode\":\"0600\",\"size\":0}"
#define FOLDER(path) "{\"path\":\"" path "\",\"kind\":\"folder\",\"mode\":\"0700\"}"
#define CONTROL      EMPTY("global/pg_control")

static void test_restore__keeps_forged_paths_inside(void **state)
{
    (void)state;
    AUTO(forgery_done) Forgery forgery = {0};
    forgery_begin(&forgery);
    Arena *const arena = forgery.arena;
    const char *const out = forgery.outside;
    const char *const link =
        arena_textf(arena, "{\"path\":\"a\",\"kind\":\"link\",\"mode\":\"0777\",\"target\":\"%s\"}", out);
    const char *const global = arena_textf(
        arena, "{\"path\":\"global\",\"kind\":\"link\",\"mode\":\"0777\",\"target\":\"%s\"}", out);
    const char *const absolute =
        arena_textf(arena, "{\"path\":\"%s/evil\",\"mode\":\"0600\",\"size\":0}", out);
    const struct {
        const char *lines[4];
        const char *said;
    } forged[] = {
        {{EMPTY("../evil")}, "../evil: the path is not safe"},
        {{EMPTY("base/../../evil"), FOLDER("global"), CONTROL}, "base/../../evil: the path is not safe"},
        {{absolute}, "/evil: the path is not safe"},
        {{link, EMPTY("a/evil"), FOLDER("global"), CONTROL}, "a/evil stands below a symbolic link"},
        {{FOLDER("base"), EMPTY("base/./evil")}, "base/./evil: the path is not safe"},
        {{FOLDER("base"), EMPTY("base//evil")}, "base//evil: the path is not safe"},
        {{FOLDER("global"), CONTROL, EMPTY("missing/evil")}, "missing is a name that it does not list"},
        {{EMPTY("evil"), EMPTY("evil/below")}, "evil is a file and no folder"},
        /* The control file is written last, and this would lead it away. */
        {{global}, "has no folder global but a symbolic link"},
    };
    for (size_t i = 0; i < COUNT_OF(forged); i++) {
        const char *const label = arena_textf(arena, "20990101-00000%zuF", i);
        forge(&forgery, label, forged[i].lines);
        Err *err = restore(&forgery, label);
        if (!err_is(err, ERR_CORRUPT) || !strstr(err_text(err), forged[i].said))
            fail_msg("forgery %zu: %s", i, err ? err_text(err) : "restored");
        err_free(&err);
        assert_nothing_outside(&forgery);
        assert_false(is_there(forgery.target, "PG_VERSION"));
        ASSERT_OK(folder_remove_all(forgery.target));
    }
}

/* Links that a data directory may have lead a copy nowhere: its WAL and its tablespaces are its own. */
static void test_restore__follows_no_link_of_a_manifest(void **state)
{
    (void)state;
    AUTO(forgery_done) Forgery forgery = {0};
    forgery_begin(&forgery);
    const char *const tablespace = arena_textf(
        forgery.arena, "{\"path\":\"pg_tblspc/16400\",\"kind\":\"link\",\"mode\":\"0777\",\"target\":\"%s\"}",
        forgery.outside);
    const char *const wal = arena_textf(
        forgery.arena, "{\"path\":\"pg_wal\",\"kind\":\"link\",\"mode\":\"0777\",\"target\":\"%s\"}",
        forgery.outside);
    const char *const lines[] = {
        FOLDER("global"),     CONTROL, FOLDER("pg_tblspc"), tablespace, EMPTY("pg_tblspc/16400/evil"), wal,
        EMPTY("pg_wal/evil"), NULL};
    forge(&forgery, "20990101-000000F", lines);
    ASSERT_OK(restore(&forgery, "20990101-000000F"));
    assert_nothing_outside(&forgery);
    assert_true(is_there(forgery.target, "pgstrata.tablespaces/16400/evil"));
    assert_true(is_there(forgery.target, "pg_wal/evil"));
}

UNIT_MAIN(cmocka_unit_test(test_restore__keeps_forged_paths_inside),
          cmocka_unit_test(test_restore__follows_no_link_of_a_manifest))
