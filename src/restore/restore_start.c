/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Starts the restored server and asks it what it has reached: the answer is the server's, not ours.
 *
 * Recovery can take hours: what is bounded is not its length but its silence. As long as replay moves on we wait. A
 * server that ends on the way, or stands still, has not restored what was asked for: that is an error. One that runs
 * and does not let us ask may have: that is a warning.
 */
#include "base/text.h"
#include "db/connection.h"
#include "cluster/cluster.h"
#include "cluster/postmaster.h"
#include "cluster/recovery_spent.h"
#include "restore/restore_priv.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "os/signal.h"

#include <stdlib.h>
#include <string.h>

#define SERVER_LOG "pgstrata.log"

enum {
    START_TIMEOUT_S = 365 * 24 * 3600, /* pg_ctl ends by itself when the server does */
    ASK_EVERY_MS = 100,
    CONNECT_TIMEOUT_MS = 5000,
    SILENT_MAX_MS = 10 * 60 * 1000, /* replay that has not moved for this long will not */
    LOG_TAIL_BYTES = 2000,
    LOG_BYTES_MAX = 64 * 1024 * 1024,
};

/* ---- the server's programs */

static bool is_of_major(const char *program, uint32_t major)
{
    AUTO(buf_done) Buf output = {0};
    ProcessEnd end;
    const char *const argv[] = {program, "--version", NULL};
    AUTO(err_free)
    Err *err = process_run(&end, argv, &(ProcessOptions){.output = &output, .timeout_ms = 10000});
    const char *const number = err ? NULL : strstr(buf_text(&output), ") ");
    return number && strtoul(number + 2, NULL, 10) == major;
}

static Err *pg_ctl_find(const char **out, uint32_t major, Arena *arena)
{
    const char *const candidates[] = {"pg_ctl",
                                      arena_textf(arena, "/usr/lib/postgresql/%u/bin/pg_ctl", major),
                                      arena_textf(arena, "/usr/pgsql-%u/bin/pg_ctl", major)};
    for (size_t i = 0; i < COUNT_OF(candidates); i++) {
        if (is_of_major(candidates[i], major)) {
            *out = candidates[i];
            return NULL;
        }
    }
    return err_hint(
        ERR(NOT_FOUND, "the restore is done, but there is no pg_ctl of PostgreSQL %u to start it", major),
        "start it by hand, or add the folder of the server's programs to PATH and start it there");
}

const char *restore_config_elsewhere(const Restore *restore, Arena *arena)
{
    EntryInfo info;
    AUTO(err_free) Err *err = entry_stat_follow(&info, restore_path(restore, "postgresql.conf", arena));
    if (err || info.kind == ENTRY_FILE)
        return NULL;
    const char *const folder = restore->place.folder;
    const char *const path = arena_textf(arena, "/etc/postgresql/%s/%s/postgresql.conf",
                                         path_name(path_parent(folder, arena)), path_name(folder));
    Err *other = entry_stat_follow(&info, path);
    const bool is_there = !other && info.kind == ENTRY_FILE;
    err_free(&other);
    return is_there ? path : NULL;
}

/* What the server said last says why. */
static Err *log_explain(const Restore *restore, Err *err)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    const char *const log = restore_path(restore, SERVER_LOG, arena);
    AUTO(err_free) Err *unread = file_read_all(&text, log, LOG_BYTES_MAX);
    const char *tail = unread ? "" : buf_text(&text);
    if (text.len > LOG_TAIL_BYTES)
        tail = buf_text(&text) + text.len - LOG_TAIL_BYTES;
    return err_hint(err_detail(err, "%s", tail), "its log is %s", log);
}

static Err *start_err(const Restore *restore, Span said)
{
    return log_explain(restore,
                       ERR(IO, "the restored server in %s did not start: %.*s", restore->place.folder,
                           (int)strcspn((const char *)said.ptr, "\n"), (const char *)said.ptr));
}

static Err *ended_err(const Restore *restore)
{
    return log_explain(restore, ERR(IO, "the restored server in %s ended before it reached %s",
                                    restore->place.folder, lsn_text(restore->way.end_lsn).text));
}

static Err *server_start(const Restore *restore, Arena *arena)
{
    const char *program = NULL;
    TRY(pg_ctl_find(&program, restore->from.version->major, arena));
    const char *const log = restore_path(restore, SERVER_LOG, arena);
    const char *const config = restore_config_elsewhere(restore, arena);
    const char *const argv[] = {program,
                                "-D",
                                restore->place.folder,
                                "-l",
                                log,
                                "-w",
                                "-t",
                                arena_textf(arena, "%d", START_TIMEOUT_S),
                                "start",
                                config ? "-o" : NULL,
                                config ? arena_textf(arena, "-c config_file=%s", config) : NULL,
                                NULL};
    AUTO(buf_done) Buf output = {0};
    buf_add_text(&output, "");
    ProcessEnd end;
    TRY(process_run(&end, argv, &(ProcessOptions){.folder = "/", .output = &output}));
    return process_succeeded(end) ? NULL : start_err(restore, buf_span(&output));
}

/* ---- asking */

/* NOT_FOUND: it does not run. */
static Err *address_find(DbOptions *out, const Restore *restore, Arena *arena)
{
    Postmaster server;
    TRY(postmaster_read(&server, restore->place.folder, arena));
    *out = (DbOptions){.host = server.host,
                       .port = server.port,
                       .user = restore->cluster->connection.user,
                       .dbname = "postgres",
                       .connect_timeout_ms = CONNECT_TIMEOUT_MS};
    return NULL;
}

typedef struct Answer {
    bool is_recovering;
    bool is_paused;
    Lsn replayed;
    uint32_t timeline;
    Instant last_commit;
} Answer;

static Err *server_ask(Answer *out, const DbOptions *address, Arena *arena)
{
    static const ResultField fields[] = {
        {"is_recovering", FIELD_BOOL, offsetof(Answer, is_recovering)},
        {"is_paused", FIELD_BOOL, offsetof(Answer, is_paused)},
        {"replayed", FIELD_LSN, offsetof(Answer, replayed)},
        {"timeline", FIELD_U32, offsetof(Answer, timeline)},
        {"last_commit", FIELD_INSTANT, offsetof(Answer, last_commit)},
        {0},
    };
    AUTO(connection_close) Connection *connection = NULL;
    AUTO(result_free) Result *rows = NULL;
    TRY(db_connect(&connection, address));
    TRY(db_query(
        &rows, connection,
        &(Query){.sql = "SELECT r AS is_recovering,"
                        " CASE WHEN r THEN pg_is_wal_replay_paused() ELSE false END AS is_paused,"
                        " pg_last_wal_replay_lsn() AS replayed,"
                        " CASE WHEN r THEN (SELECT timeline_id FROM pg_control_checkpoint())"
                        " ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint"
                        " END AS timeline,"
                        " (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::bigint"
                        " AS last_commit FROM pg_is_in_recovery() AS r"}));
    return result_row(out, rows, 0, fields, arena);
}

static bool is_answered(const Restore *restore, const Answer *answer)
{
    if (restore->place.role == PLAN_STANDBY)
        return true; /* it goes on for ever */
    return !answer->is_recovering || (restore->options->action == RESTORE_PAUSE && answer->is_paused);
}

static Err *ended_check(const Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    DbOptions address;
    AUTO(err_free) Err *err = address_find(&address, restore, arena);
    return err_is(err, ERR_NOT_FOUND) ? ended_err(restore) : TAKE(err);
}

/* One look. `*err` is why there is no answer: the server runs, but it does not let us ask. */
static Err *server_look(Answer *out, Err **err, const Restore *restore, const DbOptions *address)
{
    AUTO(arena_free) Arena *arena = arena_new();
    TRY(signal_check());
    *err = server_ask(out, address, arena);
    Err *const ended = *err ? ended_check(restore) : NULL;
    if (ended)
        err_free(err);
    return ended;
}

/* `*is_known` false: it runs and could not be asked; the report says why. */
static Err *reached_ask(Answer *out, bool *is_known, const Restore *restore, Arena *arena)
{
    DbOptions address;
    TRY(ended_check(restore));
    TRY(address_find(&address, restore, arena));
    Lsn before = {0};
    int64_t moved = clock_monotonic_us();
    for (;;) {
        AUTO(err_free) Err *err = NULL;
        TRY(server_look(out, &err, restore, &address));
        if (!err && is_answered(restore, out))
            return NULL;
        if (!err && out->replayed.at != before.at) {
            before = out->replayed;
            moved = clock_monotonic_us();
        }
        const bool is_silent = (clock_monotonic_us() - moved) / 1000 > SILENT_MAX_MS;
        if (err && (is_silent || !err_is(err, ERR_AWAY))) {
            report_survived(restore->report, TAKE(err));
            *is_known = false;
            return NULL;
        }
        if (is_silent)
            return log_explain(restore, ERR(IO, "recovery stands still at %s, short of %s",
                                            lsn_text(before).text, lsn_text(restore->way.end_lsn).text));
        clock_sleep_ms(ASK_EVERY_MS);
    }
}

/* ---- a server that stops at its target */

static bool is_to_stop(const Restore *restore)
{
    return restore->options->action == RESTORE_SHUTDOWN && restore->place.role != PLAN_STANDBY &&
           restore->way.target.kind != WAL_TARGET_END;
}

static Err *server_is_gone(bool *out, const Restore *restore, Arena *arena)
{
    EntryInfo info;
    TRY(entry_stat(&info, restore_path(restore, "postmaster.pid", arena)));
    *out = info.kind == ENTRY_ABSENT;
    return NULL;
}

/* It cannot be asked any more: its control file says how far it came. */
static Err *stop_await(Answer *out, const Restore *restore, Arena *arena)
{
    ControlFile control = {.state = CONTROL_STARTING_UP};
    int64_t moved = clock_monotonic_us();
    Instant before = INSTANT_NONE;
    for (bool is_gone = false; !is_gone;) {
        TRY(signal_check());
        TRY(server_is_gone(&is_gone, restore, arena));
        TRY(cluster_control_read(&control, restore->place.folder));
        if (control.time.us != before.us) {
            before = control.time;
            moved = clock_monotonic_us();
        }
        if ((clock_monotonic_us() - moved) / 1000 > SILENT_MAX_MS)
            break;
        if (!is_gone)
            clock_sleep_ms(ASK_EVERY_MS);
    }
    if (control.state != CONTROL_SHUT_DOWN_IN_RECOVERY)
        return ERR(IO, "the server did not come to its target to shut down there: it is %s, at %s",
                   control_state_text(control.state), lsn_text(control.min_recovery_point).text);
    *out = (Answer){.is_recovering = true,
                    .replayed = control.min_recovery_point,
                    .timeline = control.min_recovery_timeline.id,
                    .last_commit = INSTANT_NONE};
    return NULL;
}

/* pg_ctl calls it a failure when the server is gone again before it has looked. */
static Err *stop_start(Answer *out, const Restore *restore, Arena *arena)
{
    AUTO(err_free) Err *start = server_start(restore, arena);
    if (start && !err_is(start, ERR_IO))
        return TAKE(start);
    Err *err = stop_await(out, restore, arena);
    if (!err || !start)
        return err;
    err_free(&err);
    return TAKE(start); /* it says more: the end of the log */
}

static Err *reach(Answer *out, bool *is_known, Restore *restore, Arena *arena)
{
    if (is_to_stop(restore)) {
        TRY(stop_start(out, restore, arena));
        restore->result.is_started = true;
        return NULL;
    }
    TRY(server_start(restore, arena));
    restore->result.is_started = true;
    progress_phase(restore->options->progress, "waiting for recovery");
    return reached_ask(out, is_known, restore, arena);
}

/* The recovery has ended: what it was told must not guide the copies that are made of this server. */
static void settings_settle(const Restore *restore, Arena *arena)
{
    DbOptions address;
    AUTO(connection_close) Connection *connection = NULL;
    Err *err = address_find(&address, restore, arena);
    if (!err)
        err = db_connect(&connection, &address);
    if (err)
        report_survived(restore->report, err);
    else
        spent_settings_reset(connection, restore->place.folder, restore->report);
}

/* Our word against the server's. A standby is only on its way. */
static void reached_check(const Restore *restore)
{
    const RestoreResult *const result = &restore->result;
    if (restore->place.role == PLAN_STANDBY || result->reached_lsn.at >= result->end_lsn.at)
        return;
    report_warn(restore->report, "restore/SHORT", "the server replayed to %s, and %s was announced",
                lsn_text(result->reached_lsn).text, lsn_text(result->end_lsn).text);
    report_hint(restore->report, "what it says about the end of recovery is in %s/%s", restore->place.folder,
                SERVER_LOG);
}

Err *restore_start(Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    progress_phase(restore->options->progress, "starting the server");
    Answer answer;
    bool is_known = true;
    TRY(reach(&answer, &is_known, restore, arena));
    if (!is_known)
        return NULL;
    RestoreResult *const result = &restore->result;
    result->has_reached = true;
    result->reached_lsn = answer.replayed;
    result->reached_time = answer.last_commit;
    result->reached_timeline = (Timeline){answer.timeline};
    reached_check(restore);
    if (!answer.is_recovering)
        settings_settle(restore, arena);
    return NULL;
}
