/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/latch.h - waiting until others are done
 *
 * A Latch begins with a number of parts; each part that ends counts it down, and latch_wait() returns when none is
 * left. A unit of a pool counts down in its unit_free, which the pool calls in any case, so a waiter never waits for a
 * canceled run: it must look, after waiting, whether the work was really done (pool_check).
 */
#pragma once

#include <stddef.h>

typedef struct Latch Latch;

Latch *latch_new(size_t parts);
void latch_count_down(Latch *latch);
void latch_wait(Latch *latch);
void latch_free(Latch **latch);
