/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Each level holds its folder's items and the steps to take through them. A folder makes two steps: it is shown under
 * its name and entered under its name with a slash, and both names are sorted with the rest. That alone gives the order
 * of whole paths, because all that is below "a" begins with "a/".
 */
#include "source/walk.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DROP_TRIES = 10, DROP_WAIT_MS = 100 };

typedef struct Step {
    uint32_t item; /* folders are bounded by FOLDER_ENTRIES_MAX */
    bool is_descent;
} Step;

typedef struct Level {
    Arena *arena;
    const char *path;
    SourceFolder folder;
    Step *steps;
    size_t step_count, at;
} Level;

struct Walk {
    Source *source;
    WalkOptions options;
    FilterOptions filter; /* options.filter points here, when there is one */
    Buf path;             /* of the entry shown last */
    size_t depth;
    Level levels[FOLDER_DEPTH_MAX];
};

/* ---- order ---- */

/* Compares two names, each followed by a slash when it is a descent. */
static int step_compare(const void *a, const void *b, void *arg)
{
    const SourceItem *const items = arg;
    const Step *const left = a, *const right = b;
    const char *const left_name = items[left->item].name, *const right_name = items[right->item].name;
    const size_t left_length = strlen(left_name), right_length = strlen(right_name);
    const size_t shared = left_length < right_length ? left_length : right_length;
    const int order = memcmp(left_name, right_name, shared);
    if (order)
        return order;
    const unsigned char left_next = left_length > shared ? (unsigned char)left_name[shared]
                                    : left->is_descent   ? '/'
                                                         : 0;
    const unsigned char right_next = right_length > shared ? (unsigned char)right_name[shared]
                                     : right->is_descent   ? '/'
                                                           : 0;
    return (left_next > right_next) - (left_next < right_next);
}

static void steps_make(Level *level)
{
    level->steps = arena_alloc(level->arena, 2 * level->folder.count * sizeof *level->steps);
    bool has_descent = false;
    for (size_t i = 0; i < level->folder.count; i++) {
        const SourceItem *const item = &level->folder.items[i];
        if (item->verdict == SOURCE_SKIP)
            continue;
        level->steps[level->step_count++] = (Step){.item = (uint32_t)i};
        if (item->kind != SOURCE_FOLDER || item->verdict == SOURCE_EMPTY)
            continue;
        level->steps[level->step_count++] = (Step){.item = (uint32_t)i, .is_descent = true};
        has_descent = true;
    }
    if (has_descent)
        qsort_r(level->steps, level->step_count, sizeof *level->steps, step_compare, level->folder.items);
}

/* ---- what is left out ---- */

static void inner_tablespaces_mark(SourceFolder *folder, const char *path, const Source *source)
{
    const size_t length = strlen(path);
    for (const char *const *inner = source->inner; *inner; inner++) {
        const char *const slash = strrchr(*inner, '/');
        const size_t parent_length = slash ? (size_t)(slash - *inner) : 0;
        if (parent_length != length || strncmp(*inner, path, length) != 0)
            continue;
        for (size_t i = 0; i < folder->count; i++) {
            SourceItem *const item = &folder->items[i];
            if (item->verdict == SOURCE_TAKE && text_equal(item->name, slash ? slash + 1 : *inner))
                item->verdict = SOURCE_EMPTY;
        }
    }
}

/* The OID when `path` is "pg_tblspc/OID", else NULL. */
static const char *tablespace_of(const char *path)
{
    static const char home[] = "pg_tblspc/";
    if (!text_starts(path, home) || strchr(path + strlen(home), '/'))
        return NULL;
    return path + strlen(home);
}

static Err *is_listed(bool *out, Source *source, const char *oid)
{
    AUTO(arena_free) Arena *arena = arena_new();
    SourceFolder home;
    TRY(source_list(&home, source, "pg_tblspc", arena));
    *out = false;
    for (size_t i = 0; i < home.count; i++)
        *out |= text_equal(home.items[i].name, oid);
    return NULL;
}

/* DROP TABLESPACE removes the folder shortly before the link; an unmounted disk stays as it is. */
static Err *dropped_or_away(Source *source, const char *oid, const char *wanted)
{
    for (int i = 0; i < DROP_TRIES; i++) {
        bool is_there = false;
        TRY(is_listed(&is_there, source, oid));
        if (!is_there)
            return NULL;
        clock_sleep_ms(DROP_WAIT_MS);
    }
    return err_hint(ERR(AWAY, "tablespace pg_tblspc/%s has no folder %s", oid, wanted),
                    "mount the disk that holds the tablespace");
}

static Err *tablespace_check(const SourceFolder *folder, Source *source, const char *oid,
                             const PgVersion *version)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "PG_%" PRIu32 "_%" PRIu32, version->major, version->catalog_version);
    for (size_t i = 0; i < folder->count; i++) {
        if (text_equal(folder->items[i].name, wanted))
            return NULL;
    }
    return folder->is_there ? dropped_or_away(source, oid, wanted) : NULL;
}

/* ---- levels ---- */

static Err *level_fill(Level *level, Walk *walk)
{
    TRY(source_list(&level->folder, walk->source, level->path, level->arena));
    const FilterOptions *const filter = walk->options.filter;
    if (filter)
        filter_apply(&level->folder, level->path, filter);
    inner_tablespaces_mark(&level->folder, level->path, walk->source);
    const char *const oid = tablespace_of(level->path);
    if (oid && filter)
        TRY(tablespace_check(&level->folder, walk->source, oid, &filter->version));
    steps_make(level);
    return NULL;
}

static Err *level_push(Walk *walk, const char *path)
{
    if (walk->depth == FOLDER_DEPTH_MAX)
        return ERR(LIMIT, "folder %s lies more than %d levels deep", path, FOLDER_DEPTH_MAX);
    Level *const level = &walk->levels[walk->depth++];
    *level = (Level){.arena = arena_new()};
    level->path = arena_text(level->arena, path);
    return level_fill(level, walk);
}

static void level_pop(Walk *walk)
{
    arena_free(&walk->levels[--walk->depth].arena);
}

static Err *path_set(Walk *walk, const Level *level, const char *name)
{
    buf_clear(&walk->path);
    buf_add_path(&walk->path, level->path, name);
    if (walk->path.len > PGDATA_PATH_MAX)
        return ERR(LIMIT, "path %.100s… has %zu bytes, at most %d are allowed", buf_text(&walk->path),
                   walk->path.len, PGDATA_PATH_MAX);
    return NULL;
}

/* ---- the walk ---- */

Err *walk_new(Walk **out, Source *source, const WalkOptions *options)
{
    AUTO(walk_free) Walk *walk = mem_new(sizeof *walk);
    walk->source = source;
    walk->options = *options;
    if (options->filter) {
        walk->filter = *options->filter;
        walk->options.filter = &walk->filter;
    }
    TRY(level_push(walk, ""));
    *out = TAKE(walk);
    return NULL;
}

/* Takes one step; `*out` has a path when there is something to show. */
static Err *step_take(SourceEntry *out, Walk *walk, Level *level)
{
    const Step step = level->steps[level->at++];
    const SourceItem *const item = &level->folder.items[step.item];
    TRY(path_set(walk, level, item->name));
    if (step.is_descent)
        return level_push(walk, buf_text(&walk->path));
    if (item->kind != SOURCE_OTHER)
        *out = (SourceEntry){buf_text(&walk->path), item};
    else if (walk->options.on_note)
        walk->options.on_note(walk->options.note_arg, buf_text(&walk->path));
    return NULL;
}

Err *walk_next(bool *is_entry, SourceEntry *out, Walk *walk)
{
    while (walk->depth > 0) {
        Level *const level = &walk->levels[walk->depth - 1];
        if (level->at == level->step_count) {
            level_pop(walk);
            continue;
        }
        SourceEntry entry = {0};
        TRY(step_take(&entry, walk, level));
        if (!entry.path)
            continue;
        *out = entry;
        *is_entry = true;
        return NULL;
    }
    *is_entry = false;
    return NULL;
}

void walk_free(Walk **walk)
{
    if (!*walk)
        return;
    while ((*walk)->depth > 0)
        level_pop(*walk);
    buf_done(&(*walk)->path);
    mem_free(walk);
}
