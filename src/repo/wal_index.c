/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_index.h"

#include "base/limits.h"
#include "repo/wal_index_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { SUMMARY_VERSION = 1 };
/* Bits of an event. */
enum { EVENT_SHUTDOWN = 1, EVENT_ON = 2, EVENT_PARAMETERS = 4 };
/* Of an event behind its length, without parameters and text. */
enum { EVENT_FIXED_BYTES = 48, PARAMETERS_BYTES = 26 };

static void add_i64(Buf *out, int64_t value)
{
    buf_add_u64(out, (uint64_t)value);
}

static void add_short_text(Buf *out, const char *text)
{
    const size_t len = strnlen(text, WAL_INDEX_TEXT_MAX);
    buf_add_u16(out, (uint16_t)len);
    buf_add(out, text, len);
}

static void times_encode(Buf *out, const WalXactTimes *times)
{
    buf_add_u64(out, times->count);
    add_i64(out, times->min.us);
    add_i64(out, times->max.us);
    add_i64(out, times->last.us);
}

static void parameters_encode(Buf *out, const WalParameters *parameters)
{
    buf_add_u32(out, (uint32_t)parameters->max_connections);
    buf_add_u32(out, (uint32_t)parameters->max_worker_processes);
    buf_add_u32(out, (uint32_t)parameters->max_wal_senders);
    buf_add_u32(out, (uint32_t)parameters->max_prepared_transactions);
    buf_add_u32(out, (uint32_t)parameters->max_locks_per_transaction);
    buf_add_u32(out, (uint32_t)parameters->wal_level);
    buf_add_u8(out, parameters->wal_log_hints);
    buf_add_u8(out, parameters->track_commit_timestamp);
}

static void event_encode(Buf *out, const WalEvent *event)
{
    const bool has_parameters = event->kind == WAL_EVENT_PARAMETERS;
    const size_t text_len = event->text ? strnlen(event->text, WAL_INDEX_TEXT_MAX) : 0;
    buf_add_u16(out,
                (uint16_t)(EVENT_FIXED_BYTES + (has_parameters ? (size_t)PARAMETERS_BYTES : 0) + text_len));
    buf_add_u8(out, (uint8_t)event->kind);
    buf_add_u8(out, (uint8_t)((event->is_shutdown ? EVENT_SHUTDOWN : 0) | (event->is_on ? EVENT_ON : 0) |
                              (has_parameters ? EVENT_PARAMETERS : 0)));
    buf_add_u8(out, (uint8_t)event->wal_level);
    buf_add_u8(out, 0);
    buf_add_u64(out, event->start.at);
    buf_add_u64(out, event->end.at);
    buf_add_u64(out, event->lsn.at);
    add_i64(out, event->time.us);
    buf_add_u32(out, event->timeline.id);
    buf_add_u32(out, event->previous.id);
    buf_add_u32(out, event->tablespace.id);
    if (has_parameters)
        parameters_encode(out, &event->parameters);
    buf_add(out, event->text, text_len);
}

void wal_index_summary_encode(Buf *out, const WalSummary *summary)
{
    const WalProgress *const progress = &summary->progress;
    buf_add_u16(out, SUMMARY_VERSION);
    buf_add_u16(out, (uint16_t)summary->version->major);
    buf_add_u32(out, summary->event_count);
    buf_add_u64(out, summary->records);
    buf_add_u64(out, progress->first.at);
    buf_add_u64(out, progress->next.at);
    buf_add_u64(out, progress->open_start.at);
    buf_add_u32(out, progress->open_total_bytes);
    buf_add_u32(out, progress->head_seam_total_bytes);
    buf_add_u32(out, progress->timeline.id);
    buf_add_u8(out, (uint8_t)progress->end);
    buf_add_u8(out, (uint8_t)summary->wal_level_min);
    buf_add_u16(out, 0);
    times_encode(out, &summary->commits);
    times_encode(out, &summary->aborts);
    buf_add_u32(out, summary->xid_min.id);
    buf_add_u32(out, summary->xid_max.id);
    buf_add_u32(out, summary->events_dropped);
    buf_add_u32(out, summary->unread);
    add_short_text(out, progress->end_text);
    add_short_text(out, summary->unread_text);
    for (uint32_t i = 0; i < summary->event_count; i++)
        event_encode(out, wal_summary_event(summary, i));
}

static int64_t dec_i64(Dec *dec)
{
    return (int64_t)dec_u64(dec);
}

/* One signed byte; only -1 (unknown) to 2 are levels. */
static WalLevel level_decode(Dec *dec, bool *is_bad)
{
    const int8_t level = (int8_t)dec_u8(dec);
    *is_bad |= level < WAL_LEVEL_UNKNOWN || level > WAL_LEVEL_LOGICAL;
    return (WalLevel)level;
}

/* Text of a fixed field: a longer one is cut, it is for people. */
static void short_text_decode(char *to, size_t size, Dec *dec)
{
    const Span text = dec_bytes(dec, dec_u16(dec));
    snprintf(to, size, "%.*s", (int)text.len, text.len ? (const char *)text.ptr : "");
}

static WalXactTimes times_decode(Dec *dec)
{
    WalXactTimes times = {.count = dec_u64(dec)};
    times.min.us = dec_i64(dec);
    times.max.us = dec_i64(dec);
    times.last.us = dec_i64(dec);
    return times;
}

static WalParameters parameters_decode(Dec *dec)
{
    WalParameters parameters = {.max_connections = (int32_t)dec_u32(dec)};
    parameters.max_worker_processes = (int32_t)dec_u32(dec);
    parameters.max_wal_senders = (int32_t)dec_u32(dec);
    parameters.max_prepared_transactions = (int32_t)dec_u32(dec);
    parameters.max_locks_per_transaction = (int32_t)dec_u32(dec);
    parameters.wal_level = (int32_t)dec_u32(dec);
    parameters.wal_log_hints = dec_u8(dec) != 0;
    parameters.track_commit_timestamp = dec_u8(dec) != 0;
    return parameters;
}

/* One event, without its length. */
static Err *event_decode(WalEvent *out, Span bytes, Arena *arena)
{
    Dec d = dec_begin(bytes);
    bool is_bad = false;
    WalEvent event = {.kind = (WalEventKind)dec_u8(&d)};
    const uint8_t flags = dec_u8(&d);
    event.is_shutdown = flags & EVENT_SHUTDOWN;
    event.is_on = flags & EVENT_ON;
    event.wal_level = level_decode(&d, &is_bad);
    dec_skip(&d, 1);
    event.start.at = dec_u64(&d);
    event.end.at = dec_u64(&d);
    event.lsn.at = dec_u64(&d);
    event.time.us = dec_i64(&d);
    event.timeline.id = dec_u32(&d);
    event.previous.id = dec_u32(&d);
    event.tablespace.id = dec_u32(&d);
    if (flags & EVENT_PARAMETERS)
        event.parameters = parameters_decode(&d);
    const Span text = dec_bytes(&d, dec_left(&d));
    TRY(dec_end(&d, "event of a WAL summary"));
    if (is_bad || text.len > WAL_INDEX_TEXT_MAX || (text.len && memchr(text.ptr, 0, text.len)))
        return ERR(CORRUPT, "event of a WAL summary at %s: impossible wal_level or text",
                   lsn_text(event.start).text);
    event.text = text.len ? arena_textf(arena, "%.*s", (int)text.len, (const char *)text.ptr) : NULL;
    *out = event;
    return NULL;
}

static Err *events_decode(WalSummary *summary, Dec *dec, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const Span bytes = dec_bytes(dec, dec_u16(dec));
        TRY(dec_end(dec, "WAL summary"));
        if (bytes.len && (bytes.ptr[0] < WAL_EVENT_CHECKPOINT || bytes.ptr[0] > WAL_EVENT_TABLESPACE_DROP)) {
            summary->events_dropped++;
            continue;
        }
        WalEvent event;
        TRY(event_decode(&event, bytes, summary->arena));
        buf_add(&summary->events, &event, sizeof event);
        summary->event_count++;
    }
    return NULL;
}

/* Everything before the events; `*events` is how many follow. */
static Err *fixed_decode(WalSummary *summary, uint32_t *events, Dec *dec)
{
    WalProgress *const progress = &summary->progress;
    bool is_bad = false;
    *events = dec_u32(dec);
    summary->records = dec_u64(dec);
    progress->first.at = dec_u64(dec);
    progress->next.at = dec_u64(dec);
    progress->open_start.at = dec_u64(dec);
    progress->open_total_bytes = dec_u32(dec);
    progress->head_seam_total_bytes = dec_u32(dec);
    progress->timeline.id = dec_u32(dec);
    const uint8_t end = dec_u8(dec);
    progress->end = (WalEnd)end;
    summary->wal_level_min = level_decode(dec, &is_bad);
    dec_skip(dec, 2);
    summary->commits = times_decode(dec);
    summary->aborts = times_decode(dec);
    summary->xid_min.id = dec_u32(dec);
    summary->xid_max.id = dec_u32(dec);
    summary->events_dropped = dec_u32(dec);
    summary->unread = dec_u32(dec);
    short_text_decode(progress->end_text, sizeof progress->end_text, dec);
    short_text_decode(summary->unread_text, sizeof summary->unread_text, dec);
    TRY(dec_end(dec, "WAL summary"));
    if (is_bad || end > WAL_END_CRC || *events > WAL_EVENTS_MAX)
        return ERR(CORRUPT, "WAL summary: impossible wal_level, end (%u) or number of events (%u)", end,
                   *events);
    return NULL;
}

static void summary_done(WalSummary *summary)
{
    if (summary->arena)
        wal_summary_done(summary);
}

Err *wal_index_summary_decode(WalSummary *out, Span section)
{
    Dec d = dec_begin(section);
    TRY(wal_section_version_decode(&d, SUMMARY_VERSION, "WAL summary"));
    const unsigned major = dec_u16(&d);
    TRY(dec_end(&d, "WAL summary"));
    const PgVersion *pg_version;
    TRY(pg_version_of_major(&pg_version, major));

    AUTO(summary_done) WalSummary summary;
    wal_summary_init(&summary, pg_version);
    uint32_t events = 0;
    TRY(fixed_decode(&summary, &events, &d));
    TRY(events_decode(&summary, &d, events));
    TRY(dec_end_exact(&d, "WAL summary"));
    *out = summary;
    summary = (WalSummary){.arena = NULL};
    return NULL;
}
