/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/wal_joint.h - do neighbouring segments belong together?
 *
 * Two servers that began as one (a copy of a data directory, a machine that was rolled back) write segments of the same
 * system id, timeline and number, each of them sound. What tells them apart is how a segment goes on from the one
 * before: the record that crosses the border must be whole, of the right length and checksum, and the first record that
 * begins behind it must name the last one before it. Replay ends where that is not so.
 *
 * A WalJoint is what one segment says of its borders, taken from its index in a few bytes, so that the joints of a whole
 * archive can be kept and compared in any order. A WalChain goes from one segment to the next.
 *
 * Invariants
 *   1. What is not known (a record longer than the seams, more events than an index keeps) never breaks a chain.
 *   2. A break is told at the later segment, and the chain begins anew there.
 *
 * Two lives that wrote records of the same lengths up to a border that no record crosses cannot be told apart by it.
 *
 * Format: repo/FORMAT.md, "Seams". Threads: values.
 */
#pragma once

#include "pg/wal_name.h"
#include "repo/wal_index.h"

enum { WAL_JOINT_HEAD_BYTES = 16 }; /* of a record's head, the most that can lie behind the border */

typedef struct WalJoint {
    Lsn first_prev, last; /* as in WalSeams */
    Lsn next;             /* where the record after the last whole one begins; invalid: not known */
    Lsn voids; /* the unfinished record of an earlier segment that is declared void here; invalid: none */
    Lsn open_start; /* the record that begins here and goes on; invalid: none */
    uint32_t open_total_bytes, open_here_bytes;
    uint32_t head_total_bytes; /* the end of a record begun before takes so many; 0: none does */
    bool is_cut;               /* its records end before it does */
    bool has_all_events;       /* else `voids` may be missing */
    bool has_tail, has_head;   /* the seam is whole, and the next ones are set: */
    uint8_t tail_begin[WAL_RECORD_HEAD_BYTES]; /* of the open record, as far as they lie here */
    uint32_t tail_crc;                         /* state over what follows of it here */
    uint8_t head_begin[WAL_JOINT_HEAD_BYTES];  /* of the end of a record begun before */
    uint32_t head_crc;                         /* over what follows of it, from a state of 0 */
} WalJoint;

WalJoint wal_joint_of(const WalSummary *summary, const WalSeams *seams);

/* Zero-initialised: before the first segment. */
typedef struct WalChain {
    bool is_begun;
    WalJoint before;          /* of the segment in which the open record begins, or of the one before */
    Lsn last;                 /* start of the last record that ended; invalid: not known */
    Lsn open_start;           /* of the open record; invalid: it began before the chain, or none is open */
    uint64_t open_left_bytes; /* 0: no record is open */
    bool is_long;             /* the open record fills segments */
} WalChain;

typedef struct WalBreak {
    bool is_there;
    char text[200]; /* why the two do not belong together, for people */
} WalBreak;

/* The next segment, right behind the one before; `name` is its name. */
void wal_chain_add(WalBreak *out, WalChain *chain, const WalJoint *joint, WalName name);
