/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/progress_line.h - how far a job is, for people
 *
 * On a terminal one line that is drawn over and over, at most five times a second; elsewhere a line every 30 s. Nothing
 * with -q or --output json. Which line stands on the terminal is the terminal's state, so it is kept once a process.
 */
#pragma once

#include "base/buf.h"
#include "flow/progress.h"

typedef struct ProgressLine {
    bool is_terminal;
    int64_t begun_us; /* monotonic */
    int64_t shown_us;
} ProgressLine;

void progress_line_init(ProgressLine *line, int64_t now_us);
/* Shows `now` when it is time to. */
void progress_line_tick(ProgressLine *line, const ProgressNow *now, int64_t now_us);
/* Takes the line away from the terminal; every message does so first. */
void progress_line_clear(void);

/* "copying: 41.2 GB of 50.0 GB (82 %), 300 MB/s, 29s left" */
void progress_line_format(Buf *out, const ProgressNow *now, int64_t elapsed_us);
