/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The input is one leaf, or a root when it begins with {"root". A root is made for a leaf, so that hash, range and
 * number of lines are right and the entries are reached. What is read is written and read again.
 */
#include "base/limits.h"
#include "base/text.h"
#include "repo/json_lines.h"
#include "repo/manifest.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Err *bytes_put(void *arg, PlainPlace *out, Span bytes)
{
    Buf *const pack = arg;
    *out = (PlainPlace){.label = {"20261121-083000F"}, .pack = 1, .offset = pack->len};
    buf_add(pack, bytes.ptr, bytes.len);
    return NULL;
}

static Err *bytes_get(void *arg, Buf *out, const PlainPlace *place)
{
    const Buf *const pack = arg;
    const Span bytes = span_cut(buf_span(pack), place->offset, place->size_bytes);
    buf_add(out, bytes.ptr, bytes.len);
    return NULL;
}

/* First and last path, number of lines and sums of a leaf, as far as they can be read. */
static Err *root_make(Buf *out, Span leaf)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf first = {0};
    AUTO(buf_done) Buf last = {0};
    uint64_t size = 0, files = 0, entries = 0;
    JsonLines lines = json_lines(leaf, "leaf");
    for (;;) {
        AUTO(json_free) json_t *line = NULL;
        TRY(json_lines_next(&line, &lines));
        if (!line)
            break;
        if (lines.line == 1)
            continue;
        AUTO(json_free) json_t *path = json_object();
        JsonReader reader = json_lines_read(&lines, line);
        const char *const text = json_read_raw(&reader, "path", arena);
        TRY(json_read_end(&reader));
        Buf *const to = lines.line == 2 ? &first : &last;
        buf_clear(to);
        buf_add_text(to, text);
        entries += !json_is_true(json_object_get(line, "more"));
        files += json_object_get(line, "size") != NULL;
        size += (uint64_t)json_integer_value(json_object_get(line, "size"));
    }
    AUTO(json_free) json_t *ref = json_object();
    json_set_raw(ref, "first", buf_text(&first));
    json_set_raw(ref, "last", buf_text(lines.line > 2 ? &last : &first));
    json_set_int(ref, "lines", (int64_t)lines.line - 1);
    json_set_int(ref, "label", 0);
    json_set_int(ref, "pack", 1);
    json_set_int(ref, "offset", 0);
    json_set_int(ref, "size", (int64_t)leaf.len);
    const Hash128 hash = hash128_of(leaf);
    json_set_hash128(ref, "hash", &hash);
    char *text = json_dumps(ref, JSON_COMPACT);
    buf_addf(out,
             "{\"root\":1,\"leaves\":1,\"entries\":%llu,\"files\":%llu,\"size\":%llu,\"labels\":[\"20261121-"
             "083000F\"]}\n%s\n",
             (unsigned long long)entries, (unsigned long long)files, (unsigned long long)(size & INT64_MAX),
             text);
    mem_free(&text);
    return NULL;
}

/* Reads all entries of the manifest in `pack`; they go into `copy` when there is one. */
static Err *read_all(ManifestWriter *copy, Buf *pack, const PlainPlace *root)
{
    AUTO(manifest_close) ManifestReader *reader = NULL;
    TRY(manifest_open(&reader, (LeafIn){bytes_get, pack}, root));
    ManifestEntry entry;
    for (;;) {
        bool is_end;
        TRY(manifest_next(&entry, &is_end, reader));
        if (is_end)
            return NULL;
        if (copy) {
            Err *err = manifest_add(copy, &entry);
            assert(!err);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const Span input = span_of(data, size);
    AUTO(buf_done) Buf pack = {0};
    AUTO(buf_done) Buf root = {0};
    AUTO(err_free) Err *err = NULL;
    if (size >= 7 && memcmp(data, "{\"root\"", 7) == 0) {
        buf_add(&root, data, size);
    } else {
        buf_add(&pack, data, size);
        err = root_make(&root, input);
        if (err)
            return 0;
    }
    PlainPlace place = {.label = {"20261121-083000F"},
                        .pack = 1,
                        .offset = pack.len,
                        .size_bytes = root.len,
                        .hash = hash128_of(buf_span(&root))};
    buf_add(&pack, root.data, root.len);

    AUTO(buf_done) Buf copied = {0};
    AUTO(manifest_writer_free)
    ManifestWriter *copy = manifest_writer_new((LeafOut){.put = bytes_put, .arg = &copied});
    err = read_all(copy, &pack, &place);
    if (err)
        return 0;
    err = manifest_finish(&place, copy);
    assert(!err);
    err = read_all(NULL, &copied, &place);
    assert(!err);
    return 0;
}
