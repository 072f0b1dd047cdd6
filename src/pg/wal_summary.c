/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_summary.h"

#include "pg/xact.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { TBLSPC_CREATE = 0x00, TBLSPC_DROP = 0x10 };
enum { MANAGER_BITS = 0xF0 }; /* of WalRecordHead.info */
enum { RESTORE_NAME_BYTES = 64 };
void wal_summary_init(WalSummary *s, const PgVersion *version)
{
    *s = (WalSummary){
        .commits = {.min = INSTANT_NONE, .max = INSTANT_NONE, .last = INSTANT_NONE},
        .aborts = {.min = INSTANT_NONE, .max = INSTANT_NONE, .last = INSTANT_NONE},
        .wal_level_min = WAL_LEVEL_UNKNOWN,
        .version = version,
        .arena = arena_new(),
    };
}

void wal_summary_done(WalSummary *s)
{
    buf_done(&s->events);
    arena_free(&s->arena);
}

const WalEvent *wal_summary_event(const WalSummary *s, uint32_t index)
{
    assert(index < s->event_count);
    return (const WalEvent *)(const void *)s->events.data + index;
}

void wal_summary_widen(WalSummary *s, Xid xid)
{
    /* Numbers wrap around: of two, the one less than 2^31 ahead is the later. */
    if (s->xid_min.id == 0 || (int32_t)(xid.id - s->xid_min.id) < 0)
        s->xid_min = xid;
    if (s->xid_max.id == 0 || (int32_t)(xid.id - s->xid_max.id) > 0)
        s->xid_max = xid;
}

static void take_time(WalXactTimes *times, Instant time)
{
    if (times->count++ == 0)
        times->min = times->max = time;
    if (time.us < times->min.us)
        times->min = time;
    if (time.us > times->max.us)
        times->max = time;
    times->last = time;
}

static void take_xact_end(WalSummary *s, const XactEnd *end)
{
    wal_summary_xid(s, end->xid);
    take_time(xact_op_is_commit(end->op) ? &s->commits : &s->aborts, end->time);
}

/* A text of at most `bytes` in the data, with a NUL where it is shorter. */
static const char *text_of(WalSummary *s, Span bytes)
{
    return arena_textf(s->arena, "%.*s", (int)bytes.len, (const char *)bytes.ptr);
}

static WalLevel level_of(int32_t value)
{
    return value >= WAL_LEVEL_MINIMAL && value <= WAL_LEVEL_LOGICAL ? (WalLevel)value : WAL_LEVEL_UNKNOWN;
}

static WalLevel level_since_17(const WalSummary *s, Dec *dec)
{
    return s->version->major >= 17 ? level_of((int32_t)dec_u32(dec)) : WAL_LEVEL_UNKNOWN;
}

/* The begin of CheckPoint in src/include/catalog/pg_control.h. wal_level fills what was padding before 17. */
static void checkpoint_decode(const WalSummary *s, WalEvent *event, Dec *dec)
{
    event->lsn.at = dec_u64(dec);
    event->timeline.id = dec_u32(dec);
    event->previous.id = dec_u32(dec);
    dec_skip(dec, 4); /* full_page_writes, padding */
    event->wal_level = level_since_17(s, dec);
}

static void parameters_decode(WalEvent *event, Dec *dec)
{
    WalParameters *const p = &event->parameters;
    p->max_connections = (int32_t)dec_u32(dec);
    p->max_worker_processes = (int32_t)dec_u32(dec);
    p->max_wal_senders = (int32_t)dec_u32(dec);
    p->max_prepared_transactions = (int32_t)dec_u32(dec);
    p->max_locks_per_transaction = (int32_t)dec_u32(dec);
    p->wal_level = (int32_t)dec_u32(dec);
    p->wal_log_hints = dec_u8(dec) != 0;
    p->track_commit_timestamp = dec_u8(dec) != 0;
    event->wal_level = level_of(p->wal_level);
}

static void end_of_recovery_decode(const WalSummary *s, WalEvent *event, Dec *dec)
{
    event->time = instant_from_pg((int64_t)dec_u64(dec));
    event->timeline.id = dec_u32(dec);
    event->previous.id = dec_u32(dec);
    event->wal_level = level_since_17(s, dec);
}

/* 0 for operations that say nothing here. */
static WalEventKind xlog_event_kind(uint8_t info)
{
    switch (info & MANAGER_BITS) {
    case WAL_XLOG_CHECKPOINT_SHUTDOWN:
    case WAL_XLOG_CHECKPOINT_ONLINE:
        return WAL_EVENT_CHECKPOINT;
    case WAL_XLOG_SWITCH:
        return WAL_EVENT_SWITCH;
    case WAL_XLOG_BACKUP_END:
        return WAL_EVENT_BACKUP_END;
    case WAL_XLOG_PARAMETER_CHANGE:
        return WAL_EVENT_PARAMETERS;
    case WAL_XLOG_RESTORE_POINT:
        return WAL_EVENT_RESTORE_POINT;
    case WAL_XLOG_FPW_CHANGE:
        return WAL_EVENT_FULL_PAGE_WRITES;
    case WAL_XLOG_END_OF_RECOVERY:
        return WAL_EVENT_END_OF_RECOVERY;
    case WAL_XLOG_OVERWRITE_CONTRECORD:
        return WAL_EVENT_OVERWRITE;
    case WAL_XLOG_CHECKPOINT_REDO:
        return WAL_EVENT_CHECKPOINT_REDO;
    default:
        return 0;
    }
}

static WalEventKind event_kind(const WalRecordHead *head)
{
    if (head->manager == WAL_XLOG)
        return xlog_event_kind(head->info);
    if (head->manager != WAL_TBLSPC)
        return 0;
    return (head->info & MANAGER_BITS) == TBLSPC_CREATE ? WAL_EVENT_TABLESPACE_CREATE
                                                        : WAL_EVENT_TABLESPACE_DROP;
}

static Err *event_decode(WalSummary *s, WalEvent *event, const WalRecord *record)
{
    Dec dec = dec_begin(record->main);
    switch (event->kind) {
    case WAL_EVENT_CHECKPOINT:
        event->is_shutdown = (record->head.info & MANAGER_BITS) == WAL_XLOG_CHECKPOINT_SHUTDOWN;
        checkpoint_decode(s, event, &dec);
        break;
    case WAL_EVENT_CHECKPOINT_REDO:
        event->wal_level = level_since_17(s, &dec);
        break;
    case WAL_EVENT_END_OF_RECOVERY:
        end_of_recovery_decode(s, event, &dec);
        break;
    case WAL_EVENT_PARAMETERS:
        parameters_decode(event, &dec);
        break;
    case WAL_EVENT_RESTORE_POINT:
        event->time = instant_from_pg((int64_t)dec_u64(&dec));
        event->text = text_of(s, dec_bytes(&dec, RESTORE_NAME_BYTES));
        break;
    case WAL_EVENT_BACKUP_END:
        event->lsn.at = dec_u64(&dec);
        break;
    case WAL_EVENT_FULL_PAGE_WRITES:
        event->is_on = dec_u8(&dec) != 0;
        break;
    case WAL_EVENT_SWITCH:
        break;
    case WAL_EVENT_OVERWRITE:
        event->lsn.at = dec_u64(&dec);
        event->time = instant_from_pg((int64_t)dec_u64(&dec));
        break;
    case WAL_EVENT_TABLESPACE_CREATE:
        event->tablespace.id = dec_u32(&dec);
        event->text = text_of(s, dec_bytes(&dec, dec_left(&dec)));
        break;
    case WAL_EVENT_TABLESPACE_DROP:
        event->tablespace.id = dec_u32(&dec);
        break;
    }
    return dec_end(&dec, "main data of a WAL record");
}

static Err *take_event(WalSummary *s, const WalEntry *entry, const WalRecord *record)
{
    WalEvent event = {.kind = event_kind(&record->head),
                      .start = entry->start,
                      .end = entry->end,
                      .time = INSTANT_NONE,
                      .wal_level = WAL_LEVEL_UNKNOWN};
    TRY(event_decode(s, &event, record));
    if (event.wal_level != WAL_LEVEL_UNKNOWN &&
        (s->wal_level_min == WAL_LEVEL_UNKNOWN || event.wal_level < s->wal_level_min))
        s->wal_level_min = event.wal_level;
    if (s->event_count == WAL_EVENTS_MAX) {
        s->events_dropped++;
        return NULL;
    }
    buf_add(&s->events, &event, sizeof event);
    s->event_count++;
    return NULL;
}

static void unread_note(WalSummary *s, const WalEntry *entry, Err *err)
{
    if (s->unread++ == 0)
        (void)snprintf(s->unread_text, sizeof s->unread_text, "record at %s: %s", lsn_text(entry->start).text,
                       err_text(err));
    err_free(&err);
}

void wal_summary_unread(WalSummary *s, const WalEntry *entry, Err *err)
{
    wal_summary_count(s, entry->head.xid);
    unread_note(s, entry, err);
}

void wal_summary_xact(WalSummary *s, const WalRecordHead *head, const XactEnd *end)
{
    wal_summary_count(s, head->xid);
    take_xact_end(s, end);
}

void wal_summary_record(WalSummary *s, const WalEntry *entry, const WalRecord *record, const XactEnd *end)
{
    wal_summary_count(s, entry->head.xid);
    if (end)
        take_xact_end(s, end);
    if (!event_kind(&entry->head))
        return;
    Err *const err = take_event(s, entry, record);
    if (err)
        unread_note(s, entry, err);
}

static Err *special_decode(WalRecord *record, XactEnd *end, const WalSummary *s, const WalEntry *entry)
{
    if (entry->bytes.len < entry->head.total_bytes)
        return ERR(LIMIT, "it has %u bytes, at most %d are kept", entry->head.total_bytes,
                   WAL_RECORD_KEPT_MAX);
    TRY(wal_record_decode(record, s->version, entry->bytes));
    return xact_is_end(&entry->head) ? xact_end_decode(end, s->version, record) : NULL;
}

/* Nearly all records are of other managers, and need not be taken apart for a summary. */
static bool is_special(const WalRecordHead *head)
{
    return !wal_summary_is_plain(head) && (xact_is_end(head) || event_kind(head));
}

Err *wal_summary_entry(void *arg, const WalEntry *entry)
{
    WalSummary *const s = arg;
    WalRecord record;
    XactEnd end;
    if (!is_special(&entry->head)) {
        wal_summary_count(s, entry->head.xid);
        return NULL;
    }
    Err *const err = special_decode(&record, &end, s, entry);
    if (err)
        wal_summary_unread(s, entry, err);
    else
        wal_summary_record(s, entry, &record, xact_is_end(&entry->head) ? &end : NULL);
    return NULL;
}

void wal_summary_finish(WalSummary *s, const WalReader *reader)
{
    s->progress = wal_reader_progress(reader);
    s->progress.head_seam = s->progress.open_bytes = (Span){0};
}
