/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/local_time.h - times as people write and read them
 *
 * A target time decides which rows come back, so it is never guessed: an offset or a zone says which moment is meant, a
 * time without one is local and echoed, and a local time that never was, was twice, or has an ambiguous abbreviation is
 * refused with what to write instead.
 */
#pragma once

#include "base/buf.h"
#include "base/instant.h"

typedef struct Moment {
    Instant at;
    int64_t offset_s; /* seconds east of UTC under which it was read */
    bool is_zoneless; /* read as local time: worth an echo */
} Moment;

/* "2026-11-21 08:33:12.5" with 'T' or a blank between, seconds and fraction optional, then nothing or a zone: "Z",
 * "+09", "+0900", "+09:00", "Asia/Seoul", "KST". USAGE. */
MUST Err *moment_parse(Moment *out, const char *text);

/* "2026-11-21 17:33:12+09 (08:33:12 UTC)", the part in brackets only where local time is not UTC, with the date when it
 * differs. For people; machines get instant_text(). "none" for INSTANT_NONE. */
typedef struct LocalTimeText {
    char text[96];
} LocalTimeText;
LocalTimeText local_time_text(Instant instant);
/* The same in the zone that a moment was written in. */
LocalTimeText moment_text(const Moment *moment);
/* Adds `text` with each time as machines write it replaced by the form for people, but not where it is part of a longer
 * word: that may be a value to copy. */
void local_times_add(Buf *out, const char *text);
