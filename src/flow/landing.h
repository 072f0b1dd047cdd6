/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/landing.h - where the bytes of one file come down, in any order
 *
 * A sink takes bytes one after the other. What several threads decode comes in pieces instead, each with its place.
 * land_begin() names the size of the whole; then every byte is written once; land_begin() again starts over, when what
 * came first turned out to be bad. There is no commit: the owner of a landing knows from the call that filled it whether
 * its content counts.
 *
 * Threads: land_begin() is for one thread, land_write() of pieces that do not overlap for many at once.
 */
#pragma once

#include "base/bytes.h"

typedef struct Landing Landing;

typedef struct LandingOps {
    Err *(*begin)(Landing *landing, uint64_t size_bytes);
    Err *(*write)(Landing *landing, uint64_t offset, Span bytes);
} LandingOps;

/* The first member of every landing's own struct. */
struct Landing {
    const LandingOps *ops;
};

MUST static inline Err *land_begin(Landing *landing, uint64_t size_bytes)
{
    return landing->ops->begin(landing, size_bytes);
}

MUST static inline Err *land_write(Landing *landing, uint64_t offset, Span bytes)
{
    return landing->ops->write(landing, offset, bytes);
}

/* In a Buf of the caller's, behind what is there already. The Buf must not be touched until all has landed. */
typedef struct BufLanding {
    Landing landing;
    struct Buf *to;
    size_t before;
} BufLanding;
BufLanding buf_landing(struct Buf *to);
