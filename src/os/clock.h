/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/clock.h - what time it is, and waiting
 *
 * A test that wants a clock of its own defines these three functions itself (tests/fake/clock.c), and the linker leaves
 * clock.o in its archive, as with os/fault.h. So clock.c holds these three and nothing else.
 */
#pragma once

#include "base/instant.h"

/* Wall clock. It may jump; never measure with it. */
Instant clock_now(void);
/* Microseconds since some fixed moment; never steps back. For durations and deadlines. */
int64_t clock_monotonic_us(void);
/* Sleeps, and returns early once a stop signal is pending (os/signal.h). */
void clock_sleep_ms(int64_t duration_ms);
