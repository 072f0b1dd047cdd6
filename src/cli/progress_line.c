/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/progress_line.h"

#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define TERMINAL_PERIOD_US INT64_C(200000)
#define FILE_PERIOD_US     INT64_C(30000000)
/* Before this a rate says nothing. */
#define RATE_AFTER_US INT64_C(1000000)

static _Atomic bool is_line_shown;

void progress_line_init(ProgressLine *line, int64_t now_us)
{
    *line = (ProgressLine){.is_terminal = isatty(STDERR_FILENO) == 1, .begun_us = now_us, .shown_us = now_us};
}

void progress_line_format(Buf *out, const ProgressNow *now, int64_t elapsed_us)
{
    buf_addf(out, "%s", *now->phase ? now->phase : "starting");
    if (!now->bytes_done)
        return;
    buf_addf(out, ": %s", size_text(now->bytes_done).text);
    if (now->bytes_total)
        buf_addf(out, " of %s (%d %%)", size_text(now->bytes_total).text,
                 (int)(100.0 * (double)now->bytes_done / (double)now->bytes_total));
    if (elapsed_us < RATE_AFTER_US)
        return;
    const double rate = (double)now->bytes_done / ((double)elapsed_us / 1e6);
    buf_addf(out, ", %s/s", size_text((uint64_t)rate).text);
    if (now->bytes_total > now->bytes_done)
        buf_addf(out, ", %s left",
                 duration_text((int64_t)((double)(now->bytes_total - now->bytes_done) / rate * 1e6)).text);
}

void progress_line_tick(ProgressLine *line, const ProgressNow *now, int64_t now_us)
{
    if (now_us - line->shown_us < (line->is_terminal ? TERMINAL_PERIOD_US : FILE_PERIOD_US))
        return;
    line->shown_us = now_us;
    AUTO(buf_done) Buf text = {0};
    progress_line_format(&text, now, now_us - line->begun_us);
    if (!line->is_terminal) {
        fprintf(stderr, "pgstrata: %s\n", buf_text(&text));
        return;
    }
    fprintf(stderr, "\r\033[K%s", buf_text(&text));
    is_line_shown = true;
}

void progress_line_clear(void)
{
    if (is_line_shown)
        fputs("\r\033[K", stderr);
    is_line_shown = false;
}
