/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/clock.h"

#include "os/signal.h"

#include <time.h>

/* A signal that arrives just before nanosleep() begins does not interrupt it; slices bound what that costs. */
enum { SLICE_MS = 50 };

Instant clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (Instant){(int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000};
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void clock_sleep_ms(int64_t duration_ms)
{
    const int64_t end_us = clock_monotonic_us() + duration_ms * 1000;
    while (!signal_stop_pending()) {
        const int64_t left_us = end_us - clock_monotonic_us();
        if (left_us <= 0)
            return;
        const int64_t slice_us = left_us < SLICE_MS * 1000 ? left_us : SLICE_MS * 1000;
        const struct timespec wait = {0, slice_us * 1000};
        nanosleep(&wait, NULL);
    }
}
