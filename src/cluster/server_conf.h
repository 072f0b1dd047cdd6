/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/server_conf.h - postgresql.conf as the server reads it: with all that it includes
 *
 * Files are taken in the server's order, so that the last line of a name counts (src/backend/utils/misc/guc-file.l):
 * include and include_if_exists name a file, include_dir a folder, of which the files "*.conf" follow in order of their
 * bytes; relative paths start at the file that includes. A file that cannot be read is no error here, as it may lie on
 * the host that the configuration comes from: it is listed with the reason.
 *
 * Memory: all lines of all files. Ownership: everything lives in the arena.
 */
#pragma once

#include "pg/conf_file.h"

#include <stdbool.h>

typedef struct ServerConfFile {
    const char *path;
    bool may_be_missing; /* include_if_exists */
    const char *fault;   /* why it was not read; NULL: it was */
} ServerConfFile;

typedef struct ServerConf {
    PgConf conf;                 /* settings only, in order: pg_conf_find() gives what counts */
    const ServerConfFile *files; /* in order; the first is the one asked for */
    size_t file_count;
} ServerConf;

/* LIMIT: more than PG_CONF_FILES_MAX files. */
MUST Err *server_conf_read(ServerConf *out, const char *path, Arena *arena);
