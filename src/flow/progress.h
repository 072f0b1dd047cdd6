/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/progress.h - how far a job is
 *
 * Workers raise the counters, a job names its phase, and whoever draws a progress line takes a snapshot at any time.
 * Numbers of one snapshot may be a moment apart. A zero-initialised Progress is ready; it owns nothing.
 */
#pragma once

#include "flow/lock.h"

typedef struct Progress {
    _Atomic(const char *) phase;
    Counter bytes_total; /* 0 while unknown */
    Counter bytes_done;  /* plain bytes read or written */
    Counter bytes_stored;
    Counter files_total; /* 0 while unknown */
    Counter files_done;
} Progress;

typedef struct ProgressNow {
    const char *phase; /* "" before the first */
    uint64_t bytes_total, bytes_done, bytes_stored;
    uint64_t files_total, files_done;
} ProgressNow;

/* `phase` is a text that lives as long as the program, such as "copying". */
void progress_phase(Progress *progress, const char *phase);
ProgressNow progress_now(const Progress *progress);
