/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/posix.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/random.h"
#include "os/user.h"
#include "store/posix_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MARKER         "pgstrata"
#define TEMP_AGE_US    (INT64_C(24) * 3600 * 1000000)
#define GET_STEP       (1024 * 1024)
#define SYNC_STEP      (8 * 1024 * 1024)
#define FILE_MODE      0640
#define FOLDER_MODE    0750
#define FILE_URL_BEGIN "file://"

static Posix *posix_of(Store *store)
{
    return (Posix *)store;
}

static char *path_of(const Posix *self, const char *key, Arena *arena)
{
    return path_join(self->root, key, arena);
}

static Err *root_away(const Posix *self, const char *what)
{
    return err_hint(ERR(AWAY, "repository folder %s %s", self->root, what),
                    "is its disk mounted? only setup creates a repository");
}

Err *posix_root_check(Posix *self)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo root, marker;
    TRY(entry_stat_follow(&root, self->root));
    if (root.kind == ENTRY_ABSENT)
        return root_away(self, "is missing");
    if (root.device != self->device || root.inode != self->inode)
        return root_away(self, "is another folder than the one that was opened");
    TRY(entry_stat(&marker, path_of(self, MARKER, arena)));
    if (marker.kind != ENTRY_ABSENT)
        flag_raise(&self->has_marker);
    else if (flag_is_up(&self->has_marker))
        return root_away(self, "no longer holds its object \"" MARKER "\"");
    return NULL;
}

Err *posix_look(PosixWay *out, const Posix *self, const char *key)
{
    AUTO(arena_free) Arena *arena = arena_new();
    char *const path = path_of(self, key, arena);
    char *at = path + (strlen(path) - strlen(key)) - 1;
    PosixWay way = {0};
    do {
        at = strchr(at + 1, '/');
        if (at)
            *at = 0;
        TRY(entry_stat(&way.entry, path));
        if (way.entry.kind == ENTRY_LINK)
            return err_hint(ERR(REFUSED, "%s is a symbolic link inside a repository", path),
                            "put the files themselves there, or mount their disk at that place");
        if (!at)
            break;
        way.is_blocked = way.entry.kind != ENTRY_FOLDER && way.entry.kind != ENTRY_ABSENT;
        *at = '/';
    } while (way.entry.kind == ENTRY_FOLDER);
    if (at)
        way.entry.kind = ENTRY_ABSENT;
    *out = way;
    return NULL;
}

/* "Not found" is only true in a repository that is there. */
static Err *not_found(Posix *self, const char *key)
{
    TRY(posix_root_check(self));
    return ERR(NOT_FOUND, "no object %s in %s", key, self->root);
}

static Err *object_open(File **out, Posix *self, const char *key)
{
    AUTO(arena_free) Arena *arena = arena_new();
    PosixWay way;
    TRY(posix_look(&way, self, key));
    if (way.entry.kind == ENTRY_ABSENT || way.entry.kind == ENTRY_FOLDER)
        return not_found(self, key);
    AUTO(err_free)
    Err *err = file_open_read_opts(out, path_of(self, key, arena),
                                   (FileReadOpts){.no_follow = true, .is_sequential = true});
    return err_is(err, ERR_NOT_FOUND) ? not_found(self, key) : TAKE(err);
}

static Err *range_check(Range *range, const File *file)
{
    uint64_t size;
    TRY(file_size(&size, file));
    if (range->size == RANGE_TO_END && range->offset <= size)
        range->size = size - range->offset;
    if (range->size == RANGE_TO_END || range->offset + range->size > size)
        return ERR(CORRUPT,
                   "%s has %" PRIu64 " bytes, wanted are those from %" PRIu64 " on, %" PRIu64 " of them",
                   file_path(file), size, range->offset, range->size);
    return NULL;
}

static size_t get_step(uint64_t left)
{
    return left < GET_STEP ? (size_t)left : GET_STEP;
}

static Err *posix_get(Store *store, const char *key, Range range, Sink *to)
{
    AUTO(file_close) File *file = NULL;
    TRY(object_open(&file, posix_of(store), key));
    TRY(range_check(&range, file));
    AUTO(mem_free) uint8_t *bytes = mem_new(get_step(range.size));
    while (range.size) {
        const size_t want = get_step(range.size);
        size_t got = 0;
        TRY(file_read_at(&got, file, bytes, want, range.offset));
        if (got != want)
            return ERR(CORRUPT, "%s ends at %" PRIu64 " while it is being read", file_path(file),
                       range.offset + got);
        range.offset += got;
        range.size -= got;
        if (range.size) /* the disk reads while `to` works */
            file_read_begin(file, range.offset, get_step(range.size));
        TRY(sink_write(to, span_of(bytes, got)));
    }
    return NULL;
}

static Err *posix_stat(ObjectInfo *out, Store *store, const char *key)
{
    Posix *const self = posix_of(store);
    PosixWay way;
    TRY(posix_look(&way, self, key));
    if (way.entry.kind != ENTRY_FILE)
        return not_found(self, key);
    *out = (ObjectInfo){way.entry.size_bytes, way.entry.modified};
    return NULL;
}

/* Syncs every folder from the root down to the parent of `parent`: another process may have made them just now and
 * not have come to its own sync yet. Remembering the last one spares a backup's packs the repetition. */
static Err *way_sync(Posix *self, const char *parent)
{
    lock_take(&self->lock);
    const bool is_known = text_equal(self->synced, parent);
    lock_release(&self->lock);
    if (is_known)
        return NULL;
    AUTO(arena_free) Arena *arena = arena_new();
    TRY(folder_sync(self->root));
    for (const char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/'))
        TRY(folder_sync(path_of(self, arena_textf(arena, "%.*s", (int)(slash - parent), parent), arena)));
    lock_take(&self->lock);
    snprintf(self->synced, sizeof self->synced, "%s", parent);
    lock_release(&self->lock);
    return NULL;
}

/* The folder a key lies in, below the root; "" for the root itself. */
static const char *parent_of(const char *key, Arena *arena)
{
    return strchr(key, '/') ? path_parent(key, arena) : "";
}

static Err *posix_settle(Store *store, const char *key)
{
    Posix *const self = posix_of(store);
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *file = NULL;
    const char *const parent = parent_of(key, arena);
    TRY(object_open(&file, self, key));
    TRY(file_sync(file));
    if (parent[0])
        TRY(way_sync(self, parent));
    return folder_sync(path_of(self, parent, arena));
}

/* Also syncs when the object is gone already: whoever removed it may have died before its sync. */
static Err *posix_remove(Store *store, const char *key)
{
    Posix *const self = posix_of(store);
    AUTO(arena_free) Arena *arena = arena_new();
    PosixWay way;
    TRY(posix_root_check(self));
    TRY(posix_look(&way, self, key));
    if (way.is_blocked || way.entry.kind == ENTRY_FOLDER)
        return NULL;
    TRY(file_remove(path_of(self, key, arena)));
    AUTO(err_free) Err *err = folder_sync(path_of(self, parent_of(key, arena), arena));
    return err_is(err, ERR_NOT_FOUND) ? NULL : TAKE(err);
}

typedef struct PosixPut {
    StorePut base;
    Posix *store;
    char *key;
    char *temp; /* NULL once it has its name */
    File *file;
    uint64_t written;
    uint64_t sync_begun;
} PosixPut;

static Err *put_write(Sink *sink, Span bytes)
{
    PosixPut *const put = (PosixPut *)sink;
    TRY_AS(file_write(put->file, bytes), "storing object %s", put->key);
    put->written += bytes.len;
    /* Spreads the writing out of a large object over the time of its making, so that the sync at its end is short. */
    if (put->written - put->sync_begun >= SYNC_STEP) {
        file_sync_begin(put->file, put->sync_begun, put->written - put->sync_begun);
        put->sync_begun = put->written;
    }
    return NULL;
}

static Err *put_finish(Sink *sink)
{
    (void)sink;
    return NULL;
}

static void put_free(Sink *sink)
{
    PosixPut *put = (PosixPut *)sink;
    file_close(&put->file);
    if (put->temp)
        unlink(put->temp); /* what cannot be removed now goes with the sweep */
    mem_free(&put->temp);
    mem_free(&put->key);
    mem_free(&put);
}

static Err *exists(const Posix *self, const char *key)
{
    return ERR(EXISTS, "object %s exists already in %s", key, self->root);
}

static Err *blocked(const Posix *self, const char *key)
{
    return ERR(REFUSED, "object %s cannot be stored in %s: a part of its name is another object or folder",
               key, self->root);
}

static Err *folders_make(Posix *self, const char *parent, Arena *arena)
{
    AUTO(err_free) Err *err = folder_make_all(path_of(self, parent, arena), FOLDER_MODE);
    if (err_is(err, ERR_EXISTS))
        return err_become(TAKE(err), ERR_REFUSED); /* EXISTS is kept for the object itself */
    TRY(TAKE(err));
    return way_sync(self, parent);
}

static Err *publish(PosixPut *put)
{
    Posix *const self = put->store;
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const parent = parent_of(put->key, arena);
    if (parent[0])
        TRY(folders_make(self, parent, arena));
    AUTO(err_free) Err *err = file_publish(put->temp, path_of(self, put->key, arena));
    if (err_is(err, ERR_EXISTS))
        return exists(self, put->key);
    if (!err_is(err, ERR_NOT_FOUND))
        return TAKE(err);
    TRY(posix_root_check(self));
    return err_become(TAKE(err), ERR_IO);
}

/* Says whose folder it is, because "permission denied" alone does not tell what to change. */
static Err *denied_explain(Err *err, const Posix *self)
{
    EntryInfo root;
    Err *stat_err = entry_stat_follow(&root, self->root);
    const bool is_known = !stat_err && root.kind != ENTRY_ABSENT;
    err_free(&stat_err);
    if (!is_known || !err_is(err, ERR_DENIED) || err_hint_text(err)[0])
        return err;
    const UserName owner = user_name(root.uid), me = user_current();
    if (root.uid == geteuid())
        return err_hint(err, "something in %s is not ours, or closed: chown -R %s %s, then chmod -R u+rwX %s",
                        self->root, me.text, self->root, self->root);
    return err_hint(
        err,
        "%s belongs to %s, and we run as %s. If the server runs as %s: chown -R %s %s. If not: run as "
        "root, or sudo -u %s pgstrata …",
        self->root, owner.text, me.text, me.text, me.text, self->root, owner.text);
}

static Err *put_commit(StorePut *base)
{
    PosixPut *const put = (PosixPut *)base;
    TRY_AS(file_sync(put->file), "storing object %s", put->key);
    file_close(&put->file);
    TRY(posix_root_check(put->store));
    Err *const err = publish(put);
    if (err)
        return denied_explain(err, put->store);
    mem_free(&put->temp);
    return NULL;
}

/* Removes temporary files of writers that died a day ago or longer. Never a reason to fail. */
static Err *sweep(const char *folder)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    TRY(folder_list(&list, folder, arena));
    const int64_t oldest_us = clock_now().us - TEMP_AGE_US;
    for (size_t i = 0; i < list.count; i++) {
        const char *const path = path_join(folder, list.entries[i].name, arena);
        EntryInfo info;
        TRY(entry_stat(&info, path));
        if (info.kind == ENTRY_FILE && info.modified.us < oldest_us)
            TRY(file_remove(path));
    }
    return NULL;
}

static Err *temp_folder_make(const char *folder)
{
    AUTO(err_free) Err *err = folder_make(folder, FOLDER_MODE);
    return err_is(err, ERR_EXISTS) ? NULL : TAKE(err);
}

/* Temporary files need no durable folder: what a crash takes away here was not promised to anybody. */
static Err *temp_create(File **out, Posix *self, Arena *arena)
{
    const char *const folder = path_of(self, POSIX_TEMP_FOLDER, arena);
    TRY(temp_folder_make(folder));
    if (!flag_is_up(&self->is_swept)) {
        flag_raise(&self->is_swept);
        AUTO(err_free) Err *err = sweep(folder);
        if (err)
            log_debug("sweeping %s: %s", folder, err_text(err));
    }
    UuidText name;
    TRY(random_uuid(&name));
    return file_create(out, path_join(folder, name.text, arena), FILE_MODE);
}

static Err *posix_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    static const SinkOps sink_ops = {put_write, put_finish, put_free};
    static const StorePutOps put_ops = {put_commit};
    (void)opts;
    Posix *const self = posix_of(store);
    PosixWay way;
    TRY(posix_root_check(self));
    TRY(posix_look(&way, self, key));
    if (way.is_blocked || way.entry.kind == ENTRY_FOLDER)
        return blocked(self, key);
    if (way.entry.kind != ENTRY_ABSENT)
        return exists(self, key);

    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *file = NULL;
    Err *const err = temp_create(&file, self, arena);
    if (err)
        return err_doing(denied_explain(err, self), "storing object %s", key);
    PosixPut *const put = mem_new(sizeof *put);
    put->base = (StorePut){.sink = {.ops = &sink_ops}, .ops = &put_ops};
    put->store = self;
    put->key = mem_text(key);
    put->temp = mem_text(file_path(file));
    put->file = TAKE(file);
    *out = &put->base;
    return NULL;
}

static void posix_free(Store *store)
{
    Posix *self = posix_of(store);
    lock_done(&self->lock);
    mem_free(&self->root);
    mem_free(&self);
}

/* Finds out now, and with one clear message, whether we can work there. */
static Err *root_open(Posix *self, const StoreOptions *options)
{
    EntryInfo root;
    if (options->create)
        TRY(folder_make_all(self->root, FOLDER_MODE));
    TRY(entry_stat_follow(&root, self->root));
    if (root.kind == ENTRY_ABSENT)
        return root_away(self, "is missing");
    if (root.kind != ENTRY_FOLDER)
        return ERR(REFUSED, "repository folder %s is a %s", self->root, entry_kind_name(root.kind));
    self->device = root.device;
    self->inode = root.inode;
    bool is_empty;
    Err *const err = folder_is_empty(&is_empty, self->root);
    return err ? denied_explain(err, self) : posix_root_check(self);
}

static void self_free(Posix **self)
{
    if (*self)
        posix_free(&(*self)->base);
}

static Err *posix_open(Store **out, const StoreOptions *options)
{
    static const StoreOps ops = {
        .scheme = "file",
        .caps = STORE_ATOMIC_CREATE | STORE_LOCAL,
        .get = posix_get,
        .put = posix_put,
        .stat = posix_stat,
        .list = posix_list,
        .remove = posix_remove,
        .settle = posix_settle,
        .leftovers = posix_leftovers,
        .free = posix_free,
    };
    const char *const path =
        options->url + (text_starts(options->url, FILE_URL_BEGIN) ? strlen(FILE_URL_BEGIN) : 0);
    if (!path_is_absolute(path))
        return ERR(USAGE, "repository URL \"%s\" names no absolute path", options->url);
    AUTO(self_free) Posix *self = mem_new(sizeof *self);
    lock_init(&self->lock);
    self->root = mem_text(path);
    for (size_t len = strlen(path); len > 1 && self->root[len - 1] == '/'; len--)
        self->root[len - 1] = 0;
    self->base = (Store){.ops = &ops, .caps = ops.caps, .name = self->root};
    TRY(root_open(self, options));
    *out = &TAKE(self)->base;
    return NULL;
}

const StoreDriver posix_driver = {.scheme = "file", .open = posix_open};
