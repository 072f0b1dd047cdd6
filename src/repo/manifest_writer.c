/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The lines of a leaf are collected, because its first line lists the labels that they use. An entry that no longer
 * fits closes the leaf and is made again for the next one, whose labels have other numbers. So only an entry that is
 * larger than a leaf goes on in another one, and it begins at the begin of its first: whatever changes before it, its
 * leaves come out the same.
 *
 * Where leaves end decides how much of an older manifest comes out again. With older leaves, one is also ended where an
 * older one begins, if it is half full or what begins there would not fit into it (leaf_ends_here). Then every leaf but
 * the last is half full or, with the next one, more than full: there are at most twice as many as there must be. And
 * what one change makes too much goes into a small leaf of its own instead of pushing all that follows along.
 */
#include "repo/manifest_priv.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* "{"leaf":1,"labels":[" and its end, and `"20261121-083000F",` for each label. */
enum { FIRST_LINE_BYTES = 32, LABEL_JSON_BYTES = LABEL_CHARS + 3 };

typedef struct LabelTable {
    BackupLabel *labels;
    size_t count, room;
} LabelTable;

struct ManifestWriter {
    LeafOut out;
    LabelTable labels; /* of the leaf being filled */
    Buf lines;         /* its entries */
    Buf line;          /* the line being made */
    Buf whole;         /* a leaf or root on its way out */
    uint64_t leaf_lines;
    char first_path[PGDATA_PATH_MAX]; /* of the leaf */
    char last_path[PGDATA_PATH_MAX];  /* of all entries so far */
    LabelTable root_labels;
    Buf root_lines;
    uint64_t leaves;
    ManifestTotals totals;
    const ManifestLeaf *older;
    size_t older_count;
    size_t older_next; /* the first that begins behind the last entry */
};

ManifestWriter *manifest_writer_new(LeafOut out)
{
    ManifestWriter *writer = mem_new(sizeof *writer);
    writer->out = out;
    return writer;
}

void manifest_writer_reuse(ManifestWriter *writer, const ManifestLeaf *leaves, size_t count)
{
    assert(!writer->totals.entries || (leaves == writer->older && count <= writer->older_count));
    writer->older = leaves;
    writer->older_count = count;
    if (writer->older_next > count)
        writer->older_next = count;
}

void manifest_writer_free(ManifestWriter **writer)
{
    if (!*writer)
        return;
    mem_free(&(*writer)->labels.labels);
    mem_free(&(*writer)->root_labels.labels);
    buf_done(&(*writer)->lines);
    buf_done(&(*writer)->line);
    buf_done(&(*writer)->whole);
    buf_done(&(*writer)->root_lines);
    mem_free(writer);
}

/* The label's number in the table, where it is added when it is new. Neighbouring extents mostly share one, so the
 * search begins at the end. */
static size_t label_number(LabelTable *table, const BackupLabel *label)
{
    for (size_t i = table->count; i > 0; i--) {
        if (memcmp(&table->labels[i - 1], label, sizeof *label) == 0)
            return i - 1;
    }
    if (table->count == table->room) {
        table->room = table->room ? 2 * table->room : 16;
        table->labels = mem_resize(table->labels, table->room * sizeof *table->labels);
    }
    table->labels[table->count] = *label;
    return table->count++;
}

static void add_number(Buf *to, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude);
    if (value < 0)
        digits[--at] = '-';
    buf_add(to, digits + at, sizeof digits - at);
}

static void add_number_field(Buf *to, const char *name, uint64_t value)
{
    buf_add_text(to, name);
    add_number(to, (int64_t)value);
}

static bool is_plain_ascii(const char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

/* `"<name>":"<text>"`, or `"<name>_hex":"…"` for what is not UTF-8. jansson decides, and escapes. */
static void add_text_field(Buf *to, const char *name, const char *text)
{
    if (is_plain_ascii(text)) {
        buf_add_text(to, "\"");
        buf_add_text(to, name);
        buf_add_text(to, "\":\"");
        buf_add_text(to, text);
        buf_add_text(to, "\"");
        return;
    }
    AUTO(json_free) json_t *field = json_object();
    json_set_raw(field, name, text);
    char *dump = json_dumps(field, JSON_COMPACT);
    assert(dump);
    buf_add(to, dump + 1, strlen(dump) - 2); /* without the braces */
    mem_free(&dump);
}

static const char *const column_names[COLUMNS] = {",\"skip\":[", ",\"count\":[", ",\"label\":[",
                                                  ",\"pack\":[", ",\"offset\":["};

/* What stands in a column for `at`, whose predecessor on the same line is `before` (NULL for the line's first). */
static int64_t column_value(Column column, const Extent *at, const Extent *before, LabelTable *labels)
{
    switch (column) {
    case COLUMN_SKIP:
        return (int64_t)at->first_block - (before ? (int64_t)before->first_block + before->count : 0);
    case COLUMN_COUNT:
        return at->count;
    case COLUMN_LABEL:
        return (int64_t)label_number(labels, &at->label);
    case COLUMN_PACK:
        return (int64_t)at->pack - (before ? (int64_t)before->pack : 0);
    default:
        return (int64_t)at->offset -
               (before ? (int64_t)before->offset + (int64_t)before->count * PAGE_BYTES : 0);
    }
}

/* A column of zeros is left out, but for the one that says how many extents there are. */
static void add_column(Buf *to, Column column, const Extent *extents, size_t count, LabelTable *labels)
{
    const size_t begin = to->len;
    bool is_zero = true;
    for (size_t i = 0; i < count; i++) {
        const int64_t value = column_value(column, &extents[i], i ? &extents[i - 1] : NULL, labels);
        is_zero = is_zero && value == 0;
        buf_add_text(to, i ? "," : column_names[column]);
        add_number(to, value);
    }
    buf_add_text(to, "]");
    if (is_zero)
        buf_cut(to, begin);
}

/* A part of an entry: the fields of its first line, or those of one that goes on, with some of its extents. */
typedef struct LinePart {
    const ManifestEntry *entry;
    size_t first_extent, extents;
} LinePart;

static void add_facts(Buf *to, const ManifestEntry *entry)
{
    static const char *const kinds[] = {[MANIFEST_FILE] = "",
                                        [MANIFEST_FOLDER] = ",\"kind\":\"folder\"",
                                        [MANIFEST_LINK] = ",\"kind\":\"link\""};
    buf_add_text(to, kinds[entry->kind]);
    const char mode[] = {(char)('0' + (entry->mode >> 9 & 7)), (char)('0' + (entry->mode >> 6 & 7)),
                         (char)('0' + (entry->mode >> 3 & 7)), (char)('0' + (entry->mode & 7))};
    buf_add_text(to, ",\"mode\":\"");
    buf_add(to, mode, sizeof mode);
    buf_add_text(to, "\"");
    if (instant_has_text(entry->modified)) {
        buf_add_text(to, ",\"modified\":\"");
        buf_add_text(to, instant_text(entry->modified).text);
        buf_add_text(to, "\"");
    }
    if (entry->kind == MANIFEST_FILE)
        add_number_field(to, ",\"size\":", entry->size_bytes);
    if (entry->kind == MANIFEST_LINK) {
        buf_add_text(to, ",");
        add_text_field(to, "target", entry->link_target);
    }
}

static void line_make(Buf *to, LabelTable *labels, const LinePart *part)
{
    const ManifestEntry *const entry = part->entry;
    buf_clear(to);
    buf_add_text(to, "{");
    add_text_field(to, "path", entry->path);
    if (part->first_extent == 0)
        add_facts(to, entry);
    for (Column column = 0; part->extents && column < COLUMNS; column++)
        add_column(to, column, entry->extents + part->first_extent, part->extents, labels);
    if (part->first_extent + part->extents < entry->extent_count)
        buf_add_text(to, ",\"more\":true");
    buf_add_text(to, "}\n");
}

/* A leaf or root in writer->whole: its first line, then the lines. Label, pack and offset are still to come. */
static PlainPlace whole_make(ManifestWriter *writer, const char *first_line, const LabelTable *labels,
                             const Buf *lines)
{
    Buf *const whole = &writer->whole;
    buf_clear(whole);
    buf_add_text(whole, first_line);
    buf_add_text(whole, ",\"labels\":[");
    for (size_t i = 0; i < labels->count; i++)
        buf_addf(whole, "%s\"%s\"", i ? "," : "", labels->labels[i].text);
    buf_add_text(whole, "]}\n");
    buf_add(whole, lines->data, lines->len);
    return (PlainPlace){.size_bytes = whole->len, .hash = hash128_of(buf_span(whole))};
}

static Err *whole_put(PlainPlace *place, ManifestWriter *writer)
{
    PlainPlace put = {0};
    TRY(writer->out.put(writer->out.arg, &put, buf_span(&writer->whole)));
    place->label = put.label;
    place->pack = put.pack;
    place->offset = put.offset;
    return NULL;
}

/* The older leaf with the same bytes as `made`; NULL when there is none. An entry in many leaves begins all of them. */
static const ManifestLeaf *older_find(const ManifestWriter *writer, const PlainPlace *made)
{
    for (size_t i = writer->older_next; i > 0; i--) {
        const ManifestLeaf *const leaf = &writer->older[i - 1];
        const int order = strcmp(leaf->first, writer->first_path);
        if (order < 0)
            return NULL;
        if (order == 0 && leaf->place.size_bytes == made->size_bytes &&
            hash128_equal(&leaf->place.hash, &made->hash))
            return leaf;
    }
    return NULL;
}

static void root_line_add(ManifestWriter *writer, const char *last_path, const PlainPlace *place)
{
    Buf *const to = &writer->root_lines;
    buf_add_text(to, "{");
    add_text_field(to, "first", writer->first_path);
    buf_add_text(to, ",");
    add_text_field(to, "last", last_path);
    add_number_field(to, ",\"lines\":", writer->leaf_lines);
    add_number_field(to, ",\"label\":", label_number(&writer->root_labels, &place->label));
    add_number_field(to, ",\"pack\":", place->pack);
    add_number_field(to, ",\"offset\":", place->offset);
    add_number_field(to, ",\"size\":", place->size_bytes);
    buf_addf(to, ",\"hash\":\"%s\"}\n", hash128_text(&place->hash).text);
}

/* Ends the leaf; `last_path` is that of its last line. */
static Err *leaf_flush(ManifestWriter *writer, const char *last_path)
{
    if (!writer->leaf_lines)
        return NULL;
    PlainPlace place = whole_make(writer, "{\"leaf\":1", &writer->labels, &writer->lines);
    const ManifestLeaf *const older = older_find(writer, &place);
    bool is_kept = older != NULL;
    if (older && writer->out.keep)
        TRY(writer->out.keep(writer->out.arg, &is_kept, &older->place));
    if (is_kept)
        place = older->place;
    else
        TRY(whole_put(&place, writer));
    root_line_add(writer, last_path, &place);
    writer->leaves++;
    writer->leaf_lines = 0;
    writer->labels.count = 0;
    buf_clear(&writer->lines);
    return NULL;
}

static size_t leaf_bytes(const ManifestWriter *writer)
{
    return FIRST_LINE_BYTES + writer->labels.count * LABEL_JSON_BYTES + writer->lines.len;
}

/* Is the leaf to be ended before `path`, because an older leaf begins here? */
static bool leaf_ends_here(ManifestWriter *writer, const char *path)
{
    const ManifestLeaf *begun = NULL;
    for (; writer->older_next < writer->older_count; writer->older_next++) {
        const ManifestLeaf *const leaf = &writer->older[writer->older_next];
        if (strcmp(leaf->first, path) > 0)
            break;
        if (!writer->older_next ||
            strcmp(leaf[-1].last, leaf->first) != 0) /* else it goes on with an entry */
            begun = leaf;
    }
    return begun && (leaf_bytes(writer) >= LEAF_PLAIN_MAX / 2 ||
                     leaf_bytes(writer) + begun->place.size_bytes > LEAF_PLAIN_MAX);
}

/* Adds a line to the leaf if it fits. */
static bool line_add(ManifestWriter *writer, const LinePart *part)
{
    const size_t labels_before = writer->labels.count;
    line_make(&writer->line, &writer->labels, part);
    if (leaf_bytes(writer) + writer->line.len > LEAF_PLAIN_MAX) {
        writer->labels.count = labels_before;
        return false;
    }
    if (!writer->leaf_lines)
        memcpy(writer->first_path, part->entry->path, strlen(part->entry->path) + 1);
    buf_add(&writer->lines, writer->line.data, writer->line.len);
    writer->leaf_lines++;
    return true;
}

static Err *lines_add(ManifestWriter *writer, const ManifestEntry *entry)
{
    const size_t labels_before = writer->labels.count, bytes_before = writer->lines.len;
    uint64_t lines_before = writer->leaf_lines;
    LinePart part = {.entry = entry};
    for (bool is_done = false; !is_done;) {
        const size_t left = entry->extent_count - part.first_extent;
        part.extents = left < EXTENTS_PER_LINE ? left : EXTENTS_PER_LINE;
        if (line_add(writer, &part)) {
            part.first_extent += part.extents;
            is_done = part.first_extent == entry->extent_count;
        } else if (lines_before) { /* the whole entry goes into the next leaf */
            writer->labels.count = labels_before;
            buf_cut(&writer->lines, bytes_before);
            writer->leaf_lines = lines_before;
            TRY(leaf_flush(writer, writer->last_path));
            lines_before = 0;
            part.first_extent = 0;
        } else {
            assert(writer->leaf_lines); /* a line fits an empty leaf */
            TRY(leaf_flush(writer, entry->path));
        }
    }
    return NULL;
}

Err *manifest_add(ManifestWriter *writer, const ManifestEntry *entry)
{
    const char *fault;
    if (!manifest_entry_is_sound(&fault, entry))
        return ERR(BUG, "manifest entry %s: %s", entry->path, fault);
    if (writer->totals.entries && strcmp(entry->path, writer->last_path) <= 0)
        return ERR(BUG, "manifest entry %s comes after %s", entry->path, writer->last_path);
    if (entry->extent_count > EXTENTS_PER_ENTRY_MAX)
        return ERR(LIMIT, "%s lies in %zu pieces, at most %d can be listed", entry->path, entry->extent_count,
                   EXTENTS_PER_ENTRY_MAX);

    if (leaf_ends_here(writer, entry->path))
        TRY(leaf_flush(writer, writer->last_path));
    TRY(lines_add(writer, entry));
    memcpy(writer->last_path, entry->path, strlen(entry->path) + 1);
    writer->totals.entries++;
    writer->totals.files += entry->kind == MANIFEST_FILE;
    writer->totals.size_bytes += entry->size_bytes;
    return NULL;
}

Err *manifest_finish(PlainPlace *root, ManifestWriter *writer)
{
    TRY(leaf_flush(writer, writer->last_path));
    char first_line[160];
    snprintf(first_line, sizeof first_line,
             "{\"root\":%d,\"leaves\":%llu,\"entries\":%llu,\"files\":%llu,\"size\":%llu", MANIFEST_VERSION,
             (unsigned long long)writer->leaves, (unsigned long long)writer->totals.entries,
             (unsigned long long)writer->totals.files, (unsigned long long)writer->totals.size_bytes);
    const size_t first_line_bytes = sizeof first_line + writer->root_labels.count * LABEL_JSON_BYTES;
    if (first_line_bytes > MANIFEST_LINE_MAX || first_line_bytes + writer->root_lines.len > MANIFEST_ROOT_MAX)
        return ERR(LIMIT, "the manifest has %llu leaves of %zu labels, too many for one root",
                   (unsigned long long)writer->leaves, writer->root_labels.count);
    PlainPlace place = whole_make(writer, first_line, &writer->root_labels, &writer->root_lines);
    TRY(whole_put(&place, writer));
    *root = place;
    return NULL;
}
