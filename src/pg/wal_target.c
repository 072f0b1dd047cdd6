/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_target.h"

#include "pg/xact.h"

#include <string.h>

/* What the rules look at in one record. */
typedef struct Facts {
    bool is_xact_end;
    bool is_restore_point;
    XactEnd xact;
    Instant time;
    Span name; /* of a restore point, without NUL */
} Facts;

WalMatcher wal_matcher(const WalTarget *target, const PgVersion *version)
{
    return (WalMatcher){
        .target = *target, .version = version, .time = INSTANT_NONE, .last_time = INSTANT_NONE};
}

static bool is_restore_point(const WalRecordHead *head)
{
    return head->manager == WAL_XLOG && (head->info & 0xF0) == WAL_XLOG_RESTORE_POINT;
}

static Err *restore_point_decode(Facts *facts, Span main)
{
    Dec dec = dec_begin(main);
    facts->time = instant_from_pg((int64_t)dec_u64(&dec));
    const Span name = dec_bytes(&dec, WAL_TARGET_NAME_BYTES);
    TRY(dec_end(&dec, "WAL record of a restore point"));
    facts->name = span_of(name.ptr, strnlen((const char *)name.ptr, name.len));
    return NULL;
}

static Err *facts_gather(Facts *facts, const PgVersion *version, const WalEntry *entry)
{
    *facts = (Facts){.time = INSTANT_NONE};
    facts->is_xact_end = xact_is_end(&entry->head);
    facts->is_restore_point = is_restore_point(&entry->head);
    if (!facts->is_xact_end && !facts->is_restore_point)
        return NULL;
    WalRecord record;
    TRY_AS(wal_record_decode(&record, version, entry->bytes), "reading the record at %s",
           lsn_text(entry->start).text);
    if (facts->is_restore_point)
        return restore_point_decode(facts, record.main);
    TRY_AS(xact_end_decode(&facts->xact, version, &record), "reading the record at %s",
           lsn_text(entry->start).text);
    facts->time = facts->xact.time;
    return NULL;
}

static bool stops_before(const WalTarget *target, const WalEntry *entry, const Facts *facts)
{
    switch (target->kind) {
    case WAL_TARGET_TIME:
        return facts->is_xact_end &&
               (target->is_exclusive ? facts->time.us >= target->time.us : facts->time.us > target->time.us);
    case WAL_TARGET_XID:
        return facts->is_xact_end && target->is_exclusive && facts->xact.xid.id == target->xid.id;
    case WAL_TARGET_LSN:
        return target->is_exclusive && entry->start.at >= target->lsn.at;
    default:
        return false;
    }
}

static bool name_equals(const char *name, Span found)
{
    return strlen(name) == found.len && memcmp(name, found.ptr, found.len) == 0;
}

/* Asked only where stops_before() said no, so the exclusive cases are gone for the transaction and the LSN. */
static bool stops_after(const WalTarget *target, const WalEntry *entry, const Facts *facts)
{
    switch (target->kind) {
    case WAL_TARGET_XID:
        return facts->is_xact_end && facts->xact.xid.id == target->xid.id;
    case WAL_TARGET_LSN:
        return entry->start.at >= target->lsn.at;
    case WAL_TARGET_NAME:
        return facts->is_restore_point && name_equals(target->name, facts->name);
    case WAL_TARGET_IMMEDIATE:
        return entry->end.at >= target->lsn.at;
    default:
        return false;
    }
}

Err *wal_matcher_entry(void *arg, const WalEntry *entry)
{
    WalMatcher *const m = arg;
    if (m->is_found)
        return NULL;
    Facts facts;
    TRY(facts_gather(&facts, m->version, entry));
    m->is_before = stops_before(&m->target, entry, &facts);
    m->is_found = m->is_before || stops_after(&m->target, entry, &facts);
    if (m->is_found) {
        m->record = entry->start;
        m->xid = facts.xact.xid;
        m->time = facts.time;
    }
    m->end = m->is_before ? entry->start : entry->end;
    if (facts.is_xact_end && xact_op_is_commit(facts.xact.op) && !m->is_before)
        m->last_time = facts.time;
    return NULL;
}
