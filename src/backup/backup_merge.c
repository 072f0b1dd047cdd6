/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_merge.h"

#include "repo/place_store.h"

#include <string.h>

struct Merge {
    PlaceReader *places;
    ManifestReader *manifest;
    ManifestEntry next; /* the first that was not asked for yet */
    bool is_end;
    Err *damage; /* what ended it early; NULL: nothing did */
    ManifestWriter *writer;
    Report *report;
};

void merge_free(Merge **merge)
{
    if (!*merge)
        return;
    manifest_close(&(*merge)->manifest);
    place_reader_free(&(*merge)->places);
    err_free(&(*merge)->damage);
    mem_free(merge);
}

static void leaves_serve(const Merge *merge)
{
    size_t count = 0;
    const ManifestLeaf *const leaves = merge->manifest ? manifest_leaves(merge->manifest, &count) : NULL;
    manifest_writer_reuse(merge->writer, leaves,
                          merge->damage && count ? manifest_leaves_read(merge->manifest) : count);
}

static void damage_tell(const Merge *merge)
{
    report_warn(merge->report, "backup/PARENT_DAMAGED",
                "the parent's list of files is damaged, and what it does not tell is stored again: %s",
                err_text(merge->damage));
    report_hint(merge->report, "this backup is whole; \"pgstrata verify\" tells which others are not");
}

/* Consumes `err`; hands back what is no damage. */
static Err *damage_take(Merge *merge, Err *err)
{
    if (!err_is_unreadable(err))
        return err;
    merge->damage = err;
    merge->is_end = true;
    if (merge->writer) {
        leaves_serve(merge);
        damage_tell(merge);
    }
    return NULL;
}

static Err *merge_next(Merge *merge)
{
    return damage_take(merge, manifest_next(&merge->next, &merge->is_end, merge->manifest));
}

Err *merge_new(Merge **out, const Base *base, const KeyRoot *root)
{
    AUTO(merge_free) Merge *merge = mem_new(sizeof *merge);
    merge->places = place_reader_new(base->repo->store, root);
    TRY(damage_take(
        merge, manifest_open(&merge->manifest, place_leaf_in(merge->places), &base->record.manifest_root)));
    if (!merge->damage)
        TRY(merge_next(merge));
    *out = TAKE(merge);
    return NULL;
}

void merge_serve(Merge *merge, ManifestWriter *writer, Report *report)
{
    merge->writer = writer;
    merge->report = report;
    leaves_serve(merge);
    if (merge->damage)
        damage_tell(merge);
}

const ManifestEntry *merge_entry_copy(const ManifestEntry *entry, Arena *arena)
{
    ManifestEntry *const kept = arena_alloc(arena, sizeof *kept);
    *kept = *entry;
    kept->path = arena_text(arena, entry->path);
    kept->link_target = entry->link_target ? arena_text(arena, entry->link_target) : NULL;
    const Span extents = span_of(entry->extents, entry->extent_count * sizeof *entry->extents);
    kept->extents = (const Extent *)(const void *)arena_bytes(arena, extents).ptr;
    return kept;
}

Err *merge_find(const ManifestEntry **out, Merge *merge, const char *path, Arena *arena)
{
    int order = -1;
    while (!merge->is_end && (order = strcmp(merge->next.path, path)) < 0)
        TRY(merge_next(merge));
    const bool is_file = !merge->is_end && order == 0 && merge->next.kind == MANIFEST_FILE;
    *out = is_file ? merge_entry_copy(&merge->next, arena) : NULL;
    return NULL;
}
