/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/command.h"
#include "cli/local_time.h"
#include "cli/progress_line.h"
#include "conf/resolve.h"
#include "flow/ticker.h"
#include "job/backup.h"
#include "os/clock.h"
#include "os/user.h"

#include <string.h>

enum { TICK_MS = 200 };

typedef struct Watch {
    Progress progress;
    ProgressLine line;
} Watch;

static void watch_tick(void *arg)
{
    Watch *const watch = arg;
    const ProgressNow now = progress_now(&watch->progress);
    progress_line_tick(&watch->line, &now, clock_monotonic_us());
}

/* The job with its progress line beside it. */
static Err *backup_watched(BackupResult *out, CommandCall *call, const ClusterOptions *cluster,
                           const BackupOptions *options)
{
    Watch watch = {.progress = {.phase = ""}};
    AUTO(ticker_stop) Ticker *ticker = NULL;
    progress_line_init(&watch.line, clock_monotonic_us());
    if (!call->output->is_json && !settings_flag(call->settings, OPT_QUIET))
        TRY(ticker_start(&ticker, TICK_MS, watch_tick, &watch));
    Err *const err = backup_run(out, cluster, options, &watch.progress, call->report);
    ticker_stop(&ticker);
    progress_line_clear();
    return err;
}

static void result_json(json_t *document, const BackupResult *result, bool is_dry_run)
{
    json_object_set_new(document, "dry_run", json_boolean(is_dry_run));
    json_object_set_new(document, "size_bytes", json_integer((json_int_t)result->size_bytes));
    json_object_set_new(document, "files", json_integer((json_int_t)result->files));
    if (is_dry_run)
        return;
    json_object_set_new(document, "label", json_string(result->label.text));
    json_object_set_new(document, "stored_bytes", json_integer((json_int_t)result->stored_bytes));
    json_object_set_new(document, "bad_pages", json_integer((json_int_t)result->bad_pages));
    json_object_set_new(document, "start_lsn", json_string(lsn_text(result->start_lsn).text));
    json_object_set_new(document, "stop_lsn", json_string(lsn_text(result->stop_lsn).text));
    json_object_set_new(document, "stop_time", json_string(instant_text(result->stop_time).text));
    json_object_set_new(document, "seconds", json_real((double)result->duration_us / 1e6));
}

Err *cmd_backup(CommandCall *call)
{
    ClusterOptions cluster;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    const OptionValue type = settings_get(call->settings, OPT_TYPE, NULL).value;
    const BackupOptions options = {.type = type.text ? (BackupType)type.number : BACKUP_FULL,
                                   .offline = settings_flag(call->settings, OPT_OFFLINE),
                                   .dry_run = settings_flag(call->settings, OPT_DRY_RUN),
                                   .note = settings_text(call->settings, OPT_NOTE, NULL)};
    if (cluster.pgdata)
        TRY(user_become_owner(cluster.pgdata));
    BackupResult result = {0};
    TRY(backup_watched(&result, call, &cluster, &options));
    result_json(call->output->document, &result, options.dry_run);
    if (options.dry_run) {
        output_text(call->output, "a full backup would read %s in %llu files\n",
                    size_text(result.size_bytes).text, (unsigned long long)result.files);
        return NULL;
    }
    output_text(call->output, "backup %s done: %s in %s, %s stored; restorable to %s\n", result.label.text,
                size_text(result.size_bytes).text, duration_text(result.duration_us).text,
                size_text(result.stored_bytes).text, local_time_text(result.stop_time).text);
    return NULL;
}
