/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "fake/clock.h"

#include "os/clock.h"

/* 2026-11-21 08:00:00 UTC */
static Instant now = {INT64_C(1795248000000000)};
static int64_t monotonic_us = 1000000;
static int64_t slept_ms;
static int sleeps;

void fake_clock_set(Instant to)
{
    now = to;
}

void fake_clock_advance_ms(int64_t duration_ms)
{
    now.us += duration_ms * 1000;
    monotonic_us += duration_ms * 1000;
}

int64_t fake_clock_slept_ms(void)
{
    return slept_ms;
}

int fake_clock_sleeps(void)
{
    return sleeps;
}

Instant clock_now(void)
{
    return now;
}

int64_t clock_monotonic_us(void)
{
    return monotonic_us;
}

void clock_sleep_ms(int64_t duration_ms)
{
    sleeps++;
    slept_ms += duration_ms;
    fake_clock_advance_ms(duration_ms);
}
