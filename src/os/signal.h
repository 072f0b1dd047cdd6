/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/signal.h - being asked to stop, and being asked what we do
 *
 * Handlers only set flags; the flags are process-wide because signals are. Long work asks signal_check() between units
 * and passes the error up, so every scope cleans up behind itself. The flags stay set: a stop is final.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Catches SIGINT, SIGTERM, SIGHUP (unless ignored, as under nohup) and SIGUSR1, ignores SIGPIPE. Once, from main. */
void signal_setup(void);

/* The number of the first stop signal that came, or 0. */
int signal_stop_pending(void);
/* CANCELED when a stop signal came. */
MUST Err *signal_check(void);
/* True once after each SIGUSR1: print what we are doing. */
bool signal_take_state_request(void);
