/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/spool.h - where archive-push and archive-get leave something for their next call
 *
 * A folder per kind and data directory below spool-dir, with mode 0700 and ours, so that nobody else can put a file there
 * that we would hand to a server. Whatever is in a spool is a convenience: it may vanish at any time, it is checked
 * again before it is used, and a spool that cannot be had costs only time.
 */
#pragma once

#include "base/arena.h"

/* The folder, made when it is missing; NULL when there can be none (no permission, not ours). */
MUST char *spool_folder(const char *spool_dir, const char *kind, const char *data_directory, Arena *arena);
/* Removes the folder and what is in it, if it is there. */
void spool_remove(const char *spool_dir, const char *kind, const char *data_directory);

/* Writes a file whole or not at all, not durably; false when that was not possible. */
bool spool_write(const char *folder, const char *name, Span bytes);

/* The same bit by bit. Begin replaces what an earlier call left; commit gives the file its name and consumes it. */
typedef struct SpoolFile SpoolFile;
MUST Err *spool_file_begin(SpoolFile **out, const char *folder, const char *temp_name);
MUST Err *spool_file_write(SpoolFile *file, Span bytes);
MUST Err *spool_file_commit(SpoolFile *file, const char *name);
void spool_file_abort(SpoolFile **file);
