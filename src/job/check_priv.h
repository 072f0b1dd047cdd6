/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/check_priv.h - what the files of the check share */
#pragma once

#include "db/server.h"
#include "job/check.h"
#include "repo/repo.h"

/* More waiting files than this are a backlog: several minutes of a busy server. */
enum { CHECK_WAITING_MAX = 16 };

typedef struct Check {
    const ClusterOptions *cluster;
    Report *report;
    Arena *arena;
    CheckResult *result;
    Connection *connection;
    ServerInfo server;
    RepoSet *set;          /* NULL unless all repositories answer */
    uint64_t newest_bytes; /* stored of the newest backup; 0: none is known */
} Check;

void check_good(Check *check, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void check_skipped(Check *check, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void check_warning(Check *check, const char *name, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Consumes `err`. */
void check_fault(Check *check, const char *name, Err *err);

/* May we write there? Nothing when the repository is no folder. */
void check_repo_folder(Check *check, const char *url);
/* Is there room in the repositories that are folders? After check_archive(). */
void check_room(Check *check);
/* Size of pg_wal and room for more. */
void check_pg_wal(Check *check);
/* Freshness, backups, gaps, commits: what the repositories hold, all of which answer. */
void check_archive(Check *check);
