/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Backups of a made-up stopped cluster: order, what is stored and what is not, files that change while they are read. */
#include "unit.h"

#include "base/text.h"
#include "unit/pg/fixture.h"

#include "fake/stopped_cluster.h"
#include "repo/place_store.h"

#include <sys/resource.h>
#include <unistd.h>

/* What a backup says about its files. */
typedef struct Stored {
    StoppedCluster cluster;
    Repo *repo;
    Arena *arena;
    BackupRecord record;
    Buf entries; /* of ManifestEntry, texts and extents in the arena */
} Stored;

static void stored_done(Stored *stored)
{
    buf_done(&stored->entries);
    arena_free(&stored->arena);
    repo_free(&stored->repo);
    stopped_cluster_done(&stored->cluster);
}

static void entries_read(Stored *stored)
{
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(stored->repo->store, &stored->cluster.root);
    AUTO(manifest_close) ManifestReader *reader = NULL;
    ASSERT_OK(manifest_open(&reader, place_leaf_in(places), &stored->record.manifest_root));
    for (;;) {
        ManifestEntry entry;
        bool is_end = false;
        ASSERT_OK(manifest_next(&entry, &is_end, reader));
        if (is_end)
            return;
        entry.path = arena_text(stored->arena, entry.path);
        const Span extents = span_of(entry.extents, entry.extent_count * sizeof(Extent));
        entry.extents = (const Extent *)(const void *)arena_bytes(stored->arena, extents).ptr;
        buf_add(&stored->entries, &entry, sizeof entry);
    }
}

/* Makes a backup of the cluster and reads it back. */
static void stored_make(Stored *stored)
{
    BackupResult result;
    ASSERT_OK(stopped_cluster_backup(&result, &stored->cluster, NULL));
    stored->arena = arena_new();
    ASSERT_OK(repo_open(&stored->repo, &(RepoSpec){.name = "r1", .url = stored->cluster.repo}));
    ASSERT_OK(backup_record_load(&stored->record, stored->repo, &stored->cluster.root, result.label,
                                 stored->arena));
    entries_read(stored);
}

static const ManifestEntry *stored_find(const Stored *stored, const char *path)
{
    const ManifestEntry *const entries = (const ManifestEntry *)stored->entries.data;
    for (size_t i = 0; i < stored->entries.len / sizeof *entries; i++) {
        if (text_equal(entries[i].path, path))
            return &entries[i];
    }
    return NULL;
}

static uint64_t blocks_stored(const ManifestEntry *entry)
{
    uint64_t blocks = 0;
    for (size_t i = 0; i < entry->extent_count; i++)
        blocks += entry->extents[i].count;
    return blocks;
}

/* A file of `bytes` zeros, without taking room. */
static void cluster_hole(const StoppedCluster *cluster, const char *path, uint64_t bytes)
{
    AUTO(arena_free) Arena *arena = arena_new();
    cluster_file(cluster, path, span_of("", 0));
    assert_int_equal(truncate(path_join(cluster->data, path, arena), (off_t)bytes), 0);
}

static void cluster_write_at(const StoppedCluster *cluster, const char *path, uint64_t offset, Span bytes)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FILE *const file = fopen(path_join(cluster->data, path, arena), "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

static void test_backup__stores_every_file_under_its_size(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 262143, 262144, 262145, 5000000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char path[32];
        snprintf(path, sizeof path, "base/5/x%zu", i);
        cluster_filler(&stored.cluster, path, sizes[i]);
    }
    stored_make(&stored);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char path[32];
        snprintf(path, sizeof path, "base/5/x%zu", i);
        const ManifestEntry *const entry = stored_find(&stored, path);
        assert_non_null(entry);
        assert_int_equal(entry->size_bytes, sizes[i]);
        assert_int_equal(blocks_stored(entry), (sizes[i] + PAGE_BYTES - 1) / PAGE_BYTES);
    }
}

static void test_backup__lists_paths_in_order_whatever_their_size(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    stored.cluster.options.jobs = 4;
    cluster_hole(&stored.cluster, "base/5/1large", 40 << 20);
    cluster_hole(&stored.cluster, "base/5/7large", 30 << 20);
    for (int i = 0; i < 900; i++) { /* several batches */
        char path[32];
        snprintf(path, sizeof path, "base/5/%dx", i);
        cluster_file(&stored.cluster, path, fixture_text("x"));
    }
    stored_make(&stored);
    const ManifestEntry *const entries = (const ManifestEntry *)stored.entries.data;
    const size_t count = stored.entries.len / sizeof *entries;
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(entries[i - 1].path, entries[i].path) < 0);
    assert_int_equal(stored.record.files, 900 + 2 + 3);
}

static void test_backup__stores_no_empty_blocks(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    const uint64_t size = UINT64_C(300) << 20; /* three parts */
    cluster_hole(&stored.cluster, "base/5/hole", size);
    static const uint64_t blocks[] = {0, 31, 16383, 16384, 16385, 38399};
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        cluster_write_at(&stored.cluster, "base/5/hole", blocks[i] * PAGE_BYTES + 77, fixture_text("full"));
    stored_make(&stored);
    const ManifestEntry *const entry = stored_find(&stored, "base/5/hole");
    assert_int_equal(entry->size_bytes, size);
    assert_int_equal(blocks_stored(entry), COUNT_OF(blocks));
    size_t next = 0;
    for (size_t i = 0; i < entry->extent_count; i++) {
        for (uint32_t k = 0; k < entry->extents[i].count; k++)
            assert_int_equal(entry->extents[i].first_block + k, blocks[next++]);
    }
    assert_true(stored.record.stored_bytes < 100000);
}

static void test_backup__leaves_out_what_a_server_makes_anew(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    cluster_file(&stored.cluster, "postmaster.opts", fixture_text("x"));
    cluster_file(&stored.cluster, "pg_wal/00000003000000000000000C", fixture_text("recycled"));
    cluster_file(&stored.cluster, "pg_stat_tmp/global.tmp", fixture_text("x"));
    cluster_file(&stored.cluster, "base/pgsql_tmp/pgsql_tmp1.0", fixture_text("x"));
    stored_make(&stored);
    assert_null(stored_find(&stored, "postmaster.opts"));
    assert_null(stored_find(&stored, "pg_stat_tmp/global.tmp"));
    assert_null(stored_find(&stored, "base/pgsql_tmp/pgsql_tmp1.0"));
    assert_non_null(stored_find(&stored, "pg_stat_tmp"));
    assert_non_null(
        stored_find(&stored, "pg_wal/00000003000000000000000B")); /* it is stopped: no archive has it */
    assert_null(stored_find(&stored, "pg_wal/00000003000000000000000C"));
}

static void test_backup__refuses_a_server_that_may_run(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    char pid[32];
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    cluster_file(&stored.cluster, "postmaster.pid", fixture_text(pid));
    BackupResult result;
    ASSERT_ERR_TEXT(REFUSED, "is running", stopped_cluster_backup(&result, &stored.cluster, NULL));
    cluster_file(&stored.cluster, "postmaster.pid", fixture_text("999999999\n"));
    ASSERT_OK(stopped_cluster_backup(&result, &stored.cluster, NULL));
}

static void test_backup__refuses_a_server_that_crashed(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.running");
    cluster_file(&stored.cluster, "global/pg_control", buf_span(&control));
    BackupResult result;
    ASSERT_ERR_TEXT(REFUSED, "not shut down cleanly", stopped_cluster_backup(&result, &stored.cluster, NULL));
}

static void test_backup__names_bad_pages(void **state)
{
    (void)state;
    AUTO(stored_done) Stored stored = {0};
    stopped_cluster_make(&stored.cluster);
    cluster_filler(&stored.cluster, "base/5/1259", 5 * PAGE_BYTES);
    Report report = {0};
    BackupResult result;
    ASSERT_OK(stopped_cluster_backup(&result, &stored.cluster, &report));
    assert_int_equal(result.bad_pages, 5);
    assert_true(report.has_level[NOTICE_WARNING]);
    bool is_named = false;
    for (size_t i = 0; i < report.count; i++)
        is_named = is_named || strstr(report.notices[i].text, "block 4 of base/5/1259");
    assert_true(is_named);
    report_done(&report);
}

UNIT_MAIN(cmocka_unit_test(test_backup__stores_every_file_under_its_size),
          cmocka_unit_test(test_backup__lists_paths_in_order_whatever_their_size),
          cmocka_unit_test(test_backup__stores_no_empty_blocks),
          cmocka_unit_test(test_backup__leaves_out_what_a_server_makes_anew),
          cmocka_unit_test(test_backup__refuses_a_server_that_may_run),
          cmocka_unit_test(test_backup__refuses_a_server_that_crashed),
          cmocka_unit_test(test_backup__names_bad_pages))
