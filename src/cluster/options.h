/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/options.h - what every job is told about the cluster it serves and the repositories it uses
 *
 * Plain data, filled by conf/ from files, environment and command line, already checked against its bounds. Options of
 * one command alone stand in that job's own header. Texts are borrowed from the settings they came from, which outlive
 * every job. A text that was not given is NULL, never "".
 */
#pragma once

#include "cluster/promises.h"
#include "codec/codec.h"
#include "store/store.h"

typedef struct RepoOptions {
    const char *name; /* [a-z0-9_-]{1,40} */
    const char *url;  /* "/srv/pgstrata", "s3://bucket/prefix" */
    bool is_required; /* a failing repository that is not required is a warning */
    CodecKind codec;
    int compress_level;
    int64_t retry_timeout_ms; /* how long the store is asked again before it counts as away */
} RepoOptions;

/* Where the files of the cluster are read from. */
typedef enum SourceDriver { SOURCE_LOCAL, SOURCE_SQL, SOURCE_BASEBACKUP } SourceDriver;

/* How to reach the server. NULL leaves the word to libpq: its variables, its service file, its defaults. */
typedef struct ConnectionOptions {
    const char *host;
    const char *port; /* decimal, 1 to 65535 */
    const char *user;
    const char *dbname; /* a name or a whole connection string */
    const char *service;
} ConnectionOptions;

typedef struct ClusterOptions {
    const char *name;
    const char
        *pgdata; /* absolute; NULL when not configured (setup finds it, a source over SQL does not need it) */
    ConnectionOptions connection;
    SourceDriver source;
    const RepoOptions *repos; /* in the order in which they were named */
    size_t repo_count;
    const StoreDriver *const *drivers; /* that open them; NULL: store_drivers */
    int64_t rpo_us;
    Promises retention;
    int64_t expire_grace_us;
    int jobs; /* 1 to JOBS_MAX */
    const char *spool_dir;
    const char *state_dir;
    const char *lock_dir;
    int64_t archive_timeout_ms;
    int64_t retry_timeout_ms;
} ClusterOptions;
