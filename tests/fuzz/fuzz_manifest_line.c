/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fuzz/fuzz_manifest_line.c - what the scanner of a leaf's lines takes, the parser reads the same
 *
 * The first byte says whether the line goes on with an entry, the others are the line.
 */
#include "repo/manifest_line.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const BackupLabel labels[] = {{"20261121-083000F"}, {"20261122-083000I"}};

static void assert_same_text(const char *a, const char *b)
{
    assert(!a == !b && (!a || strcmp(a, b) == 0));
}

static void assert_same(const ManifestLine *a, const ManifestLine *b)
{
    assert_same_text(a->entry.path, b->entry.path);
    assert_same_text(a->entry.link_target, b->entry.link_target);
    assert(a->entry.kind == b->entry.kind && a->entry.mode == b->entry.mode);
    assert(a->entry.modified.us == b->entry.modified.us && a->entry.size_bytes == b->entry.size_bytes);
    assert(a->extents == b->extents && a->has_more == b->has_more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const LineKind kind = data[0] & 1 ? LINE_MORE : LINE_ENTRY;
    const Span text = span_of(data + 1, size - 1);
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf scanned = {0};
    AUTO(buf_done) Buf parsed = {0};
    const JsonLines lines = {.what = "leaf", .line = 2};
    LineIn in = {.lines = &lines, .labels = {labels, COUNT_OF(labels)}, .arena = arena, .extents = &scanned};
    ManifestLine one, two;
    if (!manifest_line_scan(&one, &in, text, kind)) {
        assert(!scanned.len);
        return 0;
    }
    in.extents = &parsed;
    AUTO(err_free) Err *err = manifest_line_parse(&two, &in, text, kind);
    assert(!err);
    assert_same(&one, &two);
    assert(span_equal(buf_span(&scanned), buf_span(&parsed)));
    return 0;
}
