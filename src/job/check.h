/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/check.h - is this cluster protected at this moment? One line per question
 *
 * Every question is asked, whatever the answers before it; what cannot be asked is skipped and says why. A line that is
 * not good is also a notice of the report, with detail and hint, so the exit status follows from the report alone.
 * Freshness is measured before the proof makes the server archive.
 *
 * The only thing that is written is the segment which the server archives for the proof.
 */
#pragma once

#include "base/arena.h"
#include "cluster/options.h"
#include "cluster/report.h"

typedef enum CheckVerdict { CHECK_GOOD, CHECK_WARNING, CHECK_FAULT, CHECK_SKIPPED } CheckVerdict;

typedef struct CheckLine {
    const char *name; /* stable: "server", "freshness" */
    CheckVerdict verdict;
    const char *text;
} CheckLine;

enum { CHECK_LINES_MAX = 64 };

typedef struct CheckResult {
    CheckLine lines[CHECK_LINES_MAX];
    size_t count;
} CheckResult;

/* As the owner of the data directory, where it is on this host. Texts live in the arena. Fails only when a stop signal
 * came. */
MUST Err *check_run(CheckResult *out, const ClusterOptions *cluster, Report *report, Arena *arena);
