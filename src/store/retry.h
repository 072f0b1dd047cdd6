/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * store/retry.h - patience with what is away
 *
 * The one policy: only AWAY is worth another try; waits double from RETRY_WAIT_FIRST_MS to RETRY_WAIT_LAST_MS; patience
 * ends `timeout_ms` after the first failure since something last went forward; a stop signal ends it at once. No driver
 * has a loop of its own: the wrapper repeats whole calls, and a driver that sends an object in parts repeats a part with
 * Retry.
 */
#pragma once

#include "store/store.h"

typedef struct Retry {
    int64_t timeout_ms;
    int64_t since_us; /* first failure since the last progress; 0: none */
    int64_t wait_ms;  /* the next wait */
    unsigned tries;
} Retry;

Retry retry_begin(int64_t timeout_ms);
/* Something went forward: patience begins anew. */
void retry_progress(Retry *retry);
/* Takes over `err`. NULL after waiting: try again. Otherwise the error to pass up: `err` itself when it is not worth a
 * retry or patience has ended, CANCELED when a stop signal came. */
MUST Err *retry_wait(Retry *retry, Err *err);

/*
 * A store that tries again. Takes over `next`. get goes on where it broke off, list after the last key it reported;
 * stat, remove, settle and the begin of a put are repeated whole. Not repeated are the bytes of a put and its commit:
 * what was sent is gone, so whoever has the bytes must begin anew.
 */
MUST Store *retry_store_new(Store *next, int64_t timeout_ms);
