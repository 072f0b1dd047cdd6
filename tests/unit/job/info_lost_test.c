/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* A backup whose commit is not there: lost, removed on purpose, or never written. */
#include "unit.h"

#include "base/text.h"
#include "pg/fixture.h"

#include "fake/held_store.h"
#include "fake/stopped_cluster.h"
#include "job/info.h"
#include "repo/hold.h"

static void assert_state(const StoppedCluster *cluster, InfoBackupState state, bool is_fault)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    Info info;
    ASSERT_OK(info_gather(&info, &cluster->options, &report, arena));
    assert_int_equal(info.backup_count, 1);
    assert_int_equal(info.backups[0].state, state);
    assert_int_equal(report.has_class[ERR_CORRUPT], is_fault);
}

static void test_info__tells_a_lost_commit_from_a_backup_that_was_broken_off(void **state)
{
    (void)state;
    StoppedCluster cluster;
    BackupResult backup;
    stopped_cluster_make_held(&cluster, held_drivers, 1);
    char notes[128];
    snprintf(notes, sizeof notes, "%s/state", cluster.top.path);
    cluster.options.state_dir = notes;
    ASSERT_OK(folder_make(notes, 0700));
    ASSERT_OK(stopped_cluster_backup(&backup, &cluster, NULL));
    assert_state(&cluster, INFO_BACKUP_GOOD, false);
    Store *const store = held_store("r1");
    ASSERT_OK(store_remove(store, key_backup_object(&cluster.root, backup.label, "backup").text));
    assert_state(&cluster, INFO_BACKUP_LOST, true);
    /* A host without notes cannot know. */
    cluster.options.state_dir = NULL;
    assert_state(&cluster, INFO_BACKUP_INTERRUPTED, false);
    cluster.options.state_dir = notes;
    AUTO(repo_set_free) RepoSet *set = NULL;
    ASSERT_OK(cluster_repos_open(&set, &cluster.options));
    ASSERT_OK(hold_gone_write(set->repos[0], &cluster.root, backup.label));
    assert_state(&cluster, INFO_BACKUP_INTERRUPTED, false);
    held_stores_done();
    stopped_cluster_done(&cluster);
}

UNIT_MAIN(cmocka_unit_test(test_info__tells_a_lost_commit_from_a_backup_that_was_broken_off))
