/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "db/backup_api.h"

struct BackupSession {
    Connection *connection; /* borrowed */
    BackupStart start;
};

/* One form up to 14, another from 15 on. */
/* The files' bytes as the server would write them: as text they would be converted from the database's encoding, and a
 * tablespace's path with them. */
#define STOP_COLUMNS                                                                                         \
    "lsn::text AS lsn, convert_to(labelfile, getdatabaseencoding()) AS labelfile,"                           \
    " convert_to(spcmapfile, getdatabaseencoding()) AS spcmapfile"

typedef struct BackupCalls {
    const char *start_sql, *start_grant;
    const char *stop_sql, *stop_grant;
} BackupCalls;

static const BackupCalls calls_13 = {
    .start_sql = "SELECT pg_start_backup($1, $2, false) AS lsn",
    .start_grant = "EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean)",
    .stop_sql = "SELECT " STOP_COLUMNS " FROM pg_stop_backup(false, false)",
    .stop_grant = "EXECUTE ON FUNCTION pg_stop_backup(boolean, boolean)",
};

static const BackupCalls calls_15 = {
    .start_sql = "SELECT pg_backup_start($1, $2) AS lsn",
    .start_grant = "EXECUTE ON FUNCTION pg_backup_start(text, boolean)",
    .stop_sql = "SELECT " STOP_COLUMNS " FROM pg_backup_stop(false)",
    .stop_grant = "EXECUTE ON FUNCTION pg_backup_stop(boolean)",
};

static const BackupCalls *calls_of(const Connection *connection)
{
    return connection_version(connection) >= 150000 ? &calls_15 : &calls_13;
}

/*
 * The timeline of the start LSN. On a primary the insertion timeline cannot change while it runs. On a standby the
 * restartpoint that the start just used is in the control file. OFFSET 0 hides the LSN from the planner, which would
 * call the immutable pg_walfile_name() at once, also on a standby, where it is refused.
 */
static const char about_sql[] =
    "SELECT pg_is_in_recovery() AS is_standby,"
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS time,"
    " CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint()) ELSE"
    "  ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::bigint END AS timeline "
    "FROM (SELECT $1::pg_lsn AS lsn OFFSET 0) s";

static const ResultField about_fields[] = {
    {"is_standby", FIELD_BOOL, offsetof(BackupStart, is_standby)},
    {"time", FIELD_INSTANT, offsetof(BackupStart, time)},
    {"timeline", FIELD_U32, offsetof(BackupStart, timeline)},
    {0},
};

static Err *start_read(BackupStart *out, Connection *connection, const Result *started)
{
    TRY(result_lsn(&out->lsn, started, 0, "lsn"));
    AUTO(result_free) Result *about = NULL;
    const Query query = {.sql = about_sql, .params = {result_text(started, 0, "lsn")}, .param_count = 1};
    TRY(db_query(&about, connection, &query));
    return result_row(out, about, 0, about_fields, NULL);
}

Err *backup_api_start(BackupSession **out, Connection *connection, const BackupStartOptions *options)
{
    const BackupCalls *const calls = calls_of(connection);
    AUTO(result_free) Result *started = NULL;
    const Query query = {
        .sql = calls->start_sql,
        .params = {options->label, options->is_fast ? "true" : "false"},
        .param_count = 2,
        .grant = calls->start_grant,
        .on_wait = options->on_wait,
        .wait_arg = options->wait_arg,
    };
    TRY_AS(db_query(&started, connection, &query), "starting the backup");
    AUTO(backup_api_abandon) BackupSession *session = mem_new(sizeof *session);
    session->connection = connection;
    TRY_AS(start_read(&session->start, connection, started), "starting the backup");
    *out = TAKE(session);
    return NULL;
}

const BackupStart *backup_session_start(const BackupSession *session)
{
    return &session->start;
}

void backup_stop_done(BackupStop *stop)
{
    buf_done(&stop->label);
    buf_done(&stop->map);
}

static Err *stop_time_read(Instant *out, Connection *connection)
{
    AUTO(result_free) Result *result = NULL;
    const Query query = {.sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS time"};
    TRY(db_query(&result, connection, &query));
    return result_i64(&out->us, result, 0, "time");
}

Err *backup_api_stop(BackupStop *out, BackupSession *session)
{
    AUTO(backup_api_abandon) BackupSession *ending = session;
    const BackupCalls *const calls = calls_of(session->connection);
    AUTO(result_free) Result *stopped = NULL;
    const Query query = {.sql = calls->stop_sql, .is_binary = true, .grant = calls->stop_grant};
    TRY_AS(db_query(&stopped, session->connection, &query), "stopping the backup");
    BackupStop stop = {0};
    TRY(result_lsn(&stop.lsn, stopped, 0, "lsn"));
    TRY(stop_time_read(&stop.time, session->connection));
    const Span label = result_bytes(stopped, 0, "labelfile"), map = result_bytes(stopped, 0, "spcmapfile");
    buf_add(&stop.label, label.ptr, label.len);
    buf_add(&stop.map, map.ptr, map.len);
    *out = stop;
    mem_free(&ending); /* the backup is over: nothing to abandon, the connection goes on */
    return NULL;
}

void backup_api_abandon(BackupSession **session)
{
    if (!*session)
        return;
    connection_drop((*session)->connection);
    mem_free(session);
}
