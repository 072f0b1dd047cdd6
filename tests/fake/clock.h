/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fake/clock.h - a clock that only the test moves
 *
 * Link tests/fake/clock.c into a test, and its functions take the place of the program's (os/clock.h). Sleeping moves
 * the clock and takes no time. Not for several threads.
 */
#pragma once

#include "base/instant.h"

void fake_clock_set(Instant now);
void fake_clock_advance_ms(int64_t duration_ms);
/* The sum of all sleeps so far, and their number. */
int64_t fake_clock_slept_ms(void);
int fake_clock_sleeps(void);
