/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The folder we restore into. Nothing is written before it is known to be free, ours, and without a server; the marker
 * is durable before the first change and goes after the last.
 */
#include "base/limits.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "cluster/postmaster.h"
#include "restore/restore_priv.h"
#include "os/clock.h"
#include "os/entry.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/user.h"

#include <string.h>
#include <unistd.h>

/* In the marker while what was in the way is being moved aside: none of it is ours yet. */
static const char aside_line[] = "\nbefore it comes what was here is moved aside\n";

enum { MARKER_BYTES_MAX = 4096 };

char *restore_path(const Restore *restore, const char *path, Arena *arena)
{
    return path_join(restore->place.folder, path, arena);
}

/* ---- where, and whose rights */

/* The same path without links, also while its last part does not exist yet. */
static Err *place_real(const char **out, const char *path, Arena *arena)
{
    char *real;
    Err *err = path_real(&real, path, arena);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        *out = arena_text(arena, path);
        char *parent;
        err = path_real(&parent, path_parent(path, arena), arena);
        if (!err)
            *out = path_join(parent, path_name(path), arena);
        err_free(&err);
        return NULL;
    }
    TRY(err);
    *out = real;
    return NULL;
}

static Err *folder_find(Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    const char *const pgdata = restore->cluster->pgdata;
    RestorePlace *const place = &restore->place;
    if (!options->to_dir && !pgdata)
        return err_hint(
            ERR(USAGE, "cluster %s has no configured data directory to restore into", restore->cluster->name),
            "say where with --to-dir, or set pgdata");
    TRY(place_real(&place->folder, options->to_dir ? options->to_dir : pgdata, restore->arena));
    const char *own = NULL;
    if (pgdata)
        TRY(place_real(&own, pgdata, restore->arena));
    if (options->isolate && strlen(place->folder) > SOCKET_FOLDER_MAX)
        return err_hint(
            ERR(LIMIT,
                "the server's socket would lie in %s, whose path has %zu bytes; at most %d are possible",
                place->folder, strlen(place->folder), SOCKET_FOLDER_MAX),
            "restore into a folder with a shorter path, or leave --isolate out");
    place->is_own_place = own && text_equal(own, place->folder);
    place->keeps_tablespaces = place->is_own_place || options->takeover;
    place->role = options->standby                           ? PLAN_STANDBY
                  : place->is_own_place || options->takeover ? PLAN_OWNER
                                                             : PLAN_CLONE;
    restore->result.is_clone = place->role == PLAN_CLONE;
    restore->result.data_directory = place->folder;
    const Civil now = instant_civil(clock_now());
    place->aside = arena_textf(restore->arena, "%s.aside-%04d%02d%02dT%02d%02d%02dZ", place->folder, now.year,
                               now.month, now.day, now.hour, now.minute, now.second);
    return NULL;
}

/* The nearest folder that exists, of the data directory itself or above it. */
static Err *owner_find(const char **out, const char *path, Arena *arena)
{
    EntryInfo info;
    for (;;) {
        TRY(entry_stat_follow(&info, path));
        *out = path;
        if (info.kind != ENTRY_ABSENT || text_equal(path, "/"))
            return NULL;
        path = path_parent(path, arena);
    }
}

Err *restore_place_rights(Restore *restore)
{
    TRY(folder_find(restore));
    if (geteuid() != 0)
        return NULL;
    const char *owned;
    const char *const pgdata = restore->cluster->pgdata;
    EntryInfo info = {.kind = ENTRY_ABSENT};
    if (pgdata)
        TRY(entry_stat_follow(&info, pgdata));
    if (info.kind != ENTRY_ABSENT)
        owned = pgdata;
    else
        TRY(owner_find(&owned, restore->place.folder, restore->arena));
    TRY(entry_stat_follow(&info, owned));
    if (info.uid == 0)
        return err_hint(ERR(REFUSED, "%s belongs to root, and PostgreSQL does not run as root", owned),
                        "run pgstrata as the server's user, or give the folder to that user");
    return user_become_owner(owned);
}

/* ---- what is there */

static Err *server_check(const Restore *restore)
{
    PostmasterTrace trace;
    int64_t pid;
    TRY(postmaster_trace(&trace, &pid, restore->place.folder));
    if (trace != POSTMASTER_LIKELY)
        TRY(postmaster_orphan_find(&pid, restore->place.folder));
    if (!pid)
        return NULL;
    return err_hint(ERR(REFUSED, "a server runs in %s (process %lld)", restore->place.folder, (long long)pid),
                    "stop it first, or restore elsewhere with --to-dir");
}

static Err *foreign_err(const Restore *restore, const char *whose)
{
    return err_hint(ERR(REFUSED,
                        "%s is the data directory of another cluster: its system id is %s, cluster %s has %s",
                        restore->place.folder, whose, restore->cluster->name,
                        system_id_text(restore->from.generation.system_id).text),
                    "restore elsewhere with --to-dir");
}

/* `*out` is GROUND_FREE where there is no marker. */
static Err *marker_check(RestoreGround *out, const Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    *out = GROUND_FREE;
    Err *err = file_read_all(&text, restore_path(restore, RESTORE_MARKER, arena), MARKER_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    static const char begin[] = "system-id ";
    char *const line = arena_text(arena, buf_text(&text));
    const bool is_aside = strstr(line, aside_line) != NULL;
    line[strcspn(line, "\n")] = '\0';
    if (!text_starts(line, begin))
        return ERR(REFUSED, "%s/%s says not whose data directory this is", restore->place.folder,
                   RESTORE_MARKER);
    if (!text_equal(line + strlen(begin), system_id_text(restore->from.generation.system_id).text))
        return foreign_err(restore, line + strlen(begin));
    *out = is_aside ? GROUND_UNREADABLE : GROUND_MARKED;
    return NULL;
}

/* Over a data directory elsewhere that is no copy of ours, --delta must have been given; a person is asked all the same:
 * somebody may have worked in it. */
static Err *loss_judge(Restore *restore, const ControlFile *control)
{
    RestorePlace *const place = &restore->place;
    EntryInfo clone;
    TRY(entry_stat(&clone, restore_path(restore, RESTORE_CLONE_MARKER, restore->arena)));
    const bool is_clone = clone.kind != ENTRY_ABSENT;
    if (!place->is_own_place && !is_clone && !restore->options->delta)
        return err_hint(ERR(REFUSED, "%s holds a data directory of cluster %s already", place->folder,
                            restore->cluster->name),
                        "--delta restores over it; what differs there is lost");
    place->loss = arena_textf(restore->arena, "%s holds %s cluster %s (%s, last changed %s)", place->folder,
                              is_clone ? "a copy of" : "the data directory of", restore->cluster->name,
                              control_state_text(control->state), instant_text(control->time).text);
    return NULL;
}

Err *restore_place_confirm(const Restore *restore)
{
    const RestoreOptions *const options = restore->options;
    if (!restore->place.loss || !options->confirm)
        return NULL;
    return options->confirm(options->person, restore->place.loss);
}

/* What is moved aside is not lost; tablespaces lie elsewhere and are restored over where they are. */
static Err *wreck_loss_judge(Restore *restore)
{
    const char *const links = restore_path(restore, "pg_tblspc", restore->arena);
    EntryInfo info;
    bool is_empty = true;
    TRY(entry_stat(&info, links));
    if (info.kind == ENTRY_FOLDER)
        TRY(folder_is_empty(&is_empty, links));
    if (!is_empty)
        restore->place.loss = arena_textf(restore->arena, "%s cannot be read and has tablespaces elsewhere",
                                          restore->place.folder);
    return NULL;
}

/* A data directory without a readable control file is nobody's that we know. In its own place it is moved aside. */
static Err *wreck_judge(Restore *restore, Err *why)
{
    AUTO(err_free) Err *err = why;
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo version;
    TRY(entry_stat(&version, restore_path(restore, "PG_VERSION", arena)));
    if (!restore->place.is_own_place || version.kind == ENTRY_ABSENT)
        return err_hint(ERR(REFUSED, "%s is not empty and no data directory of cluster %s: %s",
                            restore->place.folder, restore->cluster->name, err_text(err)),
                        "name an empty folder, or one that does not exist yet");
    report_warn(restore->report, "restore/MOVED_ASIDE", "%s cannot be read as a data directory (%s)",
                restore->place.folder, err_text(err));
    report_hint(restore->report, "what is in it is moved to %s", restore->place.aside);
    restore->place.ground = GROUND_UNREADABLE;
    return wreck_loss_judge(restore);
}

Err *restore_place_judge(Restore *restore)
{
    RestorePlace *const place = &restore->place;
    EntryInfo info;
    TRY(entry_stat(&info, place->folder));
    if (info.kind == ENTRY_ABSENT)
        return NULL;
    if (info.kind != ENTRY_FOLDER)
        return ERR(REFUSED, "%s is a %s and no folder", place->folder, entry_kind_name(info.kind));
    bool is_empty;
    TRY(folder_is_empty(&is_empty, place->folder));
    if (is_empty)
        return NULL;
    TRY(server_check(restore));
    TRY(marker_check(&place->ground, restore));
    if (place->ground != GROUND_FREE)
        return NULL;
    ControlFile control;
    Err *const err = cluster_control_read(&control, place->folder);
    if (err)
        return wreck_judge(restore, err);
    if (control.system_id.id != restore->from.generation.system_id.id)
        return foreign_err(restore, system_id_text(control.system_id).text);
    place->ground = GROUND_CLUSTER;
    return loss_judge(restore, &control);
}

/* ---- aside */

Err *restore_set_aside(Restore *restore, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *to = restore->place.aside;
    /* One folder a run, with the paths below it as they were. */
    const char *const parent = path_parent(path, arena);
    if (!text_equal(parent, "."))
        to = path_join(to, parent, arena);
    TRY(folder_make_all(to, 0700));
    to = path_join(to, path_name(path), arena);
    TRY_AS(file_rename(restore_path(restore, path, arena), to), "moving what is in the way aside");
    return NULL;
}

/* The links stay: they say to a second run which tablespaces may be restored over. */
static Err *inner_tablespaces_set_aside(Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    const char *const folder = restore_path(restore, "pg_tblspc", arena);
    TRY(folder_list(&list, folder, arena));
    size_t links = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (list.entries[i].kind == ENTRY_LINK)
            links++;
        else
            TRY(restore_set_aside(restore, path_join("pg_tblspc", list.entries[i].name, arena)));
    }
    return links ? folder_sync(folder) : folder_remove(folder);
}

static Err *all_set_aside(Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    TRY(folder_list(&list, restore->place.folder, arena));
    for (size_t i = 0; i < list.count; i++) {
        const FolderEntry *const entry = &list.entries[i];
        if (text_equal(entry->name, RESTORE_MARKER))
            continue;
        if (text_equal(entry->name, "pg_tblspc") && entry->kind == ENTRY_FOLDER)
            TRY(inner_tablespaces_set_aside(restore));
        else
            TRY(restore_set_aside(restore, entry->name));
    }
    return folder_sync(restore->place.folder);
}

/* ---- begin and end */

static Err *control_remove(const Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const global = restore_path(restore, "global", arena);
    EntryInfo info;
    TRY(entry_stat(&info, global));
    if (info.kind != ENTRY_FOLDER)
        return NULL;
    TRY(file_remove(path_join(global, "pg_control", arena)));
    return folder_sync(global);
}

/* `more` is a line for a second run to read. */
static Err *marker_write(const Restore *restore, const char *more)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    buf_addf(&text,
             "system-id %s\nbackup %s\ntarget %s\n"
             "This folder is being restored and is no data directory yet.%s",
             system_id_text(restore->from.generation.system_id).text, restore->way.backup.label.text,
             restore->options->target_text, more);
    return file_write_durable(restore_path(restore, RESTORE_MARKER, arena), buf_span(&text), 0600);
}

Err *restore_place_begin(Restore *restore)
{
    TRY(folder_make_all(restore->place.folder, 0700));
    TRY(entry_set_mode(restore->place.folder, 0700));
    if (restore->place.ground != GROUND_UNREADABLE) {
        TRY(marker_write(restore, "\n"));
        TRY(control_remove(restore));
        return restore_tablespaces_leave(restore);
    }
    TRY(marker_write(restore, aside_line));
    TRY(restore_tablespaces_leave(restore));
    TRY(all_set_aside(restore));
    return marker_write(restore, "\n");
}

Err *restore_file_mode(mode_t *out, const Restore *restore)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo info;
    TRY(entry_stat(&info, restore_path(restore, "global", arena)));
    *out = info.mode & 0040 ? 0640 : 0600;
    return NULL;
}

/* The server takes the modes of new files from its data directory's. */
Err *restore_place_end(Restore *restore, Span control)
{
    AUTO(arena_free) Arena *arena = arena_new();
    mode_t mode;
    EntryInfo global;
    TRY(entry_stat(&global, restore_path(restore, "global", arena)));
    if (global.kind != ENTRY_FOLDER)
        return ERR(CORRUPT, "backup %s has no folder global but a %s of that name",
                   restore->way.backup.label.text, entry_kind_name(global.kind));
    TRY(restore_file_mode(&mode, restore));
    TRY(file_write_durable(restore_path(restore, "global/pg_control", arena), control, mode));
    TRY(entry_set_mode(restore->place.folder, mode & 0040 ? 0750 : 0700));
    TRY(file_remove(restore_path(restore, RESTORE_MARKER, arena)));
    return folder_sync(restore->place.folder);
}
