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
};

void merge_free(Merge **merge)
{
    if (!*merge)
        return;
    manifest_close(&(*merge)->manifest);
    place_reader_free(&(*merge)->places);
    mem_free(merge);
}

Err *merge_new(Merge **out, const Base *base, const KeyRoot *root)
{
    AUTO(merge_free) Merge *merge = mem_new(sizeof *merge);
    merge->places = place_reader_new(base->repo->store, root);
    TRY(manifest_open(&merge->manifest, place_leaf_in(merge->places), &base->record.manifest_root));
    TRY(manifest_next(&merge->next, &merge->is_end, merge->manifest));
    *out = TAKE(merge);
    return NULL;
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
        TRY(manifest_next(&merge->next, &merge->is_end, merge->manifest));
    *out = !merge->is_end && order == 0 ? merge_entry_copy(&merge->next, arena) : NULL;
    return NULL;
}

const ManifestLeaf *merge_leaves(size_t *count, const Merge *merge)
{
    return manifest_leaves(merge->manifest, count);
}
