/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/pgdata_path.h"

#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The deepest place with a meaning: pg_tblspc/OID/PG_…/database/file. */
enum { PARTS_MAX = 5 };

/* A path taken apart. What is deeper than PARTS_MAX stays in the last part. */
typedef struct Parts {
    char text[PGDATA_PATH_MAX];
    const char *at[PARTS_MAX];
    unsigned count;
} Parts;

/* Files that no backup takes, wherever they are (excludeFiles). */
static const char *const excluded_names[] = {
    "postgresql.auto.conf.tmp", "current_logfiles.tmp", "backup_label",    "tablespace_map",
    "backup_manifest",          "postmaster.pid",       "postmaster.opts", ".DS_Store",
};
/* The same with anything behind: relation caches ("pg_internal.init.1234"), temporary files and their folders. */
static const char *const excluded_prefixes[] = {"pg_internal.init", "pgsql_tmp"};

/* Folders whose content means nothing to another start of the server (excludeDirContents). */
static const char *const emptied_folders[] = {
    "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
};

static const char *const config_files[] = {
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
};

/* Our own notes at the top of a data directory, about this copy only. */
static const char own_prefix[] = "pgstrata.";

#define IS_ONE_OF(text, list) is_one_of(text, list, COUNT_OF(list))

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(text, list[i]))
            return true;
    }
    return false;
}

static bool parts_take(Parts *parts, const char *path)
{
    const size_t len = strlen(path);
    if (len >= sizeof parts->text)
        return false;
    memcpy(parts->text, path, len + 1);
    char *rest = parts->text;
    parts->count = 0;
    while (rest && parts->count < PARTS_MAX) {
        parts->at[parts->count++] = rest;
        rest = parts->count < PARTS_MAX ? strchr(rest, '/') : NULL;
        if (rest)
            *rest++ = 0;
    }
    return true;
}

/* A folder named by an OID. */
static bool oid_parse(Oid *out, const char *text)
{
    RelationFile file;
    if (!relation_name_parse(&file, text) || file.fork != PG_FORK_MAIN || file.segment)
        return false;
    *out = file.rel.number;
    return true;
}

static bool is_excluded_name(Span name)
{
    if (name.len && name.ptr[0] >= '0' && name.ptr[0] <= '9')
        return false; /* as most are, and none of these */
    for (size_t i = 0; i < COUNT_OF(excluded_names); i++) {
        if (span_equal(name, span_of(excluded_names[i], strlen(excluded_names[i]))))
            return true;
    }
    for (size_t i = 0; i < COUNT_OF(excluded_prefixes); i++) {
        const size_t len = strlen(excluded_prefixes[i]);
        if (span_equal(span_cut(name, 0, len), span_of(excluded_prefixes[i], len)))
            return true;
    }
    return false;
}

/* A folder with such a name is left out with all that is in it. */
static bool has_excluded_name(const char *path)
{
    for (;;) {
        const size_t len = strcspn(path, "/");
        if (is_excluded_name(span_of(path, len)))
            return true;
        if (!path[len])
            return false;
        path += len + 1;
    }
}

/* `out` gets the kind of a file `name` in the folder of a database. */
static void relation_classify(PgdataPath *out, Oid tablespace, Oid database, const char *name)
{
    RelationFile file;
    if (relation_name_parse(&file, name)) {
        file.rel.tablespace = tablespace;
        file.rel.database = database;
        out->kind = PGDATA_RELATION;
        out->relation = file;
    } else if (database.id && relation_name_is_temporary(name)) {
        out->kind = PGDATA_TEMPORARY;
    }
}

static void wal_classify(PgdataPath *out, const Parts *parts, const PgVersion *version)
{
    const bool is_folder =
        parts->count == 1 ||
        (parts->count == 2 && (text_equal(parts->at[1], "archive_status") ||
                               (version->major >= 17 && text_equal(parts->at[1], "summaries"))));
    out->kind = is_folder ? PGDATA_WAL_FOLDER : PGDATA_WAL_FILE;
}

/* A tablespace's folder may be shared with servers of other majors; only the folder of this version is ours. */
static void tablespace_classify(PgdataPath *out, const Parts *parts, const PgVersion *version)
{
    char folder[32];
    Oid database;
    if (parts->count < 2 || !oid_parse(&out->tablespace, parts->at[1]))
        return;
    snprintf(folder, sizeof folder, "PG_%" PRIu32 "_%" PRIu32, version->major, version->catalog_version);
    if (parts->count == 2)
        out->kind = PGDATA_TABLESPACE;
    else if (!text_equal(parts->at[2], folder))
        out->kind = PGDATA_EXCLUDED;
    else if (parts->count == 5 && oid_parse(&database, parts->at[3]))
        relation_classify(out, out->tablespace, database, parts->at[4]);
}

static void top_classify(PgdataPath *out, const char *name)
{
    if (IS_ONE_OF(name, config_files))
        out->kind = PGDATA_CONFIG;
    else if (text_starts(name, own_prefix))
        out->kind = PGDATA_EXCLUDED;
}

PgdataPath pgdata_path_classify(const char *path, const PgVersion *version)
{
    PgdataPath out = {.kind = PGDATA_OTHER};
    Parts parts;
    Oid database;
    if (!parts_take(&parts, path))
        return out;
    const char *const top = parts.at[0];
    if (has_excluded_name(path))
        out.kind = PGDATA_EXCLUDED;
    else if (IS_ONE_OF(top, emptied_folders))
        out.kind = parts.count == 1 ? PGDATA_EMPTY_FOLDER : PGDATA_EXCLUDED;
    else if (text_equal(top, "pg_wal"))
        wal_classify(&out, &parts, version);
    else if (text_equal(top, "pg_tblspc"))
        tablespace_classify(&out, &parts, version);
    else if (text_equal(path, "global/pg_control"))
        out.kind = PGDATA_CONTROL;
    else if (text_equal(top, "global") && parts.count == 2)
        relation_classify(&out, (Oid){TABLESPACE_GLOBAL}, (Oid){0}, parts.at[1]);
    else if (text_equal(top, "base") && parts.count == 3 && oid_parse(&database, parts.at[1]))
        relation_classify(&out, (Oid){TABLESPACE_DEFAULT}, database, parts.at[2]);
    else if (parts.count == 1)
        top_classify(&out, top);
    return out;
}

bool pgdata_kind_is_backed_up(PgdataKind kind)
{
    return kind != PGDATA_WAL_FILE && kind != PGDATA_TEMPORARY && kind != PGDATA_EXCLUDED;
}

static int compare_names(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

bool pgdata_relation_is_unlogged(const RelationFile *relation, const char *const *names, size_t count)
{
    char init[24];
    if (relation->fork == PG_FORK_INIT || count == 0)
        return false;
    snprintf(init, sizeof init, "%" PRIu32 "_init", relation->rel.number.id);
    return bsearch(init, names, count, sizeof *names, compare_names) != NULL;
}

bool pgdata_path_is_safe(Span path)
{
    if (path.len == 0 || path.len >= PGDATA_PATH_MAX || memchr(path.ptr, 0, path.len))
        return false;
    size_t part = 0; /* where the current part begins */
    for (size_t i = 0; i <= path.len; i++) {
        if (i < path.len && path.ptr[i] != '/')
            continue;
        const Span name = span_cut(path, part, i - part);
        if (name.len == 0 || span_equal(name, span_of(".", 1)) || span_equal(name, span_of("..", 2)))
            return false;
        part = i + 1;
    }
    return true;
}
