/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "source/filter.h"

#include <string.h>

static const FilterOptions online = {.version = {.major = 15, .catalog_version = 202209061}};
static const FilterOptions offline = {.version = {.major = 17, .catalog_version = 202406281},
                                      .keeps_wal = true};

/* What is left of a folder, as "name name/": the names are files, but those that end in a slash. Emptied folders are
 * shown with a zero behind the slash. */
static void expect(const char *path, const char *const *names, const char *left, const FilterOptions *options)
{
    SourceItem items[32] = {0};
    SourceFolder folder = {.items = items, .is_there = true};
    char clean[32][64];
    for (; names[folder.count]; folder.count++) {
        const char *const name = names[folder.count];
        const size_t length = strcspn(name, "/");
        memcpy(clean[folder.count], name, length);
        clean[folder.count][length] = '\0';
        items[folder.count].name = clean[folder.count];
        items[folder.count].kind = name[length] ? SOURCE_FOLDER : SOURCE_FILE;
    }
    filter_apply(&folder, path, options);
    AUTO(buf_done) Buf shown = {0};
    for (size_t i = 0; i < folder.count; i++) {
        if (items[i].verdict != SOURCE_SKIP)
            buf_addf(&shown, "%s%s%s%s", shown.len ? " " : "", items[i].name,
                     items[i].kind == SOURCE_FOLDER ? "/" : "", items[i].verdict == SOURCE_EMPTY ? "0" : "");
    }
    assert_string_equal(buf_text(&shown), left);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_filter__keeps_only_the_init_fork_of_unlogged_relations(void **state)
{
    (void)state;
    const char *const *const names = NAMES("123", "123.1", "1234", "1234_fsm", "123_fsm", "123_init",
                                           "123_init.1", "123_vm", "124", "PG_VERSION");
    const char left[] = "1234 1234_fsm 123_init 123_init.1 124 PG_VERSION";
    expect("base/5", names, left, &online);
    expect("pg_tblspc/16385/PG_15_202209061/5", names, left, &online);
}

static void test_filter__leaves_relations_alone_elsewhere(void **state)
{
    (void)state;
    const char *const *const names = NAMES("123", "123_init", "t1_2");
    static const char *const folders[] = {"",
                                          "base",
                                          "base/x",
                                          "base/5/6",
                                          "global",
                                          "pg_xact",

                                          "pg_tblspc/5/PG_15_202209061",
                                          "pg_tblspc/5/PG_15_202209061/5/6"};
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        expect(folders[i], names, "123 123_init t1_2", &online);
}

static void test_filter__enters_only_the_folder_of_its_version_in_a_tablespace(void **state)
{
    (void)state;
    expect("pg_tblspc/5", NAMES("PG_13_202007201/", "PG_15_202209061/", "file", "lost+found/"),
           "PG_15_202209061/", &online);
}

static void test_filter__drops_temporary_relations_and_files(void **state)
{
    (void)state;
    expect("base/5",
           NAMES("16384", "pg_filenode.map", "pg_internal.init", "pg_internal.init.77", "pgsql_tmp1.0",
                 "t3_16390", "t3_16390.1", "t3_16390_fsm", "table"),
           "16384 pg_filenode.map table", &online);
    expect("base", NAMES("1/", "pgsql_tmp/"), "1/", &online);
}

static void test_filter__empties_what_does_not_outlive_a_server(void **state)
{
    (void)state;
    expect("",
           NAMES("PG_VERSION", "backup_label", "backup_label.old", "base/", "current_logfiles.tmp",
                 "pg_dynshmem/", "pg_logical/", "pg_notify/", "pg_replslot/", "pg_stat/", "pg_stat_tmp/",
                 "pg_wal/", "pg_walx/", "pgstrata.clone", "postgresql.auto.conf", "postgresql.auto.conf.tmp",
                 "postmaster.opts", "postmaster.pid", "tablespace_map"),
           "PG_VERSION backup_label.old base/ pg_dynshmem/0 pg_logical/ pg_notify/0 pg_replslot/0 pg_stat/"
           " pg_stat_tmp/0 pg_wal/ pg_walx/ postgresql.auto.conf",
           &online);
    expect("sub", NAMES("pg_notify/", "postmaster.pid"), "pg_notify/", &online);
}

static void test_filter__takes_wal_only_where_it_is_wanted(void **state)
{
    (void)state;
    const char *const *const names =
        NAMES("000000010000000000000001", "00000002.history", "archive_status/", "summaries/");
    expect("pg_wal", names, "archive_status/0", &online);
    expect("pg_wal", names, "000000010000000000000001 00000002.history archive_status/0 summaries/0",
           &offline);
}

static void test_filter__takes_only_the_segments_a_start_needs(void **state)
{
    (void)state;
    FilterOptions some = offline;
    some.wal_segment_bytes = 16 << 20;
    some.wal_first = 3;
    some.wal_last = 4;
    expect("pg_wal",
           NAMES("000000010000000000000002", "000000010000000000000003", "000000020000000000000004",
                 "000000020000000000000005", "00000002.history", "archive_status/"),
           "000000010000000000000003 000000020000000000000004 00000002.history archive_status/0", &some);
    some.keeps_wal = false;
    expect("pg_wal", NAMES("000000010000000000000003", "00000002.history"), "", &some);
}

static void test_filter__makes_a_folder_of_a_linked_one_that_is_emptied(void **state)
{
    (void)state;
    SourceItem item = {.name = "pg_stat_tmp", .kind = SOURCE_LINK, .target = "/run/stat", .mode = 0777};
    SourceFolder folder = {.items = &item, .count = 1, .is_there = true};
    filter_apply(&folder, "", &online);
    assert_int_equal(item.kind, SOURCE_FOLDER);
    assert_int_equal(item.mode, 0700);
    assert_int_equal(item.verdict, SOURCE_EMPTY);
    assert_null(item.target);
}

UNIT_MAIN(cmocka_unit_test(test_filter__keeps_only_the_init_fork_of_unlogged_relations),
          cmocka_unit_test(test_filter__leaves_relations_alone_elsewhere),
          cmocka_unit_test(test_filter__enters_only_the_folder_of_its_version_in_a_tablespace),
          cmocka_unit_test(test_filter__drops_temporary_relations_and_files),
          cmocka_unit_test(test_filter__empties_what_does_not_outlive_a_server),
          cmocka_unit_test(test_filter__takes_wal_only_where_it_is_wanted),
          cmocka_unit_test(test_filter__takes_only_the_segments_a_start_needs),
          cmocka_unit_test(test_filter__makes_a_folder_of_a_linked_one_that_is_emptied))
