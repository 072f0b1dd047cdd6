/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Transactions that have not ended lie in slots, found by number through buckets; a slot that was given back keeps its
 * memory for the next one, because most transactions are short. */
#include "pg/wal_activity.h"

#include "base/buf.h"
#include "base/limits.h"
#include "pg/rel_index.h"

#include <stdlib.h>
#include <string.h>

enum { OPERATION = 0x70, BUCKETS_FIRST = 64 };
enum {
    HEAP_INSERT = 0x00,
    HEAP_DELETE = 0x10,
    HEAP_UPDATE = 0x20,
    HEAP_TRUNCATE = 0x30,
    HEAP_HOT_UPDATE = 0x40
};
enum { HEAP2_MULTI_INSERT = 0x50 };
enum { SMGR_CREATE = 0x10, SMGR_TRUNCATE = 0x20 };
enum { DBASE_DROP = 0x20, DBASE_DROP_14 = 0x10 };
enum { STANDBY_LOCK = 0x00 };
enum {
    STATS_OF_RELATION = 2
}; /* PGSTAT_KIND_RELATION, src/include/utils/pgstat_kind.h, pgstat.h before 18 */

typedef struct Slot {
    Xid xid;
    Xid top;
    Oid database;
    Buf acts; /* of WalAct */
    uint32_t acts_dropped;
    uint32_t latest; /* the act counted last */
    uint32_t next;   /* slot + 1 of the same bucket, or of the free ones */
} Slot;

struct ActivityGather {
    const PgVersion *version;
    RelIndex index;
    WalRows *rows; /* by the index */
    size_t rows_room;
    Slot *slots;
    uint32_t slot_count, slot_room, open_count;
    uint32_t free_slot; /* + 1 */
    uint32_t *buckets;  /* slot + 1 */
    uint32_t bucket_count;
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
    g->bucket_count = BUCKETS_FIRST;
    g->buckets = mem_new(g->bucket_count * sizeof *g->buckets);
    return g;
}

void activity_gather_free(ActivityGather **gather)
{
    ActivityGather *const g = *gather;
    if (!g)
        return;
    for (uint32_t i = 0; i < g->slot_count; i++)
        buf_done(&g->slots[i].acts);
    mem_free(&g->slots);
    mem_free(&g->buckets);
    rel_index_done(&g->index);
    mem_free(&g->rows);
    buf_done(&g->notes);
    wal_activity_done(&g->result);
    mem_free(gather);
}

/* ---- open transactions */

static uint32_t *bucket_of(const ActivityGather *g, Xid xid)
{
    return &g->buckets[xid.id & (g->bucket_count - 1)];
}

/* The place that names the transaction's slot, or the end of its chain. */
static uint32_t *link_of(const ActivityGather *g, Xid xid)
{
    uint32_t *link = bucket_of(g, xid);
    while (*link && g->slots[*link - 1].xid.id != xid.id)
        link = &g->slots[*link - 1].next;
    return link;
}

static Slot *slot_find(const ActivityGather *g, Xid xid)
{
    const uint32_t found = *link_of(g, xid);
    return found ? &g->slots[found - 1] : NULL;
}

static void buckets_grow(ActivityGather *g)
{
    uint32_t *const old = g->buckets;
    const uint32_t old_count = g->bucket_count;
    g->bucket_count *= 2;
    g->buckets = mem_new(g->bucket_count * sizeof *g->buckets);
    for (uint32_t i = 0; i < old_count; i++) {
        for (uint32_t at = old[i]; at;) {
            Slot *const slot = &g->slots[at - 1];
            const uint32_t next = slot->next;
            uint32_t *const bucket = bucket_of(g, slot->xid);
            slot->next = *bucket;
            *bucket = at;
            at = next;
        }
    }
    uint32_t *done = old;
    mem_free(&done);
}

static uint32_t slot_take(ActivityGather *g)
{
    if (g->free_slot) {
        const uint32_t at = g->free_slot;
        g->free_slot = g->slots[at - 1].next;
        return at;
    }
    if (g->slot_count == g->slot_room) {
        g->slot_room = g->slot_room ? g->slot_room * 2 : BUCKETS_FIRST;
        g->slots = mem_resize(g->slots, g->slot_room * sizeof *g->slots);
    }
    g->slots[g->slot_count] = (Slot){.next = 0};
    return ++g->slot_count;
}

/* The transaction's slot, a new one when it has none. */
static Slot *slot_open(ActivityGather *g, Xid xid)
{
    Slot *const found = slot_find(g, xid);
    if (found)
        return found;
    if (g->open_count++ == g->bucket_count)
        buckets_grow(g);
    const uint32_t at = slot_take(g);
    Slot *const slot = &g->slots[at - 1];
    const Buf acts = slot->acts;
    uint32_t *const bucket = bucket_of(g, xid);
    *slot = (Slot){.xid = xid, .acts = acts, .next = *bucket};
    *bucket = at;
    return slot;
}

/* The same, but NULL when too many have one. */
static Slot *slot_get(ActivityGather *g, Xid xid)
{
    Slot *const found = slot_find(g, xid);
    if (found || g->open_count < WAL_XACTS_OPEN_MAX)
        return found ? found : slot_open(g, xid);
    g->result.notes_dropped++;
    return NULL;
}

static void slot_give_back(ActivityGather *g, Xid xid)
{
    uint32_t *const link = link_of(g, xid);
    const uint32_t at = *link;
    if (!at)
        return;
    Slot *const slot = &g->slots[at - 1];
    *link = slot->next;
    slot->next = g->free_slot;
    g->free_slot = at;
    buf_clear(&slot->acts);
    g->open_count--;
}

/* ---- what they did */

static uint32_t act_count(const Slot *slot)
{
    return (uint32_t)(slot->acts.len / sizeof(WalAct));
}

static bool act_is(const WalAct *act, WalActKind kind, RelFile file)
{
    return act->kind == kind && rel_file_equal(act->file, file);
}

/* What brings data to an end is of note by itself, and has room of its own: a long list of locks must not hide it. */
static bool is_destructive(WalActKind kind)
{
    return kind != WAL_ACT_ROWS && kind != WAL_ACT_CREATE && kind != WAL_ACT_LOCK;
}

/* NULL when there is no room for another one. */
static WalAct *act_get(Slot *slot, WalActKind kind, RelFile file)
{
    WalAct *const acts = (WalAct *)(void *)slot->acts.data;
    const uint32_t count = act_count(slot);
    if (count && act_is(&acts[slot->latest], kind, file))
        return &acts[slot->latest];
    for (uint32_t i = 0; i < count; i++) {
        if (act_is(&acts[i], kind, file)) {
            slot->latest = i;
            return &acts[i];
        }
    }
    if (count >= (is_destructive(kind) ? 2 * WAL_ACTS_MAX : WAL_ACTS_MAX)) {
        slot->acts_dropped++;
        return NULL;
    }
    slot->latest = count;
    buf_add(&slot->acts, &(WalAct){.kind = kind, .file = file}, sizeof(WalAct));
    return (WalAct *)(void *)slot->acts.data + count;
}

static void act_add(Slot *slot, const WalAct *added)
{
    WalAct *const act = slot ? act_get(slot, added->kind, added->file) : NULL;
    if (!act)
        return;
    act->inserts += added->inserts;
    act->updates += added->updates;
    act->deletes += added->deletes;
}

static void take_act(ActivityGather *g, Xid xid, WalActKind kind, RelFile file)
{
    if (xid.id)
        act_add(slot_get(g, xid), &(WalAct){.kind = kind, .file = file});
}

static void take_rows(ActivityGather *g, Xid xid, const WalAct *rows)
{
    const uint32_t count = g->index.count;
    const uint32_t place = rel_index_add(&g->index, rows->file);
    if (g->index.count > g->rows_room) {
        g->rows_room = g->index.room;
        g->rows = mem_resize(g->rows, g->rows_room * sizeof *g->rows);
    }
    if (place == count)
        g->rows[place] = (WalRows){.file = rows->file};
    g->rows[place].inserts += rows->inserts;
    g->rows[place].updates += rows->updates;
    g->rows[place].deletes += rows->deletes;
    if (xid.id)
        act_add(slot_get(g, xid), rows);
}

/* ---- ends */

/* With acts left out nobody knows: then it is. */
static bool is_of_note(const Slot *slot)
{
    const WalAct *const acts = (const WalAct *)(const void *)slot->acts.data;
    for (uint32_t i = 0; i < act_count(slot); i++) {
        if (is_destructive(acts[i].kind) || acts[i].updates >= WAL_NOTE_ROWS ||
            acts[i].deletes >= WAL_NOTE_ROWS)
            return true;
    }
    return slot->acts_dropped > 0;
}

/* One that only inserts is none of our business, however long. */
static bool does_more_than_insert(const Slot *slot)
{
    const WalAct *const acts = (const WalAct *)(const void *)slot->acts.data;
    for (uint32_t i = 0; i < act_count(slot); i++) {
        if (acts[i].kind != WAL_ACT_ROWS || acts[i].updates || acts[i].deletes)
            return true;
    }
    return false;
}

static void note_add(ActivityGather *g, const Slot *slot, WalXactNote note)
{
    if (g->notes.len / sizeof note == WAL_NOTES_MAX) {
        g->result.notes_dropped++;
        return;
    }
    note.xid = slot->xid;
    note.top = slot->top;
    note.act_count = act_count(slot);
    note.acts_dropped = slot->acts_dropped;
    note.acts = (const WalAct *)(const void *)arena_bytes(g->result.arena, buf_span(&slot->acts)).ptr;
    if (!note.database.id)
        note.database = slot->database;
    for (uint32_t i = 0; !note.database.id && i < note.act_count; i++)
        note.database = note.acts[i].file.database;
    buf_add(&g->notes, &note, sizeof note);
}

/* What a subtransaction did, its top-level transaction did. */
static void subxact_join(ActivityGather *g, Slot *slot, Xid xid)
{
    const Slot *const from = slot_find(g, xid);
    if (!from)
        return;
    for (uint32_t i = 0; i < act_count(from); i++)
        act_add(slot, (const WalAct *)(const void *)from->acts.data + i);
    slot->acts_dropped += from->acts_dropped;
    slot_give_back(g, xid);
}

static void dropped_stats_take(const ActivityGather *g, Slot *slot, const XactEnd *end)
{
    const size_t item_bytes = g->version->major < 18 ? 12 : 16;
    for (uint32_t i = 0; i < end->dropped_stats_count; i++) {
        const uint8_t *const item = end->dropped_stats.ptr + i * item_bytes;
        const RelFile relation = {.database = {get_u32(item + 4)}, .number = {get_u32(item + 8)}};
        if (get_u32(item) == STATS_OF_RELATION)
            act_add(slot, &(WalAct){.kind = WAL_ACT_DROP_RELATION, .file = relation});
    }
}

static void take_commit(ActivityGather *g, Lsn start, const XactEnd *end)
{
    number_set_add(&g->result.committed, end->xid.id);
    Slot *const slot = slot_open(g, end->xid);
    for (uint32_t i = 0; i < end->subxact_count; i++) {
        number_set_add(&g->result.committed, xact_end_subxact(end, i).id);
        subxact_join(g, slot, xact_end_subxact(end, i));
    }
    for (uint32_t i = 0; i < end->file_count; i++)
        act_add(slot, &(WalAct){.kind = WAL_ACT_DROP, .file = xact_end_file(end, i)});
    dropped_stats_take(g, slot, end);
    if (is_of_note(slot))
        note_add(
            g, slot,
            (WalXactNote){
                .state = WAL_XACT_COMMITTED, .end = start, .time = end->time, .database = end->database});
    slot_give_back(g, end->xid);
}

static void take_abort(ActivityGather *g, const XactEnd *end)
{
    number_set_add(&g->result.aborted, end->xid.id);
    slot_give_back(g, end->xid);
    for (uint32_t i = 0; i < end->subxact_count; i++) {
        number_set_add(&g->result.aborted, xact_end_subxact(end, i).id);
        slot_give_back(g, xact_end_subxact(end, i));
    }
}

/* The transaction is a part of `top`. */
static void slot_place(ActivityGather *g, Xid xid, Xid top)
{
    Slot *const slot = slot_get(g, xid);
    if (slot)
        slot->top = top;
}

static Err *take_assignment(ActivityGather *g, const WalRecord *record)
{
    Dec dec = dec_begin(record->main);
    const Xid top = {dec_u32(&dec)};
    const uint32_t count = dec_u32(&dec);
    for (uint32_t i = 0; i < count && !dec.is_short; i++) {
        const Xid sub = {dec_u32(&dec)};
        if (sub.id)
            slot_place(g, sub, top);
    }
    return dec_end(&dec, "assignment of subtransactions");
}

static void take_end(ActivityGather *g, Lsn start, const XactEnd *end)
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
    const int op = record->head.info & OPERATION;
    if (op == HEAP_TRUNCATE)
        return take_truncate(g, record);
    WalAct rows = {.kind = WAL_ACT_ROWS};
    rows.inserts = op == HEAP_INSERT;
    rows.updates = op == HEAP_UPDATE || op == HEAP_HOT_UPDATE;
    rows.deletes = op == HEAP_DELETE;
    if (!record->block_count || !(rows.inserts || rows.updates || rows.deletes))
        return NULL;
    rows.file = record->blocks[0].file;
    take_rows(g, record->head.xid, &rows);
    return NULL;
}

static Err *take_multi_insert(ActivityGather *g, const WalRecord *record)
{
    if ((record->head.info & OPERATION) != HEAP2_MULTI_INSERT || !record->block_count)
        return NULL;
    Dec dec = dec_begin(record->main);
    dec_skip(&dec, 2); /* flags, padding */
    const WalAct rows = {.kind = WAL_ACT_ROWS, .file = record->blocks[0].file, .inserts = dec_u16(&dec)};
    TRY(dec_end(&dec, "insertion of several rows"));
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
        slot_place(g, record->head.xid, record->top_xid);
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
        take_end(g, start, end);
        return;
    }
    AUTO(err_free) Err *err = take_record(g, record);
    g->result.unread += err != NULL;
}

void activity_gather_unread(ActivityGather *g)
{
    g->result.unread++;
}

/* ---- the end */

static int by_xid(const void *a, const void *b)
{
    const uint32_t x = (*(Slot *const *)a)->xid.id, y = (*(Slot *const *)b)->xid.id;
    return x < y ? -1 : x > y;
}

static void open_note(ActivityGather *g)
{
    AUTO(mem_free) Slot **open = mem_new((g->open_count + 1) * sizeof *open);
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->bucket_count; i++) {
        for (uint32_t at = g->buckets[i]; at; at = g->slots[at - 1].next)
            open[count++] = &g->slots[at - 1];
    }
    qsort(open, count, sizeof *open, by_xid);
    for (uint32_t i = 0; i < count; i++) {
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
