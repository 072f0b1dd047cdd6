/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as a history file; what was taken keeps its invariants and survives being written and read again. */
#include "pg/history.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void history_check(const History *history)
{
    uint64_t at = 0;
    uint32_t timeline = 0;
    for (size_t i = 0; i < history->count; i++) {
        const HistoryEntry *const entry = &history->entries[i];
        assert(entry->timeline.id > timeline && entry->end.at >= at);
        Lsn begin, end;
        assert(history_find(&begin, &end, history, entry->timeline));
        assert(begin.at == at && end.at == entry->end.at);
        if (begin.at < end.at)
            assert(history_timeline_at(history, begin).id == entry->timeline.id);
        timeline = entry->timeline.id;
        at = entry->end.at;
    }
    assert(timeline < history->timeline.id);
    assert(history_timeline_at(history, (Lsn){UINT64_MAX}).id == history->timeline.id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Timeline youngest = {1000};
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    History first, second;
    Err *err = history_parse(&first, youngest, span_of(data, size), arena);
    if (err) {
        err_free(&err);
        return 0;
    }
    history_check(&first);
    history_format(&text, &first);
    err = history_parse(&second, youngest, buf_span(&text), arena);
    assert(!err && second.count == first.count);
    for (size_t i = 0; i < first.count; i++) {
        assert(first.entries[i].end.at == second.entries[i].end.at);
        assert(strcmp(first.entries[i].reason, second.entries[i].reason) == 0);
    }
    return 0;
}
