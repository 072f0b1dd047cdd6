/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
/*
 * Listing walks the folders and keeps one sorted folder per level in memory, so it streams whatever the number of
 * objects. Keys come out in order when a folder's entries are sorted as their keys are: a folder "a" stands for keys
 * that begin with "a/", and '/' sorts after '-' and '.'.
 */
#include "store/posix_priv.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "os/folder.h"
#include "os/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct Level {
    Arena *arena;
    FolderList list;
    size_t at;
    size_t key_len; /* of the part of the key that leads here, with its '/' */
} Level;

typedef struct Walk {
    Posix *store;
    const char *prefix;
    ListOpts opts;
    ListFn *each;
    void *arg;
    Buf key; /* of the entry at hand */
    size_t depth;
    Level levels[FOLDER_DEPTH_MAX];
} Walk;

static void walk_free(Walk **walk)
{
    while ((*walk)->depth)
        arena_free(&(*walk)->levels[--(*walk)->depth].arena);
    buf_done(&(*walk)->key);
    mem_free(walk);
}

/* Names that cannot be part of a key are not ours: lost+found, .snapshot, our own temporary folder. */
static bool is_foreign(const char *name)
{
    Err *err = store_key_check(name);
    const bool answer = err != NULL;
    err_free(&err);
    return answer;
}

static int end_byte(const FolderEntry *entry)
{
    return entry->kind == ENTRY_FOLDER ? '/' : 0;
}

static int compare_keys(const void *a, const void *b)
{
    const FolderEntry *const left = a, *const right = b;
    const unsigned char *x = (const unsigned char *)left->name, *y = (const unsigned char *)right->name;
    for (; *x && *x == *y; x++, y++)
        ;
    return (*x ? *x : end_byte(left)) - (*y ? *y : end_byte(right));
}

/* Goes into the folder that walk->key names ("" or "…/"). One that vanished meanwhile has nothing to list. */
static Err *enter(Walk *walk)
{
    if (walk->depth == FOLDER_DEPTH_MAX)
        return ERR(LIMIT, "folders in %s are nested more than %d deep", walk->store->root, FOLDER_DEPTH_MAX);
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList list;
    AUTO(err_free)
    Err *err = folder_list(&list, path_join(walk->store->root, buf_text(&walk->key), arena), arena);
    if (err_is(err, ERR_NOT_FOUND))
        return NULL;
    TRY(TAKE(err));
    if (list.count)
        qsort(list.entries, list.count, sizeof *list.entries, compare_keys);
    walk->levels[walk->depth++] = (Level){TAKE(arena), list, 0, walk->key.len};
    return NULL;
}

static Err *file_report(Walk *walk)
{
    const char *const key = buf_text(&walk->key);
    if (walk->opts.after && strcmp(key, walk->opts.after) <= 0)
        return NULL;
    AUTO(buf_done) Buf path = {0};
    buf_addf(&path, "%s/%s", walk->store->root, key);
    EntryInfo info;
    TRY(entry_stat(&info, buf_text(&path)));
    if (info.kind != ENTRY_FILE)
        return NULL; /* removed since the folder was read */
    const ObjectEntry entry = {key, {info.size_bytes, info.modified}};
    return walk->each(walk->arg, &entry);
}

static Err *folder_report(Walk *walk)
{
    const char *const key = buf_text(&walk->key), *const after = walk->opts.after;
    const bool is_beyond = !after || strcmp(key, after) > 0;
    if (walk->opts.one_level) {
        const ObjectEntry entry = {key, {0, INSTANT_NONE}};
        return is_beyond ? walk->each(walk->arg, &entry) : NULL;
    }
    return is_beyond || text_starts(after, key) ? enter(walk) : NULL;
}

static Err *step(Walk *walk)
{
    Level *const level = &walk->levels[walk->depth - 1];
    if (level->at == level->list.count) {
        arena_free(&level->arena);
        walk->depth--;
        return NULL;
    }
    const FolderEntry *const entry = &level->list.entries[level->at++];
    walk->key.len = level->key_len;
    buf_addf(&walk->key, "%s%s", entry->name, entry->kind == ENTRY_FOLDER ? "/" : "");
    if (is_foreign(entry->name) || walk->key.len > STORE_KEY_MAX ||
        !text_starts(buf_text(&walk->key), walk->prefix))
        return NULL;
    if (entry->kind == ENTRY_FOLDER)
        return folder_report(walk);
    if (entry->kind == ENTRY_FILE)
        return file_report(walk);
    /* Passing over it would hide objects, and what is hidden counts as absent. */
    return ERR(REFUSED, "%s in %s is a %s; a repository holds only files and folders", buf_text(&walk->key),
               walk->store->root, entry_kind_name(entry->kind));
}

/* Begins at the folder that all keys with this prefix lie in; goes nowhere when there is none. */
static Err *begin(Walk *walk)
{
    const char *const slash = strrchr(walk->prefix, '/');
    if (!slash)
        return enter(walk);
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const folder = arena_textf(arena, "%.*s", (int)(slash - walk->prefix), walk->prefix);
    if (is_foreign(folder))
        return NULL;
    PosixWay way;
    TRY(posix_look(&way, walk->store, folder));
    if (way.entry.kind != ENTRY_FOLDER)
        return NULL;
    buf_addf(&walk->key, "%s/", folder);
    return enter(walk);
}

Err *posix_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    AUTO(walk_free) Walk *walk = mem_new(sizeof *walk);
    walk->store = (Posix *)store;
    walk->prefix = prefix;
    walk->opts = opts;
    walk->each = each;
    walk->arg = arg;
    TRY(posix_root_check(walk->store));
    TRY(begin(walk));
    while (walk->depth)
        TRY(step(walk));
    return NULL;
}

/* A file that goes away meanwhile has become an object, or was given up. */
Err *posix_leftovers(StoreLeftovers *out, Store *store)
{
    Posix *const self = (Posix *)store;
    AUTO(arena_free) Arena *arena = arena_new();
    StoreLeftovers found = {.oldest = INSTANT_NONE};
    TRY(posix_root_check(self));
    const char *const folder = path_join(self->root, POSIX_TEMP_FOLDER, arena);
    EntryInfo info;
    TRY(entry_stat(&info, folder));
    FolderList list = {0};
    if (info.kind == ENTRY_FOLDER)
        TRY(folder_list(&list, folder, arena));
    for (size_t i = 0; i < list.count; i++) {
        TRY(entry_stat(&info, path_join(folder, list.entries[i].name, arena)));
        if (info.kind != ENTRY_FILE)
            continue;
        found.count++;
        found.bytes += info.size_bytes;
        if (instant_is_none(found.oldest) || info.modified.us < found.oldest.us)
            found.oldest = info.modified;
    }
    *out = found;
    return NULL;
}
