/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_side.c - what the data directory does not hold
 *
 * Configuration files that lie elsewhere (Debian's way), and what only a running server can say: which settings differ
 * from their defaults, which number is which relation in which database, versions of extensions and collations. With
 * it a person finds out what a damaged file was, and what a new machine needs, without restoring anything.
 */
#include "backup/backup_priv.h"

#include "db/server.h"
#include "os/file.h"
#include "os/path.h"
#include "pg/pgdata_path.h"

#include <string.h>

static const char settings_sql[] =
    "SELECT json_build_object('name', name, 'value', setting, 'unit', unit, 'source', source)::text AS line"
    "  FROM pg_settings WHERE source NOT IN ('default', 'override') ORDER BY name";
static const char databases_sql[] =
    "SELECT json_build_object('oid', oid, 'name', datname, 'encoding', pg_encoding_to_char(encoding),"
    "       'collate', datcollate, 'ctype', datctype, 'connections', datallowconn)::text AS line"
    "  FROM pg_database ORDER BY oid";
static const char tablespaces_sql[] = "SELECT json_build_object('oid', oid, 'name', spcname, 'location', "
                                      "pg_tablespace_location(oid))::text AS line"
                                      "  FROM pg_tablespace ORDER BY oid";
static const char relations_sql[] =
    "SELECT json_build_object('oid', c.oid, 'file', pg_relation_filenode(c.oid), 'tablespace', "
    "c.reltablespace,"
    "       'kind', c.relkind, 'schema', n.nspname, 'name', c.relname)::text AS line"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE pg_relation_filenode(c.oid) IS NOT NULL ORDER BY c.oid";
static const char extensions_sql[] =
    "SELECT json_build_object('extension', extname, 'version', extversion)::text AS line FROM pg_extension"
    " ORDER BY extname";
static const char collations_sql[] =
    "SELECT json_build_object('collation', collname, 'provider', collprovider, 'recorded', collversion,"
    "       'actual', pg_collation_actual_version(oid))::text AS line"
    "  FROM pg_collation WHERE collversion IS NOT NULL ORDER BY oid";

static void side_done(BackupSide *side)
{
    buf_done(&side->items);
}

Err *backup_place_put(PlainPlace *out, Backup *backup, Span bytes)
{
    TRY(place_put(out, backup->own_packs, backup->record.label, bytes));
    return pack_tally_place(backup->tally, out);
}

Err *backup_side_add(BackupSide *side, const char *name, Span bytes)
{
    SideItem item = {.name = arena_text(side->backup->arena, name)};
    TRY(backup_place_put(&item.place, side->backup, bytes));
    buf_add(&side->items, &item, sizeof item);
    return NULL;
}

/* Long texts go in numbered pieces of whole lines: "x.ndjson", "x.1.ndjson", … A piece is a frame. */
static Err *lines_store(BackupSide *side, const char *name, const Result *rows)
{
    AUTO(buf_done) Buf text = {0};
    unsigned pieces = 0;
    for (int row = 0; row <= result_rows(rows); row++) {
        const bool is_end = row == result_rows(rows);
        const char *const line = is_end ? "" : result_text(rows, row, "line");
        if (text.len && (is_end || text.len + strlen(line) + 1 > FRAME_PLAIN_MAX)) {
            const char *const piece = pieces ? arena_textf(side->backup->arena, "%s.%u.ndjson", name, pieces)
                                             : arena_textf(side->backup->arena, "%s.ndjson", name);
            pieces++;
            TRY(backup_side_add(side, piece, buf_span(&text)));
            buf_clear(&text);
        }
        if (!is_end && strlen(line) + 1 <= FRAME_PLAIN_MAX)
            buf_addf(&text, "%s\n", line);
    }
    return NULL;
}

/* A view that the role may not read costs a note; a lost connection costs the backup anyway, at its stop. */
static Err *query_store(BackupSide *side, Connection *connection, const char *name, const char *sql)
{
    AUTO(result_free) Result *rows = NULL;
    AUTO(err_free) Err *err = db_query(&rows, connection, &(Query){.sql = sql});
    if (err_is(err, ERR_CANCELED))
        return TAKE(err);
    if (err) {
        report_note(side->backup->report, "backup/SIDE_DATA", "%s is not in the backup: %s", name,
                    err_text(err));
        return NULL;
    }
    return lines_store(side, name, rows);
}

static DbOptions database_options(const Backup *backup, const char *dbname)
{
    const ConnectionOptions *const to = &backup->cluster->connection;
    return (DbOptions){
        .host = to->host, .port = to->port, .user = to->user, .service = to->service, .dbname = dbname};
}

static Err *database_store(BackupSide *side, const ServerDatabase *database)
{
    AUTO(connection_close) Connection *connection = NULL;
    const DbOptions options = database_options(side->backup, database->name);
    AUTO(err_free) Err *err = db_connect(&connection, &options);
    if (err_is(err, ERR_CANCELED))
        return TAKE(err);
    if (err) {
        report_note(side->backup->report, "backup/SIDE_DATA",
                    "names of database %s are not in the backup: %s", database->name, err_text(err));
        return NULL;
    }
    Arena *const arena = side->backup->arena;
    const unsigned oid = database->oid.id;
    TRY(query_store(side, connection, arena_textf(arena, "database/%u/relations", oid), relations_sql));
    TRY(query_store(side, connection, arena_textf(arena, "database/%u/extensions", oid), extensions_sql));
    return query_store(side, connection, arena_textf(arena, "database/%u/collations", oid), collations_sql);
}

Err *backup_side_store(Backup *backup, Connection *connection)
{
    AUTO(side_done) BackupSide side = {.backup = backup};
    ServerInfo server;
    TRY(server_info_read(&server, connection, backup->arena));
    TRY(backup_conf_store(&side, &server));
    TRY(query_store(&side, connection, "settings", settings_sql));
    TRY(query_store(&side, connection, "databases", databases_sql));
    TRY(query_store(&side, connection, "tablespaces", tablespaces_sql));
    const ServerDatabase *databases;
    size_t count;
    TRY(server_databases_read(&databases, &count, connection, backup->arena));
    for (size_t i = 0; i < count; i++) {
        if (databases[i].can_connect)
            TRY(database_store(&side, &databases[i]));
    }
    const Span items = arena_bytes(backup->arena, buf_span(&side.items));
    backup->record.side = (const SideItem *)items.ptr;
    backup->record.side_count = items.len / sizeof(SideItem);
    return NULL;
}

/* -- names of bad pages --------------------------------------------------------------------------------------------- */

/* "app.public.orders", or "" when the server cannot tell. */
static const char *relation_name_find(const Backup *backup, Connection *connection, const RelFile *file)
{
    AUTO(result_free) Result *rows = NULL;
    char tablespace[16], number[16];
    snprintf(tablespace, sizeof tablespace, "%u",
             file->tablespace.id == TABLESPACE_DEFAULT ? 0 : file->tablespace.id);
    snprintf(number, sizeof number, "%u", file->number.id);
    const Query query = {.sql = "SELECT current_database() || '.' || n.nspname || '.' || c.relname AS name"
                                "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                " WHERE c.oid = pg_filenode_relation($1::oid, $2::oid)",
                         .params = {tablespace, number},
                         .param_count = 2};
    AUTO(err_free) Err *err = db_query(&rows, connection, &query);
    return err || result_rows(rows) != 1 ? "" : arena_text(backup->arena, result_text(rows, 0, "name"));
}

static const char *database_name_find(Connection *connection, Oid database, Arena *arena)
{
    const ServerDatabase *databases;
    size_t count;
    AUTO(err_free) Err *err = server_databases_read(&databases, &count, connection, arena);
    for (size_t i = 0; !err && i < count; i++) {
        if (databases[i].oid.id == database.id || database.id == 0)
            return databases[i].can_connect ? databases[i].name : NULL;
    }
    return NULL;
}

/* A connection to the database with this OID; NULL where there is none to be had. */
static Connection *database_connect(const Backup *backup, Oid database)
{
    AUTO(connection_close) Connection *any = NULL;
    Connection *home = NULL;
    const DbOptions here = database_options(backup, backup->cluster->connection.dbname);
    AUTO(err_free) Err *err = db_connect(&any, &here);
    const char *const name = err ? NULL : database_name_find(any, database, backup->arena);
    if (!name)
        return NULL;
    const DbOptions there = database_options(backup, name);
    err = db_connect(&home, &there);
    return err ? NULL : home;
}

void backup_pages_name(const Backup *backup, BadPage *pages, size_t count)
{
    AUTO(connection_close) Connection *home = NULL;
    Oid connected = {UINT32_MAX};
    for (size_t i = 0; i < count && !backup->record.offline; i++) {
        const RelFile file = pgdata_path_classify(pages[i].path, &backup->filter.version).relation.rel;
        if (file.database.id != connected.id) { /* the list is sorted by path, so once a database */
            connection_close(&home);
            home = database_connect(backup, file.database);
            connected = file.database;
        }
        if (home)
            pages[i].relation = relation_name_find(backup, home, &file);
    }
}
