/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Links: the two that PostgreSQL itself makes, pg_wal and pg_tblspc/OID, are followed by the kernel as part of a path;
 * every other one is shown and left alone. A link that leads to a folder above the data directory would never end and
 * is refused; one that dangles is an unmounted disk, not a vanished folder.
 *
 * Tablespaces inside the data directory (PostgreSQL warns and allows it) are found when the source is opened, so that
 * the walk reads them once, below pg_tblspc. Their device and inode are kept, like the data directory's, for
 * source_check().
 */
#include "source/local.h"

#include "base/buf.h"
#include "base/text.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/user.h"

#include <string.h>

/* A place that must stay the same while it is read. */
typedef struct Place {
    const char *path;
    dev_t device;
    ino_t inode;
} Place;

typedef struct Local {
    Source source;
    Arena *arena;     /* of all that follows */
    const char *root; /* absolute, without links */
    Place *places;    /* the root first, then the tablespaces */
    size_t place_count;
} Local;

typedef struct LocalFile {
    SourceFile base;
    File *file;
} LocalFile;

/* Says who would have to be allowed what. */
static Err *denied_explain(Err *err)
{
    if (!err_is(err, ERR_DENIED))
        return err;
    return err_hint(err, "user %s must be able to read it; run as the owner of the data directory",
                    user_current().text);
}

/* ---- listing ---- */

static bool is_oid(const char *name)
{
    return *name && strspn(name, "0123456789") == strlen(name);
}

static bool is_followed(const char *folder, const char *name)
{
    if (!*folder)
        return text_equal(name, "pg_wal");
    return text_equal(folder, "pg_tblspc") && is_oid(name);
}

/* Fills in what is behind the link at `full`. */
static Err *link_follow(SourceItem *item, const Local *local, const char *full, Arena *arena)
{
    EntryInfo behind;
    TRY(denied_explain(entry_stat_follow(&behind, full)));
    if (behind.kind == ENTRY_ABSENT)
        return err_hint(ERR(AWAY, "%s points to %s, which is not there", full, item->target),
                        "mount the disk that holds it");
    if (behind.kind != ENTRY_FOLDER)
        return ERR(REFUSED, "%s points to %s, which is a %s", full, item->target,
                   entry_kind_name(behind.kind));
    char *real = NULL;
    TRY(path_real(&real, full, arena));
    if (path_is_below(local->root, real))
        return ERR(REFUSED, "%s points to %s, which contains the data directory %s", full, real, local->root);
    item->kind = SOURCE_FOLDER;
    item->mode = (uint32_t)behind.mode;
    item->modified = behind.modified;
    return NULL;
}

static const SourceKind source_kinds[] = {
    [ENTRY_FILE] = SOURCE_FILE,
    [ENTRY_FOLDER] = SOURCE_FOLDER,
    [ENTRY_LINK] = SOURCE_LINK,
    [ENTRY_OTHER] = SOURCE_OTHER,
};

/* A folder that is being listed. */
typedef struct Listing {
    const Local *local;
    const char *path, *full; /* below the data directory, and with it */
    Folder *folder;
    Arena *arena;
} Listing;

/* The target of a link, and what is behind it when it is one to be followed. */
static Err *link_read(bool *is_there, SourceItem *item, const Listing *listing)
{
    const char *const full = path_join(listing->full, item->name, listing->arena);
    char *target = NULL;
    AUTO(err_free) Err *err = path_read_link(&target, full, listing->arena);
    *is_there = !err_is(err, ERR_NOT_FOUND);
    if (!*is_there)
        return NULL;
    TRY(TAKE(err));
    item->target = target;
    return is_followed(listing->path, item->name) ? link_follow(item, listing->local, full, listing->arena)
                                                  : NULL;
}

/* False when the entry has vanished. */
static Err *item_read(bool *is_there, SourceItem *item, const Listing *listing)
{
    EntryInfo info;
    TRY(denied_explain(folder_stat(&info, listing->folder, item->name)));
    *is_there = info.kind != ENTRY_ABSENT;
    if (!*is_there)
        return NULL;
    item->kind = source_kinds[info.kind];
    item->size_bytes = info.kind == ENTRY_FILE ? info.size_bytes : 0;
    item->modified = info.modified;
    item->mode = (uint32_t)info.mode;
    return info.kind == ENTRY_LINK ? link_read(is_there, item, listing) : NULL;
}

/* DROP TABLESPACE removes the link while we look at what is behind it: then it has vanished after all. */
static Err *item_read_again(bool *is_there, SourceItem *item, const Listing *listing)
{
    AUTO(err_free) Err *err = item_read(is_there, item, listing);
    if (!err_is(err, ERR_AWAY) && !err_is(err, ERR_NOT_FOUND))
        return TAKE(err);
    AUTO(err_free) Err *again = item_read(is_there, item, listing);
    return again ? TAKE(err) : NULL;
}

static Err *names_read(FolderList *names, Folder **folder, const char *path, Arena *arena)
{
    TRY(folder_open(folder, path));
    return folder_list(names, path, arena);
}

static Err *local_list(SourceFolder *out, Source *source, const char *path, Arena *arena)
{
    const Local *const local = (const Local *)source;
    const char *const full = *path ? path_join(local->root, path, arena) : local->root;
    AUTO(folder_close) Folder *opened = NULL;
    FolderList names;
    AUTO(err_free) Err *err = names_read(&names, &opened, full, arena);
    if (err_is(err, ERR_NOT_FOUND) && *path) {
        *out = (SourceFolder){.is_there = false};
        return NULL;
    }
    if (err_is(err, ERR_NOT_FOUND))
        return ERR(AWAY, "data directory %s is gone", local->root);
    TRY(denied_explain(TAKE(err)));
    const Listing listing = {local, path, full, opened, arena};
    SourceFolder folder = {.items = arena_alloc(arena, names.count * sizeof(SourceItem)), .is_there = true};
    for (size_t i = 0; i < names.count; i++) {
        SourceItem item = {.name = names.entries[i].name};
        bool is_there = false;
        TRY(item_read_again(&is_there, &item, &listing));
        if (is_there)
            folder.items[folder.count++] = item;
    }
    *out = folder;
    return NULL;
}

/* ---- reading ---- */

static Err *local_open(SourceFile **out, Source *source, const char *path)
{
    const Local *const local = (const Local *)source;
    AUTO(buf_done) Buf full = {0};
    buf_addf(&full, "%s/%s", local->root, path);
    File *file = NULL;
    AUTO(err_free)
    Err *err =
        file_open_read_opts(&file, buf_text(&full), (FileReadOpts){.no_follow = true, .is_sequential = true});
    if (err_is(err, ERR_NOT_FOUND)) {
        *out = NULL;
        return NULL;
    }
    TRY(denied_explain(TAKE(err)));
    LocalFile *const opened = mem_new(sizeof *opened);
    *opened = (LocalFile){.base.source = source, .file = file};
    *out = &opened->base;
    return NULL;
}

static Err *local_read(size_t *out_bytes, SourceFile *file, void *to, size_t size, uint64_t offset)
{
    return file_read_at(out_bytes, ((LocalFile *)file)->file, to, size, offset);
}

static void local_close(SourceFile *file)
{
    LocalFile *opened = (LocalFile *)file;
    file_close(&opened->file);
    mem_free(&opened);
}

/* ---- the places ---- */

static Err *local_check(Source *source)
{
    const Local *const local = (const Local *)source;
    for (size_t i = 0; i < local->place_count; i++) {
        const Place *const place = &local->places[i];
        EntryInfo link, behind;
        TRY(entry_stat(&link, place->path));
        TRY(entry_stat_follow(&behind, place->path));
        /* A tablespace may have been dropped, link and all. */
        if (link.kind == ENTRY_ABSENT && i > 0)
            continue;
        if (behind.kind != ENTRY_FOLDER || behind.device != place->device || behind.inode != place->inode)
            return err_hint(ERR(AWAY, "%s is not the folder any more that it was at the begin", place->path),
                            "was its disk unmounted meanwhile? Repeat when it is back");
    }
    return NULL;
}

static void local_free(Source *source)
{
    Local *local = (Local *)source;
    arena_free(&local->arena);
    mem_free(&local);
}

static const SourceOps local_ops = {
    .name = "local",
    .list = local_list,
    .open = local_open,
    .read = local_read,
    .close = local_close,
    .check = local_check,
    .free = local_free,
};

/* One that PostgreSQL fills itself: as a tablespace it would be left out of the backup. */
static bool is_own_folder(const char *inner)
{
    return !strchr(inner, '/') &&
           (text_starts(inner, "pg_") || text_equal(inner, "base") || text_equal(inner, "global"));
}

/* Takes note of the tablespace at `path`; `inner` gets one more when it lies inside the data directory. */
static Err *tablespace_add(Local *local, const char *path, const char **inner)
{
    EntryInfo behind;
    TRY(denied_explain(entry_stat_follow(&behind, path)));
    if (behind.kind != ENTRY_FOLDER)
        return NULL; /* the walk will say so, if it is still there then */
    local->places[local->place_count++] = (Place){path, behind.device, behind.inode};
    char *real = NULL;
    TRY(path_real(&real, path, local->arena));
    if (text_equal(real, local->root) || !path_is_below(real, local->root))
        return NULL;
    *inner = real + strlen(local->root) + 1;
    if (is_own_folder(*inner))
        return ERR(REFUSED, "tablespace %s points to the folder %s of the data directory itself", path,
                   *inner);
    return NULL;
}

static Err *tablespaces_find(Local *local)
{
    const char *const home = path_join(local->root, "pg_tblspc", local->arena);
    FolderList names = {0};
    AUTO(err_free) Err *err = folder_list(&names, home, local->arena);
    if (err && !err_is(err, ERR_NOT_FOUND))
        return denied_explain(TAKE(err));
    local->places = arena_alloc(local->arena, (names.count + 1) * sizeof(Place));
    const char **const inner = arena_alloc(local->arena, (names.count + 1) * sizeof *inner);
    size_t inner_count = 0;
    EntryInfo root;
    TRY(entry_stat_follow(&root, local->root));
    local->places[local->place_count++] = (Place){local->root, root.device, root.inode};
    for (size_t i = 0; i < names.count; i++) {
        if (names.entries[i].kind == ENTRY_LINK)
            TRY(tablespace_add(local, path_join(home, names.entries[i].name, local->arena),
                               &inner[inner_count]));
        inner_count += inner[inner_count] != NULL;
    }
    local->source.inner = inner;
    return NULL;
}

Err *source_local_open(Source **out, const char *pgdata)
{
    AUTO(source_free) Source *source = NULL;
    Local *const local = mem_new(sizeof *local);
    source = &local->source;
    source->ops = &local_ops;
    local->arena = arena_new();
    EntryInfo info;
    TRY(denied_explain(entry_stat_follow(&info, pgdata)));
    if (info.kind != ENTRY_FOLDER)
        return ERR(NOT_FOUND, "data directory %s is %s%s", pgdata, info.kind == ENTRY_ABSENT ? "" : "a ",
                   info.kind == ENTRY_ABSENT ? "not there" : entry_kind_name(info.kind));
    char *root = NULL;
    TRY(path_real(&root, pgdata, local->arena));
    local->root = root;
    TRY(tablespaces_find(local));
    *out = TAKE(source);
    return NULL;
}
