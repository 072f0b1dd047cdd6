/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/watch.h"

#include "os/clock.h"
#include "os/signal.h"

#include <stdio.h>

enum { TICK_MS = 200 };

static void state_print(const Watch *watch, const ProgressNow *now, int64_t now_us)
{
    AUTO(buf_done) Buf text = {0};
    progress_line_format(&text, now, now_us - watch->line.begun_us);
    progress_line_clear();
    fprintf(stderr, "pgstrata: %s\n", buf_text(&text));
}

static void watch_tick(void *arg)
{
    Watch *const watch = arg;
    const ProgressNow now = progress_now(&watch->progress);
    const int64_t now_us = clock_monotonic_us();
    if (signal_take_state_request())
        state_print(watch, &now, now_us);
    if (watch->is_drawn)
        progress_line_tick(&watch->line, &now, now_us);
}

Err *watch_begin(Watch *watch, const CommandCall *call)
{
    *watch = (Watch){.progress = {.phase = ""}};
    watch->is_drawn = !call->output->is_json && !settings_flag(call->settings, OPT_QUIET);
    progress_line_init(&watch->line, clock_monotonic_us());
    return ticker_start(&watch->ticker, TICK_MS, watch_tick, watch);
}

void watch_end(Watch *watch)
{
    if (!watch->ticker)
        return;
    ticker_stop(&watch->ticker);
    progress_line_clear();
}
