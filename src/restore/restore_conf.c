/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Working copies of configuration files for a cluster that is restored elsewhere: they lie inside its own folder, refer
 * to one another and not to the originals, and name none of production's folders.
 *
 * What the three files of every server refer to outside of the data directory goes below RESTORE_CONF, under the path
 * it had, one folder for each syntax. References are written relative, so the folder may be moved.
 */
#include "restore/restore_priv.h"

#include "base/limits.h"
#include "base/text.h"
#include "cluster/side_conf.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "pg/conf_file.h"
#include "repo/json_object.h"
#include "repo/place_store.h"

#include <string.h>

/* Of a folder, where files have mode `mode`: who may read may look. */
static mode_t folder_mode(mode_t mode)
{
    return mode | (mode & 0444) >> 2;
}

/* What would lead a copy back to production's folders. */
static const char *const elsewhere[] = {
    "data_directory", "hba_file", "ident_file", "external_pid_file", NULL,
};

typedef struct Copying {
    Restore *restore;
    PlaceReader *places;
    const char *data_directory;        /* where the backup was taken; NULL: not known */
    const char *paths[SIDE_CONF_TOPS]; /* of the three files there; NULL: not known */
    mode_t mode;                       /* of the files */
    Arena *arena;
} Copying;

/* A file that is being copied. */
typedef struct Copy {
    ConfSyntax syntax;
    const char *original; /* absolute; NULL: not known, its references stay as they are */
    const char *inner;    /* below the restored data directory */
} Copy;

static const SideItem *side_find(const Copying *copying, const char *name)
{
    const BackupRecord *const backup = &copying->restore->way.backup;
    for (size_t i = 0; i < backup->side_count; i++) {
        if (text_equal(backup->side[i].name, name))
            return &backup->side[i];
    }
    return NULL;
}

static const char *path_read(JsonReader *reader, const char *name, Arena *arena)
{
    const char *const path = json_read_raw(reader, name, arena);
    return path[0] ? path_clean(path, arena) : NULL;
}

static Err *paths_read(Copying *copying)
{
    const SideItem *const item = side_find(copying, SIDE_CONF_PATHS);
    AUTO(buf_done) Buf text = {0};
    AUTO(json_free) json_t *json = NULL;
    if (!item)
        return NULL;
    TRY(place_get(&text, copying->places, &item->place));
    TRY(json_parse_object(&json, buf_span(&text), SIDE_CONF_PATHS));
    JsonReader reader = json_read(json, SIDE_CONF_PATHS);
    json_read_schema(&reader);
    copying->data_directory = path_read(&reader, "data_directory", copying->arena);
    for (size_t i = 0; i < SIDE_CONF_TOPS; i++)
        copying->paths[i] = path_read(&reader, side_conf_tops[i].setting, copying->arena);
    return json_read_end(&reader);
}

/* Makes the folder `inner` and those above it. No part of the way may be a link: it could lead out. */
static Err *folders_make(const Copying *copying, const char *inner)
{
    for (size_t len = strcspn(inner, "/");; len += 1 + strcspn(inner + len + 1, "/")) {
        const char *const part = arena_textf(copying->arena, "%.*s", (int)len, inner);
        const char *const path = restore_path(copying->restore, part, copying->arena);
        EntryInfo info;
        TRY(entry_stat(&info, path));
        if (info.kind == ENTRY_ABSENT) {
            TRY(folder_make(path, folder_mode(copying->mode)));
            TRY(folder_sync(path_parent(path, copying->arena)));
        } else if (info.kind != ENTRY_FOLDER) {
            return ERR(REFUSED, "%s is a %s, where a folder for configuration files is to be", path,
                       entry_kind_name(info.kind));
        }
        if (!inner[len])
            return NULL;
    }
}

/* ---- references */

static const char *included_inner(const Copying *copying, ConfSyntax syntax, const char *path)
{
    return arena_textf(copying->arena, RESTORE_CONF "/%s%s", side_conf_syntax(syntax), path);
}

/* Has the backup this file, or a file of this folder, from outside of the data directory? */
static bool is_included(const Copying *copying, const Copy *from, ConfRefKind kind, const char *path)
{
    const BackupRecord *const backup = &copying->restore->way.backup;
    const bool is_folder = kind == CONF_REF_FOLDER;
    const char *const name = arena_textf(copying->arena, SIDE_CONF_INCLUDED "%s%s%s",
                                         side_conf_syntax(from->syntax), path, is_folder ? "/" : "");
    bool is_there = false;
    for (size_t i = 0; i < backup->side_count; i++)
        is_there |=
            is_folder ? text_starts(backup->side[i].name, name) : text_equal(backup->side[i].name, name);
    return is_there;
}

/* Where what lay at `path` is below the restored data directory; NULL: nowhere. */
static const char *inner_of(const Copying *copying, const Copy *from, ConfRefKind kind, const char *path)
{
    const char *const old = copying->data_directory;
    if (is_included(copying, from, kind, path))
        return included_inner(copying, from->syntax, path);
    if (old && path_is_below(path, old) && path[strlen(old)])
        return path + strlen(old) + 1;
    return kind == CONF_REF_FOLDER ? included_inner(copying, from->syntax, path) : NULL;
}

/* Up from the folder of `from` to the data directory, and down again. */
static const char *relative(const Copying *copying, const Copy *from, const char *inner)
{
    AUTO(buf_done) Buf path = {0};
    for (const char *c = from->inner; *c; c++) {
        if (*c == '/')
            buf_add_text(&path, "../");
    }
    buf_add_text(&path, inner);
    return arena_text(copying->arena, buf_text(&path));
}

/* Writes a reference to the copy; one to what the backup has not got stays. */
static Err *ref_write(Buf *to, const Copying *copying, const Copy *from, const ConfRef *ref, Span text)
{
    const char *const joined =
        path_is_absolute(ref->path)
            ? ref->path
            : path_join(path_parent(from->original, copying->arena), ref->path, copying->arena);
    const char *const path = path_clean(joined, copying->arena);
    const char *const inner = inner_of(copying, from, ref->kind, path);
    if (inner) {
        if (ref->kind == CONF_REF_FOLDER && path_is_below(inner, RESTORE_CONF))
            TRY(folders_make(copying, inner)); /* the server demands it, also when it is empty */
        conf_ref_format(to, ref, from->syntax, relative(copying, from, inner));
        return NULL;
    }
    buf_add(to, text.ptr + ref->begin, ref->end - ref->begin);
    if (ref->kind == CONF_REF_FILE_IF_EXISTS)
        return NULL;
    report_warn(copying->restore->report, "restore/CONFIG", "%s, which %s refers to, is not in the backup",
                path, from->original);
    report_hint(copying->restore->report, "the restored server needs the file, or %s without that line",
                restore_path(copying->restore, from->inner, copying->arena));
    return NULL;
}

static Err *copy_write(const Copying *copying, const Copy *copy, Span original)
{
    AUTO(buf_done) Buf text = {0};
    AUTO(buf_done) Buf cleared = {0};
    size_t done = 0;
    ConfRefs refs = {.count = 0};
    if (copy->original)
        TRY(conf_refs_parse(&refs, original, copy->syntax, copying->arena));
    for (size_t i = 0; i < refs.count; i++) {
        buf_add(&text, original.ptr + done, refs.refs[i].begin - done);
        TRY(ref_write(&text, copying, copy, &refs.refs[i], original));
        done = refs.refs[i].end;
    }
    if (original.len > done)
        buf_add(&text, original.ptr + done, original.len - done);
    if (copy->syntax == CONF_SETTINGS)
        pg_conf_copy_without(&cleared, buf_span(&text), elsewhere);
    else
        buf_swap(&cleared, &text);
    const char *const folder = path_parent(copy->inner, copying->arena);
    if (!text_equal(folder, "."))
        TRY(folders_make(copying, folder));
    const char *const path = restore_path(copying->restore, copy->inner, copying->arena);
    return file_write_durable(path, buf_span(&cleared), copying->mode);
}

/* ---- files */

/* One of the three: the one that the server used, from outside, or the one in the data directory. */
static Err *top_copy(const Copying *copying, size_t at)
{
    const SideConfTop *const top = &side_conf_tops[at];
    const Copy copy = {.syntax = top->syntax, .original = copying->paths[at], .inner = top->name};
    const SideItem *const item = side_find(copying, arena_textf(copying->arena, SIDE_CONF "%s", top->name));
    AUTO(buf_done) Buf text = {0};
    if (item)
        TRY(place_get(&text, copying->places, &item->place));
    Err *err = item ? NULL
                    : file_read_all(&text, restore_path(copying->restore, top->name, copying->arena),
                                    PG_CONF_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    return copy_write(copying, &copy, buf_span(&text));
}

static Err *included_copy(const Copying *copying, const SideItem *item)
{
    static const ConfSyntax syntaxes[] = {CONF_SETTINGS, CONF_AUTH};
    for (size_t i = 0; i < COUNT_OF(syntaxes); i++) {
        const char *const prefix =
            arena_textf(copying->arena, SIDE_CONF_INCLUDED "%s/", side_conf_syntax(syntaxes[i]));
        if (!text_starts(item->name, prefix))
            continue;
        const char *const path = item->name + strlen(prefix) - 1; /* with its slash */
        if (!path_is_inner(path + 1))
            return ERR(CORRUPT, "side data \"%s\" would lie outside of the data directory", item->name);
        const Copy copy = {
            .syntax = syntaxes[i], .original = path, .inner = included_inner(copying, syntaxes[i], path)};
        AUTO(buf_done) Buf text = {0};
        TRY(place_get(&text, copying->places, &item->place));
        return copy_write(copying, &copy, buf_span(&text));
    }
    return NULL;
}

Err *restore_conf_write(Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(restore->from.repo->store, &restore->from.generation.root);
    Copying copying = {.restore = restore, .places = places, .arena = arena};
    const BackupRecord *const backup = &restore->way.backup;
    TRY(restore_file_mode(&copying.mode, restore));
    TRY(paths_read(&copying));
    for (size_t i = 0; i < SIDE_CONF_TOPS; i++)
        TRY(top_copy(&copying, i));
    for (size_t i = 0; i < backup->side_count; i++)
        TRY(included_copy(&copying, &backup->side[i]));
    return NULL;
}
