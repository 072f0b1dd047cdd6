/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What lies in a window: its tip, the place where a target stops, the changes of the server on the way. */
#include "archive/wal_window_priv.h"

#include "pg/xact.h"

#include <stdio.h>

static uint64_t window_last(const WalWindow *window)
{
    return window->first_segment + window->segments - 1;
}

/* Keeps the last record and the last commit of those it is given. */
typedef struct TipSearch {
    WindowTip tip;
    const PgVersion *version;
} TipSearch;

static Err *tip_entry(void *arg, const WalEntry *entry)
{
    TipSearch *const search = arg;
    WindowTip *const tip = &search->tip;
    tip->record = entry->start;
    tip->end = entry->end;
    if (!xact_is_end(&entry->head))
        return NULL;
    WalRecord record;
    XactEnd end;
    TRY_AS(wal_record_decode(&record, search->version, entry->bytes), "reading the record at %s",
           lsn_text(entry->start).text);
    TRY_AS(xact_end_decode(&end, search->version, &record), "reading the record at %s",
           lsn_text(entry->start).text);
    if (!xact_op_is_commit(end.op))
        return NULL;
    tip->has_commit = true;
    tip->commit = entry->start;
    tip->commit_xid = end.xid;
    tip->commit_time = end.time;
    return NULL;
}

Err *wal_window_tip(WindowTip *out, const WalWindow *window)
{
    TipSearch whole = {.tip = {.commit_time = INSTANT_NONE}};
    TRY(pg_version_of_major(&whole.version, window->source.generation->major));
    for (uint64_t back = 0; back < window->segments && back < WINDOW_LOOK_BACK_MAX; back++) {
        const uint64_t segment = window_last(window) - back;
        AUTO(wal_summary_done) WalSummary summary = {0};
        TRY(wal_window_summary(&summary, window, segment));
        const bool may_have_commit = summary.commits.count || summary.unread;
        if (!summary.records || (lsn_is_valid(whole.tip.record) && !may_have_commit))
            continue;
        TipSearch search = {.tip = {.commit_time = INSTANT_NONE}, .version = whole.version};
        TRY(wal_segment_records(window, segment, &summary, tip_entry, &search));
        const WindowTip later = whole.tip;
        whole.tip = search.tip;
        if (lsn_is_valid(later.record)) {
            whole.tip.record = later.record;
            whole.tip.end = later.end;
        }
        if (whole.tip.has_commit)
            break;
    }
    *out = whole.tip;
    return NULL;
}

Err *wal_window_last_commit(Instant *out, const WalWindow *window)
{
    Instant last = INSTANT_NONE;
    for (uint64_t back = 0; back < window->segments && back < WINDOW_LOOK_BACK_MAX && instant_is_none(last);
         back++) {
        AUTO(wal_summary_done) WalSummary summary = {0};
        TRY(wal_window_summary(&summary, window, window_last(window) - back));
        last = summary.commits.last;
    }
    *out = last;
    return NULL;
}

static bool time_may_stop(const WalTarget *target, const WalXactTimes *times)
{
    return times->count &&
           (target->is_exclusive ? times->max.us >= target->time.us : times->max.us > target->time.us);
}

static bool xid_may_stop(Xid xid, const WalSummary *summary)
{
    return summary->xid_min.id && (int32_t)(xid.id - summary->xid_min.id) >= 0 &&
           (int32_t)(summary->xid_max.id - xid.id) >= 0;
}

static bool name_may_stop(const WalSummary *summary)
{
    for (uint32_t i = 0; i < summary->event_count; i++) {
        if (wal_summary_event(summary, i)->kind == WAL_EVENT_RESTORE_POINT)
            return true;
    }
    return false;
}

/* Can the target be in this segment? A false yes costs a look at its records. */
static bool may_stop(const WalTarget *target, const WalSummary *summary, Lsn segment_end)
{
    if (summary->events_dropped || summary->unread)
        return true;
    switch (target->kind) {
    case WAL_TARGET_TIME:
        return time_may_stop(target, &summary->commits) || time_may_stop(target, &summary->aborts);
    case WAL_TARGET_XID:
        return xid_may_stop(target->xid, summary);
    case WAL_TARGET_NAME:
        return name_may_stop(summary);
    case WAL_TARGET_LSN:
    case WAL_TARGET_IMMEDIATE:
        return segment_end.at >= target->lsn.at;
    case WAL_TARGET_END:
        return false;
    }
    return true;
}

/* In the last segment it is no break but the end of what there is. */
static WindowBreak break_of(const WalWindow *window, uint64_t segment, const WalSummary *summary)
{
    const WalProgress *const progress = &summary->progress;
    WindowBreak broken = {.is_there = progress->end && segment != window_last(window)};
    if (!broken.is_there)
        return broken;
    broken.at = lsn_is_valid(progress->open_start) ? progress->open_start : progress->next;
    (void)snprintf(broken.text, sizeof broken.text, "%s", progress->end_text);
    return broken;
}

typedef struct TargetSearch {
    const WalWindow *window;
    WalMatcher matcher;
    WindowStop *stop;
} TargetSearch;

static void latest_take(WindowStop *stop, const WalXactTimes *times)
{
    if (times->count && times->max.us > stop->latest_time.us)
        stop->latest_time = times->max;
}

static Err *target_segment(void *arg, const LineageCopy *copy, const WalSummary *summary, bool *is_enough)
{
    TargetSearch *const search = arg;
    WindowStop *const stop = search->stop;
    const uint64_t segment = copy->name.segment;
    /* Of the first segment some records lie before the window's start, so its summary tells too much. */
    if (segment == search->window->first_segment ||
        may_stop(&search->matcher.target, summary, wal_name_end(copy->name)))
        TRY(wal_segment_records(search->window, segment, summary, wal_matcher_entry, &search->matcher));
    else if (summary->commits.count)
        search->matcher.last_time = summary->commits.last;
    latest_take(stop, &summary->commits);
    latest_take(stop, &summary->aborts);
    if (!search->matcher.is_found)
        stop->broken = break_of(search->window, segment, summary);
    *is_enough = search->matcher.is_found || stop->broken.is_there;
    return NULL;
}

Err *wal_window_target(WindowStop *out, const WalWindow *window, const WalTarget *target)
{
    WindowStop stop = {.last_time = INSTANT_NONE, .latest_time = INSTANT_NONE};
    TargetSearch search = {.window = window, .stop = &stop};
    const PgVersion *version;
    TRY(pg_version_of_major(&version, window->source.generation->major));
    search.matcher = wal_matcher(target, version);
    TRY(wal_window_each(window, window->first_segment, window->segments, target_segment, &search));
    stop.is_found = search.matcher.is_found;
    stop.match = search.matcher;
    stop.last_time = search.matcher.last_time;
    *out = stop;
    return NULL;
}

typedef struct FactSearch {
    const WalWindow *window;
    Lsn until;
    WindowFacts facts;
    Buf tablespaces; /* of WindowTablespace */
    Arena *arena;
    const PgVersion *version;
} FactSearch;

static void fact_search_done(FactSearch *search)
{
    buf_done(&search->tablespaces);
}

static int32_t greater(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static void parameters_take(WindowFacts *facts, const WalParameters *met)
{
    if (!facts->has_parameters) {
        facts->parameters = *met;
        facts->has_parameters = true;
        return;
    }
    WalParameters *const most = &facts->parameters;
    most->max_connections = greater(most->max_connections, met->max_connections);
    most->max_worker_processes = greater(most->max_worker_processes, met->max_worker_processes);
    most->max_wal_senders = greater(most->max_wal_senders, met->max_wal_senders);
    most->max_prepared_transactions =
        greater(most->max_prepared_transactions, met->max_prepared_transactions);
    most->max_locks_per_transaction =
        greater(most->max_locks_per_transaction, met->max_locks_per_transaction);
    most->wal_log_hints |= met->wal_log_hints;
    most->track_commit_timestamp |= met->track_commit_timestamp;
    if (met->wal_level < most->wal_level)
        most->wal_level = met->wal_level;
}

static void event_take(FactSearch *search, const WalEvent *event)
{
    WindowFacts *const facts = &search->facts;
    if (event->start.at < search->window->start.at || event->start.at >= search->until.at)
        return;
    if (event->kind == WAL_EVENT_PARAMETERS)
        parameters_take(facts, &event->parameters);
    if (event->wal_level == WAL_LEVEL_MINIMAL && !lsn_is_valid(facts->minimal))
        facts->minimal = event->start;
    if (event->kind == WAL_EVENT_TABLESPACE_CREATE) {
        const WindowTablespace met = {event->tablespace, event->start,
                                      arena_text(search->arena, event->text ? event->text : "")};
        buf_add(&search->tablespaces, &met, sizeof met);
    }
}

static void events_take(FactSearch *search, const WalSummary *summary)
{
    for (uint32_t i = 0; i < summary->event_count; i++)
        event_take(search, wal_summary_event(summary, i));
}

/* Record by record, where the summary had no room for all events. */
static Err *facts_entry(void *arg, const WalEntry *entry)
{
    FactSearch *const search = arg;
    if (entry->head.manager != WAL_XLOG && entry->head.manager != WAL_TBLSPC)
        return NULL;
    AUTO(wal_summary_done) WalSummary one;
    wal_summary_init(&one, search->version);
    TRY(wal_summary_entry(&one, entry));
    events_take(search, &one);
    search->facts.unread += one.unread;
    return NULL;
}

static Err *facts_segment(void *arg, const LineageCopy *copy, const WalSummary *summary, bool *is_enough)
{
    FactSearch *const search = arg;
    if (summary->events_dropped || summary->unread)
        TRY(wal_segment_records(search->window, copy->name.segment, summary, facts_entry, search));
    else
        events_take(search, summary);
    const WindowBreak broken = break_of(search->window, copy->name.segment, summary);
    if (broken.is_there && broken.at.at < search->until.at)
        search->facts.broken = broken;
    *is_enough = search->facts.broken.is_there || wal_name_end(copy->name).at >= search->until.at;
    return NULL;
}

Err *wal_window_facts(WindowFacts *out, const WalWindow *window, Lsn until, Arena *arena)
{
    AUTO(fact_search_done) FactSearch search = {.window = window, .until = until, .arena = arena};
    TRY(pg_version_of_major(&search.version, window->source.generation->major));
    TRY(wal_window_each(window, window->first_segment, window->segments, facts_segment, &search));
    search.facts.tablespace_count = search.tablespaces.len / sizeof(WindowTablespace);
    search.facts.tablespaces =
        (const WindowTablespace *)(const void *)arena_bytes(arena, buf_span(&search.tablespaces)).ptr;
    *out = search.facts;
    return NULL;
}
