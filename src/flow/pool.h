/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/pool.h - many units of work, a few workers, one result
 *
 * pool_run() calls `produce` in the calling thread; it pushes units into a bounded queue, and each of N worker threads
 * takes one at a time, oldest first. A worker may have a state of its own (a pack writer, a connection), begun before
 * its first unit and ended after its last.
 *
 * Invariants
 *   1. The first error, in time, is what pool_run() returns. It raises the cancel flag: units still in the queue are
 *      freed, pool_push() answers CANCELED, workers finish or give up their unit, and later errors are dropped.
 *   2. `end` is called when the queue is empty for good and no error is known; others may still be working, so what it
 *      commits must be harmless when the run fails after all. `free` is always called.
 *   3. Every unit is freed exactly once, by the pool, whether it was worked on or not.
 *   4. When pool_run() returns, all its threads are gone.
 *
 * Signals are blocked in the workers, so that they reach the thread that called.
 */
#pragma once

#include "base/err.h"

typedef struct Pool Pool;

typedef struct PoolSpec {
    size_t workers;     /* 1 to JOBS_MAX */
    size_t queue_units; /* waiting units at most; 0: twice the workers */
    void *arg;          /* handed to produce, begin and work */

    /* Pushes all units. Returning an error cancels. */
    Err *(*produce)(void *arg, Pool *pool);
    /* Works on one unit; `state` is what `begin` made, or NULL. */
    Err *(*work)(void *arg, Pool *pool, void *state, void *unit);
    /* May be NULL: how to free a unit. */
    void (*unit_free)(void *unit);

    /* May be NULL: CANCELED when the user has asked to stop. Called before each unit and by pool_push() and pool_check(). */
    Err *(*stop_check)(void);

    /* Each worker's own state; all three, or none. In the worker's thread. */
    Err *(*begin)(void **state, void *arg);
    Err *(*end)(void *state); /* success: commit what is open */
    void (*free)(void *state);
} PoolSpec;

MUST Err *pool_run(const PoolSpec *spec);

/* From `produce`: hands the unit over, in any case; waits while the queue is full. CANCELED when the run is over:
 * return it. */
MUST Err *pool_push(Pool *pool, void *unit);

/* CANCELED when another thread's error has ended the run, or the user asked to stop. A long unit asks now and then. */
MUST Err *pool_check(const Pool *pool);
