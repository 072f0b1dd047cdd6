/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * store/mirror.h - several stores that hold the same objects, read as one
 *
 * The first good copy wins. Whether a copy is good only the reader of its bytes can tell, so whoever checks them asks for
 * one copy after the other:
 *
 *     AUTO(copies_done) Copies copies = copies_of(store, key);
 *     Store *copy;
 *     while (copies_next(&copy, &copies)) {
 *         Err *err = read_and_check(copy, key);
 *         if (!err)
 *             return NULL;
 *         copies_bad(&copies, err);
 *     }
 *     return copies_none(&copies);
 *
 * The same loop serves any store: one that is no mirror is the only copy of all it has, and its error comes out as it
 * was. A mirror keeps what was found bad or away, so that its owner can tell of it in the end although all went well.
 *
 * Invariants
 *   1. A listing is the union of those of all members, sorted; a member that lacks an object is one bad copy of it.
 *   2. A member that was away, after its patience had ended, is left out from then on, as one that could not be opened
 *      would have been. What the others do not have is NOT_FOUND then, with a line of detail about the silence.
 *   3. Nothing is written through a mirror.
 *
 * Ownership: a mirror borrows its members. Threads: as any store; Copies belong to one thread.
 */
#pragma once

#include "store/store.h"

typedef struct MirrorMember {
    Store *store;
    const char *name; /* of the repository, for messages; borrowed */
} MirrorMember;

/* `count` is at least 1; the first is asked first. */
MUST Store *mirror_store_new(const MirrorMember *members, size_t count);

/* A fault of a copy that has not been told yet, the oldest first; NULL when there is none. At most MIRROR_FAULTS_MAX are
 * kept, one an object and member; how many more there were is the last one's text. */
MUST Err *mirror_fault_take(Store *mirror);

typedef struct Copies {
    Store *store;
    const char *key; /* borrowed */
    size_t next;
    bool is_over; /* nothing but a copy's own fault made it bad: a stop signal */
    Err *fault;   /* of the bad ones so far */
    Err *silence; /* of those that are away */
} Copies;

/* `store` may be any. */
Copies copies_of(Store *store, const char *key);
/* The next copy's store, borrowed; false when there are no more. */
bool copies_next(Store **out, Copies *copies);
/* The copy given last is not good. Takes over `err`, which says why. */
void copies_bad(Copies *copies, Err *err);
/* Why no copy is good, with a line of detail for each but the gravest: damage before absence before silence. */
MUST Err *copies_none(Copies *copies);
void copies_done(Copies *copies);
