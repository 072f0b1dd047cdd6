/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/expire_show.h"

#include "base/text.h"
#include "cli/local_time.h"
#include "retention/policy.h"

#include <inttypes.h>

static const char *const object_states[] = {
    [EXPIRE_OBJECT_KEPT] = "kept", [EXPIRE_OBJECT_LATER] = "later", [EXPIRE_OBJECT_REMOVED] = "removed"};

/* ---- for people ---- */

static void backup_show(Output *output, const ExpireBackup *backup, const ExpireWork *work)
{
    AUTO(buf_done) Buf line = {0};
    buf_addf(&line, "backup %s", backup->label.text);
    if (work->cluster->repo_count > 1)
        buf_addf(&line, " in %s", backup->repo);
    if (backup->state == EXPIRE_CONDEMNED)
        buf_addf(&line, " goes after %s", local_time_text(backup->due).text);
    else if (backup->state == EXPIRE_REMOVED && work->options.dry_run)
        buf_add_text(&line, " would be removed now");
    else
        buf_addf(&line, " %s", backup->state == EXPIRE_KEPT ? "stays" : expire_state_name(backup->state));
    output_text(output, "%s: %s\n", buf_text(&line), backup->why);
}

/* What happens is always told; what stays as it is only where it was asked for. */
static bool is_shown(const ExpireBackup *backup, const ExpireOptions *options)
{
    return options->dry_run || backup->state == EXPIRE_CONDEMNED || backup->state == EXPIRE_REMOVED;
}

static size_t count_of(const ExpireResult *result, ExpireState state)
{
    size_t count = 0;
    for (size_t i = 0; i < result->backup_count; i++)
        count += result->backups[i].state == state;
    return count;
}

static void sum_show(Output *output, const ExpireResult *result, const ExpireOptions *options)
{
    const size_t kept = count_of(result, EXPIRE_KEPT);
    output_text(output,
                "%s: %zu backup%s kept, %zu condemned, %zu removed (%s), %" PRIu64
                " WAL file%s removed (%s)\n",
                options->dry_run ? "expire would have done" : "expire done", kept, kept == 1 ? "" : "s",
                count_of(result, EXPIRE_CONDEMNED), count_of(result, EXPIRE_REMOVED),
                size_text(result->backups_removed.bytes).text, result->wal_removed.objects,
                result->wal_removed.objects == 1 ? "" : "s", size_text(result->wal_removed.bytes).text);
    if (options->dry_run)
        output_text(output, "of the WAL %" PRIu64 " files stay (%s), %" PRIu64 " go later (%s)\n",
                    result->wal_kept.objects, size_text(result->wal_kept.bytes).text,
                    result->wal_later.objects, size_text(result->wal_later.bytes).text);
}

void expire_show(Output *output, const ExpireResult *result, const ExpireWork *work)
{
    for (size_t i = 0; i < result->backup_count; i++) {
        if (is_shown(&result->backups[i], &work->options))
            backup_show(output, &result->backups[i], work);
    }
    for (size_t i = 0; i < result->object_count; i++) {
        const ExpireObject *const object = &result->objects[i];
        output_text(output, "%-7s  %10" PRIu64 "  %s: %s\n", object_states[object->state],
                    object->stored_bytes, object->key, object->why);
    }
    sum_show(output, result, &work->options);
}

/* ---- as JSON ---- */

static json_t *reasons_json(unsigned reasons)
{
    json_t *const list = json_array();
    for (PolicyReason reason = 0; reason < POLICY_REASON_COUNT; reason++) {
        if (reasons & 1U << reason)
            json_array_append_new(list, json_string(policy_reason_name(reason)));
    }
    return list;
}

static json_t *backup_json(const ExpireBackup *backup)
{
    json_t *const due =
        instant_is_none(backup->due) ? json_null() : json_string(instant_text(backup->due).text);
    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:I}", "repository", backup->repo, "generation",
                     (int)backup->generation, "label", backup->label.text, "state",
                     expire_state_name(backup->state), "reasons", reasons_json(backup->reasons), "why",
                     output_json_text(backup->why), "goes_at", due, "stored_bytes",
                     (json_int_t)backup->stored_bytes);
}

static json_t *object_json(const ExpireObject *object)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:I}", "repository", object->repo, "key",
                     output_json_text(object->key), "state", object_states[object->state], "why",
                     output_json_text(object->why), "stored_bytes", (json_int_t)object->stored_bytes);
}

static json_t *sum_json(const ExpireSum *sum)
{
    return json_pack("{s:I, s:I}", "objects", (json_int_t)sum->objects, "bytes", (json_int_t)sum->bytes);
}

json_t *expire_json(const ExpireResult *result, const ExpireOptions *options)
{
    json_t *const json = json_object(), *const backups = json_array(), *const objects = json_array();
    for (size_t i = 0; i < result->backup_count; i++)
        json_array_append_new(backups, backup_json(&result->backups[i]));
    for (size_t i = 0; i < result->object_count; i++)
        json_array_append_new(objects, object_json(&result->objects[i]));
    json_object_set_new(json, "dry_run", json_boolean(options->dry_run));
    json_object_set_new(json, "backups", backups);
    json_object_set_new(json, "objects", objects);
    json_object_set_new(json, "removed_of_backups", sum_json(&result->backups_removed));
    json_object_set_new(json, "removed_wal", sum_json(&result->wal_removed));
    json_object_set_new(json, "later_wal", sum_json(&result->wal_later));
    json_object_set_new(json, "kept_wal", sum_json(&result->wal_kept));
    return json;
}

/* ---- after a backup ---- */

static void warnings_take(Report *to, const Report *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const Notice *const notice = &from->notices[i];
        if (text_equal(notice->code, "expire/NO_BACKUP")) /* for who asks, not behind every backup */
            continue;
        /* A host whose key may not remove leaves that to another one. */
        if (notice->level == NOTICE_NOTE || notice->class == ERR_DENIED)
            report_note(to, notice->code, "%s", notice->text);
        else
            report_warn(to, notice->code, "%s", notice->text);
        if (*notice->hint)
            report_hint(to, "%s", notice->hint);
    }
}

void expire_after_backup(CommandCall *call, const ClusterOptions *cluster)
{
    AUTO(report_done) Report report = {0};
    const ExpireWork work = {.cluster = cluster, .report = &report};
    ExpireResult result;
    Err *err = expire_run(&result, &work, call->arena);
    warnings_take(call->report, &report);
    if (err) {
        report_survived(call->report, err_hint(err_doing(err, "expiring what is not promised any more"),
                                               "the backup is good; \"pgstrata expire\" goes on with it"));
        return;
    }
    json_object_set_new(call->output->document, "expire", expire_json(&result, &work.options));
    if (count_of(&result, EXPIRE_CONDEMNED) || count_of(&result, EXPIRE_REMOVED) ||
        result.wal_removed.objects)
        expire_show(call->output, &result, &work);
}
