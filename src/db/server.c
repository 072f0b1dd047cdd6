/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "db/server.h"

#include "base/buf.h"

#include <assert.h>

/* ---- the server ---- */

/*
 * On a standby the control file's timeline is the last restartpoint's; on a primary it is late after a promotion, so
 * there the name of the current segment tells. While archive_mode is off the server shows "(disabled)" instead of the
 * archive command, but not in reset_val. Times are asked for as microseconds since 1970.
 */
static const char info_sql[] =
    "SELECT current_setting('server_version_num')::int AS version,"
    " current_setting('server_version_num')::int / 10000 AS major,"
    " current_setting('server_version') AS version_text,"
    " s.system_identifier AS system_id, s.catalog_version_no::text::bigint AS catalog_version,"
    " i.bytes_per_wal_segment AS wal_segment_bytes, i.database_block_size AS block_bytes,"
    " i.wal_block_size AS wal_block_bytes, i.blocks_per_segment AS segment_blocks,"
    " CASE WHEN pg_is_in_recovery() THEN c.timeline_id ELSE"
    "  ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END AS timeline,"
    " pg_is_in_recovery() AS is_in_recovery,"
    " current_setting('data_checksums') AS has_checksums,"
    " current_setting('full_page_writes') AS has_full_page_writes,"
    " (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS started,"
    " current_setting('data_directory') AS data_directory,"
    " current_setting('config_file') AS config_file,"
    " current_setting('hba_file') AS hba_file,"
    " current_setting('ident_file') AS ident_file,"
    " current_setting('unix_socket_directories') AS socket_directories,"
    " current_setting('port')::int AS port,"
    " current_setting('wal_level') AS wal_level,"
    " current_setting('archive_mode') AS archive_mode,"
    " (SELECT nullif(reset_val, '') FROM pg_settings WHERE name = 'archive_command') AS archive_command,"
    " nullif(current_setting('archive_library', true), '') AS archive_library,"
    " (SELECT setting::int FROM pg_settings WHERE name = 'archive_timeout') AS archive_timeout_s "
    "FROM pg_control_system() s, pg_control_init() i, pg_control_checkpoint() c";

static const ResultField info_fields[] = {
    {"version", FIELD_I32, offsetof(ServerInfo, version)},
    {"major", FIELD_I32, offsetof(ServerInfo, major)},
    {"version_text", FIELD_TEXT, offsetof(ServerInfo, version_text)},
    {"system_id", FIELD_SIGNED, offsetof(ServerInfo, system_id)},
    {"catalog_version", FIELD_U32, offsetof(ServerInfo, catalog_version)},
    {"wal_segment_bytes", FIELD_U32, offsetof(ServerInfo, wal_segment_bytes)},
    {"block_bytes", FIELD_U32, offsetof(ServerInfo, block_bytes)},
    {"wal_block_bytes", FIELD_U32, offsetof(ServerInfo, wal_block_bytes)},
    {"segment_blocks", FIELD_U32, offsetof(ServerInfo, segment_blocks)},
    {"timeline", FIELD_U32, offsetof(ServerInfo, timeline)},
    {"is_in_recovery", FIELD_BOOL, offsetof(ServerInfo, is_in_recovery)},
    {"has_checksums", FIELD_BOOL, offsetof(ServerInfo, has_checksums)},
    {"has_full_page_writes", FIELD_BOOL, offsetof(ServerInfo, has_full_page_writes)},
    {"started", FIELD_INSTANT, offsetof(ServerInfo, started)},
    {"data_directory", FIELD_TEXT, offsetof(ServerInfo, data_directory)},
    {"config_file", FIELD_TEXT, offsetof(ServerInfo, config_file)},
    {"hba_file", FIELD_TEXT, offsetof(ServerInfo, hba_file)},
    {"ident_file", FIELD_TEXT, offsetof(ServerInfo, ident_file)},
    {"socket_directories", FIELD_TEXT, offsetof(ServerInfo, socket_directories)},
    {"port", FIELD_I32, offsetof(ServerInfo, port)},
    {"wal_level", FIELD_TEXT, offsetof(ServerInfo, wal_level)},
    {"archive_mode", FIELD_TEXT, offsetof(ServerInfo, archive_mode)},
    {"archive_command", FIELD_TEXT, offsetof(ServerInfo, archive_command)},
    {"archive_library", FIELD_TEXT, offsetof(ServerInfo, archive_library)},
    {"archive_timeout_s", FIELD_I32, offsetof(ServerInfo, archive_timeout_s)},
    {0},
};

/* The backup functions have other names from 15 on; those without arguments are 13's and 14's exclusive form. */
static const char rights_sql[] =
    "SELECT r.rolsuper AS is_superuser,"
    " (SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p"
    "  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.pronargs > 0 AND p.proname IN"
    "  ('pg_backup_start', 'pg_backup_stop', 'pg_start_backup', 'pg_stop_backup')) AS can_backup,"
    " has_function_privilege('pg_switch_wal()', 'EXECUTE') AS can_switch_wal,"
    " has_function_privilege('pg_create_restore_point(text)', 'EXECUTE') AS can_mark_restore,"
    " has_function_privilege('pg_reload_conf()', 'EXECUTE') AS can_reload,"
    " %s AS can_set FROM pg_roles r WHERE r.rolname = current_user";

static const ResultField rights_fields[] = {
    {"is_superuser", FIELD_BOOL, offsetof(ServerRights, is_superuser)},
    {"can_backup", FIELD_BOOL, offsetof(ServerRights, can_backup)},
    {"can_switch_wal", FIELD_BOOL, offsetof(ServerRights, can_switch_wal)},
    {"can_mark_restore", FIELD_BOOL, offsetof(ServerRights, can_mark_restore)},
    {"can_set", FIELD_BOOL, offsetof(ServerRights, can_set)},
    {"can_reload", FIELD_BOOL, offsetof(ServerRights, can_reload)},
    {0},
};

static Err *rights_read(ServerRights *out, Connection *connection, Arena *arena)
{
    AUTO(buf_done) Buf sql = {0};
    const bool is_grantable = connection_version(connection) >= 150000;
    buf_addf(&sql, rights_sql,
             is_grantable ? "has_parameter_privilege('archive_command', 'ALTER SYSTEM')" : "r.rolsuper");
    AUTO(result_free) Result *result = NULL;
    TRY(db_query(&result, connection, &(Query){.sql = buf_text(&sql)}));
    if (result_rows(result) != 1)
        return ERR(CORRUPT, "server shows %d roles for the connected one", result_rows(result));
    return result_row(out, result, 0, rights_fields, arena);
}

Err *server_info_read(ServerInfo *out, Connection *connection, Arena *arena)
{
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection, &(Query){.sql = info_sql, .grant = "pg_monitor"}),
           "asking the server about itself");
    ServerInfo info;
    TRY(result_row(&info, result, 0, info_fields, arena));
    TRY_AS(rights_read(&info.rights, connection, arena), "asking the server for the role's rights");
    *out = info;
    return NULL;
}

/* ---- positions and archiving ---- */

static const char position_sql[] =
    "SELECT r AS is_in_recovery, CASE WHEN NOT r THEN pg_current_wal_insert_lsn() END AS inserted,"
    " CASE WHEN NOT r THEN pg_current_wal_lsn() END AS written,"
    " CASE WHEN NOT r THEN pg_current_wal_flush_lsn() END AS flushed,"
    " pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed,"
    " (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::bigint AS last_replayed_commit,"
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now "
    "FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) s";

static const ResultField position_fields[] = {
    {"is_in_recovery", FIELD_BOOL, offsetof(ServerPosition, is_in_recovery)},
    {"inserted", FIELD_LSN, offsetof(ServerPosition, inserted)},
    {"written", FIELD_LSN, offsetof(ServerPosition, written)},
    {"flushed", FIELD_LSN, offsetof(ServerPosition, flushed)},
    {"received", FIELD_LSN, offsetof(ServerPosition, received)},
    {"replayed", FIELD_LSN, offsetof(ServerPosition, replayed)},
    {"last_replayed_commit", FIELD_INSTANT, offsetof(ServerPosition, last_replayed_commit)},
    {"now", FIELD_INSTANT, offsetof(ServerPosition, now)},
    {0},
};

Err *server_position_read(ServerPosition *out, Connection *connection)
{
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection, &(Query){.sql = position_sql}),
           "asking the server for its WAL position");
    ServerPosition position;
    TRY(result_row(&position, result, 0, position_fields, NULL));
    *out = position;
    return NULL;
}

static const char archiver_sql[] =
    "SELECT archived_count, failed_count,"
    " last_archived_wal AS last_archived, last_failed_wal AS last_failed,"
    " (extract(epoch FROM last_archived_time) * 1000000)::bigint AS last_archived_time,"
    " (extract(epoch FROM last_failed_time) * 1000000)::bigint AS last_failed_time,"
    " (extract(epoch FROM stats_reset) * 1000000)::bigint AS stats_reset,"
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now FROM pg_stat_archiver";

static const ResultField archiver_fields[] = {
    {"archived_count", FIELD_U64, offsetof(ServerArchiver, archived_count)},
    {"failed_count", FIELD_U64, offsetof(ServerArchiver, failed_count)},
    {"last_archived", FIELD_TEXT, offsetof(ServerArchiver, last_archived)},
    {"last_failed", FIELD_TEXT, offsetof(ServerArchiver, last_failed)},
    {"last_archived_time", FIELD_INSTANT, offsetof(ServerArchiver, last_archived_time)},
    {"last_failed_time", FIELD_INSTANT, offsetof(ServerArchiver, last_failed_time)},
    {"stats_reset", FIELD_INSTANT, offsetof(ServerArchiver, stats_reset)},
    {"now", FIELD_INSTANT, offsetof(ServerArchiver, now)},
    {0},
};

Err *server_archiver_read(ServerArchiver *out, Connection *connection, Arena *arena)
{
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection, &(Query){.sql = archiver_sql}),
           "asking the server about its archiving");
    ServerArchiver archiver;
    TRY(result_row(&archiver, result, 0, archiver_fields, arena));
    *out = archiver;
    return NULL;
}

/* ---- tablespaces and databases ---- */

static const ResultField tablespace_fields[] = {
    {"oid", FIELD_U32, offsetof(ServerTablespace, oid)},
    {"name", FIELD_TEXT, offsetof(ServerTablespace, name)},
    {"location", FIELD_TEXT, offsetof(ServerTablespace, location)},
    {0},
};

Err *server_tablespaces_read(const ServerTablespace **out, size_t *count, Connection *connection,
                             Arena *arena)
{
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection,
                    &(Query){.sql = "SELECT oid, spcname AS name, pg_tablespace_location(oid) AS location"
                                    " FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')"
                                    " ORDER BY oid"}),
           "asking the server for its tablespaces");
    const int rows = result_rows(result);
    ServerTablespace *const list = arena_alloc(arena, (size_t)rows * sizeof *list);
    for (int row = 0; row < rows; row++)
        TRY(result_row(&list[row], result, row, tablespace_fields, arena));
    *out = list;
    *count = (size_t)rows;
    return NULL;
}

static const ResultField database_fields[] = {
    {"oid", FIELD_U32, offsetof(ServerDatabase, oid)},
    {"name", FIELD_TEXT, offsetof(ServerDatabase, name)},
    {"tablespace", FIELD_U32, offsetof(ServerDatabase, tablespace)},
    {"encoding", FIELD_TEXT, offsetof(ServerDatabase, encoding)},
    {"collate", FIELD_TEXT, offsetof(ServerDatabase, collate)},
    {"ctype", FIELD_TEXT, offsetof(ServerDatabase, ctype)},
    {"locale", FIELD_TEXT, offsetof(ServerDatabase, locale)},
    {"provider", FIELD_TEXT, offsetof(ServerDatabase, provider)},
    {"collation_version", FIELD_TEXT, offsetof(ServerDatabase, collation_version)},
    {"actual_version", FIELD_TEXT, offsetof(ServerDatabase, actual_version)},
    {"is_template", FIELD_BOOL, offsetof(ServerDatabase, is_template)},
    {"can_connect", FIELD_BOOL, offsetof(ServerDatabase, can_connect)},
    {0},
};

/* The provider came with 15, its locale column was renamed in 17 (src/include/catalog/pg_database.h). */
static const char *locale_columns(int version)
{
    if (version >= 170000)
        return "datlocale AS locale, datlocprovider AS provider, datcollversion AS collation_version,"
               " pg_database_collation_actual_version(oid) AS actual_version";
    if (version >= 150000)
        return "daticulocale AS locale, datlocprovider AS provider, datcollversion AS collation_version,"
               " pg_database_collation_actual_version(oid) AS actual_version";
    return "NULL AS locale, 'c' AS provider, NULL AS collation_version, NULL AS actual_version";
}

Err *server_databases_read(const ServerDatabase **out, size_t *count, Connection *connection, Arena *arena)
{
    AUTO(buf_done) Buf sql = {0};
    buf_addf(
        &sql,
        "SELECT oid, datname AS name, dattablespace AS tablespace, pg_encoding_to_char(encoding) AS encoding,"
        " datcollate AS collate, datctype AS ctype, %s, datistemplate AS is_template,"
        " datallowconn AS can_connect FROM pg_database ORDER BY oid",
        locale_columns(connection_version(connection)));
    AUTO(result_free) Result *result = NULL;
    TRY_AS(db_query(&result, connection, &(Query){.sql = buf_text(&sql)}),
           "asking the server for its databases");
    const int rows = result_rows(result);
    ServerDatabase *const list = arena_alloc(arena, (size_t)rows * sizeof *list);
    for (int row = 0; row < rows; row++)
        TRY(result_row(&list[row], result, row, database_fields, arena));
    *out = list;
    *count = (size_t)rows;
    return NULL;
}
