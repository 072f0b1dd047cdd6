/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What a backup that began now would read, from the list of files and the plans that a copy would make of them. */
#include "backup/backup_merge.h"
#include "backup/backup_older.h"

typedef struct Measuring {
    Backup *backup;
    Merge *merge; /* NULL without a parent */
    Arena *arena; /* of one file */
} Measuring;

static void measuring_done(Measuring *measuring)
{
    merge_free(&measuring->merge);
    arena_free(&measuring->arena);
}

static Err *file_measure(const Measuring *measuring, const SourceEntry *entry)
{
    Backup *const backup = measuring->backup;
    FileJob job = {.path = entry->path, .listed_bytes = entry->item->size_bytes};
    uint64_t to_read = job.listed_bytes;
    arena_clear(measuring->arena);
    if (measuring->merge)
        TRY(merge_find(&job.base, measuring->merge, job.path, measuring->arena));
    if (older_is_there(backup))
        to_read = older_plan(backup, &job, measuring->arena).read_bytes;
    counter_add(&backup->read_bytes, to_read);
    backup->record.files++;
    backup->record.size_bytes += job.listed_bytes;
    return NULL;
}

Err *backup_measure(Backup *backup)
{
    AUTO(walk_free) Walk *walk = NULL;
    AUTO(measuring_done) Measuring measuring = {.backup = backup, .arena = arena_new()};
    if (backup->base)
        TRY(merge_new(&measuring.merge, backup->base, &backup->generation.root));
    TRY(walk_new(&walk, backup->source, &(WalkOptions){.filter = &backup->filter}));
    for (;;) {
        bool is_entry = false;
        SourceEntry entry;
        TRY(walk_next(&is_entry, &entry, walk));
        if (!is_entry)
            return NULL;
        if (entry.item->kind == SOURCE_FILE && entry.item->verdict == SOURCE_TAKE)
            TRY(file_measure(&measuring, &entry));
    }
}
