/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/process.h - runs another program and waits for it
 *
 * No shell: arguments go to the program as they are. It runs with LC_ALL=C, with default signal handling, and with
 * only the three standard descriptors open. A program that is still running at the timeout, or when we are asked to
 * stop, gets SIGTERM and two seconds later SIGKILL. What the program left running behind itself (a server that was
 * started) is left alone, even when it holds our pipe open.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

typedef struct ProcessOptions {
    const char *folder;      /* working folder; NULL: ours */
    const char *const *env;  /* "NAME=value", …, NULL: set beside ours; NULL: none */
    Span input;              /* standard input; empty: /dev/null */
    Buf *output;             /* standard output and standard error are added here; NULL: thrown away */
    Buf *messages;           /* where standard error goes instead of `output` when not NULL */
    size_t output_bytes_max; /* of each; 0: 1 MiB. Above it: LIMIT, and the program is ended */
    int64_t timeout_ms;      /* 0: none */
} ProcessOptions;

typedef struct ProcessEnd {
    int status; /* exit status, when `signal` is 0 */
    int signal; /* the signal that ended it */
} ProcessEnd;

static inline bool process_succeeded(ProcessEnd end)
{
    return end.status == 0 && end.signal == 0;
}

/* Runs argv[0], looked up in PATH when it has no '/'. How it ended is an outcome, not an error. NOT_FOUND when there is
 * no such program; IO at the timeout; CANCELED when we are asked to stop. */
MUST Err *process_run(ProcessEnd *out, const char *const *argv, const ProcessOptions *options);
