/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

#include "pg/wal_activity.h"

#include "base/buf.h"
#include "base/limits.h"
#include "pg/open_xacts_priv.h"
#include "pg/rel_index.h"

#include <string.h>

enum { OPERATION = 0x70 };
enum { SMGR_CREATE = 0x10, SMGR_TRUNCATE = 0x20 };
enum { DBASE_DROP = 0x20, DBASE_DROP_14 = 0x10 };
enum { STANDBY_LOCK = 0x00 };
enum {
    STATS_OF_RELATION = 2
}; /* PGSTAT_KIND_RELATION, src/include/utils/pgstat_kind.h, pgstat.h before 18 */

struct ActivityGather {
    const PgVersion *version;
    RelIndex index;
    WalRows *rows; /* by the index */
    size_t rows_room;
    OpenXacts open;
    Buf notes; /* of WalXactNote; their acts live in the result's arena */
    WalActivity result;
};

void wal_activity_done(WalActivity *activity)
{
    number_set_done(&activity->committed);
    number_set_done(&activity->aborted);
    arena_free(&activity->arena);
}

ActivityGather *activity_gather_new(const PgVersion *version)
{
    ActivityGather *const g = mem_new(sizeof *g);
    g->version = version;
    g->result.arena = arena_new();
    open_xacts_init(&g->open);
    return g;
}

void activity_gather_free(ActivityGather **gather)
{
    ActivityGather *const g = *gather;
    if (!g)
        return;
    open_xacts_done(&g->open);
    rel_index_done(&g->index);
    mem_free(&g->rows);
    buf_done(&g->notes);
    wal_activity_done(&g->result);
    mem_free(gather);
}

/* ---- what transactions do */

/* NULL when too many are open. */
static OpenXact *xact_get(ActivityGather *g, Xid xid)
{
    OpenXact *const found = open_xacts_find(&g->open, xid);
    if (found || g->open.count < WAL_XACTS_OPEN_MAX)
        return found ? found : open_xacts_add(&g->open, xid);
    g->result.notes_dropped++;
    return NULL;
}

/* Acts stand in the order in which they were done first. */
static void xact_act(const ActivityGather *g, OpenXact *xact, const OpenAct *act)
{
    open_xact_settle(xact, &g->index);
    open_xact_act(xact, act);
}

/* An act that is no rows. */
static void act_take(const ActivityGather *g, OpenXact *xact, WalActKind kind, RelFile file)
{
    xact_act(g, xact, &(OpenAct){.place = UINT32_MAX, .act = {.kind = kind, .file = file}});
}

static void take_act(ActivityGather *g, Xid xid, WalActKind kind, RelFile file)
{
    OpenXact *const xact = xid.id ? xact_get(g, xid) : NULL;
    if (xact)
        act_take(g, xact, kind, file);
}

/* The place of a relation that was not met lately. */
static uint32_t place_of(ActivityGather *g, RelFile file)
{
    const uint32_t count = g->index.count;
    const uint32_t place = rel_index_add(&g->index, file);
    if (g->index.count > g->rows_room) {
        g->rows_room = g->index.room;
        g->rows = mem_resize(g->rows, g->rows_room * sizeof *g->rows);
    }
    if (place == count)
        g->rows[place] = (WalRows){.file = file};
    return place;
}

static inline uint32_t place_get(ActivityGather *g, const RelFile *file)
{
    const uint32_t latest = rel_index_latest(&g->index, *file);
    return latest != UINT32_MAX ? latest : place_of(g, *file);
}

static void take_rows(ActivityGather *g, Xid xid, const OpenAct *added)
{
    for (uint32_t kind = 0; kind < WAL_ROW_KINDS; kind++)
        g->rows[added->place].counts[kind] += added->act.counts[kind];
    OpenXact *const xact = xid.id ? xact_get(g, xid) : NULL;
    if (xact)
        xact_act(g, xact, added);
}

/* What a heap operation, `info >> 4 & 7`, does to a row; WAL_ROW_KINDS: nothing that counts. */
static const uint8_t row_kinds[8] = {
    [WAL_HEAP_INSERT >> 4] = WAL_ROW_INSERT,
    [WAL_HEAP_DELETE >> 4] = WAL_ROW_DELETE,
    [WAL_HEAP_UPDATE >> 4] = WAL_ROW_UPDATE,
    [WAL_HEAP_TRUNCATE >> 4] = WAL_ROW_KINDS,
    [WAL_HEAP_HOT_UPDATE >> 4] = WAL_ROW_UPDATE,
    [5] = WAL_ROW_KINDS,
    [6] = WAL_ROW_KINDS,
    [7] = WAL_ROW_KINDS,
};

__attribute__((noinline)) static void take_row(ActivityGather *g, const WalRecordHead *head, RelFile file)
{
    const uint32_t kind = row_kinds[head->info >> 4 & 7];
    if (kind == WAL_ROW_KINDS)
        return;
    const uint32_t place = place_get(g, &file);
    g->rows[place].counts[kind]++;
    OpenXact *const xact = head->xid.id ? xact_get(g, head->xid) : NULL;
    if (!xact || open_xact_row(xact, place, kind))
        return;
    open_xact_settle(xact, &g->index);
    (void)open_xact_row(xact, place, kind);
}

/* The shortest way is that of a relation met lately and a transaction met before. */
void activity_gather_plain(ActivityGather *g, const WalRecordHead *head, WalTouch touch)
{
    if (head->manager != WAL_HEAP)
        return;
    const uint32_t kind = row_kinds[head->info >> 4 & 7];
    const uint32_t place = rel_index_latest(&g->index, wal_touch_file(touch));
    OpenXact *const xact = open_xacts_first(&g->open, head->xid);
    if (place == UINT32_MAX || kind == WAL_ROW_KINDS || !xact || !open_xact_row(xact, place, kind))
        take_row(g, head, wal_touch_file(touch));
    else
        g->rows[place].counts[kind]++;
}

/* ---- ends */

/* One that only inserts is none of our business, however long. */
static bool does_more_than_insert(const OpenXact *xact)
{
    for (uint32_t i = 0; i < xact->act_count; i++) {
        const WalAct *const act = &xact->acts[i].act;
        if (act->kind != WAL_ACT_ROWS || act->updates || act->deletes)
            return true;
    }
    return false;
}

static void note_add(ActivityGather *g, const OpenXact *xact, WalXactNote note)
{
    if (g->notes.len / sizeof note == WAL_NOTES_MAX) {
        g->result.notes_dropped++;
        return;
    }
    WalAct *const acts = arena_alloc(g->result.arena, (xact->act_count + (size_t)1) * sizeof *acts);
    for (uint32_t i = 0; i < xact->act_count; i++)
        acts[i] = xact->acts[i].act;
    note.xid = xact->xid;
    note.top = xact->top;
    note.act_count = xact->act_count;
    note.acts_dropped = xact->acts_dropped;
    note.acts = acts;
    for (uint32_t i = 0; !note.database.id && i < note.act_count; i++)
        note.database = note.acts[i].file.database;
    buf_add(&g->notes, &note, sizeof note);
}

/* What a subtransaction did, its top-level transaction did. */
static void subxact_join(ActivityGather *g, OpenXact *xact, Xid xid)
{
    OpenXact *const from = open_xacts_find(&g->open, xid);
    if (!from)
        return;
    open_xact_settle(from, &g->index);
    for (uint32_t i = 0; i < from->act_count; i++)
        xact_act(g, xact, &from->acts[i]);
    xact->acts_dropped += from->acts_dropped;
    xact->is_of_note |= from->acts_dropped > 0;
    open_xacts_remove(&g->open, xid);
}

static void dropped_stats_take(const ActivityGather *g, OpenXact *xact, const XactEnd *end)
{
    const size_t item_bytes = g->version->major < 18 ? 12 : 16;
    for (uint32_t i = 0; i < end->dropped_stats_count; i++) {
        const uint8_t *const item = end->dropped_stats.ptr + i * item_bytes;
        const RelFile relation = {.database = {get_u32(item + 4)}, .number = {get_u32(item + 8)}};
        if (get_u32(item) == STATS_OF_RELATION)
            act_take(g, xact, WAL_ACT_DROP_RELATION, relation);
    }
}

/* The highest number there is fits in no set (base/number_set.h): its runs would have no end. */
static void ended_add(NumberSet *ended, Xid xid)
{
    if (xid.id != UINT32_MAX)
        number_set_add(ended, xid.id);
}

/* What the commit itself tells, beside the time. */
static void commit_join(ActivityGather *g, const XactEnd *end)
{
    OpenXact *const found = open_xacts_find(&g->open, end->xid);
    OpenXact *const xact = found ? found : open_xacts_add(&g->open, end->xid);
    for (uint32_t i = 0; i < end->subxact_count; i++) {
        ended_add(&g->result.committed, xact_end_subxact(end, i));
        subxact_join(g, xact, xact_end_subxact(end, i));
    }
    for (uint32_t i = 0; i < end->file_count; i++)
        act_take(g, xact, WAL_ACT_DROP, xact_end_file(end, i));
    dropped_stats_take(g, xact, end);
}

static void take_commit(ActivityGather *g, Lsn start, const XactEnd *end)
{
    ended_add(&g->result.committed, end->xid);
    if (end->subxact_count || end->file_count || end->dropped_stats_count)
        commit_join(g, end);
    OpenXact *const xact = open_xacts_find(&g->open, end->xid);
    if (!xact)
        return;
    if (xact->act_count)
        open_xact_settle(xact, &g->index);
    if (xact->is_of_note)
        note_add(
            g, xact,
            (WalXactNote){
                .state = WAL_XACT_COMMITTED, .end = start, .time = end->time, .database = end->database});
    open_xacts_remove(&g->open, end->xid);
}

static void take_abort(ActivityGather *g, const XactEnd *end)
{
    ended_add(&g->result.aborted, end->xid);
    open_xacts_remove(&g->open, end->xid);
    for (uint32_t i = 0; i < end->subxact_count; i++) {
        ended_add(&g->result.aborted, xact_end_subxact(end, i));
        open_xacts_remove(&g->open, xact_end_subxact(end, i));
    }
}

/* The transaction is a part of `top`. */
static void xact_place(ActivityGather *g, Xid xid, Xid top)
{
    OpenXact *const xact = xact_get(g, xid);
    if (xact)
        xact->top = top;
}

static Err *take_assignment(ActivityGather *g, const WalRecord *record)
{
    Dec dec = dec_begin(record->main);
    const Xid top = {dec_u32(&dec)};
    const uint32_t count = dec_u32(&dec);
    for (uint32_t i = 0; i < count && !dec.is_short; i++) {
        const Xid sub = {dec_u32(&dec)};
        if (sub.id)
            xact_place(g, sub, top);
    }
    return dec_end(&dec, "assignment of subtransactions");
}

void activity_gather_end(ActivityGather *g, Lsn start, const XactEnd *end)
{
    if (!end->xid.id)
        return;
    if (xact_op_is_commit(end->op))
        take_commit(g, start, end);
    else
        take_abort(g, end);
}

/* ---- the other managers */

static Err *take_truncate(ActivityGather *g, const WalRecord *record)
{
    Dec dec = dec_begin(record->main);
    const Oid database = {dec_u32(&dec)};
    const uint32_t count = dec_u32(&dec);
    dec_skip(&dec, 4); /* flags, padding */
    for (uint32_t i = 0; i < count && !dec.is_short; i++)
        take_act(g, record->head.xid, WAL_ACT_TRUNCATE,
                 (RelFile){.database = database, .number = {dec_u32(&dec)}});
    return dec_end(&dec, "truncation");
}

static Err *take_heap(ActivityGather *g, const WalRecord *record)
{
    if ((record->head.info & OPERATION) == WAL_HEAP_TRUNCATE)
        return take_truncate(g, record);
    if (record->block_count)
        take_row(g, &record->head, record->blocks[0].file);
    return NULL;
}

static Err *take_multi_insert(ActivityGather *g, const WalRecord *record)
{
    if ((record->head.info & OPERATION) != WAL_HEAP2_MULTI_INSERT || !record->block_count)
        return NULL;
    Dec dec = dec_begin(record->main);
    dec_skip(&dec, 2); /* flags, padding */
    OpenAct rows = {.act = {.kind = WAL_ACT_ROWS, .file = record->blocks[0].file, .inserts = dec_u16(&dec)}};
    TRY(dec_end(&dec, "insertion of several rows"));
    rows.place = place_get(g, &rows.act.file);
    take_rows(g, record->head.xid, &rows);
    return NULL;
}

/* Locks of transactions that may be other than the record's: they are written again from time to time. */
static Err *take_locks(ActivityGather *g, const WalRecord *record)
{
    if ((record->head.info & OPERATION) != STANDBY_LOCK)
        return NULL;
    Dec dec = dec_begin(record->main);
    const uint32_t count = dec_u32(&dec);
    for (uint32_t i = 0; i < count && !dec.is_short; i++) {
        const Xid xid = {dec_u32(&dec)};
        const Oid database = {dec_u32(&dec)}, relation = {dec_u32(&dec)};
        take_act(g, xid, WAL_ACT_LOCK, (RelFile){.database = database, .number = relation});
    }
    return dec_end(&dec, "locks");
}

static RelFile file_decode(Dec *dec)
{
    RelFile file = {.tablespace = {dec_u32(dec)}};
    file.database.id = dec_u32(dec);
    file.number.id = dec_u32(dec);
    return file;
}

static Err *take_smgr(ActivityGather *g, const WalRecord *record)
{
    const int op = record->head.info & OPERATION;
    if (op != SMGR_CREATE && op != SMGR_TRUNCATE)
        return NULL;
    Dec dec = dec_begin(record->main);
    if (op == SMGR_TRUNCATE)
        dec_skip(&dec, 4); /* blocks */
    const RelFile file = file_decode(&dec);
    const bool is_main = op == SMGR_TRUNCATE || dec_u32(&dec) == PG_FORK_MAIN;
    TRY(dec_end(&dec, "creation or truncation of a file"));
    if (is_main)
        take_act(g, record->head.xid, op == SMGR_CREATE ? WAL_ACT_CREATE : WAL_ACT_CUT, file);
    return NULL;
}

static Err *take_dbase(ActivityGather *g, const WalRecord *record)
{
    if ((record->head.info & OPERATION) != (g->version->major < 15 ? DBASE_DROP_14 : DBASE_DROP))
        return NULL;
    Dec dec = dec_begin(record->main);
    const Oid database = {dec_u32(&dec)};
    const uint32_t count = dec_u32(&dec);
    for (uint32_t i = 0; i < count && !dec.is_short; i++)
        take_act(g, record->head.xid, WAL_ACT_DROP_DATABASE,
                 (RelFile){.tablespace = {dec_u32(&dec)}, .database = database});
    return dec_end(&dec, "end of a database");
}

static Err *take_record(ActivityGather *g, const WalRecord *record)
{
    if (record->top_xid.id && record->head.xid.id)
        xact_place(g, record->head.xid, record->top_xid);
    switch (record->head.manager) {
    case WAL_HEAP:
        return take_heap(g, record);
    case WAL_HEAP2:
        return take_multi_insert(g, record);
    case WAL_XACT:
        return (record->head.info & OPERATION) == XACT_ASSIGNMENT ? take_assignment(g, record) : NULL;
    case WAL_SMGR:
        return take_smgr(g, record);
    case WAL_STANDBY:
        return take_locks(g, record);
    case WAL_DBASE:
        return take_dbase(g, record);
    default:
        return NULL;
    }
}

void activity_gather_record(ActivityGather *g, Lsn start, const WalRecord *record, const XactEnd *end)
{
    if (end) {
        activity_gather_end(g, start, end);
        return;
    }
    Err *err = take_record(g, record);
    if (err) {
        g->result.unread++;
        err_free(&err);
    }
}

void activity_gather_unread(ActivityGather *g)
{
    g->result.unread++;
}

/* ---- the end */

static void open_note(ActivityGather *g)
{
    AUTO(mem_free) OpenXact **open = open_xacts_list(&g->open);
    for (uint32_t i = 0; i < g->open.count; i++) {
        open_xact_settle(open[i], &g->index);
        if (does_more_than_insert(open[i]))
            note_add(g, open[i], (WalXactNote){.state = WAL_XACT_OPEN, .time = INSTANT_NONE});
    }
}

void activity_gather_finish(WalActivity *out, ActivityGather *g)
{
    open_note(g);
    WalActivity *const result = &g->result;
    AUTO(mem_free) uint32_t *order = rel_index_order(&g->index);
    result->row_count = g->index.count;
    result->rows = arena_alloc(result->arena, (result->row_count + 1) * sizeof *result->rows);
    for (size_t i = 0; i < result->row_count; i++)
        result->rows[i] = g->rows[order[i]];
    result->note_count = g->notes.len / sizeof *result->notes;
    result->notes = arena_alloc(result->arena, g->notes.len + 1);
    if (g->notes.len)
        memcpy(result->notes, g->notes.data, g->notes.len);
    *out = *result;
    *result = (WalActivity){.arena = NULL};
}
