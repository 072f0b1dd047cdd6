/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/manifest_line.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What a column may hold; labels are held against those of the leaf. */
typedef struct ColumnRule {
    const char *name;
    int64_t lowest, highest;
} ColumnRule;

static const ColumnRule column_rules[COLUMNS] = {
    [COLUMN_SKIP] = {"skip", 0, UINT32_MAX},
    [COLUMN_COUNT] = {"count", 1, UINT32_MAX},
    [COLUMN_LABEL] = {"label", 0, UINT32_MAX},
    [COLUMN_PACK] = {"pack", -PACK_NUMBER_MAX, PACK_NUMBER_MAX},
    [COLUMN_OFFSET] = {"offset", -2 * PACK_PLAIN_MAX, 2 * PACK_PLAIN_MAX},
};

static bool is_within(Column column, int64_t value)
{
    return value >= column_rules[column].lowest && value <= column_rules[column].highest;
}

bool line_extent_add(const LineIn *in, size_t at, const int64_t values[COLUMNS])
{
    Extent before = {0};
    if (at)
        memcpy(&before, in->extents->data + in->extents->len - sizeof before, sizeof before);
    for (Column column = 0; column < COLUMNS; column++) {
        if (!is_within(column, values[column]))
            return false;
    }
    const int64_t block = (int64_t)before.first_block + before.count + values[COLUMN_SKIP];
    const int64_t pack = before.pack + values[COLUMN_PACK];
    const int64_t offset =
        (int64_t)before.offset + (int64_t)before.count * PAGE_BYTES + values[COLUMN_OFFSET];
    if (block > UINT32_MAX || pack < 1 || offset < 0 || (uint64_t)values[COLUMN_LABEL] >= in->labels.count ||
        in->extents->len / sizeof(Extent) >= EXTENTS_PER_ENTRY_MAX)
        return false;
    Extent extent;
    memset(&extent, 0, sizeof extent); /* so that equal ones have equal bytes */
    extent.first_block = (uint32_t)block;
    extent.count = (uint32_t)values[COLUMN_COUNT];
    extent.pack = (uint32_t)pack;
    extent.offset = (uint64_t)offset;
    extent.label = in->labels.labels[values[COLUMN_LABEL]];
    buf_add(in->extents, &extent, sizeof extent);
    return true;
}

/* A column is as long as "count", or absent when all its values are zero. */
static const json_t *column_read(JsonReader *json, Column column, size_t length)
{
    const char *const name = column_rules[column].name;
    if (json->fault || !json_object_get(json->json, name))
        return NULL;
    const json_t *const values = json_read_array(json, name);
    if (json_array_size(values) != length)
        json_read_fault(json, "column \"%s\" has %zu values, \"count\" has %zu", name,
                        json_array_size(values), length);
    return values;
}

static int64_t value_read(JsonReader *json, Column column, const json_t *values, size_t at)
{
    if (!values || json->fault)
        return 0;
    const json_t *const value = json_array_get(values, at);
    if (json_is_integer(value) && is_within(column, json_integer_value(value)))
        return json_integer_value(value);
    json_read_fault(json, "value %zu of column \"%s\" is not a whole number within %lld and %lld", at,
                    column_rules[column].name, (long long)column_rules[column].lowest,
                    (long long)column_rules[column].highest);
    return 0;
}

static size_t extents_read(const LineIn *in, JsonReader *json)
{
    if (json->fault || !json_object_get(json->json, "count"))
        return 0;
    const size_t count = json_array_size(json_read_array(json, "count"));
    const json_t *columns[COLUMNS];
    for (Column column = 0; column < COLUMNS; column++)
        columns[column] = column_read(json, column, count);
    if (in->extents->len / sizeof(Extent) + count > EXTENTS_PER_ENTRY_MAX)
        json_read_fault(json, "more than %d extents for one file", EXTENTS_PER_ENTRY_MAX);
    for (size_t i = 0; i < count && !json->fault; i++) {
        int64_t values[COLUMNS];
        for (Column column = 0; column < COLUMNS; column++)
            values[column] = value_read(json, column, columns[column], i);
        if (!json->fault && !line_extent_add(in, i, values))
            json_read_fault(json, "extent %zu lies nowhere", i);
    }
    return count;
}

static uint32_t mode_read(JsonReader *json)
{
    const char *const text = json_read_text(json, "mode");
    if (json->fault)
        return 0;
    uint32_t mode = 0;
    for (size_t i = 0; i < 4 && text[i] >= '0' && text[i] <= '7'; i++)
        mode = mode << 3 | (uint32_t)(text[i] - '0');
    char again[8];
    snprintf(again, sizeof again, "%04o", mode);
    if (!text_equal(text, again))
        json_read_fault(json, "field \"mode\" is \"%s\", not four octal digits", text);
    return mode;
}

static void facts_read(ManifestEntry *entry, JsonReader *json, Arena *arena)
{
    static const char *const kinds[] = {
        [MANIFEST_FILE] = "file", [MANIFEST_FOLDER] = "folder", [MANIFEST_LINK] = "link", NULL};
    entry->kind =
        json_read_has(json, "kind") ? (ManifestKind)json_read_choice(json, "kind", kinds) : MANIFEST_FILE;
    entry->mode = mode_read(json);
    entry->modified = json_read_instant(json, "modified");
    if (entry->kind == MANIFEST_FILE)
        entry->size_bytes = json_read_size(json, "size");
    if (entry->kind == MANIFEST_LINK)
        entry->link_target = json_read_raw(json, "target", arena);
}

Err *manifest_line_parse(ManifestLine *out, const LineIn *in, Span text, LineKind kind)
{
    AUTO(json_free) json_t *line = NULL;
    TRY(json_lines_parse(&line, in->lines, text));
    JsonReader json = json_lines_read(in->lines, line);
    ManifestLine made = {.entry.path = json_read_raw(&json, "path", in->arena)};
    if (strlen(made.entry.path) >= PGDATA_PATH_MAX)
        json_read_fault(&json, "a path of %zu characters", strlen(made.entry.path));
    if (kind == LINE_ENTRY)
        facts_read(&made.entry, &json, in->arena);
    made.extents = extents_read(in, &json);
    made.has_more = json_read_has(&json, "more") && json_read_bool(&json, "more");
    TRY(json_read_end(&json));
    *out = made;
    return NULL;
}

Err *manifest_line_read(ManifestLine *out, const LineIn *in, Span text, LineKind kind)
{
    return manifest_line_scan(out, in, text, kind) ? NULL : manifest_line_parse(out, in, text, kind);
}
