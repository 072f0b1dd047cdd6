/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_copy.c - all files, in parallel, into packs and manifest
 *
 * Two passes over the source. The first gathers only large files and hands them out in parts, the largest first, so that
 * no worker is left alone with one at the end. The second goes through everything in path order and collects small files
 * into batches. Finished batches leave the window in the order they entered it, so the manifest is written in path order
 * while the copy goes on, and memory holds the large files' names and a window of bounded weight.
 */
#include "backup/backup_file.h"
#include "backup/backup_merge.h"
#include "backup/backup_older.h"

#include "base/text.h"
#include "flow/latch.h"
#include "os/signal.h"

#include <stdlib.h>
#include <string.h>

enum {
    LARGE_FILE_BYTES = 16 * 1024 * 1024, /* larger than this is copied in parts, first */
    BATCH_BYTES_MAX = 4 * 1024 * 1024,   /* 10 ms of compression: little in a run, much for a hand-over */
    BATCH_ITEMS_MAX = 256,
    WINDOW_BATCHES = 64,
    /* Pieces of files in the parent, 40 bytes each and as much again for what comes of them: of a file of 1 GB
     * 131,072. */
    BATCH_EXTENTS_MAX = 16 * 1024,
    WINDOW_EXTENTS_MAX = 256 * 1024,
};

/* A large file and its parts; each part is a unit. */
typedef struct LargeFile {
    FileJob job;
    FilePart *parts;
    size_t part_count;
    Latch *latch;
    bool is_of_batch; /* lives and ends with the batch of its item */
} LargeFile;

/* What the manifest will say, in path order. */
typedef struct CopyItem {
    ManifestEntry entry;      /* texts in the batch's arena */
    const ManifestEntry *old; /* the file in the parent; NULL without */
    FilePlan plan;
    FileJob job;      /* of a file */
    FilePart part;    /* of a small file */
    LargeFile *large; /* or of a large one */
} CopyItem;

typedef struct Batch {
    Arena *arena;
    CopyItem items[BATCH_ITEMS_MAX];
    size_t count;
    uint64_t bytes; /* to be read */
    size_t extents; /* of the files in the parent, and runs to be read */
    Latch *latch;
} Batch;

/* What travels through the pool: a batch, or one part of a large file. */
typedef struct CopyUnit {
    Batch *batch;
    LargeFile *large;
    FilePart *part;
} CopyUnit;

typedef struct Copy {
    Backup *backup;
    Pool *pool;
    Merge *merge; /* NULL without a parent */
    ManifestWriter *manifest;
    Buf large; /* of LargeFile, sorted by path for the second pass */
    Batch *filling;
    Batch *window[WINDOW_BATCHES]; /* a ring */
    size_t window_first, window_count;
    size_t window_extents; /* of all its batches */
} Copy;

static Batch *batch_new(void)
{
    Batch *const batch = mem_new(sizeof *batch);
    batch->arena = arena_new();
    batch->latch = latch_new(1);
    return batch;
}

static void large_done(LargeFile *large)
{
    for (size_t k = 0; k < large->part_count; k++)
        buf_done(&large->parts[k].extents);
    latch_free(&large->latch);
}

static void batch_free(Batch **batch)
{
    if (!*batch)
        return;
    for (size_t i = 0; i < (*batch)->count; i++) {
        CopyItem *const item = &(*batch)->items[i];
        buf_done(&item->part.extents);
        if (item->large && item->large->is_of_batch)
            large_done(item->large);
    }
    latch_free(&(*batch)->latch);
    arena_free(&(*batch)->arena);
    mem_free(batch);
}

static LargeFile *large_files(const Copy *copy)
{
    return (LargeFile *)copy->large.data;
}

static size_t large_count(const Copy *copy)
{
    return copy->large.len / sizeof(LargeFile);
}

static void copy_done(Copy *copy)
{
    for (size_t i = 0; i < large_count(copy); i++)
        large_done(&large_files(copy)[i]);
    buf_done(&copy->large);
    batch_free(&copy->filling);
    for (; copy->window_count > 0; copy->window_count--) {
        batch_free(&copy->window[copy->window_first]);
        copy->window_first = (copy->window_first + 1) % WINDOW_BATCHES;
    }
    manifest_writer_free(&copy->manifest);
    merge_free(&copy->merge);
}

/* -- the workers --------------------------------------------------------------------------------------------------- */

static Err *worker_begin(void **state, void *arg)
{
    Backup *const backup = ((Copy *)arg)->backup;
    const PackWriterSpec spec = {.stores = backup->set->stores,
                                 .store_count = backup->set->count,
                                 .root = &backup->generation.root,
                                 .label = backup->record.label,
                                 .packs_begun = &backup->packs_begun,
                                 .codec = backup->wal.options[0].codec,
                                 .level = backup->wal.options[0].compress_level};
    PackWriter *packs = NULL;
    TRY(pack_writer_new(&packs, &spec));
    CopyWorker *const worker = mem_new(sizeof *worker);
    *worker = (CopyWorker){.backup = backup, .packs = packs, .chunk = mem_new(FRAME_PLAIN_MAX)};
    *state = worker;
    return NULL;
}

static Err *unit_work(void *arg, Pool *pool, void *state, void *given)
{
    (void)arg;
    CopyUnit *const unit = given;
    ((CopyWorker *)state)->pool = pool;
    if (unit->large)
        return backup_file_copy(unit->part, state, &unit->large->job);
    for (size_t i = 0; i < unit->batch->count; i++) {
        CopyItem *const item = &unit->batch->items[i];
        if (item->entry.kind != MANIFEST_FILE || item->large)
            continue;
        TRY(pool_check(pool));
        TRY(backup_file_copy(&item->part, state, &item->job));
    }
    return NULL;
}

static void unit_free(void *given)
{
    CopyUnit *unit = given;
    latch_count_down(unit->large ? unit->large->latch : unit->batch->latch);
    mem_free(&unit);
}

static void bad_pages_keep(Backup *backup, const CopyWorker *worker)
{
    const BadPage *const bad = (const BadPage *)worker->bad_pages.data;
    backup->record.bad_page_count += worker->bad_page_count;
    for (size_t i = 0; i < worker->bad_pages.len / sizeof *bad; i++) {
        if (backup->bad_pages.len / sizeof *bad >= BAD_PAGES_LISTED_MAX)
            return;
        const BadPage kept = {arena_text(backup->arena, bad[i].path), bad[i].block, ""};
        buf_add(&backup->bad_pages, &kept, sizeof kept);
    }
}

static Err *worker_end(void *state)
{
    CopyWorker *const worker = state;
    Backup *const backup = worker->backup;
    TRY(pack_finish(worker->packs));
    lock_take(&backup->lock);
    backup_packs_keep(backup, worker->packs);
    bad_pages_keep(backup, worker);
    for (size_t i = 0; i < worker->suspect_count; i++) {
        const Suspect *const from = &worker->suspects[i];
        const Suspect kept = {from->lsn, from->block, arena_text(backup->arena, from->path)};
        buf_add(&backup->suspects, &kept, sizeof kept);
    }
    lock_release(&backup->lock);
    return NULL;
}

static void worker_free(void *state)
{
    CopyWorker *worker = state;
    BadPage *const bad = (BadPage *)worker->bad_pages.data;
    for (size_t i = 0; i < worker->bad_pages.len / sizeof *bad; i++)
        mem_free(&bad[i].path);
    buf_done(&worker->bad_pages);
    for (size_t i = 0; i < worker->suspect_count; i++)
        mem_free(&worker->suspects[i].path);
    mem_free(&worker->chunk);
    pack_writer_free(&worker->packs);
    mem_free(&worker);
}

/* -- the first pass: large files ------------------------------------------------------------------------------------ */

static void left_out_note(void *arg, const char *path)
{
    Backup *const backup = arg;
    report_note(backup->report, "backup/LEFT_OUT", "%s is neither file, folder nor link and is left out",
                path);
}

static Err *walk_begin(Walk **out, Backup *backup, WalkNoteFn *on_note)
{
    return walk_new(out, backup->source,
                    &(WalkOptions){.filter = &backup->filter, .on_note = on_note, .note_arg = backup});
}

static bool is_large(const SourceItem *item)
{
    return item->kind == SOURCE_FILE && item->verdict == SOURCE_TAKE && item->size_bytes > LARGE_FILE_BYTES;
}

static LargeFile large_make(const FileJob *job, Arena *arena)
{
    const uint64_t size = job->listed_bytes;
    LargeFile large = {.job = *job};
    large.part_count = (size_t)((size + UNIT_BYTES_MAX - 1) / UNIT_BYTES_MAX);
    large.parts = arena_alloc(arena, large.part_count * sizeof *large.parts);
    for (size_t i = 0; i < large.part_count; i++) {
        const uint64_t offset = (uint64_t)i * UNIT_BYTES_MAX;
        const uint64_t limit = offset + UNIT_BYTES_MAX;
        large.parts[i] = (FilePart){.offset = offset, .limit = limit < size ? limit : size};
    }
    large.latch = latch_new(large.part_count);
    return large;
}

static Err *large_files_find(Copy *copy)
{
    Backup *const backup = copy->backup;
    AUTO(walk_free) Walk *walk = NULL;
    TRY(walk_begin(&walk, backup, NULL));
    for (;;) {
        bool is_entry = false;
        SourceEntry entry;
        TRY(walk_next(&is_entry, &entry, walk));
        if (!is_entry)
            return NULL;
        if (entry.item->kind == SOURCE_FILE && entry.item->verdict == SOURCE_TAKE) {
            counter_add(&backup->progress->bytes_total, entry.item->size_bytes);
            counter_add(&backup->progress->files_total, 1);
        }
        if (!is_large(entry.item))
            continue;
        const FileJob job = {.path = arena_text(backup->arena, entry.path),
                             .listed_bytes = entry.item->size_bytes};
        const LargeFile large = large_make(&job, backup->arena);
        buf_add(&copy->large, &large, sizeof large);
    }
}

static int larger_first(const void *a, const void *b)
{
    const LargeFile *const x = *(LargeFile *const *)a, *const y = *(LargeFile *const *)b;
    return (x->job.listed_bytes < y->job.listed_bytes) - (x->job.listed_bytes > y->job.listed_bytes);
}

static Err *unit_push(const Copy *copy, CopyUnit unit)
{
    TRY(backup_wal_watch(copy->backup));
    CopyUnit *const pushed = mem_new(sizeof *pushed);
    *pushed = unit;
    return pool_push(copy->pool, pushed);
}

static Err *large_files_push(Copy *copy)
{
    const size_t count = large_count(copy);
    AUTO(mem_free) LargeFile **by_size = mem_new((count + 1) * sizeof(LargeFile *));
    for (size_t i = 0; i < count; i++)
        by_size[i] = &large_files(copy)[i];
    qsort(by_size, count, sizeof(LargeFile *), larger_first);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < by_size[i]->part_count; k++)
            TRY(unit_push(copy, (CopyUnit){.large = by_size[i], .part = &by_size[i]->parts[k]}));
    }
    return NULL;
}

/* -- the second pass: everything, in path order --------------------------------------------------------------------- */

static LargeFile *large_find(const Copy *copy, const char *path)
{
    size_t low = 0, high = large_count(copy);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        LargeFile *const large = &large_files(copy)[middle];
        const int order = strcmp(path, large->job.path);
        if (order == 0)
            return large;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Joins the parts of a large file; false when it had vanished before any was read. */
static bool large_join(FilePart *whole, LargeFile *large)
{
    bool is_there = false;
    for (size_t i = 0; i < large->part_count; i++) {
        const FilePart *const part = &large->parts[i];
        is_there = is_there || part->is_there;
        if (part->end > part->offset && part->end > whole->end)
            whole->end = part->end;
        const Extent *const extents = (const Extent *)part->extents.data;
        for (size_t k = 0; k < part->extents.len / sizeof *extents; k++)
            extents_add(&whole->extents, &extents[k]);
    }
    return is_there;
}

static Err *item_write(Copy *copy, CopyItem *item)
{
    Backup *const backup = copy->backup;
    if (item->entry.kind == MANIFEST_FILE) {
        if (item->large) {
            latch_wait(item->large->latch);
            TRY(pool_check(copy->pool));
            item->part.is_there = large_join(&item->part, item->large);
        }
        if (!item->part.is_there)
            return NULL;
        item->entry.size_bytes = item->part.end;
        item->entry.extents = (const Extent *)item->part.extents.data;
        item->entry.extent_count = item->part.extents.len / sizeof(Extent);
        backup->record.files++;
        backup->record.size_bytes += item->part.end;
        counter_add(&backup->progress->files_done, 1);
    }
    TRY(pack_tally_entry(backup->tally, &item->entry));
    return manifest_add(copy->manifest, &item->entry);
}

/* Writes the oldest batch of the window into the manifest. When the run was canceled the batch stays: workers may be
 * busy with its large files until the pool has ended. */
static Err *window_shift(Copy *copy)
{
    Batch **const batch = &copy->window[copy->window_first];
    latch_wait((*batch)->latch);
    TRY(pool_check(copy->pool));
    for (size_t i = 0; i < (*batch)->count; i++)
        TRY(item_write(copy, &(*batch)->items[i]));
    copy->window_extents -= (*batch)->extents;
    batch_free(batch);
    copy->window_first = (copy->window_first + 1) % WINDOW_BATCHES;
    copy->window_count--;
    return NULL;
}

static bool window_has_room(const Copy *copy)
{
    return copy->window_count < WINDOW_BATCHES &&
           copy->window_extents + copy->filling->extents <= WINDOW_EXTENTS_MAX;
}

static Err *batch_hand_over(Copy *copy)
{
    if (!copy->filling)
        return NULL;
    while (copy->window_count && !window_has_room(copy))
        TRY(window_shift(copy));
    Batch *const batch = TAKE(copy->filling);
    copy->window[(copy->window_first + copy->window_count) % WINDOW_BATCHES] = batch;
    copy->window_count++;
    copy->window_extents += batch->extents;
    return unit_push(copy, (CopyUnit){.batch = batch});
}

static ManifestKind manifest_kind(const SourceItem *item)
{
    if (item->target)
        return MANIFEST_LINK; /* also pg_wal and tablespaces, whose content follows under their name */
    return item->kind == SOURCE_FOLDER ? MANIFEST_FOLDER : MANIFEST_FILE;
}

/* A large file of which much has to be read, in a backup that has a parent: nobody knew before. */
static Err *late_large_push(Copy *copy, CopyItem *item, Arena *arena)
{
    LargeFile *const large = arena_alloc(arena, sizeof *large);
    *large = large_make(&item->job, arena);
    large->is_of_batch = true;
    item->large = large;
    for (size_t k = 0; k < large->part_count; k++)
        TRY(unit_push(copy, (CopyUnit){.large = large, .part = &large->parts[k]}));
    return NULL;
}

static Err *file_add(Copy *copy, Batch *batch, CopyItem *item, uint64_t size_bytes)
{
    item->entry.size_bytes = size_bytes;
    item->part.limit = size_bytes;
    item->job = (FileJob){.path = item->entry.path, .listed_bytes = size_bytes};
    uint64_t to_read = size_bytes;
    if (older_is_there(copy->backup)) {
        item->job.base = item->old;
        item->plan = older_plan(copy->backup, &item->job, batch->arena);
        item->job.plan = &item->plan;
        to_read = item->plan.read_bytes;
        batch->extents += item->plan.read_count + (item->job.base ? item->job.base->extent_count : 0);
        if (to_read > LARGE_FILE_BYTES)
            return late_large_push(copy, item, batch->arena);
    } else {
        item->large = large_find(copy, item->entry.path);
    }
    batch->bytes += item->large ? 0 : to_read;
    return NULL;
}

static Err *item_add(Copy *copy, const SourceEntry *entry)
{
    if (!copy->filling)
        copy->filling = batch_new();
    Batch *const batch = copy->filling;
    const SourceItem *const from = entry->item;
    CopyItem *const item = &batch->items[batch->count++];
    *item = (CopyItem){.entry = {.kind = manifest_kind(from),
                                 .path = arena_text(batch->arena, entry->path),
                                 .mode = from->mode,
                                 .modified = from->modified}};
    if (copy->merge)
        TRY(merge_find(&item->old, copy->merge, item->entry.path, batch->arena));
    if (item->entry.kind == MANIFEST_LINK)
        item->entry.link_target = arena_text(batch->arena, from->target);
    else if (item->entry.kind == MANIFEST_FILE)
        TRY(file_add(copy, batch, item, from->size_bytes));
    if (batch->count == BATCH_ITEMS_MAX || batch->bytes >= BATCH_BYTES_MAX ||
        batch->extents >= BATCH_EXTENTS_MAX)
        return batch_hand_over(copy);
    return NULL;
}

static Err *all_files_push(Copy *copy)
{
    AUTO(walk_free) Walk *walk = NULL;
    TRY(walk_begin(&walk, copy->backup, left_out_note));
    for (;;) {
        bool is_entry = false;
        SourceEntry entry;
        TRY(walk_next(&is_entry, &entry, walk));
        if (!is_entry)
            break;
        if (entry.item->verdict != SOURCE_SKIP && entry.item->kind != SOURCE_OTHER)
            TRY(item_add(copy, &entry));
    }
    TRY(batch_hand_over(copy));
    while (copy->window_count > 0)
        TRY(window_shift(copy));
    return source_check(copy->backup->source);
}

static Err *copy_produce(void *arg, Pool *pool)
{
    Copy *const copy = arg;
    copy->pool = pool;
    TRY(large_files_push(copy));
    return all_files_push(copy);
}

/* -- the whole ------------------------------------------------------------------------------------------------------ */

void backup_packs_keep(Backup *backup, const PackWriter *packs)
{
    size_t count;
    const PackWritten *const written = pack_writer_packs(packs, &count);
    pack_tally_written(backup->tally, written, count);
    for (size_t i = 0; i < count; i++)
        backup->record.stored_bytes += written[i].summary.stored_bytes;
}

/* One pass is enough where little is read; so the parent has to say how much there is. */
static void totals_guess(Backup *backup)
{
    if (!backup->base)
        return;
    counter_set(&backup->progress->bytes_total, backup->base->record.size_bytes);
    counter_set(&backup->progress->files_total, backup->base->record.files);
}

static Err *parent_open(Copy *copy)
{
    const Base *const base = copy->backup->base;
    if (!base)
        return NULL;
    TRY(merge_new(&copy->merge, base, &copy->backup->generation.root));
    merge_serve(copy->merge, copy->manifest, copy->backup->report);
    return NULL;
}

Err *backup_copy(Backup *backup)
{
    AUTO(copy_done) Copy copy = {.backup = backup};
    progress_phase(backup->progress, "listing");
    if (!older_is_there(backup))
        TRY(large_files_find(&copy));
    else
        totals_guess(backup);
    progress_phase(backup->progress, "copying");
    PlaceWriter places = {.packs = backup->own_packs, .label = backup->record.label, .tally = backup->tally};
    if (backup->base)
        places.unwanted = (PackUses){backup->base->rewrite.packs, backup->base->rewrite.count};
    copy.manifest = manifest_writer_new(place_leaf_out(&places));
    TRY(parent_open(&copy));
    TRY(pool_run(&(PoolSpec){.workers = (size_t)backup->cluster->jobs,
                             .arg = &copy,
                             .produce = copy_produce,
                             .work = unit_work,
                             .unit_free = unit_free,
                             .stop_check = signal_check,
                             .begin = worker_begin,
                             .end = worker_end,
                             .free = worker_free}));
    return manifest_finish(&backup->record.manifest_root, copy.manifest);
}
