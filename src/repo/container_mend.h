/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/container_mend.h - a damaged object, put right from what is left of it
 *
 * The parts of a container prove each other: the trailer has the hashes of head and index, the index those of the
 * frames, the SHA-256 covers all but itself and the trailer. So where one part is damaged, it can be computed anew from
 * the others, and whether the result is right is proven by hashes that were not touched: head (without facts), tail
 * header, SHA-256, trailer, and an index that has nothing but the list of frames. Damaged frames cannot be mended.
 *
 * Invariants
 *   1. What is given out as mended passes every check of a reader and has the plain bytes that were written; of packs and
 *      commits, whose hashes others name, it is the object byte for byte.
 *   2. Plain bytes given out by container_rescue() are proven, or are told to need a proof by the facts.
 *
 * Memory: the object a few times. Threads: functions without state.
 */
#pragma once

#include "repo/container.h"

/* Appends the object, mended, to `out`; false when it cannot be, or has no need. */
MUST Err *container_mend(Buf *out, bool *is_mended, Span object, const ContainerExpect *expect);

/* What can be had of an object whose index or head is lost. */
typedef struct ContainerRescue {
    Buf plain;
    CodecKind codec;
    bool is_proven; /* by the hashes of the index; else `facts` must prove the plain bytes */
    Buf facts;      /* of the head, where it can be read; else empty */
} ContainerRescue;

/* False when not all frames can be found and decoded. End it with container_rescue_done(). */
MUST Err *container_rescue(ContainerRescue *out, bool *is_whole, Span object);
void container_rescue_done(ContainerRescue *rescue);
