/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "restore/restore.h"

#include "base/text.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/local_time.h"
#include "cli/watch.h"
#include "conf/resolve.h"
#include "db/connection.h"
#include "os/clock.h"
#include "os/path.h"

#include <string.h>

/* What a restore and a recovery do on two ordinary cores; for the estimate of --dry-run. */
#define COPY_BYTES_PER_S  (200 * INT64_C(1000000))
#define REPLAY_SEGMENT_US 250000

typedef struct RestoreCall {
    CommandCall *call;
    Watch watch;
    ClusterOptions cluster;
    RestoreOptions options;
} RestoreCall;

static const char *setting(const RestoreCall *restore, OptionId id)
{
    return settings_text(restore->call->settings, id, NULL);
}

/* ---- the target */

static Err *time_target(RestoreCall *restore, const char *text)
{
    Moment moment;
    TRY(moment_parse(&moment, text));
    restore->options.target.kind = WAL_TARGET_TIME;
    restore->options.target.time = moment.at;
    restore->options.target_text = arena_textf(restore->call->arena, "time %s", moment_text(&moment).text);
    output_text(restore->call->output, "target: %s%s\n", moment_text(&moment).text,
                moment.is_zoneless ? ", read as local time" : "");
    const int64_t ahead_us = moment.at.us - clock_now().us;
    if (ahead_us > 0) {
        report_note(restore->call->report, "restore/FUTURE", "the target time is %s from now",
                    duration_text(ahead_us).text);
        report_hint(restore->call->report, "is it another zone's? write it with its offset, such as +09:00");
    }
    return NULL;
}

static Err *name_target(RestoreCall *restore, const char *name)
{
    WalTarget *const target = &restore->options.target;
    if (!*name || strlen(name) >= sizeof target->name)
        return ERR(USAGE, "--target-name \"%s\" has %zu bytes; a restore point has 1 to %zu", name,
                   strlen(name), sizeof target->name - 1);
    target->kind = WAL_TARGET_NAME;
    memcpy(target->name, name, strlen(name) + 1);
    restore->options.target_text = arena_textf(restore->call->arena, "restore point \"%s\"", name);
    return NULL;
}

static Err *lsn_target(RestoreCall *restore, const char *text)
{
    TRY_AS(lsn_parse(&restore->options.target.lsn, text), "--target-lsn");
    restore->options.target.kind = WAL_TARGET_LSN;
    restore->options.target_text = arena_textf(restore->call->arena, "LSN %s", text);
    return NULL;
}

/* The table of options lets only one of them through. */
static Err *target_fill(RestoreCall *restore)
{
    const Settings *const settings = restore->call->settings;
    WalTarget *const target = &restore->options.target;
    const char *const time = setting(restore, OPT_TARGET_TIME), *const lsn = setting(restore, OPT_TARGET_LSN),
                      *const name = setting(restore, OPT_TARGET_NAME);
    const int64_t xid = settings_number(settings, OPT_TARGET_XID, NULL);
    restore->options.target_text = "the latest";
    if (time)
        TRY(time_target(restore, time));
    if (lsn)
        TRY(lsn_target(restore, lsn));
    if (name)
        TRY(name_target(restore, name));
    if (xid) {
        target->kind = WAL_TARGET_XID;
        target->xid.id = (uint32_t)xid;
        restore->options.target_text = arena_textf(restore->call->arena, "transaction %u", target->xid.id);
    }
    if (settings_flag(settings, OPT_TARGET_IMMEDIATE)) {
        target->kind = WAL_TARGET_IMMEDIATE;
        restore->options.target_text = "the end of the backup";
    }
    target->is_exclusive = settings_flag(settings, OPT_TARGET_EXCLUSIVE);
    if (target->is_exclusive && target->kind != WAL_TARGET_TIME && target->kind != WAL_TARGET_LSN &&
        target->kind != WAL_TARGET_XID)
        return ERR(USAGE, "--target-exclusive needs --target-time, --target-xid or --target-lsn");
    return NULL;
}

/* ---- what is said before anything is done */

static void asked_show(const RestoreCall *restore, const RestoreResult *result, const char *verb, Lsn end,
                       Instant time)
{
    Output *const out = restore->call->output;
    output_text(out, "asked %s, %s", restore->options.target_text, verb);
    if (!instant_is_none(time))
        output_text(out, " %s at", local_time_text(time).text);
    output_text(out, " LSN %s", lsn_text(end).text);
    if (result->stop_xid.id)
        output_text(out, ", stopping %s transaction %u", result->stop_is_before ? "before" : "after",
                    result->stop_xid.id);
    output_text(out, "%s\n", result->is_pinned ? " (the end of the archive, pinned)" : "");
}

static void way_show(const RestoreCall *restore, const RestoreResult *result)
{
    Output *const out = restore->call->output;
    output_text(out, "backup: %s, %s in %llu file%s, to LSN %s\n", result->backup.label.text,
                size_text(result->backup.size_bytes).text, (unsigned long long)result->backup.files,
                result->backup.files == 1 ? "" : "s", lsn_text(result->backup.stop_lsn).text);
    output_text(out, "WAL: %llu segment%s, to LSN %s on timeline %u\n",
                (unsigned long long)result->wal_segments, result->wal_segments == 1 ? "" : "s",
                lsn_text(result->end_lsn).text, result->timeline.id);
    output_text(out, "room: at most %s are needed, %s are free at %s\n", size_text(result->needed_bytes).text,
                size_text(result->free_bytes).text, result->data_directory);
    if (!restore->options.standby)
        asked_show(restore, result, "will get", result->end_lsn, result->end_time);
}

/* The progress line would write over it. */
static Err *way_announce(void *arg, const RestoreResult *planned)
{
    RestoreCall *const restore = arg;
    watch_end(&restore->watch);
    way_show(restore, planned);
    output_report_now(restore->call->output, restore->call->report);
    return watch_begin(&restore->watch, restore->call);
}

/* The progress line would write over the question. */
static Err *loss_confirm(void *arg, const char *loss)
{
    RestoreCall *const restore = arg;
    watch_end(&restore->watch);
    TRY(confirm_loss(loss, "restoring over it"));
    return watch_begin(&restore->watch, restore->call);
}

/* ---- everything else that is asked for */

static Err *tablespace_parse(RestoreTablespace *out, const char *text, Arena *arena)
{
    const char *const equals = strchr(text, '=');
    if (!equals || equals == text)
        return ERR(USAGE, "--tablespace-map \"%s\" is not OID=DIR or NAME=DIR", text);
    if (equals[1] != '/')
        return ERR(USAGE, "--tablespace-map \"%s\": the folder must be absolute", text);
    const char *const which = arena_textf(arena, "%.*s", (int)(equals - text), text);
    uint64_t oid = 0;
    const bool is_number = text_u64(&oid, which) && oid > 0 && oid <= UINT32_MAX;
    *out = (RestoreTablespace){
        .name = is_number ? NULL : which, .oid = {(uint32_t)(is_number ? oid : 0)}, .folder = equals + 1};
    return NULL;
}

static Err *tablespaces_fill(RestoreCall *restore)
{
    Arena *const arena = restore->call->arena;
    size_t count;
    const char *const *const texts =
        settings_texts(&count, restore->call->settings, OPT_TABLESPACE_MAP, arena);
    RestoreTablespace *const list = arena_alloc(arena, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++)
        TRY(tablespace_parse(&list[i], texts[i], arena));
    restore->options.tablespaces = list;
    restore->options.tablespace_count = count;
    return NULL;
}

static void word_quote(Buf *out, const char *word)
{
    buf_add_text(out, "'");
    for (; *word; word++) {
        if (*word == '\'')
            buf_add_text(out, "'\\''");
        else if (*word == '%') /* the server's own escape */
            buf_add_text(out, "%%");
        else
            buf_add(out, word, 1);
    }
    buf_add_text(out, "'");
}

/* What the server calls: this program, with this configuration. */
static Err *command_make(RestoreCall *restore)
{
    char *program;
    TRY(path_read_link(&program, "/proc/self/exe", restore->call->arena));
    const char *const file = settings_files(restore->call->settings)[0];
    AUTO(buf_done) Buf out = {0};
    word_quote(&out, program);
    if (file) {
        char *real;
        TRY(path_real(&real, file, restore->call->arena));
        buf_add_text(&out, " --config=");
        word_quote(&out, real);
    }
    buf_addf(&out, " --cluster=%s archive-get \"%%f\" \"%%p\"", restore->cluster.name);
    restore->options.restore_command = arena_text(restore->call->arena, buf_text(&out));
    return NULL;
}

/* In a configuration file it may stand for the day on which the cluster is restored as a standby. */
static Err *primary_fill(RestoreCall *restore)
{
    RestoreOptions *const options = &restore->options;
    if (!options->standby && args_find(restore->call->args, OPT_PRIMARY_CONNINFO))
        return ERR(USAGE, "--primary-conninfo needs --standby");
    options->primary_conninfo =
        settings_text(restore->call->settings, OPT_PRIMARY_CONNINFO, restore->cluster.name);
    if (!options->standby || !options->primary_conninfo)
        return NULL;
    TRY_AS(db_conninfo_check(options->primary_conninfo), "primary-conninfo");
    return NULL;
}

static RestoreAction action_of(const char *text)
{
    return text_equal(text, "pause")      ? RESTORE_PAUSE
           : text_equal(text, "shutdown") ? RESTORE_SHUTDOWN
                                          : RESTORE_PROMOTE;
}

static Err *options_fill(RestoreCall *restore)
{
    const Settings *const settings = restore->call->settings;
    RestoreOptions *const options = &restore->options;
    const char *const action = setting(restore, OPT_TARGET_ACTION);
    options->timeline.id = (uint32_t)settings_number(settings, OPT_TARGET_TIMELINE, NULL);
    options->action = action ? action_of(action) : RESTORE_PROMOTE;
    const ArgOption *const repos = args_find(restore->call->args, OPT_REPO);
    options->repos = repos ? repos->value : NULL;
    options->backup = setting(restore, OPT_BACKUP);
    options->to_dir = setting(restore, OPT_TO_DIR);
    options->standby = settings_flag(settings, OPT_STANDBY);
    options->start = settings_flag(settings, OPT_START);
    if (options->to_dir && args_find(restore->call->args, OPT_PORT))
        options->port = (uint16_t)settings_number(settings, OPT_PORT, restore->cluster.name);
    options->isolate = settings_flag(settings, OPT_ISOLATE);
    options->takeover = settings_flag(settings, OPT_TAKEOVER);
    options->delta = settings_flag(settings, OPT_DELTA);
    options->no_salvage = settings_flag(settings, OPT_NO_SALVAGE);
    options->dry_run = settings_flag(settings, OPT_DRY_RUN);
    options->is_forced = settings_flag(settings, OPT_FORCE);
    options->announce = way_announce;
    options->confirm = settings_flag(settings, OPT_YES) ? NULL : loss_confirm;
    options->person = restore;
    options->progress = &restore->watch.progress;
    TRY(target_fill(restore));
    if (options->standby && options->target.kind != WAL_TARGET_END)
        return ERR(USAGE,
                   "a standby follows the archive without end: --standby and a target exclude each other");
    TRY(tablespaces_fill(restore));
    TRY(primary_fill(restore));
    return command_make(restore);
}

/* ---- what is said behind it */

static void estimate_show(Output *out, const RestoreResult *result)
{
    const int64_t copy_us = (int64_t)(result->backup.size_bytes / (COPY_BYTES_PER_S / 1000000));
    const int64_t replay_us = (int64_t)result->wal_segments * REPLAY_SEGMENT_US;
    output_text(out, "it may take %s to copy and %s to recover; nothing was done\n",
                duration_text(copy_us).text, duration_text(replay_us).text);
}

static void reached_show(const RestoreCall *restore, const RestoreResult *result)
{
    Output *const out = restore->call->output;
    if (result->port)
        output_text(out, "the server listens on port %u\n", result->port);
    if (!result->is_started)
        output_text(out, "start the server; when it has reached the target it will %s\n",
                    restore->options.standby ? "go on following the archive"
                    : restore->options.action == RESTORE_PAUSE
                        ? "pause"
                        : (restore->options.action == RESTORE_SHUTDOWN ? "shut down" : "open for writing"));
    if (!result->has_reached)
        return;
    if (!restore->options.standby) {
        asked_show(restore, result, "got", result->reached_lsn, result->reached_time);
        output_text(out, "the server is on timeline %u\n", result->reached_timeline.id);
        return;
    }
    output_text(out, "the server replayed to LSN %s%s%s and is on timeline %u\n",
                lsn_text(result->reached_lsn).text,
                instant_is_none(result->reached_time) ? "" : ", last commit ",
                instant_is_none(result->reached_time) ? "" : local_time_text(result->reached_time).text,
                result->reached_timeline.id);
}

static json_t *time_json(Instant time)
{
    return instant_is_none(time) ? json_null() : json_string(instant_text(time).text);
}

static void result_json(const RestoreCall *restore, const RestoreResult *result)
{
    json_t *const to = restore->call->output->document;
    json_object_set_new(to, "backup", json_string(result->backup.label.text));
    json_object_set_new(to, "timeline", json_integer(result->timeline.id));
    json_object_set_new(to, "data_directory", output_json_text(result->data_directory));
    json_object_set_new(to, "is_clone", json_boolean(result->is_clone));
    json_object_set_new(to, "dry_run", json_boolean(restore->options.dry_run));
    json_object_set_new(to, "size_bytes", json_integer((json_int_t)result->backup.size_bytes));
    json_object_set_new(to, "needed_bytes", json_integer((json_int_t)result->needed_bytes));
    json_object_set_new(to, "free_bytes", json_integer((json_int_t)result->free_bytes));
    json_object_set_new(to, "copied_bytes", json_integer((json_int_t)result->copied_bytes));
    json_object_set_new(to, "wal_segments", json_integer((json_int_t)result->wal_segments));
    json_object_set_new(to, "target", output_json_text(restore->options.target_text));
    json_object_set_new(to, "end_lsn", json_string(lsn_text(result->end_lsn).text));
    json_object_set_new(to, "end_time", time_json(result->end_time));
    json_object_set_new(to, "is_pinned", json_boolean(result->is_pinned));
    json_object_set_new(to, "port", result->port ? json_integer(result->port) : json_null());
    if (!result->has_reached)
        return;
    json_object_set_new(to, "reached_lsn", json_string(lsn_text(result->reached_lsn).text));
    json_object_set_new(to, "reached_time", time_json(result->reached_time));
    json_object_set_new(to, "reached_timeline", json_integer(result->reached_timeline.id));
}

static void call_done(RestoreCall *restore)
{
    watch_end(&restore->watch);
}

Err *cmd_restore(CommandCall *call)
{
    AUTO(call_done) RestoreCall restore = {.call = call};
    TRY(conf_cluster(&restore.cluster, call->settings, call->arena));
    TRY(options_fill(&restore));
    const int64_t begun = clock_monotonic_us();
    RestoreResult result;
    TRY(watch_begin(&restore.watch, call));
    TRY(restore_run(&result, &restore.cluster, &restore.options, call->report, call->arena));
    watch_end(&restore.watch);
    result_json(&restore, &result);
    if (restore.options.dry_run) {
        estimate_show(call->output, &result);
        return NULL;
    }
    output_text(call->output, "restore of %s done: %s in %s, %s\n", result.backup.label.text,
                size_text(result.backup.size_bytes).text, duration_text(clock_monotonic_us() - begun).text,
                result.data_directory);
    reached_show(&restore, &result);
    return NULL;
}
