/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The union of several listings. A store pushes its listing, so two of them cannot be walked side by side; each is taken
 * a page at a time, and the pages are merged. Memory is a page a member.
 */
#include "store/mirror_priv.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_ENTRIES = 1000 };

/* One member's listing, as far as it was fetched. */
typedef struct Cursor {
    Store *store; /* NULL: it gives no more */
    Arena *arena; /* of the page's keys */
    Buf page;     /* of ObjectEntry */
    size_t at;
    bool has_more; /* behind the page */
    char after[STORE_KEY_MAX +
               2]; /* the last key of the page; a common prefix may be a byte longer than a key */
} Cursor;

typedef struct Merge {
    MirrorStore *mirror;
    const char *prefix;
    ListOpts opts;
    Cursor *cursors; /* one a member */
    Err *fault;      /* of those that gave nothing, or broke off */
} Merge;

static void merge_done(Merge *merge)
{
    for (size_t i = 0; i < merge->mirror->count; i++) {
        arena_free(&merge->cursors[i].arena);
        buf_done(&merge->cursors[i].page);
    }
    mem_free(&merge->cursors);
    err_free(&merge->fault);
}

static void merge_begin(Merge *merge)
{
    MirrorStore *const mirror = merge->mirror;
    merge->cursors = mem_new(mirror->count * sizeof *merge->cursors);
    for (size_t i = 0; i < mirror->count; i++) {
        Err *const silence = mirror_silence(mirror, i);
        merge->cursors[i] = (Cursor){
            .store = silence ? NULL : mirror->members[i].store, .arena = arena_new(), .has_more = !silence};
        merge->fault = mirror_join(TAKE(merge->fault), silence);
    }
}

static Err *page_add(void *arg, const ObjectEntry *entry)
{
    Cursor *const cursor = arg;
    if (cursor->page.len == PAGE_ENTRIES * sizeof *entry) {
        cursor->has_more = true;
        return ERR(LIMIT, "a page is full"); /* ends the listing: page_fetch() */
    }
    const ObjectEntry kept = {.key = arena_text(cursor->arena, entry->key), .info = entry->info};
    buf_add(&cursor->page, &kept, sizeof kept);
    (void)snprintf(cursor->after, sizeof cursor->after, "%s", entry->key);
    return NULL;
}

static Err *page_fetch(const Merge *merge, Cursor *cursor)
{
    arena_clear(cursor->arena);
    buf_clear(&cursor->page);
    cursor->at = 0;
    cursor->has_more = false;
    ListOpts opts = merge->opts;
    if (cursor->after[0])
        opts.after = cursor->after;
    Err *err = store_list(cursor->store, merge->prefix, opts, page_add, cursor);
    if (cursor->has_more)
        err_free(&err);
    return err;
}

static const ObjectEntry *cursor_entry(const Cursor *cursor)
{
    const ObjectEntry *const entries = (const ObjectEntry *)(const void *)cursor->page.data;
    return cursor->at < cursor->page.len / sizeof *entries ? &entries[cursor->at] : NULL;
}

/* What a member gave before it broke off counts; the rest is for the others. */
static Err *cursor_fill(Merge *merge, size_t member)
{
    Cursor *const cursor = &merge->cursors[member];
    if (cursor_entry(cursor) || !cursor->has_more)
        return NULL;
    Err *err = page_fetch(merge, cursor);
    if (!err || err_is(err, ERR_CANCELED))
        return err;
    cursor->store = NULL;
    err = err_doing(err, "repository %s", merge->mirror->members[member].name);
    mirror_blame(merge->mirror, member, merge->prefix, err);
    merge->fault = mirror_join(TAKE(merge->fault), err);
    return NULL;
}

/* The lowest key of all; NULL at the end. */
static const ObjectEntry *merge_entry(const Merge *merge)
{
    const ObjectEntry *lowest = NULL;
    for (size_t i = 0; i < merge->mirror->count; i++) {
        const ObjectEntry *const entry = cursor_entry(&merge->cursors[i]);
        if (entry && (!lowest || strcmp(entry->key, lowest->key) < 0))
            lowest = entry;
    }
    return lowest;
}

static void merge_pass(Merge *merge, const char *key)
{
    for (size_t i = 0; i < merge->mirror->count; i++) {
        const ObjectEntry *const entry = cursor_entry(&merge->cursors[i]);
        if (entry && text_equal(entry->key, key))
            merge->cursors[i].at++;
    }
}

static Err *merge_run(Merge *merge, ListFn *each, void *arg)
{
    for (;;) {
        for (size_t i = 0; i < merge->mirror->count; i++)
            TRY(cursor_fill(merge, i));
        const ObjectEntry *const entry = merge_entry(merge);
        if (!entry)
            return NULL;
        TRY(each(arg, entry));
        merge_pass(merge, entry->key);
    }
}

Err *mirror_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    MirrorStore *const mirror = mirror_of(store);
    if (mirror->count == 1)
        return store_list(mirror->members[0].store, prefix, opts, each, arg);
    AUTO(merge_done) Merge merge = {.mirror = mirror, .prefix = prefix, .opts = opts};
    merge_begin(&merge);
    TRY(merge_run(&merge, each, arg));
    for (size_t i = 0; i < mirror->count; i++) {
        if (merge.cursors[i].store)
            return NULL;
    }
    mirror_forget(mirror, prefix, merge.fault);
    return TAKE(merge.fault);
}
