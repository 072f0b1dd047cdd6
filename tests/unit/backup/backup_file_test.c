/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* One part of one file, when the file is no longer what the listing said. */
#include "unit.h"

#include "unit/pg/fixture.h"

#include "fake/stopped_cluster.h"
#include "backup/backup_file.h"
#include "source/local.h"
#include "store/mem.h"

enum { GROWTH_ALLOWED = 16 * 1024 * 1024 };

/* A worker that copies out of a made-up data directory into memory. */
typedef struct Bench {
    StoppedCluster cluster;
    Store *store;
    Backup backup;
    CopyWorker worker;
    FilePart part;
} Bench;

static void bench_begin(Bench *bench)
{
    *bench = (Bench){.store = mem_store_new(), .worker = {.backup = &bench->backup}};
    stopped_cluster_make(&bench->cluster);
    Backup *const backup = &bench->backup;
    static Progress progress;
    backup->progress = &progress;
    backup->generation = (Generation){.root = bench->cluster.root, .relation_segment_blocks = 131072};
    backup->filter.version = (PgVersion){.major = 15, .catalog_version = 202209061};
    ASSERT_OK(label_parse(&backup->record.label, "20260101-000000F"));
    ASSERT_OK(source_local_open(&backup->source, bench->cluster.data));
    ASSERT_OK(pack_writer_new(&bench->worker.packs, &(PackWriterSpec){.stores = &bench->store,
                                                                      .store_count = 1,
                                                                      .root = &bench->cluster.root,
                                                                      .label = backup->record.label,
                                                                      .packs_begun = &backup->packs_begun,
                                                                      .codec = CODEC_ZSTD,
                                                                      .level = 1}));
    bench->worker.chunk = mem_new(FRAME_PLAIN_MAX);
}

static void bench_done(Bench *bench)
{
    const BadPage *const bad = (const BadPage *)bench->worker.bad_pages.data;
    for (size_t i = 0; i < bench->worker.bad_pages.len / sizeof *bad; i++) {
        char *path = (char *)bad[i].path;
        mem_free(&path);
    }
    for (size_t i = 0; i < bench->worker.suspect_count; i++) {
        char *path = (char *)bench->worker.suspects[i].path;
        mem_free(&path);
    }
    buf_done(&bench->worker.bad_pages);
    buf_done(&bench->part.extents);
    mem_free(&bench->worker.chunk);
    pack_writer_free(&bench->worker.packs);
    source_free(&bench->backup.source);
    store_free(&bench->store);
    stopped_cluster_done(&bench->cluster);
}

/* Copies [offset, limit) of a file that was listed with so many bytes. */
static void part_copy(Bench *bench, const char *path, uint64_t offset, uint64_t limit, uint64_t listed)
{
    bench->part.offset = offset;
    bench->part.limit = limit;
    const FileJob job = {.path = path, .listed_bytes = listed};
    ASSERT_OK(backup_file_copy(&bench->part, &bench->worker, &job));
}

static uint64_t blocks_copied(const Bench *bench)
{
    const Extent *const extents = (const Extent *)bench->part.extents.data;
    uint64_t blocks = 0;
    for (size_t i = 0; i < bench->part.extents.len / sizeof *extents; i++)
        blocks += extents[i].count;
    return blocks;
}

static void test_backup_file__that_vanished_is_not_there(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    part_copy(&bench, "base/5/gone", 0, 8192, 8192);
    assert_false(bench.part.is_there);
    assert_int_equal(bench.part.extents.len, 0);
}

static void test_backup_file__that_shrank_ends_where_it_ends(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    cluster_filler(&bench.cluster, "base/5/notes", 300000);
    part_copy(&bench, "base/5/notes", 0, 1000000, 1000000);
    assert_true(bench.part.is_there);
    assert_int_equal(bench.part.end, 300000);
    assert_int_equal(blocks_copied(&bench), 37);
}

static void test_backup_file__whose_part_was_cut_off_is_empty(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    cluster_filler(&bench.cluster, "base/5/16384", 3 * PAGE_BYTES);
    part_copy(&bench, "base/5/16384", 10 * PAGE_BYTES, 20 * PAGE_BYTES, 20 * PAGE_BYTES);
    assert_true(bench.part.is_there);
    assert_int_equal(bench.part.end, bench.part.offset);
    assert_int_equal(bench.worker.bad_page_count, 0);
}

static void test_backup_file__that_grew_is_whole(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    cluster_filler(&bench.cluster, "postgresql.conf", 700000);
    part_copy(&bench, "postgresql.conf", 0, 10, 10);
    assert_int_equal(bench.part.end, 700000);
    assert_int_equal(blocks_copied(&bench), 86);
}

static void test_backup_file__that_grows_without_end_ends(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    cluster_filler(&bench.cluster, "log", GROWTH_ALLOWED + 1000000);
    part_copy(&bench, "log", 0, 10, 10);
    assert_int_equal(bench.part.end, GROWTH_ALLOWED + 10);
}

/* What a relation gains after the start is in WAL. */
static void test_backup_file__of_a_relation_that_grew_is_what_was_listed(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    cluster_filler(&bench.cluster, "base/5/16384", 5 * PAGE_BYTES);
    part_copy(&bench, "base/5/16384", 0, 2 * PAGE_BYTES, 2 * PAGE_BYTES);
    assert_int_equal(bench.part.end, 2 * PAGE_BYTES);
    assert_int_equal(blocks_copied(&bench), 2);
}

/* The checksum of a page holds its number within the fork, not within the file or part. */
static void test_backup_file__counts_blocks_over_segments_and_parts(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    bench.backup.rules.has_checksums = true;
    AUTO(buf_done) Buf pages = {0};
    fixture_read(&pages, 15, "heap_pages");
    assert_true(pages.len >= 2 * PAGE_BYTES);
    uint8_t *const page = pages.data;
    const uint16_t sum = page_checksum(page, 131072 + 1);
    page[8] = (uint8_t)sum;
    page[9] = (uint8_t)(sum >> 8);
    AUTO(buf_done) Buf file = {0};
    buf_add(&file, pages.data + PAGE_BYTES, PAGE_BYTES);
    buf_add(&file, page, PAGE_BYTES);
    cluster_file(&bench.cluster, "base/5/16384.1", buf_span(&file));
    part_copy(&bench, "base/5/16384.1", PAGE_BYTES, 2 * PAGE_BYTES, 2 * PAGE_BYTES);
    assert_int_equal(bench.worker.bad_page_count, 0);
    part_copy(&bench, "base/5/16384.1", 0, PAGE_BYTES, 2 * PAGE_BYTES);
    assert_int_equal(bench.worker.bad_page_count, 1);
    assert_int_equal(((const BadPage *)bench.worker.bad_pages.data)->block, 131072);
}

/* A source whose file is cut off behind the first read of it. */
static const SourceOps *uncut_ops;
static int cut_reads;

static Err *cut_read(size_t *out_bytes, SourceFile *file, void *to, size_t size, uint64_t offset)
{
    *out_bytes = 0;
    return cut_reads++ ? NULL : uncut_ops->read(out_bytes, file, to, size, offset);
}

/* What was read of it first may be half of a write that came before the cut: it is not kept with its wrong checksum. */
static void test_backup_file__keeps_no_torn_page_that_is_cut_off(void **state)
{
    (void)state;
    AUTO(bench_done) Bench bench;
    bench_begin(&bench);
    cluster_filler(&bench.cluster, "base/5/16384", PAGE_BYTES); /* no sound page */
    uncut_ops = bench.backup.source->ops;
    cut_reads = 0;
    SourceOps ops = *uncut_ops;
    ops.read = cut_read;
    bench.backup.source->ops = &ops;
    part_copy(&bench, "base/5/16384", 0, PAGE_BYTES, PAGE_BYTES);
    bench.backup.source->ops = uncut_ops;
    assert_int_equal(cut_reads, 2);
    assert_int_equal(bench.worker.bad_page_count, 0);
    assert_int_equal(blocks_copied(&bench), 0);
}

UNIT_MAIN(cmocka_unit_test(test_backup_file__keeps_no_torn_page_that_is_cut_off),
          cmocka_unit_test(test_backup_file__that_vanished_is_not_there),
          cmocka_unit_test(test_backup_file__that_shrank_ends_where_it_ends),
          cmocka_unit_test(test_backup_file__whose_part_was_cut_off_is_empty),
          cmocka_unit_test(test_backup_file__that_grew_is_whole),
          cmocka_unit_test(test_backup_file__that_grows_without_end_ends),
          cmocka_unit_test(test_backup_file__of_a_relation_that_grew_is_what_was_listed),
          cmocka_unit_test(test_backup_file__counts_blocks_over_segments_and_parts))
