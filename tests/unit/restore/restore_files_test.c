/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* In what order packs are read, and that files come out whole which several backups, packs, units and workers fill. */
#include "unit.h"

#include "pg/fixture.h"

#include "fake/no_leak_check.h"
#include "fake/stopped_cluster.h"
#include "restore/restore.h"
#include "restore/restore_files.h"

#include <unistd.h>

enum { NOBODY = 65534 };

static BackupLabel label_of(const char *text)
{
    BackupLabel label;
    ASSERT_OK(label_parse(&label, text));
    return label;
}

static void test_restore_files__reads_the_bulk_last(void **state)
{
    (void)state;
    const BackupLabel full = label_of("20261121-000000F"), first = label_of("20261122-000000I"),
                      second = label_of("20261123-000000I");
    const Extent extents[] = {
        {.first_block = 0, .count = 60, .label = full, .pack = 2},
        {.first_block = 60, .count = 2, .label = second, .pack = 1},
        {.first_block = 62, .count = 70, .label = full, .pack = 1},
        {.first_block = 132, .count = 40, .label = first, .pack = 7},
        {.first_block = 172, .count = 40, .label = first, .pack = 3},
        {.first_block = 212, .count = 1, .label = second, .pack = 2},
    };
    RestoreFiles files;
    restore_files_init(&files, NULL);
    const RestoreFile file = {.path = "base/5/1259", .size_bytes = UINT64_C(213) * PAGE_BYTES};
    restore_files_add(&files, &file, extents, COUNT_OF(extents));
    restore_files_sort(&files);
    const struct {
        BackupLabel label;
        uint32_t pack;
    } wanted[] = {{second, 1}, {second, 2}, {first, 3}, {first, 7}, {full, 1}, {full, 2}};
    RestorePack *const *const packs = (RestorePack *const *)(const void *)files.packs.data;
    assert_int_equal(files.packs.len / sizeof(RestorePack *), COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(packs[i]->label.text, wanted[i].label.text);
        assert_int_equal(packs[i]->pack, wanted[i].pack);
    }
    restore_files_done(&files);
}

/* ---- whole restores */

enum {
    LARGE_PAGES = 9000, /* 70 MiB: two packs and more than two units */
    SMALL_FILES = 40,
};

/* No relation: it is read whole and compared, where there is no WAL to tell what changed. */
static const char large[] = "base/5/large";

static void small_path(char path[32], int number)
{
    snprintf(path, 32, "base/5/%d", 20000 + number);
}

/* Every 50th page, and three in a row now and then. */
static void pages_change(const StoppedCluster *cluster, uint32_t turn)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *file = NULL;
    ASSERT_OK(file_open_write(&file, path_join(cluster->data, large, arena)));
    for (uint32_t number = turn; number < LARGE_PAGES; number += number % 3 == 2 ? 48 : 1) {
        uint8_t page[PAGE_BYTES];
        size_t got;
        ASSERT_OK(file_read_at(&got, file, page, sizeof page, (uint64_t)number * PAGE_BYTES));
        memset(page + 1000, (int)turn, 100);
        put_u16(page + 8, 0);
        put_u16(page + 8, page_checksum(page, number));
        ASSERT_OK(file_write_at(file, span_of(page, sizeof page), (uint64_t)number * PAGE_BYTES));
    }
}

static void assert_same(const StoppedCluster *cluster, const char *target, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf was = {0};
    AUTO(buf_done) Buf is = {0};
    ASSERT_OK(file_read_all(&was, path_join(cluster->data, path, arena), SIZE_MAX));
    ASSERT_OK(file_read_all(&is, path_join(target, path, arena), SIZE_MAX));
    assert_int_equal(was.len, is.len);
    assert_true(span_equal(buf_span(&was), buf_span(&is)));
}

static void assert_restored(const StoppedCluster *cluster, const BackupResult *backup)
{
    char target[128], path[32];
    snprintf(target, sizeof target, "%s/restored", cluster->top.path);
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    Progress progress = {.phase = ""};
    RestoreResult result;
    const RestoreOptions options = {.target_text = "the latest",
                                    .backup = backup->label.text,
                                    .to_dir = target,
                                    .restore_command = "false",
                                    .progress = &progress};
    ASSERT_OK(restore_run(&result, &cluster->options, &options, &report, arena));
    assert_same(cluster, target, large);
    for (int i = 0; i < SMALL_FILES; i++) {
        small_path(path, i);
        assert_same(cluster, target, path);
    }
    assert_int_equal(result.copied_bytes, backup->size_bytes - CONTROL_FILE_BYTES);
    ASSERT_OK(folder_remove_all(target));
}

static void test_restore_files__fills_a_file_from_many_units_and_backups(void **state)
{
    (void)state;
    if (geteuid() == 0) /* a restore refuses to make files of root's */
        assert_int_equal(seteuid(NOBODY), 0);
    StoppedCluster cluster;
    stopped_cluster_make(&cluster);
    cluster.options.jobs = 2;
    cluster_pages(&cluster, large, LARGE_PAGES);
    for (int i = 0; i < SMALL_FILES; i++) {
        char path[32];
        small_path(path, i);
        cluster_pages(&cluster, path, 1 + (uint32_t)i % 3);
    }
    BackupResult backup;
    ASSERT_OK(stopped_cluster_backup(&backup, &cluster, NULL));
    assert_restored(&cluster, &backup);
    cluster.type = BACKUP_INCR;
    for (uint32_t turn = 1; turn <= 3; turn++) {
        pages_change(&cluster, turn * 5);
        ASSERT_OK(stopped_cluster_backup(&backup, &cluster, NULL));
        assert_int_equal(backup.type, BACKUP_INCR);
    }
    assert_restored(&cluster, &backup);
    stopped_cluster_done(&cluster);
}

UNIT_MAIN(cmocka_unit_test(test_restore_files__reads_the_bulk_last),
          cmocka_unit_test(test_restore_files__fills_a_file_from_many_units_and_backups))
