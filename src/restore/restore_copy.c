/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Folders and links first, then what the files hold. Nothing is written through a symbolic link but pg_wal and
 * pg_tblspc/OID, whatever stands in the target: what is in the way is moved aside.
 */
#include "base/limits.h"
#include "base/text.h"
#include "restore/restore_files.h"
#include "restore/restore_manifest.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/signal.h"
#include "pg/control.h"
#include "pg/pgdata_path.h"
#include "repo/place_store.h"

#include <stdlib.h>
#include <string.h>

typedef struct Copy {
    Restore *restore;
    RestoreFiles files;
    Buf paths;    /* uint64_t: hashes of all paths of the backup */
    Buf control;  /* content of pg_control */
    Buf parent;   /* the folder that was looked at last, with a closing NUL */
    Buf systems;  /* const char *: a folder on each file system written to */
    Arena *arena; /* cleared for every entry */
} Copy;

static void copy_done(Copy *copy)
{
    restore_files_done(&copy->files);
    buf_done(&copy->paths);
    buf_done(&copy->control);
    buf_done(&copy->parent);
    buf_done(&copy->systems);
    arena_free(&copy->arena);
}

static uint64_t path_hash(const char *path)
{
    return hash64_of(span_of(path, strlen(path)), 0);
}

static bool is_tablespace(const Copy *copy, const char *path)
{
    return pgdata_path_classify(path, copy->restore->from.version).kind == PGDATA_TABLESPACE;
}

/* What a link that stands there already leads to belongs to the data directory only in the cluster's own place: a copy
 * that somebody made with cp -a has production's links. */
static bool may_keep_link(const Copy *copy, const char *path)
{
    return copy->restore->place.is_own_place && (text_equal(path, "pg_wal") || is_tablespace(copy, path));
}

/* A copy's tablespace links are its own by the time that they are asked for: link_place() has put them. */
static bool may_be_link(const Copy *copy, const char *path)
{
    return is_tablespace(copy, path) || may_keep_link(copy, path);
}

/* Makes sure that `path` is a real folder (or a link where one may be), moving anything else aside. */
static Err *folder_place(Copy *copy, const char *path, mode_t mode)
{
    Restore *const restore = copy->restore;
    const char *const full = restore_path(restore, path, copy->arena);
    EntryInfo info;
    TRY(entry_stat(&info, full));
    if (info.kind == ENTRY_LINK && may_keep_link(copy, path)) {
        TRY(entry_stat_follow(&info, full));
        if (info.kind == ENTRY_FOLDER)
            return NULL;
    }
    if (info.kind == ENTRY_FOLDER)
        return info.mode == mode ? NULL : entry_set_mode(full, mode);
    if (info.kind != ENTRY_ABSENT)
        TRY(restore_set_aside(restore, path));
    return folder_make(full, mode);
}

/* No part of the way to a file may be a link that we did not put there. */
static Err *parent_check(Copy *copy, const char *path)
{
    const char *const parent = path_parent(path, copy->arena);
    if (text_equal(parent, ".") || text_equal(parent, buf_text(&copy->parent)))
        return NULL;
    for (const char *at = parent; !text_equal(at, "."); at = path_parent(at, copy->arena)) {
        EntryInfo info;
        TRY(entry_stat(&info, restore_path(copy->restore, at, copy->arena)));
        const bool is_fine = info.kind == ENTRY_FOLDER || (info.kind == ENTRY_LINK && may_be_link(copy, at));
        if (!is_fine)
            return ERR(CORRUPT, "the manifest lists %s, and %s is a %s and no folder", path, at,
                       info.kind == ENTRY_ABSENT ? "name that it does not list" : entry_kind_name(info.kind));
    }
    buf_clear(&copy->parent);
    buf_add_text(&copy->parent, parent);
    return NULL;
}

static Err *link_make(Copy *copy, const char *path, const char *target)
{
    const char *const full = restore_path(copy->restore, path, copy->arena);
    EntryInfo info;
    TRY(entry_stat(&info, full));
    if (info.kind == ENTRY_LINK) {
        char *old;
        TRY(path_read_link(&old, full, copy->arena));
        if (text_equal(old, target))
            return NULL;
        TRY(file_remove(full));
    } else if (info.kind != ENTRY_ABSENT) {
        TRY(restore_set_aside(copy->restore, path));
    }
    return path_make_link(full, target);
}

/* The folder a link leads to, made where it is missing. It may lie on a file system of its own. */
static Err *link_target_make(Copy *copy, const char *path, const char *folder)
{
    TRY(folder_make_all(folder, 0700));
    const char *const kept = arena_text(copy->files.arena, folder);
    buf_add(&copy->systems, &kept, sizeof kept);
    return link_make(copy, path, folder);
}

static Err *link_place(Copy *copy, const ManifestEntry *entry)
{
    const Restore *const restore = copy->restore;
    const PgdataPath what = pgdata_path_classify(entry->path, restore->from.version);
    if (text_equal(entry->path, "pg_wal")) {
        /* Only production may write into production's WAL folder. */
        if (restore->place.role != PLAN_OWNER || !restore->place.is_own_place)
            return folder_place(copy, entry->path, 0700);
        return link_target_make(copy, entry->path, entry->link_target);
    }
    if (what.kind == PGDATA_TABLESPACE)
        return link_target_make(copy, entry->path, restore_tablespace_folder(restore, what.tablespace));
    return link_make(copy, entry->path, entry->link_target);
}

/* ---- files */

/* Zero runs of a file that was there before must become zeros. */
static Err *blocks_clear(File *file, uint64_t begin, uint64_t end)
{
    static const uint8_t zeros[FRAME_PLAIN_MAX];
    uint8_t bytes[FRAME_PLAIN_MAX];
    while (begin < end) {
        const size_t want = end - begin < sizeof bytes ? (size_t)(end - begin) : sizeof bytes;
        size_t got;
        TRY(file_read_at(&got, file, bytes, want, begin));
        if (!span_is_zero(span_of(bytes, got)))
            TRY(file_write_at(file, span_of(zeros, want), begin));
        begin += want;
    }
    return NULL;
}

static Err *gaps_clear(File *file, const ManifestEntry *entry)
{
    uint64_t at = 0;
    for (size_t i = 0; i < entry->extent_count; i++) {
        const Extent *const extent = &entry->extents[i];
        TRY(blocks_clear(file, at, (uint64_t)extent->first_block * PAGE_BYTES));
        at = ((uint64_t)extent->first_block + extent->count) * PAGE_BYTES;
    }
    return blocks_clear(file, at, entry->size_bytes);
}

static Err *old_file_fit(Copy *copy, const ManifestEntry *entry, const EntryInfo *info)
{
    const char *const full = restore_path(copy->restore, entry->path, copy->arena);
    AUTO(file_close) File *file = NULL;
    const mode_t mode = restore_file_mode_open(entry->mode);
    if (info->mode != mode)
        TRY(entry_set_mode(full, mode));
    TRY(file_open_write(&file, full));
    if (info->size_bytes != entry->size_bytes)
        TRY(file_set_size(file, entry->size_bytes));
    return gaps_clear(file, entry);
}

/* A file that one extent fills is made by the worker that writes it; any other is made here, in its full size. */
static bool is_simple(const ManifestEntry *entry)
{
    return entry->extent_count == 1 && entry->extents[0].first_block == 0 &&
           (uint64_t)entry->extents[0].count * PAGE_BYTES >= entry->size_bytes;
}

static Err *file_place(Copy *copy, const ManifestEntry *entry)
{
    Restore *const restore = copy->restore;
    TRY(parent_check(copy, entry->path));
    RestoreFile file = {.path = entry->path, .size_bytes = entry->size_bytes, .mode = entry->mode};
    const char *const full = restore_path(restore, entry->path, copy->arena);
    EntryInfo info = {.kind = ENTRY_ABSENT};
    if (restore->place.ground != GROUND_FREE)
        TRY(entry_stat(&info, full));
    /* A second name for the file could lie anywhere; writing through it would change that too. */
    if (info.kind != ENTRY_ABSENT && (info.kind != ENTRY_FILE || info.links > 1)) {
        TRY(restore_set_aside(restore, entry->path));
        info.kind = ENTRY_ABSENT;
    }
    if (info.kind == ENTRY_FILE) {
        TRY(old_file_fit(copy, entry, &info));
        file.has_old = file.is_made = true;
    } else if (!is_simple(entry)) {
        AUTO(file_close) File *made = NULL;
        TRY(file_create(&made, full, restore_file_mode_open(entry->mode)));
        TRY(file_set_size(made, entry->size_bytes));
        file.is_made = true;
    }
    restore_files_add(&copy->files, &file, entry->extents, entry->extent_count);
    return NULL;
}

/* pg_control is written by restore_place_end(); here its bytes are fetched. */
static Err *control_fetch(Copy *copy, const ManifestEntry *entry)
{
    for (size_t i = 0; i < entry->extent_count; i++) {
        const Extent *const extent = &entry->extents[i];
        const uint64_t size = (uint64_t)extent->count * PAGE_BYTES < entry->size_bytes
                                  ? (uint64_t)extent->count * PAGE_BYTES
                                  : entry->size_bytes;
        AUTO(pack_close) PackReader *pack = NULL;
        TRY(restore_pack_open(&pack, copy->restore, extent->label, extent->pack));
        BufSink to = buf_sink(&copy->control, CONTROL_FILE_BYTES);
        TRY(container_read(pack_container(pack), extent->offset, size, &to.sink));
    }
    return NULL;
}

/* Of a standby there is a later one beside the files, and only that one is right. */
static Err *control_fetch_last(Copy *copy)
{
    const BackupRecord *const backup = &copy->restore->way.backup;
    const RestoreFrom *const from = &copy->restore->from;
    for (size_t i = 0; i < backup->side_count; i++) {
        if (!text_equal(backup->side[i].name, SIDE_CONTROL))
            continue;
        AUTO(place_reader_free)
        PlaceReader *places = place_reader_new(from->repo->store, &from->generation.root);
        buf_clear(&copy->control);
        return place_get(&copy->control, places, &backup->side[i].place);
    }
    return NULL;
}

static Err *entry_place(void *arg, const ManifestEntry *entry)
{
    Copy *const copy = arg;
    const uint64_t hash = path_hash(entry->path);
    buf_add(&copy->paths, &hash, sizeof hash);
    arena_clear(copy->arena);
    if (text_equal(entry->path, "global/pg_control"))
        return control_fetch(copy, entry);
    switch (entry->kind) {
    case MANIFEST_FOLDER:
        TRY(parent_check(copy, entry->path));
        if (pgdata_path_classify(entry->path, copy->restore->from.version).kind == PGDATA_TABLESPACE)
            copy->restore->has_inner_tablespaces = true;
        return folder_place(copy, entry->path, (mode_t)entry->mode);
    case MANIFEST_LINK:
        TRY(parent_check(copy, entry->path));
        return link_place(copy, entry);
    case MANIFEST_FILE:
        break;
    }
    return file_place(copy, entry);
}

/* ---- what the backup does not have */

static int hash_order(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_in_backup(const Copy *copy, const char *path)
{
    const uint64_t hash = path_hash(path);
    return bsearch(&hash, copy->paths.data, copy->paths.len / sizeof hash, sizeof hash, hash_order) != NULL;
}

/* A server's own files would be wrong beside older ones, and WAL was salvaged before. What else lies here is somebody's,
 * and is kept beside the data directory. */
static Err *extra_clear(Copy *copy, const char *path, const FolderEntry *entry)
{
    Restore *const restore = copy->restore;
    const bool is_servers =
        strchr(path, '/') || pgdata_path_classify(path, restore->from.version).kind == PGDATA_EXCLUDED;
    if (!is_servers && !text_equal(path, RESTORE_CONF))
        return restore_set_aside(restore, path);
    const char *const full = restore_path(restore, path, copy->arena);
    return entry->kind == ENTRY_FOLDER ? folder_remove_all(full) : file_remove(full);
}

/* Folders still to be looked into; the paths live in `arena`. */
static Err *extras_of(Copy *copy, Buf *stack, const char *folder, Arena *arena)
{
    FolderList list;
    TRY(folder_list(&list, restore_path(copy->restore, folder, arena), arena));
    for (size_t i = 0; i < list.count; i++) {
        const FolderEntry *const entry = &list.entries[i];
        const char *const path = path_join(folder, entry->name, arena);
        arena_clear(copy->arena);
        if (!*folder && text_starts(entry->name, "pgstrata."))
            continue;
        if (!is_in_backup(copy, path)) {
            TRY(extra_clear(copy, path, entry));
            continue;
        }
        if (entry->kind == ENTRY_FOLDER || (entry->kind == ENTRY_LINK && may_be_link(copy, path)))
            buf_add(stack, &path, sizeof path);
    }
    return NULL;
}

static Err *extras_clear(Copy *copy)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf stack = {0};
    const char *folder = "";
    qsort(copy->paths.data, copy->paths.len / sizeof(uint64_t), sizeof(uint64_t), hash_order);
    buf_add(&stack, &folder, sizeof folder);
    while (stack.len) {
        memcpy(&folder, stack.data + stack.len - sizeof folder, sizeof folder);
        buf_cut(&stack, stack.len - sizeof folder);
        TRY(extras_of(copy, &stack, folder, arena));
        TRY(signal_check());
    }
    return NULL;
}

static Err *systems_sync(const Copy *copy)
{
    const char *const *const folders = (const char *const *)(const void *)copy->systems.data;
    for (size_t i = 0; i < copy->systems.len / sizeof *folders; i++)
        TRY(folder_sync_all(folders[i]));
    return folder_sync_all(copy->restore->place.folder);
}

Err *restore_copy(Buf *out_control, Restore *restore)
{
    AUTO(copy_done) Copy copy = {.restore = restore, .arena = arena_new()};
    restore_files_init(&copy.files, restore);
    Progress *const progress = restore->options->progress;
    counter_set(&progress->bytes_total, restore->way.backup.size_bytes);
    progress_phase(progress, "preparing");
    TRY_AS(restore_manifest_each(restore, entry_place, &copy), "restoring backup %s",
           restore->way.backup.label.text);
    TRY_AS(control_fetch_last(&copy), "restoring backup %s", restore->way.backup.label.text);
    if (restore->place.ground != GROUND_FREE)
        TRY(extras_clear(&copy));
    progress_phase(progress, "copying");
    TRY_AS(restore_files_write(&copy.files), "restoring backup %s", restore->way.backup.label.text);
    progress_phase(progress, "making it durable");
    TRY(systems_sync(&copy));
    if (copy.control.len != CONTROL_FILE_BYTES)
        return ERR(CORRUPT, "backup %s has a global/pg_control of %zu bytes; it has %d",
                   restore->way.backup.label.text, copy.control.len, CONTROL_FILE_BYTES);
    restore->result.copied_bytes = counter_get(&copy.files.written_bytes);
    buf_swap(out_control, &copy.control);
    return NULL;
}
