/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Whatever call fails while a backup is made, of a file (in the data directory, in the repository, at the lock) or of a
 * store: either the backup is there, or there is an error that is nobody's bug and no backup; the one made before loads
 * in both cases, and so does the next.
 */
#include "unit.h"

#include "base/text.h"

#include "unit/pg/fixture.h"

#include "fake/fault.h"
#include "fake/stopped_cluster.h"
#include "fault/store_kinds.h"
#include "repo/place_store.h"

#include <errno.h>

enum { CALLS_MAX = 5000 }; /* one run makes about 300 */

/* The record, and the manifest with all its leaves. */
static void backup_load(Repo *repo, const KeyRoot *root, BackupLabel label)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(place_reader_free) PlaceReader *places = place_reader_new(repo->store, root);
    AUTO(manifest_close) ManifestReader *reader = NULL;
    BackupRecord record;
    ASSERT_OK(backup_record_load(&record, repo, root, label, arena));
    ASSERT_OK(manifest_open(&reader, place_leaf_in(places), &record.manifest_root));
    uint64_t files = 0;
    for (;;) {
        ManifestEntry entry;
        bool is_end = false;
        ASSERT_OK(manifest_next(&entry, &is_end, reader));
        if (is_end)
            break;
        files += entry.kind == MANIFEST_FILE;
    }
    assert_true(files == record.files && files >= 8);
}

/* Every backup that counts as made can be loaded; how many there are. */
static size_t backups_load(const StoppedCluster *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(&cluster->options, 0);
    ASSERT_OK(repo_open(&repo, &spec));
    const BackupEntry *entries;
    size_t count, committed = 0;
    ASSERT_OK(backup_list(&entries, &count, repo, &cluster->root, arena));
    for (size_t i = 0; i < count; i++) {
        assert_true(entries[i].has_begin);
        if (entries[i].is_committed) {
            backup_load(repo, &cluster->root, entries[i].label);
            committed++;
        }
    }
    repo_free(&repo);
    return committed;
}

static void cluster_fill(const StoppedCluster *cluster)
{
    cluster_pages(cluster, "base/5/1259", 3);
    cluster_filler(cluster, "base/5/notes", 300000);
    cluster_filler(cluster, "base/5/empty", 0);
    cluster_filler(cluster, "postgresql.conf", 100);
    cluster_filler(cluster, "pg_hba.conf", 100);
}

/* So that a backup on top of the first has something to store and something to refer to. */
static void cluster_fill_more(const StoppedCluster *cluster)
{
    cluster_pages(cluster, "base/5/1259", 4);
    cluster_filler(cluster, "base/5/more", 1000);
}

/* Takes away every backup but the first, so that each run begins with the same repository. */
static void backups_trim(const StoppedCluster *cluster, BackupLabel first)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(&cluster->options, 0);
    ASSERT_OK(repo_open(&repo, &spec));
    const BackupEntry *entries;
    size_t count;
    ASSERT_OK(backup_list(&entries, &count, repo, &cluster->root, arena));
    for (size_t i = 0; i < count; i++) {
        if (!text_equal(entries[i].label.text, first.text))
            ASSERT_OK(folder_remove_all(
                arena_textf(arena, "%s/main/g1/backup/%s", cluster->repo, entries[i].label.text)));
    }
    repo_free(&repo);
}

/* One run of which the nth call fails; whether there were that many. */
static bool backup_break_at(const StoppedCluster *cluster, BackupLabel first, int nth, int errnum)
{
    BackupResult result;
    fake_fault_at(nth, errnum);
    AUTO(err_free) Err *err = stopped_cluster_backup(&result, cluster, NULL);
    const bool is_hit = fake_fault_hit();
    fake_fault_at(0, 0);
    assert_true(is_hit || !err);
    if (err && (err_is(err, ERR_BUG) || err_is(err, ERR_CANCELED)))
        fail_msg("call %d: %s", nth, err_text(err));
    /* An answer may get lost behind the commit: then the backup is there and the run says that it is not. */
    const size_t count = backups_load(cluster);
    assert_true(count == 2 || (count == 1 && err));
    backups_trim(cluster, first);
    return is_hit;
}

static void backup_break_with(int errnum, BackupType type)
{
    AUTO(stopped_cluster_done) StoppedCluster cluster;
    stopped_cluster_make(&cluster);
    cluster_fill(&cluster);
    BackupResult first;
    ASSERT_OK(stopped_cluster_backup(&first, &cluster, NULL));
    cluster.type = type;
    cluster_fill_more(&cluster);
    int failed = 0;
    while (backup_break_at(&cluster, first.label, failed + 1, errnum))
        assert_true(++failed < CALLS_MAX);
    assert_true(failed > 50);
}

static void test_backup__survives_a_failing_disk(void **state)
{
    (void)state;
    backup_break_with(EIO, BACKUP_FULL);
}

static void test_backup__survives_a_full_disk(void **state)
{
    (void)state;
    backup_break_with(ENOSPC, BACKUP_FULL);
}

static void test_incremental__survives_a_failing_disk(void **state)
{
    (void)state;
    backup_break_with(EIO, BACKUP_INCR);
}

static void test_incremental__survives_a_full_disk(void **state)
{
    (void)state;
    backup_break_with(ENOSPC, BACKUP_INCR);
}

/* ---- stores */

typedef struct HeldBoth {
    HeldState one, two;
} HeldBoth;

static void held_both_done(HeldBoth *both)
{
    held_state_done(&both->one);
    held_state_done(&both->two);
}

/* An answer that got lost leaves a backup that is whole, and a run that does not know it. So does a failure in the second
 * repository after the commit to the first. */
static bool store_break_at(const StoppedCluster *cluster, const HeldBoth *before, StoreRun *run)
{
    BackupResult result;
    store_run_begin(run);
    AUTO(err_free) Err *err = stopped_cluster_backup(&result, cluster, NULL);
    store_run_end(run, err);
    const size_t count = backups_load(cluster);
    assert_true(count == 2 || (count == 1 && err));
    store_kinds_verify(&cluster->options);
    ASSERT_OK(stopped_cluster_backup(&result, cluster, NULL));
    assert_int_equal(backups_load(cluster), count + 1);
    store_kinds_verify(&cluster->options);
    held_go_back(&before->one, held_store("r1"));
    held_go_back(&before->two, held_store("r2"));
    return !run->is_last;
}

/* Faults are in the last repository. */
static void store_break_with(size_t repo_count, BackupType type)
{
    AUTO(stopped_cluster_done) StoppedCluster cluster;
    AUTO(held_both_done) HeldBoth before;
    stopped_cluster_make_held(&cluster, held_drivers, repo_count);
    cluster_fill(&cluster);
    BackupResult first;
    ASSERT_OK(stopped_cluster_backup(&first, &cluster, NULL));
    cluster.type = type;
    cluster_fill_more(&cluster);
    held_remember(&before.one, held_store("r1"));
    held_remember(&before.two, held_store("r2"));
    for (size_t i = 0; i < COUNT_OF(store_kinds); i += repo_count) { /* of two, every second kind */
        cluster.repo_options[repo_count - 1].retry_timeout_ms = store_kinds[i].patience_ms;
        StoreRun run = {
            .kind = &store_kinds[i], .store = held_store(repo_count == 2 ? "r2" : "r1"), .nth = 1};
        uint64_t hits = 0;
        for (; store_break_at(&cluster, &before, &run); run.nth++)
            hits += run.was_hit;
        assert_true(run.nth > 10 && hits > 1);
    }
    held_stores_done();
}

static void test_backup__survives_whatever_goes_wrong_in_the_store(void **state)
{
    (void)state;
    store_break_with(1, BACKUP_FULL);
}

static void test_backup__survives_whatever_goes_wrong_in_one_of_two_stores(void **state)
{
    (void)state;
    store_break_with(2, BACKUP_FULL);
}

/* What cannot be read of the parent costs reading everything, or a full backup. */
static void test_incremental__survives_whatever_goes_wrong_in_the_store(void **state)
{
    (void)state;
    store_break_with(1, BACKUP_INCR);
}

static void test_incremental__survives_whatever_goes_wrong_in_one_of_two_stores(void **state)
{
    (void)state;
    store_break_with(2, BACKUP_INCR);
}

UNIT_MAIN(cmocka_unit_test(test_backup__survives_whatever_goes_wrong_in_the_store),
          cmocka_unit_test(test_backup__survives_whatever_goes_wrong_in_one_of_two_stores),
          cmocka_unit_test(test_backup__survives_a_failing_disk),
          cmocka_unit_test(test_backup__survives_a_full_disk),
          cmocka_unit_test(test_incremental__survives_whatever_goes_wrong_in_the_store),
          cmocka_unit_test(test_incremental__survives_whatever_goes_wrong_in_one_of_two_stores),
          cmocka_unit_test(test_incremental__survives_a_failing_disk),
          cmocka_unit_test(test_incremental__survives_a_full_disk))
