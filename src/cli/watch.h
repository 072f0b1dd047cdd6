/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/watch.h - what a person sees of a job while it works
 *
 * Between watch_begin() and watch_end() the progress line is drawn beside the job, unless -q or --output json forbids
 * it, and each SIGUSR1 is answered with a line that says how far the job is. The Watch must not move in between.
 */
#pragma once

#include "cli/command.h"
#include "cli/progress_line.h"
#include "flow/ticker.h"

typedef struct Watch {
    Progress progress; /* for the job to fill */
    ProgressLine line;
    bool is_drawn;
    Ticker *ticker;
} Watch;

MUST Err *watch_begin(Watch *watch, const CommandCall *call);
/* Takes the line away. Serves AUTO(); a second call does nothing. */
void watch_end(Watch *watch);
