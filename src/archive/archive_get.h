/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/archive_get.h - what PostgreSQL's restore_command does
 *
 * Three answers: the file is there and checked; it is proven absent; stop. Stop is an error, for whatever reason. See
 * archive/wal_answer.h for when absent counts as proven.
 *
 * A standby (standby.signal in the data directory) is different in that it must not stop: with primary_conninfo a fault
 * counts as absent once the repositories' patience has ended, so that streaming goes on; without it a fault is waited
 * for without end, with a line a minute.
 *
 * Segments that will be asked for next are fetched ahead into the spool, in threads that end with the call.
 */
#pragma once

#include "cluster/options.h"
#include "archive/wal_answer.h"

typedef struct ArchiveGet {
    const char *data_directory; /* PostgreSQL runs us in it: "." */
    const char *name;           /* %f */
    const char *path;           /* %p: appears whole or not at all */
} ArchiveGet;

MUST Err *archive_get(WalAnswer *out, const ClusterOptions *cluster, const ArchiveGet *get);
