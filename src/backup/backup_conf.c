/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Configuration files outside the data directory: the three of every server and all they refer to, each once. What is
 * not there or cannot be read is told and never a reason to fail: the server lives with it too.
 */
#include "backup/backup_priv.h"

#include "base/text.h"
#include "db/server.h"
#include "cluster/side_conf.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "repo/json_object.h"

#include <assert.h>
#include <string.h>

typedef struct ConfFile {
    const char *path; /* absolute, as path_clean() gives it */
    ConfSyntax syntax;
    const char *name; /* in the side data */
    const char *from; /* the file that refers to it; NULL: one of the three */
    bool may_be_missing;
    bool is_kept; /* it lies outside, or in one folder with such a one */
} ConfFile;

typedef struct Walk {
    BackupSide *side;
    const char *data_directory;   /* as path_real() gives it */
    const char *server_directory; /* as the server and its settings call it */
    Buf files;                    /* of ConfFile: those seen, in order; the walk ends when none is left */
    bool is_needed;               /* something lies outside, or refers to something */
    Arena *arena;
} Walk;

static void walk_done(Walk *walk)
{
    buf_done(&walk->files);
}

static bool is_seen(const Walk *walk, const ConfFile *file)
{
    const ConfFile *const files = (const ConfFile *)(const void *)walk->files.data;
    for (size_t i = 0; i < walk->files.len / sizeof *files; i++) {
        if (files[i].syntax == file->syntax && text_equal(files[i].path, file->path))
            return true;
    }
    return false;
}

/* Also where a link leads out. */
static bool is_outside(const Walk *walk, const char *path)
{
    char *real = NULL;
    AUTO(err_free) Err *err = path_real(&real, path, walk->arena);
    return !path_is_below(err ? path : real, walk->data_directory);
}

static void not_stored_tell(const Walk *walk, const ConfFile *file, const Err *err)
{
    if (file->from)
        report_warn(walk->side->backup->report, "backup/SIDE_DATA",
                    "%s, which %s refers to, is not in the backup: %s", file->path, file->from,
                    err_text(err));
    else
        report_note(walk->side->backup->report, "backup/SIDE_DATA", "%s is not in the backup: %s", file->path,
                    err_text(err));
}

static ConfFile included(const Walk *walk, const ConfFile *from, const char *path)
{
    return (ConfFile){
        .path = path,
        .syntax = from->syntax,
        .name = arena_textf(walk->arena, SIDE_CONF_INCLUDED "%s%s", side_conf_syntax(from->syntax), path),
        .from = from->path,
        .is_kept = is_outside(walk, path)};
}

static void file_push(Walk *walk, const ConfFile *file)
{
    if (!is_seen(walk, file))
        buf_add(&walk->files, file, sizeof *file);
}

/* A folder is kept whole or not at all: its copy is another folder. */
static void folder_push(Walk *walk, const ConfFile *from, const char *path)
{
    FolderList list;
    AUTO(buf_done) Buf files = {0};
    bool is_kept = false;
    AUTO(err_free) Err *err = folder_list(&list, path, walk->arena);
    if (err) {
        not_stored_tell(walk, &(ConfFile){.path = path, .from = from->path}, err);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const char *const name = list.entries[i].name;
        if (list.entries[i].kind == ENTRY_FOLDER || name[0] == '.' || !text_ends(name, ".conf"))
            continue;
        const ConfFile file = included(walk, from, path_join(path, name, walk->arena));
        is_kept |= file.is_kept;
        buf_add(&files, &file, sizeof file);
    }
    for (size_t i = 0; i < files.len / sizeof(ConfFile); i++) {
        ConfFile *const file = (ConfFile *)(void *)files.data + i;
        file->is_kept = is_kept;
        file_push(walk, file);
    }
}

static Err *refs_push(Walk *walk, const ConfFile *from, Span text)
{
    ConfRefs refs;
    TRY(conf_refs_parse(&refs, text, from->syntax, walk->arena));
    for (size_t i = 0; i < refs.count; i++) {
        const ConfRef *const ref = &refs.refs[i];
        const char *const joined =
            path_is_absolute(ref->path)
                ? ref->path
                : path_join(path_parent(from->path, walk->arena), ref->path, walk->arena);
        const char *const path = path_clean(joined, walk->arena);
        ConfFile file = included(walk, from, path);
        file.may_be_missing = ref->kind == CONF_REF_FILE_IF_EXISTS;
        if (ref->kind == CONF_REF_FOLDER)
            folder_push(walk, from, path);
        else
            file_push(walk, &file);
    }
    walk->is_needed |= refs.count > 0;
    return NULL;
}

static Err *file_store(Walk *walk, const ConfFile *file)
{
    AUTO(buf_done) Buf bytes = {0};
    AUTO(err_free) Err *err = file_read_all(&bytes, file->path, FRAME_PLAIN_MAX);
    if (err_is(err, ERR_NOT_FOUND) && file->may_be_missing)
        return NULL;
    if (err) {
        not_stored_tell(walk, file, err);
        return NULL;
    }
    if (file->is_kept) {
        TRY(backup_side_add(walk->side, file->name, buf_span(&bytes)));
        walk->is_needed = true;
    }
    return refs_push(walk, file, buf_span(&bytes));
}

static Err *paths_store(Walk *walk, const char *const paths[SIDE_CONF_TOPS])
{
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_raw(json, "data_directory", walk->server_directory);
    for (size_t i = 0; i < SIDE_CONF_TOPS; i++)
        json_set_raw(json, side_conf_tops[i].setting,
                     paths[i] ? paths[i] : ""); /* the role may not know it */
    char *text = json_dumps(json, JSON_INDENT(1));
    assert(text);
    Err *const err = backup_side_add(walk->side, SIDE_CONF_PATHS, span_of(text, strlen(text)));
    mem_free(&text);
    return err;
}

Err *backup_conf_store(BackupSide *side, const ServerInfo *server)
{
    AUTO(walk_done)
    Walk walk = {.side = side, .server_directory = server->data_directory, .arena = side->backup->arena};
    const char *const paths[SIDE_CONF_TOPS] = {server->config_file, server->hba_file, server->ident_file};
    char *real = NULL;
    TRY(path_real(&real, side->backup->cluster->pgdata, walk.arena));
    walk.data_directory = real;
    for (size_t i = 0; i < SIDE_CONF_TOPS; i++) {
        if (!paths[i])
            continue;
        const char *const path = path_clean(paths[i], walk.arena);
        const ConfFile top = {.path = path,
                              .syntax = side_conf_tops[i].syntax,
                              .name = arena_textf(walk.arena, SIDE_CONF "%s", side_conf_tops[i].name),
                              .is_kept = is_outside(&walk, path)};
        buf_add(&walk.files, &top, sizeof top);
    }
    for (size_t i = 0; i < walk.files.len / sizeof(ConfFile); i++) {
        ConfFile file; /* the list moves while it grows */
        memcpy(&file, walk.files.data + i * sizeof file, sizeof file);
        if (i >= PG_CONF_FILES_MAX) {
            report_warn(side->backup->report, "backup/SIDE_DATA",
                        "%s and what follows is not in the backup: more than %d configuration files",
                        file.path, PG_CONF_FILES_MAX);
            break;
        }
        TRY(file_store(&walk, &file));
    }
    return walk.is_needed ? paths_store(&walk, paths) : NULL;
}
