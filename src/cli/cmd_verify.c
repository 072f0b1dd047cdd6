/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/each_cluster.h"
#include "cli/local_time.h"
#include "cli/watch.h"
#include "conf/resolve.h"
#include "job/verify.h"
#include "os/clock.h"

#include <inttypes.h>

static const char *state_name(VerifyState state)
{
    static const char *const names[] = {[VERIFY_GOOD] = "good",
                                        [VERIFY_BROKEN] = "broken",
                                        [VERIFY_DAMAGED] = "damaged",
                                        [VERIFY_NEWER] = "unsupported",
                                        [VERIFY_INTERRUPTED] = "interrupted"};
    return names[state];
}

static json_t *backup_json(const VerifyBackup *backup)
{
    json_t *const json =
        json_pack("{s:s, s:s, s:i, s:s}", "label", backup->label.text, "repository", backup->repo,
                  "generation", (int)backup->generation, "state", state_name(backup->state));
    if (lsn_is_valid(backup->to_lsn)) {
        json_object_set_new(json, "from_lsn", json_string(lsn_text(backup->from_lsn).text));
        json_object_set_new(json, "to_lsn", json_string(lsn_text(backup->to_lsn).text));
        json_object_set_new(json, "from_time", json_string(instant_text(backup->from_time).text));
        json_object_set_new(json, "to_time", json_string(instant_text(backup->to_time).text));
    }
    return json;
}

static void result_json(json_t *to, const VerifyResult *result, int64_t duration_us)
{
    json_t *const backups = json_array();
    for (size_t i = 0; i < result->backup_count; i++)
        json_array_append_new(backups, backup_json(&result->backups[i]));
    json_object_set_new(to, "objects", json_integer((json_int_t)result->objects));
    json_object_set_new(to, "bytes", json_integer((json_int_t)result->bytes));
    json_object_set_new(to, "faulty_objects", json_integer((json_int_t)result->faulty));
    json_object_set_new(to, "bad_pages", json_integer((json_int_t)result->bad_pages));
    json_object_set_new(to, "strangers", json_integer((json_int_t)result->strangers));
    json_object_set_new(to, "leftovers", json_integer((json_int_t)result->leftovers));
    json_object_set_new(to, "gaps", json_integer((json_int_t)result->gaps));
    json_object_set_new(to, "breaks", json_integer((json_int_t)result->breaks));
    json_object_set_new(to, "objects_not_read", json_integer((json_int_t)result->skipped));
    json_object_set_new(to, "bytes_not_read", json_integer((json_int_t)result->skipped_bytes));
    if (result->skipped)
        json_object_set_new(to, "oldest_read", json_string(instant_text(result->skipped_oldest).text));
    json_object_set_new(to, "backups", backups);
    json_object_set_new(to, "seconds", json_real((double)duration_us / 1e6));
}

static void backup_show(Output *output, const VerifyBackup *backup)
{
    output_text(output, "backup %s in repository %s: %s\n", backup->label.text, backup->repo,
                state_name(backup->state));
    if (lsn_is_valid(backup->to_lsn))
        output_text(output, "  restores any moment from %s\n                       to   %s\n",
                    local_time_text(backup->from_time).text, local_time_text(backup->to_time).text);
}

/* What was taken on trust is part of the result. */
static void skipped_show(Output *output, const VerifyResult *result)
{
    if (result->skipped)
        output_text(output,
                    "%" PRIu64
                    " of the objects, %s, were not read again: they look as they did when they were read, "
                    "the first of them at %s\n",
                    result->skipped, size_text(result->skipped_bytes).text,
                    local_time_text(result->skipped_oldest).text);
}

static void result_show(Output *output, const VerifyResult *result, const VerifyWork *work,
                        int64_t duration_us)
{
    size_t counts[VERIFY_INTERRUPTED + 1] = {0};
    for (size_t i = 0; i < result->backup_count; i++) {
        counts[result->backups[i].state]++;
        backup_show(output, &result->backups[i]);
    }
    skipped_show(output, result);
    const uint64_t read = result->bytes - result->skipped_bytes;
    output_text(output,
                "verify done: %" PRIu64 " object%s, %s in %s (%s/s)%s; %" PRIu64
                " faulty; backups: %zu good, %zu broken, "
                "%zu damaged, %zu interrupted%s\n",
                result->objects, result->objects == 1 ? "" : "s", size_text(result->bytes).text,
                duration_text(duration_us).text,
                size_text(duration_us > 0 ? read * 1000 / ((uint64_t)duration_us / 1000 + 1) : 0).text,
                work->options.depth == VERIFY_NAMES ? ", names and sizes only" : "", result->faulty,
                counts[VERIFY_GOOD], counts[VERIFY_BROKEN], counts[VERIFY_DAMAGED],
                counts[VERIFY_INTERRUPTED], counts[VERIFY_NEWER] ? ", some need a newer pgstrata" : "");
}

static Err *cluster_verify(CommandCall *call, const ClusterOptions *cluster, json_t *to)
{
    VerifyWork work = {
        .cluster = cluster,
        .options = {.depth = settings_flag(call->settings, OPT_QUICK) ? VERIFY_NAMES : VERIFY_ALL,
                    .backup = settings_text(call->settings, OPT_BACKUP, NULL),
                    .since_last = settings_flag(call->settings, OPT_SINCE_LAST)},
        .report = call->report};
    VerifyResult result;
    each_cluster_heading(call, cluster->name);
    const int64_t begun_us = clock_monotonic_us();
    AUTO(watch_end) Watch watch = {.progress = {.phase = ""}};
    TRY(watch_begin(&watch, call));
    work.progress = &watch.progress;
    TRY(verify_run(&result, &work, call->arena));
    watch_end(&watch);
    const int64_t duration_us = clock_monotonic_us() - begun_us;
    result_json(to, &result, duration_us);
    result_show(call->output, &result, &work, duration_us);
    return NULL;
}

Err *cmd_verify(CommandCall *call)
{
    ClusterOptions one;
    if (settings_flag(call->settings, OPT_QUICK) && settings_flag(call->settings, OPT_SINCE_LAST))
        return err_hint(ERR(USAGE, "--quick reads no data, --since-last what is new of it"),
                        "give one of them");
    if (settings_text(call->settings, OPT_BACKUP, NULL)) /* a label is one cluster's */
        TRY(conf_cluster(&one, call->settings, call->arena));
    return each_cluster(call, cluster_verify);
}
