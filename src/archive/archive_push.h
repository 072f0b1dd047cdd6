/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/archive_push.h - what PostgreSQL's archive_command does
 *
 * Stores one file of pg_wal in every repository, durably, or fails and changes nothing; then, for at most two seconds,
 * looks ahead: segments that wait behind it are compressed in parallel and stored in the order of their names, so that a
 * reader never meets a hole that is only being filled. A note in the spool lets the later call for such a segment return
 * after hashing the file. No process or thread outlives the call.
 */
#pragma once

#include "cluster/options.h"

/* `path` is PostgreSQL's %p. REFUSED: the data directory is a copy or half restored, or the timeline is no rightful one.
 * CORRUPT: not the WAL of this name. EXISTS: archived with other bytes. AWAY, DENIED, LIMIT, IO of a repository. */
MUST Err *archive_push(const ClusterOptions *cluster, const char *path);
