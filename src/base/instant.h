/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/instant.h - a moment in time
 *
 * Microseconds since 1970-01-01 00:00:00 UTC, without leap seconds, as time_t counts. PostgreSQL counts from
 * 2000-01-01 (src/include/datatype/timestamp.h); instant_from_pg() converts. Zones and clocks are not here: zones
 * belong to the command line, the clock to os/clock.h.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

typedef struct Instant {
    int64_t us;
} Instant;

/* No time known. */
#define INSTANT_NONE ((Instant){INT64_MIN})

static inline bool instant_is_none(Instant instant)
{
    return instant.us == INT64_MIN;
}

typedef struct InstantText {
    char text[40];
} InstantText;

Instant instant_from_pg(int64_t us_since_2000);
int64_t instant_to_pg(Instant instant);

/* "2026-11-21T08:33:12.123456Z"; the fraction is left out when zero. For machines. "none" for INSTANT_NONE. */
InstantText instant_text(Instant instant);
/* Does that have the form of the example? Not for years before 0 or behind 9999, which file systems can say. */
bool instant_has_text(Instant instant);
/* The text of such an instant. USAGE on anything else. */
MUST Err *instant_parse(Instant *out, const char *text);

/* Calendar date and time of day to microseconds since 1970, proleptic Gregorian; month 1..12, day 1..31. */
typedef struct Civil {
    int year, month, day, hour, minute, second, us;
} Civil;
Instant instant_from_civil(const Civil *civil); /* read as UTC */
Civil instant_civil(Instant instant);           /* in UTC */
