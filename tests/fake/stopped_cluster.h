/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fake/stopped_cluster.h - a small data directory of a server that was shut down, and a repository for it
 *
 * The control file is a real one of major 15 (tests/fixtures/pg); all else is made up. A backup of it is one with
 * --offline. Included after unit.h and unit/pg/fixture.h.
 */
#pragma once

#include "fake/folder.h"
#include "job/backup.h"
#include "job/cluster.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "repo/generation.h"

typedef struct StoppedCluster {
    TestFolder top; /* data, repo and lock are below it */
    char data[96], repo[96], lock[96];
    RepoOptions repo_options;
    ClusterOptions options;
    KeyRoot root;
} StoppedCluster;

static inline void cluster_file(const StoppedCluster *cluster, const char *path, Span bytes)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const full = path_join(cluster->data, path, arena);
    ASSERT_OK(folder_make_all(path_parent(full, arena), 0700));
    ASSERT_OK(file_write_durable(full, bytes, 0600));
}

/* A file of `bytes` bytes that do not compress and of which no page is empty. */
static inline void cluster_filler(const StoppedCluster *cluster, const char *path, size_t bytes)
{
    AUTO(buf_done) Buf content = {0};
    uint64_t word = 88172645463325252;
    while (content.len < bytes) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        buf_add(&content, &word, bytes - content.len < sizeof word ? bytes - content.len : sizeof word);
    }
    cluster_file(cluster, path, buf_span(&content));
}

static inline void cluster_repository(StoppedCluster *cluster)
{
    ControlFile control;
    ASSERT_OK(cluster_control_read(&control, cluster->data));
    Repo *repo = NULL;
    ASSERT_OK(repo_init(&repo, &(RepoSpec){.name = "r1", .url = cluster->repo}));
    AUTO(repo_set_free) RepoSet *set = repo_set_of(&repo, 1);
    const Generation wanted = {.root = {.cluster = "main"},
                               .system_id = control.system_id,
                               .major = control.version->major,
                               .catalog_version = control.version->catalog_version,
                               .segment_bytes = control.wal_segment_bytes,
                               .block_bytes = PAGE_BYTES,
                               .relation_segment_blocks = control.relation_segment_blocks,
                               .has_checksums = control.data_checksum_version != 0};
    Generation made;
    ASSERT_OK(generation_create(&made, set, &wanted));
    cluster->root = made.root;
}

static inline void stopped_cluster_make(StoppedCluster *cluster)
{
    *cluster = (StoppedCluster){.top = test_folder()};
    snprintf(cluster->data, sizeof cluster->data, "%s/data", cluster->top.path);
    snprintf(cluster->repo, sizeof cluster->repo, "%s/repo", cluster->top.path);
    snprintf(cluster->lock, sizeof cluster->lock, "%s/lock", cluster->top.path);
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.shut_down");
    cluster_file(cluster, "global/pg_control", buf_span(&control));
    cluster_file(cluster, "PG_VERSION", fixture_text("15\n"));
    cluster_file(cluster, "pg_wal/000000010000000000000001", fixture_text("not looked at"));
    cluster_repository(cluster);
    cluster->repo_options = (RepoOptions){.name = "r1",
                                          .url = cluster->repo,
                                          .is_required = true,
                                          .codec = CODEC_ZSTD,
                                          .compress_level = 1,
                                          .retry_timeout_ms = 1};
    cluster->options = (ClusterOptions){.name = "main",
                                        .pgdata = cluster->data,
                                        .repos = &cluster->repo_options,
                                        .repo_count = 1,
                                        .jobs = 1,
                                        .lock_dir = cluster->lock};
}

static inline void stopped_cluster_done(StoppedCluster *cluster)
{
    test_folder_done(&cluster->top);
}

/* `report` may be NULL. */
static inline Err *stopped_cluster_backup(BackupResult *out, const StoppedCluster *cluster, Report *report)
{
    Report own = {0};
    Progress progress = {.phase = ""};
    Err *const err =
        backup_run(out, &cluster->options, &(BackupOptions){.type = BACKUP_FULL, .offline = true}, &progress,
                   report ? report : &own);
    report_done(&own);
    return err;
}
