/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "pg/fixture.h"
#include "pg/pgdata_path.h"

static PgdataPath classified(const char *path, unsigned major)
{
    const PgVersion *version = NULL;
    ASSERT_OK(pg_version_of_major(&version, major));
    return pgdata_path_classify(path, version);
}

static const struct {
    const char *path;
    PgdataKind kind;
} expected[] = {
    {"", PGDATA_OTHER},
    {"PG_VERSION", PGDATA_OTHER},
    {"base", PGDATA_OTHER},
    {"base/5", PGDATA_OTHER},
    {"base/5/16384", PGDATA_RELATION},
    {"base/5/16384_init", PGDATA_RELATION},
    {"base/5/16384.12", PGDATA_RELATION},
    {"base/5/pg_filenode.map", PGDATA_OTHER},
    {"base/5/PG_VERSION", PGDATA_OTHER},
    {"base/5/pg_internal.init", PGDATA_EXCLUDED},
    {"base/5/pg_internal.init.4711", PGDATA_EXCLUDED},
    {"base/5/t3_16384", PGDATA_TEMPORARY},
    {"base/5/t3_16384_fsm.1", PGDATA_TEMPORARY},
    {"base/5/deep/16384", PGDATA_OTHER},
    {"base/x/16384", PGDATA_OTHER},
    {"base/16384", PGDATA_OTHER},
    {"base/pgsql_tmp", PGDATA_EXCLUDED},
    {"base/pgsql_tmp/pgsql_tmp123.0", PGDATA_EXCLUDED},
    {"base/pgsql_tmp/other", PGDATA_EXCLUDED},
    {"base/5/.DS_Store", PGDATA_EXCLUDED},
    {"global/pg_control", PGDATA_CONTROL},
    {"base/5/pg_control", PGDATA_OTHER},
    {"global/1262_vm", PGDATA_RELATION},
    {"global/t3_1262", PGDATA_OTHER},
    {"global/pg_internal.init", PGDATA_EXCLUDED},
    {"global/pg_filenode.map", PGDATA_OTHER},
    {"postgresql.conf", PGDATA_CONFIG},
    {"postgresql.auto.conf", PGDATA_CONFIG},
    {"pg_hba.conf", PGDATA_CONFIG},
    {"pg_ident.conf", PGDATA_CONFIG},
    {"sub/pg_hba.conf", PGDATA_OTHER},
    {"postgresql.auto.conf.tmp", PGDATA_EXCLUDED},
    {"current_logfiles", PGDATA_OTHER},
    {"current_logfiles.tmp", PGDATA_EXCLUDED},
    {"backup_label", PGDATA_EXCLUDED},
    {"backup_label.old", PGDATA_OTHER},
    {"tablespace_map", PGDATA_EXCLUDED},
    {"backup_manifest", PGDATA_EXCLUDED},
    {"postmaster.pid", PGDATA_EXCLUDED},
    {"postmaster.opts", PGDATA_EXCLUDED},
    {"pgstrata.clone", PGDATA_EXCLUDED},
    {"base/pgstrata.clone", PGDATA_OTHER},
    {"pg_xact/0000", PGDATA_OTHER},
    {"pg_multixact/members/0000", PGDATA_OTHER},
    {"pg_twophase/00000300", PGDATA_OTHER},
    {"pg_logical/replorigin_checkpoint", PGDATA_OTHER},
    {"pg_stat/pgstat.stat", PGDATA_OTHER},
    {"pg_replslot", PGDATA_EMPTY_FOLDER},
    {"pg_replslot/a/state", PGDATA_EXCLUDED},
    {"pg_dynshmem", PGDATA_EMPTY_FOLDER},
    {"pg_notify/0000", PGDATA_EXCLUDED},
    {"pg_serial", PGDATA_EMPTY_FOLDER},
    {"pg_snapshots/x", PGDATA_EXCLUDED},
    {"pg_stat_tmp", PGDATA_EMPTY_FOLDER},
    {"pg_subtrans/0000", PGDATA_EXCLUDED},
    {"pg_subtransfer/0000", PGDATA_OTHER},
    {"log/pg_notify", PGDATA_OTHER},
    {"pg_wal", PGDATA_WAL_FOLDER},
    {"pg_wal/archive_status", PGDATA_WAL_FOLDER},
    {"pg_wal/archive_status/000000010000000000000001.done", PGDATA_WAL_FILE},
    {"pg_wal/000000010000000000000001", PGDATA_WAL_FILE},
    {"pg_wal/summaries/x", PGDATA_WAL_FILE},
    {"pg_tblspc", PGDATA_OTHER},
    {"pg_tblspc/x", PGDATA_OTHER},
    {"pg_tblspc/16385", PGDATA_TABLESPACE},
    {"pg_tblspc/16385/PG_15_202209061", PGDATA_OTHER},
    {"pg_tblspc/16385/PG_15_202209061/5", PGDATA_OTHER},
    {"pg_tblspc/16385/PG_15_202209061/5/16390_fsm.1", PGDATA_RELATION},
    {"pg_tblspc/16385/PG_15_202209061/5/t7_16390", PGDATA_TEMPORARY},
    {"pg_tblspc/16385/PG_15_202209061/5/x/16390", PGDATA_OTHER},
    {"pg_tblspc/16385/PG_15_202209061/pgsql_tmp/x", PGDATA_EXCLUDED},
    {"pg_tblspc/16385/PG_14_202107181", PGDATA_EXCLUDED},
    {"pg_tblspc/16385/PG_14_202107181/5/16390", PGDATA_EXCLUDED},
    {"pg_tblspc/16385/lost+found", PGDATA_EXCLUDED},
};

static void test_pgdata_path__has_a_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const PgdataKind kind = classified(expected[i].path, 15).kind;
        if (kind != expected[i].kind)
            fail_msg("\"%s\" is of kind %d, expected %d", expected[i].path, (int)kind, (int)expected[i].kind);
    }
}

static void test_pgdata_path__keeps_the_summaries_folder_from_17(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    assert_int_equal(classified("pg_wal/summaries", major).kind,
                     major < 17 ? PGDATA_WAL_FILE : PGDATA_WAL_FOLDER);
}

static void test_pgdata_path__is_read_back_from_relation_path(void **state)
{
    (void)state;
    static const uint32_t tablespaces[] = {TABLESPACE_DEFAULT, TABLESPACE_GLOBAL, 16385};
    FOR_EACH_MAJOR(major)
    {
        const PgVersion *version = NULL;
        ASSERT_OK(pg_version_of_major(&version, major));
        for (unsigned i = 0; i < COUNT_OF(tablespaces) * PG_FORK_COUNT; i++) {
            const uint32_t tablespace = tablespaces[i / PG_FORK_COUNT];
            const RelationFile file = {
                .rel = {{tablespace}, {tablespace == TABLESPACE_GLOBAL ? 0 : 5}, {16390}},
                .fork = (PgFork)(i % PG_FORK_COUNT),
                .segment = i};
            const PgdataPath path = pgdata_path_classify(relation_path(&file, version).text, version);
            assert_int_equal(path.kind, PGDATA_RELATION);
            assert_memory_equal(&path.relation, &file, sizeof file);
            assert_int_equal(path.tablespace.id, tablespace == 16385 ? 16385 : 0);
        }
    }
}

static void test_pgdata_path__of_any_length_is_classified(void **state)
{
    (void)state;
    static char path[3 * PGDATA_PATH_MAX];
    memset(path, '/', sizeof path - 1);
    assert_int_equal(classified(path, 15).kind, PGDATA_OTHER);
    memcpy(path, "pg_wal", 6);
    path[PGDATA_PATH_MAX - 1] = 0;
    assert_int_equal(classified(path, 15).kind, PGDATA_WAL_FILE);
}

static void test_pgdata_kind__tells_what_a_backup_takes(void **state)
{
    (void)state;
    assert_true(pgdata_kind_is_backed_up(PGDATA_RELATION));
    assert_true(pgdata_kind_is_backed_up(PGDATA_EMPTY_FOLDER));
    assert_true(pgdata_kind_is_backed_up(PGDATA_WAL_FOLDER));
    assert_true(pgdata_kind_is_backed_up(PGDATA_TABLESPACE));
    assert_false(pgdata_kind_is_backed_up(PGDATA_WAL_FILE));
    assert_false(pgdata_kind_is_backed_up(PGDATA_TEMPORARY));
    assert_false(pgdata_kind_is_backed_up(PGDATA_EXCLUDED));
}

static void test_pgdata_relation_is_unlogged__looks_for_the_init_fork(void **state)
{
    (void)state;
    static const char *const names[] = {"16384",     "16384.1",    "163840", "163841_init",
                                        "16384_fsm", "16384_init", "16385",  "PG_VERSION"};
    static const struct {
        const char *name;
        bool is_unlogged;
    } rels[] = {{"16384", true},   {"16384.1", true}, {"16384_fsm", true}, {"16384_init", false},
                {"163840", false}, {"16385", false},  {"163841", true},    {"1638", false}};
    for (size_t i = 0; i < COUNT_OF(rels); i++) {
        RelationFile file;
        assert_true(relation_name_parse(&file, rels[i].name));
        assert_int_equal(pgdata_relation_is_unlogged(&file, names, COUNT_OF(names)), rels[i].is_unlogged);
        assert_false(pgdata_relation_is_unlogged(&file, names, 0));
    }
}

static void test_pgdata_path_is_safe__refuses_every_way_out(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "base/5/16384", "..a", "a..", "...", "a/.b", ".a/b", "a b\n"};
    static const char *const bad[] = {"",     "/",    "/a",     "a/",  "a//b",  ".",  "..",
                                      "../a", "a/..", "a/../b", "./a", "a/./b", "a/."};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!pgdata_path_is_safe(fixture_text(good[i])))
            fail_msg("\"%s\" was refused", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (pgdata_path_is_safe(fixture_text(bad[i])))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_false(pgdata_path_is_safe(span_of("a\0b", 3)));
    static char path[PGDATA_PATH_MAX];
    memset(path, 'x', sizeof path);
    assert_false(pgdata_path_is_safe(span_of(path, sizeof path)));
    assert_true(pgdata_path_is_safe(span_of(path, sizeof path - 1)));
}

UNIT_MAIN(cmocka_unit_test(test_pgdata_path__has_a_kind),
          cmocka_unit_test(test_pgdata_path__keeps_the_summaries_folder_from_17),
          cmocka_unit_test(test_pgdata_path__is_read_back_from_relation_path),
          cmocka_unit_test(test_pgdata_path__of_any_length_is_classified),
          cmocka_unit_test(test_pgdata_kind__tells_what_a_backup_takes),
          cmocka_unit_test(test_pgdata_relation_is_unlogged__looks_for_the_init_fork),
          cmocka_unit_test(test_pgdata_path_is_safe__refuses_every_way_out))
