/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fake/stopped_cluster.h - a small data directory of a server that was shut down, and a repository for it
 *
 * The control file is a real one of major 15 (tests/fixtures/pg); all else is made up. A backup of it is one with
 * --offline. The repositories are a folder, or up to two held stores (fake/held_store.h), which can be made to fail.
 * Included after unit.h and unit/pg/fixture.h.
 */
#pragma once

#include "fake/folder.h"
#include "backup/backup.h"
#include "cluster/cluster.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "pg/page.h"
#include "repo/branch.h"

typedef struct StoppedCluster {
    TestFolder top;                    /* data, repo and lock are below it */
    char data[96], repo[96], lock[96]; /* repo: the first one's URL */
    RepoOptions repo_options[2];
    ClusterOptions options;
    KeyRoot root;
    BackupType type; /* of backups to come */
} StoppedCluster;

static inline void cluster_file(const StoppedCluster *cluster, const char *path, Span bytes)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const full = path_join(cluster->data, path, arena);
    ASSERT_OK(folder_make_all(path_parent(full, arena), 0700));
    ASSERT_OK(file_write_durable(full, bytes, 0600));
}

/* Bytes that do not compress, no page of which is empty. */
static inline void filler_add(Buf *content, size_t bytes)
{
    uint64_t word = 88172645463325252;
    while (content->len < bytes) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        buf_add(content, &word, bytes - content->len < sizeof word ? bytes - content->len : sizeof word);
    }
}

static inline void cluster_filler(const StoppedCluster *cluster, const char *path, size_t bytes)
{
    AUTO(buf_done) Buf content = {0};
    filler_add(&content, bytes);
    cluster_file(cluster, path, buf_span(&content));
}

/* A relation of so many sound pages. */
static inline void cluster_pages(const StoppedCluster *cluster, const char *path, uint32_t count)
{
    AUTO(buf_done) Buf content = {0};
    filler_add(&content, (size_t)count * PAGE_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *const page = content.data + (size_t)i * PAGE_BYTES;
        memset(page, 0, 24);                /* the header: no LSN, no flags */
        put_u16(page + 12, 24);             /* lower */
        put_u16(page + 14, PAGE_BYTES);     /* upper */
        put_u16(page + 16, PAGE_BYTES);     /* special */
        put_u16(page + 18, PAGE_BYTES | 4); /* size and layout version */
        put_u16(page + 8, page_checksum(page, i));
    }
    cluster_file(cluster, path, buf_span(&content));
}

static inline void cluster_repository(StoppedCluster *cluster)
{
    ControlFile control;
    ASSERT_OK(cluster_control_read(&control, cluster->data));
    Repo *repos[COUNT_OF(cluster->repo_options)] = {NULL};
    for (size_t i = 0; i < cluster->options.repo_count; i++) {
        const RepoSpec spec = cluster_repo_spec(&cluster->options, i);
        ASSERT_OK(repo_init(&repos[i], &spec));
    }
    AUTO(repo_set_free) RepoSet *set = repo_set_of(repos, cluster->options.repo_count);
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
    const BranchRecord branch = {.timeline = control.checkpoint.timeline,
                                 .origin = BRANCH_SETUP,
                                 .host = "db1",
                                 .data_directory = "/srv/data",
                                 .created = {1}};
    ASSERT_OK(branch_write(set, &made.root, &branch));
}

static inline void stopped_cluster_begin(StoppedCluster *cluster)
{
    *cluster = (StoppedCluster){.top = test_folder_fast()};
    snprintf(cluster->data, sizeof cluster->data, "%s/data", cluster->top.path);
    snprintf(cluster->repo, sizeof cluster->repo, "%s/repo", cluster->top.path);
    snprintf(cluster->lock, sizeof cluster->lock, "%s/lock", cluster->top.path);
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.shut_down");
    cluster_file(cluster, "global/pg_control", buf_span(&control));
    cluster_file(cluster, "PG_VERSION", fixture_text("15\n"));
    cluster_file(cluster, "pg_wal/00000003000000000000000B", fixture_text("not looked at"));
    for (size_t i = 0; i < COUNT_OF(cluster->repo_options); i++)
        cluster->repo_options[i] = (RepoOptions){.name = i ? "r2" : "r1",
                                                 .url = i ? "held://r2" : cluster->repo,
                                                 .is_required = true,
                                                 .codec = CODEC_ZSTD,
                                                 .compress_level = 1,
                                                 .retry_timeout_ms = 1};
    cluster->options = (ClusterOptions){.name = "main",
                                        .pgdata = cluster->data,
                                        .repos = cluster->repo_options,
                                        .repo_count = 1,
                                        .jobs = 1,
                                        .lock_dir = cluster->lock};
}

static inline void stopped_cluster_make(StoppedCluster *cluster)
{
    stopped_cluster_begin(cluster);
    cluster_repository(cluster);
}

/* In "held://r1", and with two repositories in "held://r2" too. */
static inline void stopped_cluster_make_held(StoppedCluster *cluster, const StoreDriver *const *drivers,
                                             size_t repo_count)
{
    stopped_cluster_begin(cluster);
    snprintf(cluster->repo, sizeof cluster->repo, "held://r1");
    cluster->options.drivers = drivers;
    cluster->options.repo_count = repo_count;
    cluster_repository(cluster);
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
        backup_run(out, &cluster->options, &(BackupOptions){.type = cluster->type, .offline = true},
                   &progress, report ? report : &own);
    report_done(&own);
    return err;
}
