/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/history.h"

#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

/* The shortest possible line: "1 0/0\n". */
enum { LINE_BYTES_MIN = 6 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of *text, NUL-terminated in place; "" at the end. */
static char *word_take(char **text)
{
    char *p = *text;
    while (is_blank(*p))
        p++;
    char *const word = p;
    while (*p && !is_blank(*p))
        p++;
    if (*p)
        *p++ = 0;
    *text = p;
    return word;
}

static void blanks_trim(char *text)
{
    size_t len = strlen(text);
    while (len && is_blank(text[len - 1]))
        text[--len] = 0;
}

static Err *line_parse(HistoryEntry *out, char *line, unsigned number)
{
    const char *const timeline = word_take(&line), *const lsn = word_take(&line);
    uint64_t id;
    HistoryEntry entry = {.reason = line};
    if (!text_u64(&id, timeline) || id == 0 || id > UINT32_MAX)
        return ERR(CORRUPT, "history file line %u begins with \"%.40s\", expected a timeline", number,
                   timeline);
    entry.timeline.id = (uint32_t)id;
    Err *err = lsn_parse(&entry.end, lsn);
    if (err) {
        err_free(&err);
        return ERR(CORRUPT, "history file line %u has \"%.40s\", expected an LSN", number, lsn);
    }
    blanks_trim(line);
    *out = entry;
    return NULL;
}

/* `before` is NULL for the first one. */
static Err *order_check(const HistoryEntry *entry, const HistoryEntry *before, Timeline youngest,
                        unsigned number)
{
    if (entry->timeline.id >= youngest.id)
        return ERR(CORRUPT,
                   "history file line %u names timeline %" PRIu32 ", which is no ancestor of %" PRIu32,
                   number, entry->timeline.id, youngest.id);
    if (before && entry->timeline.id <= before->timeline.id)
        return ERR(CORRUPT, "history file line %u names timeline %" PRIu32 " after %" PRIu32, number,
                   entry->timeline.id, before->timeline.id);
    return NULL;
}

/* An ancestor's part ends at the latest where a younger one's does. */
static void ends_clamp(HistoryEntry *entries, size_t count)
{
    for (size_t i = count; i-- > 1;) {
        if (entries[i - 1].end.at > entries[i].end.at)
            entries[i - 1].end = entries[i].end;
    }
}

Err *history_parse(History *out, Timeline timeline, Span text, Arena *arena)
{
    if (text.len > HISTORY_BYTES_MAX)
        return ERR(LIMIT, "history file has %zu bytes, at most %d are read", text.len, HISTORY_BYTES_MAX);
    if (text.len && memchr(text.ptr, 0, text.len))
        return ERR(CORRUPT, "history file holds a NUL byte");
    char *rest = arena_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(rest, text.ptr, text.len);
    HistoryEntry *const entries = arena_alloc(arena, (text.len / LINE_BYTES_MIN + 1) * sizeof *entries);
    size_t count = 0;
    char *line;
    for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
        while (is_blank(*line))
            line++;
        if (!*line || *line == '#')
            continue;
        TRY(line_parse(&entries[count], line, number));
        TRY(order_check(&entries[count], count ? &entries[count - 1] : NULL, timeline, number));
        count++;
    }
    ends_clamp(entries, count);
    *out = (History){.timeline = timeline, .entries = entries, .count = count};
    return NULL;
}

void history_format(Buf *to, const History *history)
{
    for (size_t i = 0; i < history->count; i++) {
        const HistoryEntry *const entry = &history->entries[i];
        buf_addf(to, "%s%" PRIu32 "\t%s\t", i ? "\n" : "", entry->timeline.id, lsn_text(entry->end).text);
        for (const char *p = entry->reason; *p; p++)
            buf_add(to, *p == '\n' ? " " : p, 1);
        buf_add_text(to, "\n");
    }
}

bool history_find(Lsn *begin, Lsn *end, const History *history, Timeline timeline)
{
    Lsn from = {0};
    for (size_t i = 0; i < history->count; i++) {
        if (history->entries[i].timeline.id == timeline.id) {
            *begin = from;
            *end = history->entries[i].end;
            return true;
        }
        from = history->entries[i].end;
    }
    if (history->timeline.id != timeline.id)
        return false;
    *begin = from;
    *end = (Lsn){UINT64_MAX};
    return true;
}

Timeline history_timeline_at(const History *history, Lsn lsn)
{
    for (size_t i = 0; i < history->count; i++) {
        if (lsn.at < history->entries[i].end.at)
            return history->entries[i].timeline;
    }
    return history->timeline;
}
