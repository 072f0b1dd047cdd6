/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/lock.h - the few things that threads share: a lock, a counter, a flag
 *
 * Other rooms share state between threads through these and never touch pthread. A lock is held for a few statements
 * and never across a call that can wait (a store, a file, a callback).
 *
 * Counters and flags carry no order: a reader may see two of them change in either order. What must be seen together
 * stands behind a lock.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Lock {
    pthread_mutex_t mutex;
} Lock;

void lock_init(Lock *lock);
void lock_done(Lock *lock);
void lock_take(Lock *lock);
void lock_release(Lock *lock);

/* A number that many threads raise. Zero-initialised is zero. */
typedef struct Counter {
    _Atomic uint64_t value;
} Counter;

/* Adds and returns the value before, so that it also hands out numbers. */
static inline uint64_t counter_add(Counter *counter, uint64_t by)
{
    return atomic_fetch_add_explicit(&counter->value, by, memory_order_relaxed);
}

static inline uint64_t counter_get(const Counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

static inline void counter_set(Counter *counter, uint64_t value)
{
    atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

/* Raised once, seen by all. Zero-initialised is down. */
typedef struct Flag {
    atomic_bool is_up;
} Flag;

static inline void flag_raise(Flag *flag)
{
    atomic_store_explicit(&flag->is_up, true, memory_order_release);
}

static inline bool flag_is_up(const Flag *flag)
{
    return atomic_load_explicit(&flag->is_up, memory_order_acquire);
}
