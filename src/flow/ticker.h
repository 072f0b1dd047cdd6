/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * flow/ticker.h - calls a function again and again while something else works
 *
 * For drawing a progress line beside a job. The function runs in a thread of its own, one call after the other, and
 * never again once ticker_stop() has returned. Signals are blocked in it.
 */
#pragma once

#include "base/err.h"

typedef struct Ticker Ticker;

MUST Err *ticker_start(Ticker **out, int every_ms, void (*fn)(void *arg), void *arg);
void ticker_stop(Ticker **ticker);
