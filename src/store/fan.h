/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * store/fan.h - one object into several stores
 *
 * A fan writes every byte to all of its stores and commits in all of them, in order. A failure anywhere fails the
 * whole; what is not committed yet is abandoned. The error names the store, and its detail those that have committed.
 *
 * After a commit that failed part-way, some stores hold the object and others do not, and no store can take it back
 * (objects are written once). So the caller repeats with the stores that lack it: store_fan_missing() finds them. In
 * those that have it, the caller must know that the bytes are the same: because the key is its own (a pack of a backup
 * label it reserved), or by comparing (WAL, whose name comes from outside). Where the bytes cannot be made again, a new
 * key is taken and the old object is left to expiry.
 */
#pragma once

#include "store/store.h"

/* `count` is at least 1. Borrows the stores until the put ends. EXISTS at once when any store has the key. */
MUST Err *store_put_fan(StorePut **out, Store *const *stores, size_t count, const char *key, PutOpts opts);

/* Those of `stores` that have no object `key`, in order, into `missing` (room for `count`). An object that is there is
 * settled, because its writer may have died before its sync. */
MUST Err *store_fan_missing(Store **missing, size_t *missing_count, Store *const *stores, size_t count,
                            const char *key);
