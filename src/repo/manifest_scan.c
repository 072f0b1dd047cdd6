/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The grammar is that of manifest_writer.c: fields in its order, no blank, no escape, whole numbers of at most 18
 * digits. Whatever else stands somewhere, be it valid, ends the scan.
 */
#include "repo/manifest_line.h"

#include <string.h>

/* What is left of the line. */
typedef struct Scan {
    const char *at, *end;
} Scan;

static inline bool literal_take(Scan *scan, const char *text)
{
    const size_t len = strlen(text);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, text, len) != 0)
        return false;
    scan->at += len;
    return true;
}

/* Up to the quote; NULL: it holds more than plain ASCII. */
static const char *text_take(Scan *scan, Arena *arena)
{
    const char *const begin = scan->at;
    const char *at = begin;
    while (at < scan->end && *at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\')
        at++;
    if (at == scan->end || *at != '"')
        return NULL;
    const size_t len = (size_t)(at - begin);
    char *const text = arena_alloc(arena, len + 1);
    memcpy(text, begin, len);
    scan->at = at + 1;
    return text;
}

static bool number_take(int64_t *out, Scan *scan)
{
    enum { DIGITS_MAX = 18 }; /* so that it fits */
    const char *at = scan->at;
    const bool is_negative = at < scan->end && *at == '-';
    const char *const begin = at += is_negative;
    int64_t value = 0;
    for (; at < scan->end && at - begin < DIGITS_MAX && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    if (at == begin || (*begin == '0' && (is_negative || at - begin > 1)))
        return false;
    *out = is_negative ? -value : value;
    scan->at = at;
    return true;
}

static bool mode_take(uint32_t *out, Scan *scan)
{
    enum { DIGITS = 4 };
    uint32_t mode = 0;
    if (scan->end - scan->at < DIGITS)
        return false;
    for (int i = 0; i < DIGITS; i++) {
        if (scan->at[i] < '0' || scan->at[i] > '7')
            return false;
        mode = mode << 3 | (uint32_t)(scan->at[i] - '0');
    }
    scan->at += DIGITS;
    *out = mode;
    return literal_take(scan, "\"");
}

static bool instant_take(Instant *out, Scan *scan)
{
    InstantText text = {""};
    size_t len = 0;
    for (; scan->at < scan->end && *scan->at != '"' && len < sizeof text.text - 1; len++)
        text.text[len] = *scan->at++;
    AUTO(err_free) Err *err = instant_parse(out, text.text);
    return !err && strlen(text.text) == len && literal_take(scan, "\"");
}

static bool facts_take(ManifestEntry *entry, Scan *scan, Arena *arena)
{
    int64_t size = 0;
    entry->modified = INSTANT_NONE;
    if (literal_take(scan, ",\"kind\":\"folder\""))
        entry->kind = MANIFEST_FOLDER;
    else if (literal_take(scan, ",\"kind\":\"link\""))
        entry->kind = MANIFEST_LINK;
    if (!literal_take(scan, ",\"mode\":\"") || !mode_take(&entry->mode, scan))
        return false;
    if (literal_take(scan, ",\"modified\":\"") && !instant_take(&entry->modified, scan))
        return false;
    if (entry->kind == MANIFEST_FILE && (!literal_take(scan, ",\"size\":") || !number_take(&size, scan)))
        return false;
    entry->size_bytes = (uint64_t)size;
    if (entry->kind == MANIFEST_LINK)
        entry->link_target = literal_take(scan, ",\"target\":\"") ? text_take(scan, arena) : NULL;
    return size >= 0 && (entry->kind != MANIFEST_LINK || entry->link_target);
}

/* Sets each column to its first value, or to NULL where there is none, and `scan` behind all of them. */
static bool columns_take(Scan columns[COLUMNS], Scan *scan)
{
    static const char *const names[COLUMNS] = {",\"skip\":[", ",\"count\":[", ",\"label\":[", ",\"pack\":[",
                                               ",\"offset\":["};
    for (Column column = 0; column < COLUMNS; column++) {
        columns[column].at = NULL;
        if (!literal_take(scan, names[column]))
            continue;
        columns[column] = *scan;
        const char *const end = memchr(scan->at, ']', (size_t)(scan->end - scan->at));
        if (!end)
            return false;
        scan->at = end + 1;
    }
    return true;
}

/* The next value of a column and the comma or bracket behind it; 0 when there is no such thing. */
static char value_take(int64_t *value, Scan *column)
{
    if (!number_take(value, column) || column->at == column->end)
        return 0;
    const char behind = *column->at++;
    return behind == ',' || behind == ']' ? behind : 0;
}

/* A value of each column that is there. What stands behind them must be the same everywhere; else 0. */
static char row_take(int64_t values[COLUMNS], Scan columns[COLUMNS])
{
    char row_behind = 0;
    for (Column column = 0; column < COLUMNS; column++) {
        values[column] = 0;
        if (!columns[column].at)
            continue;
        const char behind = value_take(&values[column], &columns[column]);
        if (!behind || (row_behind && behind != row_behind))
            return 0;
        row_behind = behind;
    }
    return row_behind;
}

static bool extents_take(size_t *count, Scan *scan, const LineIn *in)
{
    Scan columns[COLUMNS];
    const char *const begin = scan->at;
    *count = 0;
    if (!columns_take(columns, scan))
        return false;
    if (scan->at == begin)
        return true;
    for (char behind = ','; behind == ','; ++*count) {
        int64_t values[COLUMNS];
        behind = row_take(values, columns);
        if (!behind || !line_extent_add(in, *count, values))
            return false;
    }
    return true;
}

static bool line_take(ManifestLine *line, Scan *scan, const LineIn *in, LineKind kind)
{
    const char *const path = literal_take(scan, "{\"path\":\"") ? text_take(scan, in->arena) : NULL;
    line->entry.path = path;
    if (!path || strlen(path) >= PGDATA_PATH_MAX)
        return false;
    if (kind == LINE_ENTRY && !facts_take(&line->entry, scan, in->arena))
        return false;
    if (!extents_take(&line->extents, scan, in))
        return false;
    line->has_more = literal_take(scan, ",\"more\":true");
    return literal_take(scan, "}") && scan->at == scan->end;
}

bool manifest_line_scan(ManifestLine *out, const LineIn *in, Span text, LineKind kind)
{
    Scan scan = {(const char *)text.ptr, (const char *)text.ptr + text.len};
    const size_t extents_before = in->extents->len;
    ManifestLine line = {0};
    if (!line_take(&line, &scan, in, kind)) {
        buf_cut(in->extents, extents_before);
        return false;
    }
    *out = line;
    return true;
}
