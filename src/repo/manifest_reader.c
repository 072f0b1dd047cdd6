/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The root is read whole and its lines become ManifestLeafs; leaves are loaded one at a time. Everything is checked
 * against what the root announced: the leaf's hash, its first and last path, its lines, and at the end the totals.
 */
#include "repo/manifest_line.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ManifestReader {
    LeafIn in;
    Arena *arena; /* lives as long as the reader: root, links */
    ManifestLeaf *leaves;
    size_t leaf_count;
    ManifestTotals announced, seen;

    size_t leaf; /* the one being read, from 1; 0 before the first */
    Buf leaf_bytes;
    Arena *leaf_arena;
    LabelList labels; /* of the leaf */
    char what[120];   /* "manifest leaf …", for messages */
    JsonLines lines;

    Arena *entry_arena;
    Buf extents;                     /* of the entry, as Extent */
    char path[PGDATA_PATH_MAX];      /* of the entry before */
    char line_path[PGDATA_PATH_MAX]; /* of the line read last */
    const char **links;              /* paths nothing may stand below; ascending */
    size_t link_count, link_room;
};

void manifest_close(ManifestReader **reader)
{
    ManifestReader *const it = *reader;
    if (!it)
        return;
    arena_free(&it->arena);
    arena_free(&it->leaf_arena);
    arena_free(&it->entry_arena);
    buf_done(&it->leaf_bytes);
    buf_done(&it->extents);
    mem_free(&it->leaves);
    mem_free(&it->links);
    mem_free(reader);
}

ManifestTotals manifest_totals(const ManifestReader *reader)
{
    return reader->announced;
}

size_t manifest_leaf_count(const ManifestReader *reader)
{
    return reader->leaf_count;
}

PlainPlace manifest_leaf_place(const ManifestReader *reader, size_t at)
{
    assert(at < reader->leaf_count);
    return reader->leaves[at].place;
}

const ManifestLeaf *manifest_leaves(const ManifestReader *reader, size_t *count)
{
    *count = reader->leaf_count;
    return reader->leaves;
}

size_t manifest_leaves_read(const ManifestReader *reader)
{
    return reader->leaf;
}

static LabelList labels_read(JsonReader *json, Arena *arena)
{
    const json_t *const array = json_read_array(json, "labels");
    const size_t count = json_array_size(array);
    BackupLabel *const labels = arena_alloc(arena, count * sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        const char *const text = json_string_value(json_array_get(array, i));
        if (text && label_is(text))
            memcpy(labels[i].text, text, sizeof labels[i].text);
        else
            json_read_fault(json, "label %zu is no label", i);
    }
    return (LabelList){labels, count};
}

/* The field `name` of a first line is the version: leaf or root. */
static void version_read(JsonReader *json, const char *name)
{
    const int64_t version = json_read_int(json, name, 0, INT64_MAX);
    if (!json->fault && version != MANIFEST_VERSION)
        json->fault = ERR(UNSUPPORTED, "%s: written by a newer pgstrata: version %lld; this program reads %d",
                          json->what, (long long)version, MANIFEST_VERSION);
}

static Err *leaf_ref_read(ManifestLeaf *out, JsonReader *json, const LabelList *labels, Arena *arena)
{
    ManifestLeaf ref = {
        .first = json_read_raw(json, "first", arena),
        .last = json_read_raw(json, "last", arena),
        .lines = (uint32_t)json_read_int(json, "lines", 1, LEAF_PLAIN_MAX),
        .place = {.pack = (uint32_t)json_read_int(json, "pack", 1, PACK_NUMBER_MAX),
                  .offset = (uint64_t)json_read_int(json, "offset", 0, PACK_PLAIN_MAX),
                  .size_bytes = (uint64_t)json_read_int(json, "size", 1, LEAF_PLAIN_MAX),
                  .hash = json_read_hash128(json, "hash")},
    };
    const int64_t label = json_read_int(json, "label", 0, (int64_t)labels->count - 1);
    TRY(json_read_end(json));
    ref.place.label = labels->labels[label];
    *out = ref;
    return NULL;
}

/* Leaves come in path order; two neighbours share a path only where an entry goes on in the next leaf. */
static Err *leaf_refs_read(ManifestReader *reader, JsonLines *lines, const LabelList *labels,
                           uint64_t announced)
{
    size_t room = 0;
    for (;;) {
        AUTO(json_free) json_t *line = NULL;
        TRY(json_lines_next(&line, lines));
        if (!line)
            break;
        if (reader->leaf_count == room) {
            room = room ? 2 * room : 64;
            reader->leaves = mem_resize(reader->leaves, room * sizeof *reader->leaves);
        }
        JsonReader json = json_lines_read(lines, line);
        ManifestLeaf ref = {0};
        TRY(leaf_ref_read(&ref, &json, labels, reader->arena));
        const ManifestLeaf *const before =
            reader->leaf_count ? &reader->leaves[reader->leaf_count - 1] : NULL;
        if (strcmp(ref.first, ref.last) > 0 || (before && strcmp(before->last, ref.first) > 0))
            return ERR(CORRUPT, "%s, line %u: leaves stand out of path order", lines->what, lines->line);
        reader->leaves[reader->leaf_count++] = ref;
    }
    if (reader->leaf_count != announced)
        return ERR(CORRUPT, "%s lists %zu leaves, announced %llu", lines->what, reader->leaf_count,
                   (unsigned long long)announced);
    return NULL;
}

static Err *root_read(ManifestReader *reader, Span bytes, const char *what)
{
    JsonLines lines = json_lines(bytes, what);
    AUTO(json_free) json_t *first = NULL;
    TRY(json_lines_next(&first, &lines));
    if (!first)
        return ERR(CORRUPT, "%s is empty", what);
    JsonReader json = json_lines_read(&lines, first);
    version_read(&json, "root");
    reader->announced = (ManifestTotals){.entries = json_read_size(&json, "entries"),
                                         .files = json_read_size(&json, "files"),
                                         .size_bytes = json_read_size(&json, "size")};
    const uint64_t leaves = json_read_size(&json, "leaves");
    const LabelList labels = labels_read(&json, reader->arena);
    TRY(json_read_end(&json));
    return leaf_refs_read(reader, &lines, &labels, leaves);
}

Err *manifest_open(ManifestReader **out, LeafIn in, const PlainPlace *root)
{
    char what[120];
    snprintf(what, sizeof what, "manifest root in %s", place_text(root).text);
    if (root->size_bytes > MANIFEST_ROOT_MAX)
        return ERR(LIMIT, "%s has %llu bytes, at most %d are read", what,
                   (unsigned long long)root->size_bytes, MANIFEST_ROOT_MAX);

    AUTO(manifest_close) ManifestReader *reader = mem_new(sizeof *reader);
    reader->in = in;
    reader->arena = arena_new();
    reader->leaf_arena = arena_new();
    reader->entry_arena = arena_new();
    AUTO(buf_done) Buf bytes = {0};
    TRY_AS(in.get(in.arg, &bytes, root), "reading the %s", what);
    TRY(place_check(root, buf_span(&bytes), "manifest root"));
    TRY(root_read(reader, buf_span(&bytes), what));
    *out = TAKE(reader);
    return NULL;
}

static Err *leaf_load(ManifestReader *reader)
{
    const ManifestLeaf *const ref = &reader->leaves[reader->leaf];
    snprintf(reader->what, sizeof reader->what, "manifest leaf in %s", place_text(&ref->place).text);
    buf_clear(&reader->leaf_bytes);
    TRY_AS(reader->in.get(reader->in.arg, &reader->leaf_bytes, &ref->place), "reading the %s", reader->what);
    TRY(place_check(&ref->place, buf_span(&reader->leaf_bytes), "manifest leaf"));
    reader->lines = json_lines(buf_span(&reader->leaf_bytes), reader->what);
    arena_clear(reader->leaf_arena);

    AUTO(json_free) json_t *first = NULL;
    TRY(json_lines_next(&first, &reader->lines));
    JsonReader json = json_lines_read(&reader->lines, first);
    version_read(&json, "leaf");
    reader->labels = labels_read(&json, reader->leaf_arena);
    TRY(json_read_end(&json));
    reader->leaf++;
    return NULL;
}

/* The leaf has given its last line: was it all that the root announced? */
static Err *leaf_check_end(const ManifestReader *reader)
{
    if (!reader->leaf)
        return NULL;
    const ManifestLeaf *const ref = &reader->leaves[reader->leaf - 1];
    if (reader->lines.line - 1 != ref->lines)
        return ERR(CORRUPT, "%s has %u entries, its root says %u", reader->what, reader->lines.line - 1,
                   ref->lines);
    if (!text_equal(reader->line_path, ref->last))
        return ERR(CORRUPT, "%s ends with %s, its root says %s", reader->what, reader->line_path, ref->last);
    return NULL;
}

/* The next line as it stands, of the next leaf if need be. */
static Err *line_cut(Span *out, bool *is_end, ManifestReader *reader)
{
    *is_end = true;
    if (reader->leaf)
        TRY(json_lines_cut(out, is_end, &reader->lines));
    if (!*is_end)
        return NULL;
    TRY(leaf_check_end(reader));
    if (reader->leaf == reader->leaf_count)
        return NULL;
    TRY(leaf_load(reader));
    TRY(json_lines_cut(out, is_end, &reader->lines));
    return *is_end ? ERR(CORRUPT, "%s has no entries", reader->what) : NULL;
}

/* The next line of the manifest; `*is_end` behind the last leaf. */
static Err *line_next(ManifestLine *out, bool *is_end, ManifestReader *reader, LineKind kind)
{
    Span text;
    TRY(line_cut(&text, is_end, reader));
    if (*is_end)
        return NULL;
    const LineIn in = {.lines = &reader->lines,
                       .labels = reader->labels,
                       .arena = reader->entry_arena,
                       .extents = &reader->extents};
    TRY(manifest_line_read(out, &in, text, kind));
    const char *const path = out->entry.path, *const first = reader->leaves[reader->leaf - 1].first;
    if (reader->lines.line == 2 && !text_equal(path, first))
        return ERR(CORRUPT, "%s, line 2: the leaf begins with %s, its root says %s", reader->what, path,
                   first);
    memcpy(reader->line_path, path, strlen(path) + 1);
    return NULL;
}

/* A line that goes on with the entry of the line before. */
static Err *more_line_read(bool *more, const ManifestEntry *entry, ManifestReader *reader)
{
    ManifestLine line;
    bool is_end;
    TRY(line_next(&line, &is_end, reader, LINE_MORE));
    if (is_end)
        return ERR(CORRUPT, "%s ends within the entry %s", reader->what, entry->path);
    if (!text_equal(line.entry.path, entry->path))
        return ERR(CORRUPT, "%s, line %u: the entry %s should go on, here stands %s", reader->what,
                   reader->lines.line, entry->path, line.entry.path);
    if (!line.extents)
        return ERR(CORRUPT, "%s, line %u: the entry %s goes on without extents", reader->what,
                   reader->lines.line, entry->path);
    *more = line.has_more;
    return NULL;
}

static bool may_have_children(const char *link)
{
    static const char tablespaces[] = "pg_tblspc/";
    uint64_t oid;
    return text_equal(link, "pg_wal") ||
           (text_starts(link, tablespaces) && text_u64(&oid, link + strlen(tablespaces)));
}

typedef struct Prefix {
    const char *path;
    size_t len;
} Prefix;

static int prefix_compare(const void *prefix, const void *link)
{
    const Prefix *const key = prefix;
    const char *const text = *(const char *const *)link;
    const int order = strncmp(key->path, text, key->len);
    return order ? order : -(text[key->len] != 0);
}

/* Does a folder on the way to `path` stand in the list as a link? */
static bool is_below_link(const ManifestReader *reader, const char *path)
{
    if (!reader->link_count)
        return false;
    for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
        const Prefix prefix = {path, (size_t)(at - path)};
        if (bsearch(&prefix, reader->links, reader->link_count, sizeof *reader->links, prefix_compare))
            return true;
    }
    return false;
}

static Err *link_remember(ManifestReader *reader, const char *path)
{
    if (reader->link_count == MANIFEST_LINKS_MAX)
        return ERR(LIMIT, "%s: more than %d symbolic links", reader->what, MANIFEST_LINKS_MAX);
    if (reader->link_count == reader->link_room) {
        reader->link_room = reader->link_room ? 2 * reader->link_room : 16;
        reader->links = mem_resize(reader->links, reader->link_room * sizeof *reader->links);
    }
    reader->links[reader->link_count++] = arena_text(reader->arena, path);
    return NULL;
}

/* The checks on the whole entry, and what is remembered for the next one. */
static Err *entry_check(ManifestReader *reader, const ManifestEntry *entry)
{
    const char *fault;
    if (strcmp(entry->path, reader->path) <= 0)
        return ERR(CORRUPT, "%s, line %u: %s stands after %s", reader->what, reader->lines.line, entry->path,
                   reader->path);
    if (!manifest_entry_is_sound(&fault, entry))
        return ERR(CORRUPT, "%s, line %u: entry %s: %s", reader->what, reader->lines.line, entry->path,
                   fault);
    if (is_below_link(reader, entry->path))
        return ERR(CORRUPT, "%s, line %u: entry %s stands below a symbolic link", reader->what,
                   reader->lines.line, entry->path);
    if (entry->kind == MANIFEST_LINK && !may_have_children(entry->path))
        TRY(link_remember(reader, entry->path));
    memcpy(reader->path, entry->path, strlen(entry->path) + 1);
    reader->seen.entries++;
    reader->seen.files += entry->kind == MANIFEST_FILE;
    reader->seen.size_bytes += entry->size_bytes;
    return NULL;
}

static Err *totals_check(const ManifestReader *reader)
{
    const ManifestTotals *const seen = &reader->seen, *const announced = &reader->announced;
    if (seen->entries == announced->entries && seen->files == announced->files &&
        seen->size_bytes == announced->size_bytes)
        return NULL;
    return ERR(CORRUPT, "the manifest holds %llu entries with %llu bytes, its root says %llu with %llu",
               (unsigned long long)seen->entries, (unsigned long long)seen->size_bytes,
               (unsigned long long)announced->entries, (unsigned long long)announced->size_bytes);
}

Err *manifest_next(ManifestEntry *out, bool *is_end, ManifestReader *reader)
{
    arena_clear(reader->entry_arena);
    buf_clear(&reader->extents);
    ManifestLine line;
    bool is_last = false;
    TRY(line_next(&line, &is_last, reader, LINE_ENTRY));
    if (is_last) {
        TRY(totals_check(reader));
        *is_end = true;
        return NULL;
    }
    ManifestEntry entry = line.entry;
    for (bool more = line.has_more; more;)
        TRY(more_line_read(&more, &entry, reader));
    entry.extents = (const Extent *)(const void *)reader->extents.data;
    entry.extent_count = reader->extents.len / sizeof(Extent);
    TRY(entry_check(reader, &entry));
    *out = entry;
    *is_end = false;
    return NULL;
}
