/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/manifest_priv.h"

#include "pg/pgdata_path.h"

#include <string.h>

/* A link's target may be any path the system takes. */
enum { LINK_TARGET_MAX = 4096, MODE_MAX = 07777 };

void extents_add(Buf *extents, const Extent *extent)
{
    Extent *const last = extents->len ? (Extent *)(void *)(extents->data + extents->len) - 1 : NULL;
    if (last && last->first_block + last->count == extent->first_block && last->pack == extent->pack &&
        last->offset + (uint64_t)last->count * PAGE_BYTES == extent->offset &&
        memcmp(&last->label, &extent->label, sizeof extent->label) == 0)
        last->count += extent->count;
    else
        buf_add(extents, extent, sizeof *extent);
}

/* Bytes of the extent that belong to the file: its last block may be cut. */
static uint64_t extent_bytes(const ManifestEntry *entry, const Extent *extent)
{
    const uint64_t begin = (uint64_t)extent->first_block * PAGE_BYTES;
    const uint64_t whole = (uint64_t)extent->count * PAGE_BYTES;
    return entry->size_bytes - begin < whole ? entry->size_bytes - begin : whole;
}

static const char *extents_fault(const ManifestEntry *entry)
{
    const uint64_t blocks = pages_of(entry->size_bytes);
    uint64_t next_block = 0;
    for (size_t i = 0; i < entry->extent_count; i++) {
        const Extent *const at = &entry->extents[i];
        if (at->count == 0)
            return "an extent of no blocks";
        if (at->first_block < next_block)
            return "extents overlap or stand out of order";
        next_block = (uint64_t)at->first_block + at->count;
        if (next_block > blocks)
            return "an extent goes past the end of the file";
        if (at->pack < 1 || at->pack > PACK_NUMBER_MAX)
            return "an extent names a pack that cannot be";
        if (at->offset > (uint64_t)PACK_PLAIN_MAX ||
            extent_bytes(entry, at) > (uint64_t)PACK_PLAIN_MAX - at->offset)
            return "an extent goes past the end of the largest pack";
    }
    return NULL;
}

bool manifest_entry_is_sound(const char **fault, const ManifestEntry *entry)
{
    *fault = NULL;
    const size_t path_len = strlen(entry->path);
    if (path_len >= PGDATA_PATH_MAX || !pgdata_path_is_safe(span_of(entry->path, path_len)))
        *fault = "the path is not safe";
    else if (entry->mode > MODE_MAX)
        *fault = "the mode has more than permission bits";
    else if (entry->kind != MANIFEST_FILE && (entry->size_bytes || entry->extent_count))
        *fault = "only a file has contents";
    else if ((entry->kind == MANIFEST_LINK) != (entry->link_target != NULL))
        *fault = "a link, and nothing else, has a target";
    else if (entry->link_target && (!*entry->link_target || strlen(entry->link_target) >= LINK_TARGET_MAX))
        *fault = "the target is empty or too long";
    else if (entry->size_bytes > INT64_MAX)
        *fault = "the size is no size";
    else
        *fault = extents_fault(entry);
    return !*fault;
}
