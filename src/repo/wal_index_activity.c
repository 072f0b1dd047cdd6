/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/limits.h"
#include "repo/wal_index.h"
#include "repo/wal_index_priv.h"

enum { ACTIVITY_VERSION = 1 };
enum { IS_NEAR = 1 };      /* a relation's flag */
enum { IS_COMMITTED = 1 }; /* a transaction's flag */
static const char what[] = "activity of a WAL index";

/* ---- writing */

static void rows_encode(Buf *out, const WalActivity *activity)
{
    RelFile before = {{0}, {0}, {0}};
    buf_add_varint(out, activity->row_count);
    for (size_t i = 0; i < activity->row_count; i++) {
        const WalRows *const rows = &activity->rows[i];
        buf_add_u8(out, wal_file_is_near(rows->file, before) ? IS_NEAR : 0);
        wal_file_encode(out, rows->file, before);
        buf_add_varint(out, rows->inserts);
        buf_add_varint(out, rows->updates);
        buf_add_varint(out, rows->deletes);
        before = rows->file;
    }
}

static void act_encode(Buf *out, const WalAct *act)
{
    buf_add_u8(out, (uint8_t)act->kind);
    buf_add_varint(out, act->file.tablespace.id);
    buf_add_varint(out, act->file.database.id);
    buf_add_varint(out, act->file.number.id);
    buf_add_varint(out, act->inserts);
    buf_add_varint(out, act->updates);
    buf_add_varint(out, act->deletes);
}

static void note_encode(Buf *out, const WalXactNote *note)
{
    buf_add_u8(out, note->state == WAL_XACT_COMMITTED ? IS_COMMITTED : 0);
    buf_add_varint(out, note->xid.id);
    buf_add_varint(out, note->top.id);
    buf_add_varint(out, note->database.id);
    buf_add_u64(out, note->end.at);
    buf_add_u64(out, (uint64_t)note->time.us);
    buf_add_varint(out, note->acts_dropped);
    buf_add_varint(out, note->act_count);
    for (uint32_t i = 0; i < note->act_count; i++)
        act_encode(out, &note->acts[i]);
}

void wal_index_activity_encode(Buf *out, const WalActivity *activity)
{
    buf_add_u16(out, ACTIVITY_VERSION);
    buf_add_varint(out, activity->notes_dropped);
    buf_add_varint(out, activity->unread);
    rows_encode(out, activity);
    wal_runs_encode(out, &activity->committed);
    wal_runs_encode(out, &activity->aborted);
    buf_add_varint(out, activity->note_count);
    for (size_t i = 0; i < activity->note_count; i++)
        note_encode(out, &activity->notes[i]);
}

/* ---- reading */

/* A count of things that take at least `least` bytes each: more than can follow makes the section short. */
static size_t count_decode(Dec *dec, size_t least)
{
    const uint64_t count = dec_varint(dec);
    dec->is_short |= count > dec_left(dec) / least;
    return dec->is_short ? 0 : (size_t)count;
}

static void rows_decode(WalActivity *activity, Dec *dec)
{
    enum { ROWS_LEAST = 5 };
    RelFile file = {{0}, {0}, {0}};
    activity->row_count = count_decode(dec, ROWS_LEAST);
    activity->rows = arena_alloc(activity->arena, (activity->row_count + 1) * sizeof *activity->rows);
    for (size_t i = 0; i < activity->row_count; i++) {
        wal_file_decode(&file, dec, dec_u8(dec) & IS_NEAR);
        WalRows *const rows = &activity->rows[i];
        rows->file = file;
        rows->inserts = dec_varint(dec);
        rows->updates = dec_varint(dec);
        rows->deletes = dec_varint(dec);
    }
}

static void act_decode(WalAct *act, Dec *dec)
{
    act->kind = (WalActKind)dec_u8(dec);
    act->file.tablespace.id = wal_number_decode(dec);
    act->file.database.id = wal_number_decode(dec);
    act->file.number.id = wal_number_decode(dec);
    act->inserts = wal_number_decode(dec);
    act->updates = wal_number_decode(dec);
    act->deletes = wal_number_decode(dec);
}

static void note_decode(WalXactNote *note, Dec *dec, Arena *arena)
{
    enum { ACT_LEAST = 7 };
    note->state = dec_u8(dec) & IS_COMMITTED ? WAL_XACT_COMMITTED : WAL_XACT_OPEN;
    note->xid.id = wal_number_decode(dec);
    note->top.id = wal_number_decode(dec);
    note->database.id = wal_number_decode(dec);
    note->end.at = dec_u64(dec);
    note->time.us = (int64_t)dec_u64(dec);
    note->acts_dropped = wal_number_decode(dec);
    note->act_count = (uint32_t)count_decode(dec, ACT_LEAST);
    WalAct *const acts = arena_alloc(arena, (note->act_count + (size_t)1) * sizeof *acts);
    for (uint32_t i = 0; i < note->act_count; i++)
        act_decode(&acts[i], dec);
    note->acts = acts;
}

static void notes_decode(WalActivity *activity, Dec *dec)
{
    enum { NOTE_LEAST = 22 };
    activity->note_count = count_decode(dec, NOTE_LEAST);
    activity->notes = arena_alloc(activity->arena, (activity->note_count + 1) * sizeof *activity->notes);
    for (size_t i = 0; i < activity->note_count; i++)
        note_decode(&activity->notes[i], dec, activity->arena);
}

static Err *section_decode(WalActivity *activity, Span section)
{
    Dec d = dec_begin(section);
    TRY(wal_section_version_decode(&d, ACTIVITY_VERSION, what));
    activity->notes_dropped = wal_number_decode(&d);
    activity->unread = wal_number_decode(&d);
    rows_decode(activity, &d);
    uint64_t left = WAL_INDEX_XACTS_MAX;
    TRY(wal_runs_decode(&activity->committed, &left, &d));
    TRY(wal_runs_decode(&activity->aborted, &left, &d));
    notes_decode(activity, &d);
    return dec_end_exact(&d, what);
}

Err *wal_index_activity_decode(WalActivity *out, Span section)
{
    AUTO(wal_activity_done) WalActivity activity = {.arena = arena_new()};
    TRY(section_decode(&activity, section));
    *out = activity;
    activity = (WalActivity){.arena = NULL};
    return NULL;
}
