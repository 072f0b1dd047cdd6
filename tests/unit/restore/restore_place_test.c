/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * What a restore does with what stands in its folder already: in the cluster's own place, and where somebody made a copy
 * of the data directory by hand, with its links.
 */
#include "unit.h"

#include "pg/fixture.h"

#include "fake/no_leak_check.h"
#include "fake/stopped_cluster.h"
#include "archive/wal_rights.h"
#include "restore/restore.h"
#include "repo/wal_archive.h"

#include <unistd.h>

enum { NOBODY = 65534 };

typedef struct Ground {
    StoppedCluster cluster;
    char copy[128], outside[128];
    Report report;
    Arena *arena;
} Ground;

static void ground_done(Ground *ground)
{
    report_done(&ground->report);
    arena_free(&ground->arena);
    stopped_cluster_done(&ground->cluster);
}

/* A stopped cluster, and a folder that is none of its business. */
static void ground_begin(Ground *ground)
{
    if (geteuid() == 0) /* a restore refuses to make files of root's */
        assert_int_equal(seteuid(NOBODY), 0);
    stopped_cluster_make(&ground->cluster);
    ground->arena = arena_new();
    snprintf(ground->copy, sizeof ground->copy, "%s/copy", ground->cluster.top.path);
    snprintf(ground->outside, sizeof ground->outside, "%s/outside", ground->cluster.top.path);
    ASSERT_OK(folder_make(ground->outside, 0700));
    ASSERT_OK(folder_make(path_join(ground->cluster.data, "pg_tblspc", ground->arena), 0700));
}

static void backup(const Ground *ground)
{
    BackupResult made;
    ASSERT_OK(stopped_cluster_backup(&made, &ground->cluster, NULL));
}

/* With a backup of the cluster as it is now. */
static void ground_begin_stored(Ground *ground)
{
    ground_begin(ground);
    backup(ground);
}

/* `to_dir` NULL: in place. `map` NULL: every tablespace where it was. */
static Err *restore_mapped(Ground *ground, const char *to_dir, const RestoreTablespace *map)
{
    Progress progress = {.phase = ""};
    RestoreResult result;
    const RestoreOptions options = {.target_text = "the latest",
                                    .to_dir = to_dir,
                                    .tablespaces = map,
                                    .tablespace_count = map != NULL,
                                    .restore_command = "false",
                                    .delta = true,
                                    .progress = &progress};
    return restore_run(&result, &ground->cluster.options, &options, &ground->report, ground->arena);
}

static Err *restore(Ground *ground, const char *to_dir)
{
    return restore_mapped(ground, to_dir, NULL);
}

static void file_put(const char *folder, const char *path, const char *text)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const full = path_join(folder, path, arena);
    ASSERT_OK(folder_make_all(path_parent(full, arena), 0700));
    ASSERT_OK(file_write_durable(full, span_of(text, strlen(text)), 0600));
}

static void link_put(const char *folder, const char *path, const char *target)
{
    AUTO(arena_free) Arena *arena = arena_new();
    ASSERT_OK(path_make_link(path_join(folder, path, arena), target));
}

static EntryInfo entry_of(const char *folder, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo info;
    ASSERT_OK(entry_stat(&info, path_join(folder, path, arena)));
    return info;
}

static bool is_there(const char *folder, const char *path)
{
    return entry_of(folder, path).kind != ENTRY_ABSENT;
}

/* A data directory beside the cluster's, as cp -a would make one. */
static void copy_begin(const Ground *ground)
{
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.shut_down");
    file_put(ground->copy, "PG_VERSION", "15\n");
    file_put(ground->copy, "global/was", "there");
    ASSERT_OK(file_write_durable(path_join(ground->copy, "global/pg_control", ground->arena),
                                 buf_span(&control), 0600));
    ASSERT_OK(folder_make(path_join(ground->copy, "pg_tblspc", ground->arena), 0700));
}

static const char *version_folder(const Ground *ground)
{
    ControlFile control;
    ASSERT_OK(cluster_control_read(&control, ground->cluster.data));
    return arena_textf(ground->arena, "PG_%u_%u", control.version->major, control.version->catalog_version);
}

static size_t archived_timelines(const Ground *ground)
{
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(&ground->cluster.options, 0);
    ASSERT_OK(repo_open(&repo, &spec));
    RepoSet set = {.repos = &repo, .stores = &repo->store, .count = 1};
    Generation generation;
    WalArchive archive;
    ASSERT_OK(generation_latest(&generation, &set, "main"));
    ASSERT_OK(wal_archive_list(&archive, repo, &generation, ground->arena));
    return archive.count;
}

/* A file that its owner may only read, as server.key is, before and after a second restore over it. */
static void test_restore__ends_with_the_modes_of_the_backup(void **state)
{
    (void)state;
    static const char *const keys[] = {"server.key", "empty.key", "sparse.key"};
    AUTO(ground_done) Ground ground = {0};
    AUTO(buf_done) Buf sparse = {0};
    ground_begin(&ground);
    static const uint8_t zeros[3 * PAGE_BYTES];
    buf_add(&sparse, zeros, sizeof zeros);
    filler_add(&sparse, 7 * PAGE_BYTES);
    cluster_filler(&ground.cluster, keys[0], 1700);
    cluster_filler(&ground.cluster, keys[1], 0);
    cluster_file(&ground.cluster, keys[2], buf_span(&sparse));
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        ASSERT_OK(entry_set_mode(path_join(ground.cluster.data, keys[i], ground.arena), 0400));
    backup(&ground);
    for (int run = 0; run < 2; run++) {
        ASSERT_OK(restore(&ground, ground.copy));
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            const EntryInfo was = entry_of(ground.cluster.data, keys[i]), is = entry_of(ground.copy, keys[i]);
            assert_int_equal(is.mode, 0400);
            assert_true(is.size_bytes == was.size_bytes);
        }
        ASSERT_OK(file_remove(path_join(ground.copy, RESTORE_CLONE_MARKER, ground.arena)));
    }
}

/* Replay of its CREATE TABLESPACE would go on with the files that are there. */
static void test_restore__empties_a_later_tablespace_of_the_server_s_files_alone(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    const char *const version = version_folder(&ground);
    file_put(ground.outside, arena_textf(ground.arena, "%s/5/1259", version), "a page of the old future");
    file_put(ground.outside, "PG_14_202107181/5/1259", "another server's");
    file_put(ground.outside, "letter", "somebody's");
    link_put(ground.cluster.data, "pg_tblspc/16500", ground.outside);
    ASSERT_OK(restore(&ground, NULL));
    assert_false(is_there(ground.cluster.data, "pg_tblspc/16500"));
    assert_false(is_there(ground.outside, version));
    assert_true(is_there(ground.outside, "PG_14_202107181/5/1259"));
    assert_true(is_there(ground.outside, "letter"));
}

/* Nobody knows whose link that was. */
static void test_restore__moves_a_later_tablespace_of_an_unreadable_folder_aside(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    const char *const version = version_folder(&ground);
    file_put(ground.outside, arena_textf(ground.arena, "%s/5/1259", version), "somebody's page");
    link_put(ground.cluster.data, "pg_tblspc/16500", ground.outside);
    file_put(ground.cluster.data, "global/pg_control", "rubbish");
    ASSERT_OK(restore(&ground, NULL));
    FolderList kept;
    ASSERT_OK(folder_list(&kept, ground.outside, ground.arena));
    assert_int_equal(kept.count, 1);
    assert_true(strstr(kept.entries[0].name, ".aside-") != NULL);
    assert_true(is_there(ground.outside, arena_textf(ground.arena, "%s/5/1259", kept.entries[0].name)));
}

static void test_restore__of_a_copy_touches_no_later_tablespace(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    const char *const page = arena_textf(ground.arena, "%s/5/1259", version_folder(&ground));
    file_put(ground.outside, page, "production's page");
    copy_begin(&ground);
    link_put(ground.copy, "pg_tblspc/16500", ground.outside);
    ASSERT_OK(restore(&ground, ground.copy));
    assert_true(is_there(ground.outside, page));
    assert_false(is_there(ground.copy, "pg_tblspc/16500"));
}

/* The map sends the copy's tablespace to where both data directories lead. */
static void test_restore__of_a_copy_writes_into_no_tablespace_of_production(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin(&ground);
    const char *const page = arena_textf(ground.arena, "%s/5/1259", version_folder(&ground));
    link_put(ground.cluster.data, "pg_tblspc/16500", ground.outside);
    file_put(ground.outside, page, "production's page");
    backup(&ground);
    copy_begin(&ground);
    link_put(ground.copy, "pg_tblspc/16500", ground.outside);
    const RestoreTablespace map = {.oid = {16500}, .folder = ground.outside};
    ASSERT_ERR_TEXT(REFUSED, "tablespace 16500 would go to", restore_mapped(&ground, ground.copy, &map));
    assert_true(is_there(ground.outside, page));
}

/* The copy's pg_wal leads into production's. */
static void test_restore__of_a_copy_keeps_no_link_for_its_wal(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    file_put(ground.outside, "0000000300000000000000FF", "production's newest");
    copy_begin(&ground);
    link_put(ground.copy, "pg_wal", ground.outside);
    ASSERT_OK(restore(&ground, ground.copy));
    assert_true(is_there(ground.outside, "0000000300000000000000FF"));
    assert_int_equal(entry_of(ground.copy, "pg_wal").kind, ENTRY_FOLDER);
    FolderList left;
    ASSERT_OK(folder_list(&left, ground.outside, ground.arena));
    assert_int_equal(left.count, 1);
}

/* A link for a tablespace that has become a folder in the backup. */
static void test_restore__of_a_copy_keeps_no_link_for_a_tablespace_in_place(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin(&ground);
    cluster_pages(&ground.cluster, "pg_tblspc/16500/PG_15_202209061/5/1259", 1);
    backup(&ground);
    file_put(ground.outside, "production", "its own");
    copy_begin(&ground);
    link_put(ground.copy, "pg_tblspc/16500", ground.outside);
    ASSERT_OK(restore(&ground, ground.copy));
    assert_true(is_there(ground.outside, "production"));
    assert_int_equal(entry_of(ground.copy, "pg_tblspc/16500").kind, ENTRY_FOLDER);
    assert_true(is_there(ground.copy, "pg_tblspc/16500/PG_15_202209061/5/1259"));
}

/* A server that was started on a copy by hand writes segments with production's names, and other content. */
static void test_restore__of_a_copy_salvages_nothing(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    copy_begin(&ground);
    file_put(ground.copy, "pg_wal/00000003.history", "1\t0/100000\tx\n2\t0/200000\tx\n");
    file_put(ground.copy, "pg_wal/00000003000000000000000C", "not production's");
    file_put(ground.copy, "pg_wal/archive_status/00000003000000000000000C.ready", "");
    ASSERT_OK(restore(&ground, ground.copy));
    assert_int_equal(archived_timelines(&ground), 0);
    assert_false(ground.report.has_level[NOTICE_WARNING]);
}

static bool has_branch(const Ground *ground, uint32_t timeline)
{
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(&ground->cluster.options, 0);
    ASSERT_OK(repo_open(&repo, &spec));
    const BranchRecord *records;
    size_t count;
    ASSERT_OK(branch_list(&records, &count, repo, &ground->cluster.root, ground->arena));
    for (size_t i = 0; i < count; i++) {
        if (records[i].timeline.id == timeline)
            return true;
    }
    return false;
}

static const char *aside_of(const Ground *ground)
{
    FolderList list;
    ASSERT_OK(folder_list(&list, ground->cluster.top.path, ground->arena));
    for (size_t i = 0; i < list.count; i++) {
        if (strstr(list.entries[i].name, ".aside-"))
            return path_join(ground->cluster.top.path, list.entries[i].name, ground->arena);
    }
    return NULL;
}

/* Its server was promoted while no repository could be reached. */
static void test_restore__salvages_a_branch_that_the_archive_does_not_know(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    const char *const data = ground.cluster.data;
    file_put(data, "pg_wal/00000003.history", "1\t0/100000\tx\n2\t0/200000\tx\n");
    file_put(data, "pg_wal/00000004.history", "1\t0/100000\tx\n2\t0/200000\tx\n3\t0/F000000\tx\n");
    file_put(data, "pg_wal/archive_status/00000004.history.ready", "");
    ASSERT_ERR_TEXT(REFUSED, "a timeline that the archive did not know", restore(&ground, NULL));
    assert_true(is_there(data, "global/pg_control"));
    assert_true(has_branch(&ground, 4));
    assert_int_equal(archived_timelines(&ground), 2);
    ASSERT_OK(restore(&ground, NULL));
}

/* Nobody may archive it; that it waits says that somebody's work is in it. */
static void test_restore__moves_wal_of_an_alien_branch_aside(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    const char *const data = ground.cluster.data;
    file_put(data, "pg_wal/00000007.history", "6\t0/200000\tx\n");
    file_put(data, "pg_wal/000000070000000000000001", "work");
    file_put(data, "pg_wal/000000070000000000000002", "made ahead");
    file_put(data, "pg_wal/archive_status/000000070000000000000001.ready", "");
    ASSERT_OK(restore(&ground, NULL));
    assert_false(has_branch(&ground, 7));
    assert_true(ground.report.has_level[NOTICE_WARNING]);
    const char *const aside = aside_of(&ground);
    assert_non_null(aside);
    assert_true(is_there(aside, "pg_wal/000000070000000000000001"));
    assert_false(is_there(aside, "pg_wal/000000070000000000000002"));
    assert_false(is_there(data, "pg_wal/000000070000000000000001"));
}

/* The same where pg_wal lies elsewhere. */
static void test_restore__moves_alien_wal_aside_through_a_link(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    ASSERT_OK(folder_remove_all(path_join(ground.cluster.data, "pg_wal", ground.arena)));
    link_put(ground.cluster.data, "pg_wal", ground.outside);
    file_put(ground.outside, "000000070000000000000001", "work");
    file_put(ground.outside, "archive_status/000000070000000000000001.ready", "");
    ASSERT_OK(restore(&ground, NULL));
    assert_non_null(aside_of(&ground));
    assert_true(is_there(aside_of(&ground), "pg_wal/000000070000000000000001"));
    assert_false(is_there(ground.outside, "000000070000000000000001"));
}

/* In the cluster's own place the WAL stays where its owner has put it. */
static void test_restore__in_place_keeps_the_link_for_its_wal(void **state)
{
    (void)state;
    AUTO(ground_done) Ground ground = {0};
    ground_begin_stored(&ground);
    ASSERT_OK(folder_remove_all(path_join(ground.cluster.data, "pg_wal", ground.arena)));
    link_put(ground.cluster.data, "pg_wal", ground.outside);
    ASSERT_OK(restore(&ground, NULL));
    assert_int_equal(entry_of(ground.cluster.data, "pg_wal").kind, ENTRY_LINK);
}

UNIT_MAIN(cmocka_unit_test(test_restore__ends_with_the_modes_of_the_backup),
          cmocka_unit_test(test_restore__empties_a_later_tablespace_of_the_server_s_files_alone),
          cmocka_unit_test(test_restore__moves_a_later_tablespace_of_an_unreadable_folder_aside),
          cmocka_unit_test(test_restore__of_a_copy_touches_no_later_tablespace),
          cmocka_unit_test(test_restore__of_a_copy_writes_into_no_tablespace_of_production),
          cmocka_unit_test(test_restore__of_a_copy_keeps_no_link_for_its_wal),
          cmocka_unit_test(test_restore__of_a_copy_keeps_no_link_for_a_tablespace_in_place),
          cmocka_unit_test(test_restore__of_a_copy_salvages_nothing),
          cmocka_unit_test(test_restore__salvages_a_branch_that_the_archive_does_not_know),
          cmocka_unit_test(test_restore__moves_wal_of_an_alien_branch_aside),
          cmocka_unit_test(test_restore__moves_alien_wal_aside_through_a_link),
          cmocka_unit_test(test_restore__in_place_keeps_the_link_for_its_wal))
