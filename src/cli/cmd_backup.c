/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/command.h"
#include "cli/expire_show.h"
#include "cli/local_time.h"
#include "cli/watch.h"
#include "conf/resolve.h"
#include "backup/backup.h"
#include "job/gap_watch.h"
#include "os/user.h"
#include "retention/full_due.h"

#include <string.h>

static json_t *label_json(BackupLabel label)
{
    return label.text[0] ? json_string(label.text) : json_null();
}

static void result_json(json_t *document, const BackupResult *result, bool is_dry_run)
{
    json_object_set_new(document, "dry_run", json_boolean(is_dry_run));
    json_object_set_new(document, "size_bytes", json_integer((json_int_t)result->size_bytes));
    json_object_set_new(document, "files", json_integer((json_int_t)result->files));
    json_object_set_new(document, "read_bytes", json_integer((json_int_t)result->read_bytes));
    json_object_set_new(document, "type", json_string(backup_type_name(result->type)));
    json_object_set_new(document, "parent", label_json(result->parent));
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

static void checked_json(json_t *document, const BackupChecked *checked)
{
    json_t *const found = json_object();
    json_object_set_new(found, "blocks", json_integer((json_int_t)checked->blocks));
    json_object_set_new(found, "hints", json_integer((json_int_t)checked->hints));
    json_object_set_new(found, "later", json_integer((json_int_t)checked->later));
    json_object_set_new(found, "differences", json_integer((json_int_t)checked->differences));
    json_object_set_new(found, "unproven", json_integer((json_int_t)checked->unproven));
    json_object_set_new(document, "self_check", found);
}

static void checked_tell(Output *output, const BackupChecked *checked)
{
    output_text(output,
                "self-check: of %llu blocks taken from older backups %llu differ from the server's in hints "
                "only, %llu "
                "changed while the backup was made\n",
                (unsigned long long)checked->blocks, (unsigned long long)checked->hints,
                (unsigned long long)checked->later);
}

static void rehearsal_tell(Output *output, const BackupResult *result)
{
    if (result->type == BACKUP_FULL)
        output_text(output, "a full backup would read %s in %llu file%s\n",
                    size_text(result->size_bytes).text, (unsigned long long)result->files,
                    result->files == 1 ? "" : "s");
    else
        output_text(output, "a backup of type %s on %s would read %s of %s in %llu file%s\n",
                    backup_type_name(result->type), result->parent.text, size_text(result->read_bytes).text,
                    size_text(result->size_bytes).text, (unsigned long long)result->files,
                    result->files == 1 ? "" : "s");
}

/* Where no type was asked for: a full one when full-every wants it, else what the changes need. */
static Err *type_choose(BackupType *out, CommandCall *call, const ClusterOptions *cluster)
{
    const OptionValue type = settings_get(call->settings, OPT_TYPE, NULL).value;
    FullDue due = {.is_due = false};
    if (!type.text)
        TRY(full_due_ask(&due, cluster, call->arena));
    if (due.is_due)
        report_note(call->report, "backup/FULL_DUE", "a full backup is due: %s", due.why);
    *out = type.text ? (BackupType)type.number : due.is_due ? BACKUP_FULL : BACKUP_INCR;
    return NULL;
}

Err *cmd_backup(CommandCall *call)
{
    ClusterOptions cluster;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    BackupOptions options = {.offline = settings_flag(call->settings, OPT_OFFLINE),
                             .dry_run = settings_flag(call->settings, OPT_DRY_RUN),
                             .self_check = settings_flag(call->settings, OPT_SELF_CHECK),
                             .note = settings_text(call->settings, OPT_NOTE, NULL)};
    if (cluster.pgdata)
        TRY(user_become_owner(cluster.pgdata));
    TRY(type_choose(&options.type, call, &cluster));
    BackupResult result = {0};
    AUTO(watch_end) Watch watch = {.progress = {.phase = ""}};
    TRY(watch_begin(&watch, call));
    TRY(backup_run(&result, &cluster, &options, &watch.progress, call->report));
    watch_end(&watch);
    if (!options.dry_run)
        gap_watch_tell(&cluster, call->report);
    result_json(call->output->document, &result, options.dry_run);
    if (options.self_check)
        checked_json(call->output->document, &result.checked);
    if (options.dry_run)
        rehearsal_tell(call->output, &result);
    else
        output_text(call->output, "backup %s done: %s in %s, %s read, %s stored; restorable to %s\n",
                    result.label.text, size_text(result.size_bytes).text,
                    duration_text(result.duration_us).text, size_text(result.read_bytes).text,
                    size_text(result.stored_bytes).text, local_time_text(result.stop_time).text);
    if (options.self_check && !options.dry_run)
        checked_tell(call->output, &result.checked);
    if (!options.dry_run && !settings_flag(call->settings, OPT_NO_EXPIRE))
        expire_after_backup(call, &cluster);
    return NULL;
}
