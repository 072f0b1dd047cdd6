/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "db/result.h"

#include "base/text.h"
#include "db/connection_priv.h"

#include <assert.h>
#include <string.h>

void result_free(Result **result)
{
    if (!*result)
        return;
    (*result)->pq->PQclear((*result)->rows);
    mem_free(result);
}

int result_rows(const Result *result)
{
    return result->pq->PQntuples(result->rows);
}

static int column_find(const Result *result, int row, const char *column)
{
    assert(row >= 0 && row < result_rows(result));
    const int at = result->pq->PQfnumber(result->rows, column);
    assert(at >= 0);
    return at;
}

bool result_is_null(const Result *result, int row, const char *column)
{
    return result->pq->PQgetisnull(result->rows, row, column_find(result, row, column));
}

const char *result_text(const Result *result, int row, const char *column)
{
    return result->pq->PQgetvalue(result->rows, row, column_find(result, row, column));
}

Span result_bytes(const Result *result, int row, const char *column)
{
    const int at = column_find(result, row, column);
    const char *const value = result->pq->PQgetvalue(result->rows, row, at);
    return span_of(value, (size_t)result->pq->PQgetlength(result->rows, row, at));
}

static Err *value_odd(const Result *result, int row, const char *column, const char *expected)
{
    if (result_is_null(result, row, column))
        return ERR(CORRUPT, "server's column %s is null, expected %s", column, expected);
    return ERR(CORRUPT, "server's column %s is \"%s\", expected %s", column, result_text(result, row, column),
               expected);
}

/* Types that are integers (src/include/catalog/pg_type.dat): the length alone would take any short text for one. */
static bool type_is_integer(PqOid type)
{
    enum { TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23 };
    return type == TYPE_INT8 || type == TYPE_INT2 || type == TYPE_INT4;
}

/* Integers travel with the highest byte first (PostgreSQL documentation, "Message Data Types"). */
static bool integer_decode(int64_t *out, Span bytes)
{
    if (bytes.len != 2 && bytes.len != 4 && bytes.len != 8)
        return false;
    uint64_t value = bytes.ptr[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | bytes.ptr[i];
    *out = (int64_t)value;
    return true;
}

Err *result_i64(int64_t *out, const Result *result, int row, const char *column)
{
    const int at = column_find(result, row, column);
    const Libpq *const pq = result->pq;
    const bool is_read = !pq->PQfformat(result->rows, at)
                             ? text_i64(out, result_text(result, row, column))
                             : type_is_integer(pq->PQftype(result->rows, at)) &&
                                   integer_decode(out, result_bytes(result, row, column));
    if (!is_read)
        return ERR(CORRUPT, "server's column %s holds no integer", column);
    return NULL;
}

/* Settings say "on" and "off" where a boolean column says "t" and "f". */
Err *result_bool(bool *out, const Result *result, int row, const char *column)
{
    const char *const text = result_text(result, row, column);
    if (text_equal(text, "t") || text_equal(text, "on"))
        *out = true;
    else if (text_equal(text, "f") || text_equal(text, "off"))
        *out = false;
    else
        return value_odd(result, row, column, "a boolean");
    return NULL;
}

Err *result_lsn(Lsn *out, const Result *result, int row, const char *column)
{
    AUTO(err_free) Err *err = lsn_parse(out, result_text(result, row, column));
    return err ? value_odd(result, row, column, "an LSN") : NULL;
}

static void field_clear(void *at, FieldKind kind)
{
    switch (kind) {
    case FIELD_TEXT:
        *(const char **)at = NULL;
        break;
    case FIELD_BOOL:
        *(bool *)at = false;
        break;
    case FIELD_I32:
    case FIELD_U32:
        memset(at, 0, sizeof(uint32_t));
        break;
    case FIELD_U64:
    case FIELD_SIGNED:
    case FIELD_LSN:
        memset(at, 0, sizeof(uint64_t));
        break;
    case FIELD_INSTANT:
        *(Instant *)at = INSTANT_NONE;
        break;
    }
}

/* memcpy, because the member may be a one-member struct of the same layout. */
static Err *field_integer(void *at, FieldKind kind, const Result *result, int row, const char *column)
{
    int64_t value = 0;
    TRY(result_i64(&value, result, row, column));
    if (kind == FIELD_I32 || kind == FIELD_U32) {
        const int64_t least = kind == FIELD_I32 ? INT32_MIN : 0;
        const int64_t most = kind == FIELD_I32 ? INT32_MAX : UINT32_MAX;
        if (value < least || value > most)
            return value_odd(result, row, column, "a number of 32 bits");
        const uint32_t narrow = (uint32_t)value;
        memcpy(at, &narrow, sizeof narrow);
        return NULL;
    }
    if (kind == FIELD_U64 && value < 0)
        return value_odd(result, row, column, "a number that is not negative");
    memcpy(at, &value, sizeof value);
    return NULL;
}

static Err *field_read(void *at, FieldKind kind, const Result *result, int row, const char *column)
{
    switch (kind) {
    case FIELD_BOOL:
        return result_bool(at, result, row, column);
    case FIELD_LSN:
        return result_lsn(at, result, row, column);
    default:
        return field_integer(at, kind, result, row, column);
    }
}

Err *result_row(void *out, const Result *result, int row, const ResultField *fields, Arena *arena)
{
    for (const ResultField *field = fields; field->column; field++) {
        void *const at = (char *)out + field->offset;
        if (result_is_null(result, row, field->column))
            field_clear(at, field->kind);
        else if (field->kind == FIELD_TEXT)
            *(const char **)at = arena_text(arena, result_text(result, row, field->column));
        else
            TRY(field_read(at, field->kind, result, row, field->column));
    }
    return NULL;
}
