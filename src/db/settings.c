/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "db/settings.h"

#include "base/buf.h"

#include <string.h>

enum { RELOAD_TRIES = 100, RESTORE_POINT_NAME_MAX = 63 }; /* MAXFNAMELEN - 1 */

/* ---- reading ---- */

/* "setting" of archive_command is "(disabled)" while archive_mode is off. */
#define SETTING_COLUMNS                                                                                      \
    "SELECT name, CASE name WHEN 'archive_command' THEN reset_val ELSE setting END AS value,"                \
    " unit, context, source, sourcefile AS source_file,"                                                     \
    " pending_restart AS is_pending FROM pg_settings "

static const ResultField setting_fields[] = {
    {"name", FIELD_TEXT, offsetof(ServerSetting, name)},
    {"value", FIELD_TEXT, offsetof(ServerSetting, value)},
    {"unit", FIELD_TEXT, offsetof(ServerSetting, unit)},
    {"context", FIELD_TEXT, offsetof(ServerSetting, context)},
    {"source", FIELD_TEXT, offsetof(ServerSetting, source)},
    {"source_file", FIELD_TEXT, offsetof(ServerSetting, source_file)},
    {"is_pending", FIELD_BOOL, offsetof(ServerSetting, is_pending)},
    {0},
};

Err *setting_read(ServerSetting *out, Connection *connection, const char *name, Arena *arena)
{
    AUTO(result_free) Result *result = NULL;
    const Query query = {.sql = SETTING_COLUMNS "WHERE name = lower($1)", .params = {name}, .param_count = 1};
    TRY_AS(db_query(&result, connection, &query), "reading the setting %s", name);
    if (result_rows(result) == 0)
        return ERR(NOT_FOUND, "server at %s has no setting %s", connection_place(connection), name);
    ServerSetting setting;
    TRY(result_row(&setting, result, 0, setting_fields, arena));
    *out = setting;
    return NULL;
}

Err *settings_pending_read(const ServerSetting **out, size_t *count, Connection *connection, Arena *arena)
{
    AUTO(result_free) Result *result = NULL;
    TRY_AS(
        db_query(&result, connection, &(Query){.sql = SETTING_COLUMNS "WHERE pending_restart ORDER BY name"}),
        "reading the settings that wait for a restart");
    const int rows = result_rows(result);
    ServerSetting *const list = arena_alloc(arena, (size_t)rows * sizeof *list);
    for (int row = 0; row < rows; row++)
        TRY(result_row(&list[row], result, row, setting_fields, arena));
    *out = list;
    *count = (size_t)rows;
    return NULL;
}

/* ---- changing ---- */

/* "a.b" is two names. */
static Err *setting_name_add(Buf *sql, Connection *connection, const char *name)
{
    AUTO(mem_free) char *prefix = mem_text(name);
    char *const dot = strchr(prefix, '.');
    if (!dot)
        return db_quote_name(sql, connection, name);
    *dot = '\0';
    TRY(db_quote_name(sql, connection, prefix));
    buf_add_text(sql, ".");
    return db_quote_name(sql, connection, dot + 1);
}

/* The right can be granted from 15 on; before, only a superuser has it. */
static Err *setting_alter(Connection *connection, const char *name, const char *sql)
{
    AUTO(buf_done) Buf grant = {0};
    buf_addf(&grant, "ALTER SYSTEM ON PARAMETER %s", name);
    const bool is_grantable = connection_version(connection) >= 150000;
    Err *const err =
        db_run(connection, &(Query){.sql = sql, .grant = is_grantable ? buf_text(&grant) : NULL});
    if (err_is(err, ERR_DENIED) && !is_grantable)
        return err_hint(err_doing(err, "changing the setting %s", name),
                        "PostgreSQL %d lets only a superuser do this",
                        connection_version(connection) / 10000);
    return err ? err_doing(err, "changing the setting %s", name) : NULL;
}

Err *setting_change(Connection *connection, const char *name, const char *value)
{
    AUTO(buf_done) Buf sql = {0};
    buf_add_text(&sql, "ALTER SYSTEM SET ");
    TRY(setting_name_add(&sql, connection, name));
    buf_add_text(&sql, " = ");
    TRY(db_quote_literal(&sql, connection, value));
    return setting_alter(connection, name, buf_text(&sql));
}

Err *setting_reset(Connection *connection, const char *name)
{
    AUTO(buf_done) Buf sql = {0};
    buf_add_text(&sql, "ALTER SYSTEM RESET ");
    TRY(setting_name_add(&sql, connection, name));
    return setting_alter(connection, name, buf_text(&sql));
}

/* pg_conf_load_time() is the moment when the asking session took up the files. */
Err *settings_reload(Connection *connection)
{
    AUTO(result_free) Result *before = NULL;
    TRY(db_query(&before, connection, &(Query){.sql = "SELECT pg_conf_load_time()::text AS loaded"}));
    const Query reload = {.sql = "SELECT pg_reload_conf()", .grant = "EXECUTE ON FUNCTION pg_reload_conf()"};
    TRY_AS(db_run(connection, &reload), "reloading the server's configuration");
    for (int i = 0; i < RELOAD_TRIES; i++) {
        AUTO(result_free) Result *now = NULL;
        const Query query = {
            .sql = "SELECT pg_conf_load_time() > $1::timestamptz AS is_loaded FROM pg_sleep(0.1)",
            .params = {result_text(before, 0, "loaded")},
            .param_count = 1,
        };
        TRY(db_query(&now, connection, &query));
        bool is_loaded = false;
        TRY(result_bool(&is_loaded, now, 0, "is_loaded"));
        if (is_loaded)
            return NULL;
    }
    return err_hint(
        ERR(IO, "server at %s did not reload its configuration within 10 s", connection_place(connection)),
        "look into the server's log: a fault in its configuration files keeps it from reading them");
}

/* ---- WAL ---- */

static Err *segment_text_read(SegmentText *out, const Result *result)
{
    const char *const name = result_text(result, 0, "segment");
    if (strlen(name) != sizeof out->text - 1)
        return ERR(CORRUPT, "server names a WAL segment \"%s\"", name);
    memcpy(out->text, name, sizeof out->text);
    return NULL;
}

Err *wal_switch(WalSwitch *out, Connection *connection)
{
    AUTO(result_free) Result *state = NULL;
    TRY(db_query(&state, connection, &(Query){.sql = "SELECT pg_is_in_recovery() AS is_standby"}));
    bool is_standby = false;
    TRY(result_bool(&is_standby, state, 0, "is_standby"));
    if (is_standby)
        return err_hint(ERR(UNSUPPORTED, "server at %s is in recovery and cannot switch WAL",
                            connection_place(connection)),
                        "switch on its primary: SELECT pg_switch_wal()");
    TRY_AS(db_run(connection, &(Query){.sql = "SELECT pg_logical_emit_message(false, 'pgstrata', '')"}),
           "writing a WAL record");
    /* OFFSET 0 keeps the switch from being evaluated twice. */
    const Query query = {
        .sql = "SELECT lsn, pg_walfile_name(lsn) AS segment FROM (SELECT pg_switch_wal() AS lsn OFFSET 0) s",
        .grant = "EXECUTE ON FUNCTION pg_switch_wal()",
    };
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection, &query), "switching WAL");
    WalSwitch done;
    TRY(result_lsn(&done.lsn, result, 0, "lsn"));
    TRY(segment_text_read(&done.segment, result));
    *out = done;
    return NULL;
}

Err *wal_mark_restore_point(Lsn *out, Connection *connection, const char *name)
{
    if (strlen(name) > RESTORE_POINT_NAME_MAX)
        return ERR(USAGE, "restore point name \"%s\" has %zu bytes, at most %d are allowed", name,
                   strlen(name), RESTORE_POINT_NAME_MAX);
    const Query query = {
        .sql = "SELECT pg_create_restore_point($1) AS lsn",
        .params = {name},
        .param_count = 1,
        .grant = "EXECUTE ON FUNCTION pg_create_restore_point(text)",
    };
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection, &query), "creating the restore point %s", name);
    return result_lsn(out, result, 0, "lsn");
}

Err *wal_segment_name(SegmentText *out, Connection *connection, Lsn lsn)
{
    const LsnText text = lsn_text(lsn);
    const Query query = {
        .sql = "SELECT pg_walfile_name($1::pg_lsn) AS segment",
        .params = {text.text},
        .param_count = 1,
    };
    AUTO(result_free) Result *result = NULL;
    TRY(db_query(&result, connection, &query));
    return segment_text_read(out, result);
}
