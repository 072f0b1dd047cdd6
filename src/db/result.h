/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * db/result.h - the rows that a query gave
 *
 * Columns are named as in the statement; a name that is not there is our own mistake and asserted. Values are checked:
 * what does not fit its type is CORRUPT. Whole rows are read into a struct by a table of fields (result_row).
 */
#pragma once

#include "base/arena.h"
#include "base/ids.h"
#include "base/instant.h"

typedef struct Result Result;

void result_free(Result **result);

int result_rows(const Result *result);
bool result_is_null(const Result *result, int row, const char *column);
/* Borrowed; "" for null. */
const char *result_text(const Result *result, int row, const char *column);
/* The value's bytes as they came, borrowed: of a bytea when the query asked for binary. Empty for null. */
Span result_bytes(const Result *result, int row, const char *column);
/* Integers of any width, text or binary. Null is CORRUPT. */
MUST Err *result_i64(int64_t *out, const Result *result, int row, const char *column);
MUST Err *result_bool(bool *out, const Result *result, int row, const char *column);
MUST Err *result_lsn(Lsn *out, const Result *result, int row, const char *column);

typedef enum FieldKind {
    FIELD_TEXT,    /* const char *, in the arena; NULL for null */
    FIELD_BOOL,    /* bool; false for null */
    FIELD_I32,     /* int32_t or int; 0 for null, as all that follow */
    FIELD_U32,     /* uint32_t, Oid, Timeline */
    FIELD_U64,     /* uint64_t */
    FIELD_SIGNED,  /* uint64_t or SystemId that SQL shows as a signed bigint */
    FIELD_LSN,     /* Lsn */
    FIELD_INSTANT, /* Instant, from microseconds since 1970 as bigint; INSTANT_NONE for null */
} FieldKind;

typedef struct ResultField {
    const char *column; /* NULL ends a table of fields */
    FieldKind kind;
    size_t offset; /* in the struct that result_row() fills */
} ResultField;

/* Reads one text row into `out`, field by field. */
MUST Err *result_row(void *out, const Result *result, int row, const ResultField *fields, Arena *arena);
