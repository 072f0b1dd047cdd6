/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/conf_refs.h - which other files a configuration file refers to, and how to make it refer elsewhere
 *
 * postgresql.conf has include, include_if_exists and include_dir. pg_hba.conf and pg_ident.conf have the same three from
 * 16 on, as first word of a line, and in every major @FILE for a list of names; such a list may refer to others in the
 * same manner. Grammar: src/backend/utils/misc/guc-file.l, src/backend/libpq/hba.c (next_token(), tokenize_auth_file()).
 *
 * Relative paths start at the folder of the file that refers.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

typedef enum ConfSyntax {
    CONF_SETTINGS, /* postgresql.conf */
    CONF_AUTH,     /* pg_hba.conf, pg_ident.conf, lists */
} ConfSyntax;

typedef enum ConfRefKind {
    CONF_REF_FILE,
    CONF_REF_FILE_IF_EXISTS,
    CONF_REF_FOLDER, /* its files "*.conf" that do not begin with a dot */
    CONF_REF_LIST,   /* @FILE */
} ConfRefKind;

typedef struct ConfRef {
    ConfRefKind kind;
    const char *path;  /* as written, without quotes */
    size_t begin, end; /* the bytes of the text that make the reference */
} ConfRef;

typedef struct ConfRefs {
    const ConfRef *refs; /* in order */
    size_t count;
} ConfRefs;

/* LIMIT above PG_CONF_BYTES_MAX. `out` lives in `arena`. */
MUST Err *conf_refs_parse(ConfRefs *out, Span text, ConfSyntax syntax, Arena *arena);

/* Adds what stands in the place of `ref` when it is to refer to `path`. */
void conf_ref_format(Buf *to, const ConfRef *ref, ConfSyntax syntax, const char *path);
