/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * store/faulty.h - a store that fails when told to. For tests; not in the shipped program.
 *
 * Every call has a number, counted over all kinds from the last faulty_plan() on, so a test can fail the 1st, the 2nd,
 * … until a run meets no fault. The bytes of a get can be damaged as well.
 *
 * Threads: calls may run in parallel; planning may not run beside them.
 */
#pragma once

#include "store/store.h"

typedef enum FaultyCall {
    FAULTY_GET,
    FAULTY_PUT, /* its begin */
    FAULTY_WRITE,
    FAULTY_COMMIT,
    FAULTY_STAT,
    FAULTY_LIST,
    FAULTY_REMOVE,
    FAULTY_SETTLE,
    FAULTY_CALL_COUNT
} FaultyCall;

typedef enum FaultyDamage {
    FAULTY_NONE,
    FAULTY_FLIP,  /* the byte at damage_at arrives inverted */
    FAULTY_CUT,   /* bytes from damage_at on are missing, and the get succeeds */
    FAULTY_BREAK, /* the first get that reaches damage_at stops there with fault_class */
} FaultyDamage;

typedef struct FaultyPlan {
    uint64_t nth;         /* this call fails, 1 is the next; 0: none */
    ErrClass fault_class; /* of all failures planned here */
    bool is_late;         /* the failing call is done all the same: the answer got lost */
    /* When set: fails every call for which it says true. */
    bool (*matches)(void *arg, FaultyCall call, const char *key);
    void *arg;
    /* Not with `matches`. With a key, borrowed, all gets of that object are damaged at one byte of it. Without one the
     * nth call does not fail, but is damaged if it is a get: at a byte of what it brings. */
    const char *damage_key;
    FaultyDamage damage;
    uint64_t damage_at;
} FaultyPlan;

/* Takes over `next`. No fault before a plan. */
MUST Store *faulty_store_new(Store *next);
/* Replaces the plan and counts from zero. */
void faulty_plan(Store *faulty, FaultyPlan plan);
/* Calls of a kind since the last plan. */
uint64_t faulty_calls(const Store *faulty, FaultyCall call);
/* The same of all kinds. */
uint64_t faulty_total(const Store *faulty);
/* Whether anything was made to fail or damaged since the last plan. */
bool faulty_hit(const Store *faulty);
