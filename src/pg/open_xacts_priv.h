/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/open_xacts_priv.h - transactions that have not ended in a stretch of WAL, and what each did so far
 *
 * They lie in slots, found by number through buckets; a slot that was given back keeps its memory for the next one,
 * because most transactions are short. For the same reason rows are noted before they are counted: most transactions
 * end before that is worth the trouble. open_xact_settle() counts; whoever looks at the acts calls it first.
 *
 * An OpenXact stays where it is until the next open_xacts_add().
 */
#pragma once

#include "pg/rel_index.h"
#include "pg/wal_activity.h"

/* Rows of one relation are told by the place of its file in the index, which is faster; other acts have none. */
typedef struct OpenAct {
    uint32_t place;
    WalAct act;
} OpenAct;

/* Far fewer than WAL_NOTE_ROWS: nothing of note is among them alone. */
enum { OPEN_ROWS_MAX = 16 };

/* A row not counted yet: the place of its relation above, a WalRowKind in the lowest bits. */
enum { OPEN_ROW_KIND_BITS = 2 };

typedef struct OpenXact {
    Xid xid;
    Xid top; /* of a subtransaction, where a record told */
    OpenAct *acts;
    uint32_t act_count, act_room;
    uint32_t acts_dropped;
    uint32_t latest; /* the act counted last */
    uint32_t next;   /* slot + 1 of the same bucket, or of the free ones */
    bool is_of_note; /* when it commits; by the acts that are counted */
    uint32_t row_count;
    uint32_t rows[OPEN_ROWS_MAX];
} OpenXact;

/* Zero is empty; end it with open_xacts_done(). */
typedef struct OpenXacts {
    OpenXact *slots;
    uint32_t slot_count, slot_room;
    uint32_t count;     /* of transactions */
    uint32_t free_slot; /* + 1 */
    uint32_t *buckets;  /* slot + 1 */
    uint32_t bucket_count;
} OpenXacts;

void open_xacts_init(OpenXacts *xacts);
void open_xacts_done(OpenXacts *xacts);

/* NULL when it has done nothing yet. */
OpenXact *open_xacts_find(const OpenXacts *xacts, Xid xid);
/* One that is not there. */
OpenXact *open_xacts_add(OpenXacts *xacts, Xid xid);
/* It has ended, or done nothing. */
void open_xacts_remove(OpenXacts *xacts, Xid xid);
/* All of them by number, yours (mem_free). */
MUST OpenXact **open_xacts_list(const OpenXacts *xacts);

/* The usual case of open_xacts_find(): nobody else is in its bucket. */
static inline OpenXact *open_xacts_first(const OpenXacts *xacts, Xid xid)
{
    const uint32_t at = xacts->buckets[xid.id & (xacts->bucket_count - 1)];
    return at && xacts->slots[at - 1].xid.id == xid.id ? &xacts->slots[at - 1] : NULL;
}

/* Counts the rows that are noted; `index` tells their files. */
void open_xact_settle(OpenXact *xact, const RelIndex *index);
/* Adds an act with its counts; rows must be settled. */
void open_xact_act(OpenXact *xact, const OpenAct *added);

/* Rows of one kind in one relation that make a transaction one of note; UINT32_MAX: none. */
extern const uint32_t open_rows_of_note[WAL_ROW_KINDS];

static inline void open_xact_count(OpenXact *xact, WalAct *act, uint32_t kind, uint32_t rows)
{
    act->counts[kind] += rows;
    xact->is_of_note |= act->counts[kind] >= open_rows_of_note[kind];
}

/* Notes one more row, or counts it where that is as fast. False: settle it first. */
static inline bool open_xact_row(OpenXact *xact, uint32_t place, uint32_t kind)
{
    if (xact->act_count && xact->acts[xact->latest].place == place) {
        open_xact_count(xact, &xact->acts[xact->latest].act, kind, 1);
        return true;
    }
    if (xact->row_count == OPEN_ROWS_MAX)
        return false;
    xact->rows[xact->row_count++] = place << OPEN_ROW_KIND_BITS | kind;
    return true;
}
