/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as a tablespace map, in both styles; what was taken survives being written and read again. */
#include "pg/tablespace_map.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void map_try(Span text, TablespaceMapStyle style)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf again = {0};
    TablespaceMap first, second;
    Err *err = tablespace_map_parse(&first, text, style, arena);
    if (!err)
        err = tablespace_map_format(&again, &first, style);
    if (err) {
        err_free(&err);
        return;
    }
    err = tablespace_map_parse(&second, buf_span(&again), style, arena);
    assert(!err && second.count == first.count);
    for (size_t i = 0; i < first.count; i++) {
        assert(*first.links[i].path && first.links[i].tablespace.id == second.links[i].tablespace.id);
        assert(strcmp(first.links[i].path, second.links[i].path) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const Span text = span_of(data, size);
    (void)tablespace_map_style(text);
    map_try(text, TABLESPACE_MAP_ESCAPED);
    map_try(text, TABLESPACE_MAP_BARE);
    return 0;
}
