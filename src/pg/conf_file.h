/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/conf_file.h - postgresql.conf and postgresql.auto.conf: what is set, and how to set more
 *
 * A line sets one name: `name = value`, the `=` may be left out, a value with anything but letters, digits and `-._:/`
 * stands in single quotes. The last line of a name counts. Inside of quotes '' is a quote, and a backslash begins an
 * escape: \b \f \n \r \t, \ooo in octal, or the character itself. Grammar: src/backend/utils/misc/guc-file.l.
 *
 * A line that the server would not take (it then refuses to start, whatever else the file says) is reported as broken
 * and is no error here: it may be what a user wants to see, and adding settings must not depend on it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

typedef enum PgConfLineKind {
    PG_CONF_SETTING,
    PG_CONF_INCLUDE, /* include, include_if_exists, include_dir: the value is a path */
    PG_CONF_BROKEN,
} PgConfLineKind;

typedef struct PgConfLine {
    PgConfLineKind kind;
    unsigned number;   /* in the file, from 1 */
    const char *name;  /* as written; NULL when broken */
    const char *value; /* without quotes and escapes; NULL when broken */
} PgConfLine;

/* The lines that say something, in order; comments and empty ones are not among them. */
typedef struct PgConf {
    const PgConfLine *lines;
    size_t count;
} PgConf;

/* LIMIT above PG_CONF_BYTES_MAX; nothing else can go wrong. `out` lives in `arena`. */
MUST Err *pg_conf_parse(PgConf *out, Span text, Arena *arena);

/* The value that counts in this file (included ones may say otherwise), or NULL. Names differ not by case. */
const char *pg_conf_find(const PgConf *conf, const char *name);

/* Adds `value` in quotes. */
void pg_conf_quote(Buf *to, const char *value);

/* Adds a line that sets `name`, on a line of its own even when `to` does not end in a newline. USAGE when `name` is
 * none of a setting. */
MUST Err *pg_conf_add(Buf *to, const char *name, const char *value);

/* Copies the text, byte for byte, but for the lines that set one of `names` (a list that ends in NULL). */
void pg_conf_copy_without(Buf *to, Span text, const char *const *names);
