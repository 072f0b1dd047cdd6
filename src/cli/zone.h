/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/zone.h - time zones, from the system's tz database
 *
 * The C library knows one zone at a time, TZ's. So a question about another zone enters it and leaves it again; that is
 * for the main thread before any other runs. Nothing is guessed at the edges: a local time that never was and one that
 * was twice are told apart from the ordinary case.
 */
#pragma once

#include "base/instant.h"

enum { ZONE_OFFSETS_MAX = 8 };

/* The distinct offsets, in seconds east of UTC, at which a local time existed. None: clocks jumped over it. */
typedef struct ZoneOffsets {
    int64_t seconds[ZONE_OFFSETS_MAX];
    size_t count;
} ZoneOffsets;

/* Of a local time in the zone `name` ("Asia/Seoul"), or with NULL in the zone the process runs in. USAGE when the
 * system's database has no such zone. */
MUST Err *zone_offsets(ZoneOffsets *out, const Civil *local, const char *name);

/* What an abbreviation such as KST means about the year of `local`: one offset, or USAGE that names the candidates of an
 * ambiguous one (IST, CST, BST). NOT_FOUND: no zone uses it. */
MUST Err *zone_abbreviation(int64_t *out_seconds, const char *abbreviation, const Civil *local);

/* "+09", "-03:30" */
typedef struct ZoneText {
    char text[16];
} ZoneText;
ZoneText zone_offset_text(int64_t seconds);
