/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_self_check.c - proves that the map of changed blocks left nothing out
 *
 * When all is copied and before the backup counts, every page of main forks that it takes from an older backup is read
 * from the cluster and held against what the packs have of it, by its hash first. The same is done with visibility maps,
 * which are taken over when nobody touched their relation. Where they differ, there are three ways out:
 *
 *   1. Hints alone: no WAL names them, and both pages are right (pg/page_mask.h).
 *   2. WAL between this backup's start and the end of the check names the block, or cut its relation: recovery writes it
 *      again, whatever the backup holds.
 *   3. Neither. Then the map had a hole, or somebody wrote to the file behind the server's back. The backup is not
 *      committed.
 *
 * A page that is read while it is being written is of the second kind, or torn in hints only.
 *
 * Memory: the doubts, at most SELF_CHECK_DOUBTS_MAX; later ones are counted and cannot be resolved.
 */
#include "archive/change_map.h"
#include "backup/backup_base.h"
#include "backup/backup_merge.h"
#include "backup/backup_older.h"
#include "base/limits.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/path.h"
#include "os/signal.h"
#include "pg/page_mask.h"

#include <string.h>

enum {
    CHUNK_PAGES = FRAME_PLAIN_MAX / PAGE_BYTES,
    NAMED_MAX = 20, /* of what nothing explains: one is enough to doubt the map */
    FLUSH_TRIES = 200,
    FLUSH_WAIT_MS = 50, /* the WAL writer comes round four times a second */
};

/* A page that differs, until it is known why. */
typedef struct Doubt {
    RelationFile file;
    uint32_t block; /* of the fork */
    PageDiff diff;
} Doubt;

typedef struct SelfCheck {
    Backup *backup;
    Pool *pool;
    Counter blocks, hints;
    Counter unheld; /* doubts that there was no room for */
    Lock lock;      /* over: */
    Buf doubts;     /* of Doubt */
} SelfCheck;

typedef struct CheckUnit {
    Arena *arena;
    const ManifestEntry *entry;
    RelationFile file;
} CheckUnit;

typedef struct CheckWorker {
    SelfCheck *check;
    const Pool *pool;
    PlaceReader *packs;
    uint8_t *chunk; /* FRAME_PLAIN_MAX bytes */
} CheckWorker;

/* Pages of a file that were read, `count` of them from block `first` of the file on. */
typedef struct Pages {
    const CheckUnit *unit;
    const uint8_t *bytes;
    uint32_t first;
    uint32_t count;
    bool is_stored[CHUNK_PAGES]; /* some pack holds it; the others are zeros */
} Pages;

static void check_done(SelfCheck *check)
{
    buf_done(&check->doubts);
    lock_done(&check->lock);
}

/* -- one page -------------------------------------------------------------------------------------------------------- */

/* Hints are of main forks alone; of a visibility map every bit counts, and it has no header fields that say so. */
static PageDiff diff_of(const RelationFile *file, const uint8_t *held, const uint8_t *found)
{
    enum { HEADER_BYTES = 24 };
    if (file->fork == PG_FORK_MAIN)
        return page_diff(held, found);
    return memcmp(held + HEADER_BYTES, found + HEADER_BYTES, PAGE_BYTES - HEADER_BYTES) == 0
               ? PAGE_DIFFERS_HINTS
               : PAGE_DIFFERS_CONTENT;
}

static void doubt_add(SelfCheck *check, const Doubt *doubt)
{
    lock_take(&check->lock);
    const bool has_room = check->doubts.len / sizeof *doubt < SELF_CHECK_DOUBTS_MAX;
    if (has_room)
        buf_add(&check->doubts, doubt, sizeof *doubt);
    lock_release(&check->lock);
    if (!has_room)
        counter_add(&check->unheld, 1);
}

static void page_judge(const CheckWorker *worker, const Pages *pages, uint32_t at, const uint8_t *held)
{
    SelfCheck *const check = worker->check;
    const RelationFile *const file = &pages->unit->file;
    const PageDiff diff = diff_of(file, held, pages->bytes + (size_t)at * PAGE_BYTES);
    if (diff <= PAGE_DIFFERS_HINTS) {
        counter_add(&check->hints, 1);
        return;
    }
    const uint32_t segment_blocks = check->backup->generation.relation_segment_blocks;
    doubt_add(check, &(Doubt){*file, file->segment * segment_blocks + pages->first + at, diff});
}

/* The page is not what its hash says; gets what the pack holds. */
static Err *page_fetch(const CheckWorker *worker, const Pages *pages, uint32_t at, const Extent *extent)
{
    AUTO(buf_done) Buf held = {0};
    const uint64_t offset = extent->offset + (uint64_t)(pages->first + at - extent->first_block) * PAGE_BYTES;
    TRY(place_get_range(&held, worker->packs, &(PackRange){extent->label, extent->pack, offset, PAGE_BYTES}));
    page_judge(worker, pages, at, held.data);
    return NULL;
}

/* -- a file ---------------------------------------------------------------------------------------------------------- */

static Err *extent_check(const CheckWorker *worker, Pages *pages, const Extent *extent)
{
    const Backup *const backup = worker->check->backup;
    const uint32_t begin = extent->first_block - pages->first;
    memset(pages->is_stored + begin, true, extent->count);
    if (text_equal(extent->label.text, backup->record.label.text))
        return NULL; /* read by this backup itself */
    uint64_t hashes[CHUNK_PAGES], seed;
    TRY(page_hashes_get(hashes, &seed, older_hashes(backup), extent));
    counter_add(&worker->check->blocks, extent->count);
    for (uint32_t i = 0; i < extent->count; i++) {
        const Span page = span_of(pages->bytes + (size_t)(begin + i) * PAGE_BYTES, PAGE_BYTES);
        if (hash64_of(page, seed) != hashes[i])
            TRY(page_fetch(worker, pages, begin + i, extent));
    }
    return NULL;
}

static Err *pages_check(const CheckWorker *worker, Pages *pages)
{
    static const uint8_t zeros[PAGE_BYTES];
    AUTO(buf_done) Buf pieces = {0};
    base_extents_add(&pieces, pages->unit->entry, (NumberRun){pages->first, pages->count});
    const Extent *const extents = (const Extent *)(const void *)pieces.data;
    for (size_t i = 0; i < pieces.len / sizeof *extents; i++)
        TRY(extent_check(worker, pages, &extents[i]));
    for (uint32_t i = 0; i < pages->count; i++) {
        if (pages->is_stored[i])
            continue;
        counter_add(&worker->check->blocks, 1);
        if (!span_is_zero(span_of(pages->bytes + (size_t)i * PAGE_BYTES, PAGE_BYTES)))
            page_judge(worker, pages, i, zeros);
    }
    return NULL;
}

static void source_file_close(SourceFile **file)
{
    source_close(file);
}

static Err *file_check(const CheckWorker *worker, const CheckUnit *unit)
{
    Backup *const backup = worker->check->backup;
    AUTO(source_file_close) SourceFile *file = NULL;
    TRY(source_open(&file, backup->source, unit->entry->path));
    uint64_t at = 0;
    while (file && at < unit->entry->size_bytes) {
        const uint64_t left = unit->entry->size_bytes - at;
        const size_t wanted = left < FRAME_PLAIN_MAX ? (size_t)left : FRAME_PLAIN_MAX;
        size_t read;
        TRY(pool_check(worker->pool));
        TRY(source_read(&read, file, worker->chunk, wanted, at));
        Pages pages = {.unit = unit,
                       .bytes = worker->chunk,
                       .first = (uint32_t)(at / PAGE_BYTES),
                       .count = (uint32_t)(read / PAGE_BYTES)};
        TRY(pages_check(worker, &pages));
        counter_add(&backup->progress->bytes_done, read);
        at += read;
        if (read < wanted)
            break; /* cut since */
    }
    return NULL;
}

/* -- all files, in parallel ------------------------------------------------------------------------------------------ */

static Err *worker_begin(void **state, void *arg)
{
    SelfCheck *const check = arg;
    CheckWorker *const worker = mem_new(sizeof *worker);
    const Backup *const backup = check->backup;
    *worker = (CheckWorker){.check = check,
                            .packs = place_reader_new(older_repo(backup)->store, &backup->generation.root),
                            .chunk = mem_new(FRAME_PLAIN_MAX)};
    *state = worker;
    return NULL;
}

static Err *worker_end(void *state)
{
    (void)state;
    return NULL;
}

static void worker_free(void *state)
{
    CheckWorker *worker = state;
    place_reader_free(&worker->packs);
    mem_free(&worker->chunk);
    mem_free(&worker);
}

static Err *unit_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)arg;
    CheckWorker *const worker = state;
    worker->pool = pool;
    return file_check(worker, unit);
}

static void unit_free(void *given)
{
    CheckUnit *unit = given;
    arena_free(&unit->arena);
    mem_free(&unit);
}

static Err *entry_push(void *arg, const ManifestEntry *entry)
{
    SelfCheck *const check = arg;
    const PgdataPath path = pgdata_path_classify(entry->path, &check->backup->filter.version);
    const PgFork fork = path.relation.fork;
    if (entry->kind != MANIFEST_FILE || path.kind != PGDATA_RELATION ||
        (fork != PG_FORK_MAIN && fork != PG_FORK_VM))
        return NULL;
    CheckUnit *const unit = mem_new(sizeof *unit);
    unit->arena = arena_new();
    unit->entry = merge_entry_copy(entry, unit->arena);
    unit->file = path.relation;
    return pool_push(check->pool, unit);
}

static Err *files_push(void *arg, Pool *pool)
{
    SelfCheck *const check = arg;
    const Backup *const backup = check->backup;
    check->pool = pool;
    return manifest_each(older_repo(backup)->store, &backup->generation.root, &backup->record.manifest_root,
                         entry_push, check);
}

static Err *files_check(SelfCheck *check)
{
    Backup *const backup = check->backup;
    progress_phase(backup->progress, "self-check");
    counter_set(&backup->progress->bytes_done, 0);
    TRY(pool_run(&(PoolSpec){.workers = (size_t)backup->cluster->jobs,
                             .arg = check,
                             .produce = files_push,
                             .work = unit_work,
                             .unit_free = unit_free,
                             .stop_check = signal_check,
                             .begin = worker_begin,
                             .end = worker_end,
                             .free = worker_free}));
    return source_check(backup->source);
}

/* -- what the doubts come to ----------------------------------------------------------------------------------------- */

/* A record may go on from a page's head, so that the position behind it is the head's begin. */
static Lsn head_left_out(Lsn lsn)
{
    const uint64_t within = lsn.at % PAGE_BYTES;
    return within <= WAL_PAGE_LONG_HEAD_BYTES ? (Lsn){lsn.at - within} : lsn;
}

/* Everything that is on the disk now was in WAL before this. */
static Err *position_now(Lsn *out, Connection *connection)
{
    ServerPosition now;
    TRY(server_position_read(&now, connection));
    const Lsn wanted = head_left_out(now.is_in_recovery ? now.replayed : now.inserted);
    for (int i = 0; !now.is_in_recovery && now.flushed.at < wanted.at; i++) {
        if (i == FLUSH_TRIES)
            return ERR(AWAY, "the server has WAL up to %s and has written it up to %s only",
                       lsn_text(wanted).text, lsn_text(now.flushed).text);
        clock_sleep_ms(FLUSH_WAIT_MS);
        TRY(server_position_read(&now, connection));
    }
    *out = wanted;
    return NULL;
}

/* What changed while this backup was made. */
static Err *changes_since_start(WalChanges **out, const Backup *backup, Connection *connection)
{
    Repo *const repo = older_repo(backup);
    Lineage lineage;
    TRY(lineage_load(&lineage, repo, &backup->generation, backup->record.timeline, backup->arena));
    Lsn now = {0};
    TRY(position_now(&now, connection));
    WalArchive archive; /* listed after that: what is no longer in pg_wal then is in here */
    TRY(wal_archive_list(&archive, repo, &backup->generation, backup->arena));
    return change_map_make(
        out, &(ChangeRange){.repo = repo,
                            .generation = &backup->generation,
                            .archive = &archive,
                            .lineage = &lineage,
                            .wal_folder = path_join(backup->cluster->pgdata, "pg_wal", backup->arena),
                            .from = backup->record.start_lsn,
                            .to = now});
}

static bool is_changed(const WalChanges *changes, const Doubt *doubt)
{
    const RelFile rel = doubt->file.rel;
    if (wal_changes_has_database(changes, (WalDatabase){rel.tablespace, rel.database}))
        return true;
    const WalChange *const change = wal_changes_find(changes, rel);
    if (!change || doubt->file.fork != PG_FORK_MAIN)
        return change != NULL;
    return change->limit <= doubt->block || number_set_has(&change->blocks, doubt->block);
}

/* Keeps the doubts that `changes` does not explain. */
static void doubts_resolve(SelfCheck *check, const WalChanges *changes)
{
    Doubt *const doubts = (Doubt *)(void *)check->doubts.data;
    size_t kept = 0;
    for (size_t i = 0; i < check->doubts.len / sizeof *doubts; i++) {
        if (!is_changed(changes, &doubts[i]))
            doubts[kept++] = doubts[i];
    }
    buf_cut(&check->doubts, kept * sizeof *doubts);
}

static void doubts_tell(const SelfCheck *check)
{
    const Backup *const backup = check->backup;
    const Doubt *const doubts = (const Doubt *)(const void *)check->doubts.data;
    const size_t count = check->doubts.len / sizeof *doubts;
    const size_t told = count < NAMED_MAX ? count : NAMED_MAX;
    BadPage *const pages = arena_alloc(backup->arena, (told + 1) * sizeof *pages);
    for (size_t i = 0; i < told; i++) {
        const RelationPath path = relation_path(&doubts[i].file, &backup->filter.version);
        pages[i] = (BadPage){arena_text(backup->arena, path.text), doubts[i].block, ""};
    }
    backup_pages_name(backup, pages, told);
    for (size_t i = 0; i < told; i++)
        report_fault(backup->report, ERR(CORRUPT, "block %u of %s changed without WAL, in its %s%s%s",
                                         pages[i].block, pages[i].path, page_diff_text(doubts[i].diff),
                                         pages[i].relation[0] ? "; relation " : "", pages[i].relation));
}

/* WAL since the start explains what differs, or the map is wrong. */
static Err *doubts_judge(SelfCheck *check, Connection *connection)
{
    Backup *const backup = check->backup;
    BackupChecked *const checked = &backup->checked;
    const uint64_t all = check->doubts.len / sizeof(Doubt);
    if (connection && all) {
        AUTO(wal_changes_free) WalChanges *changes = NULL;
        TRY_AS(changes_since_start(&changes, backup, connection), "reading what changed during the backup");
        const char *const fault = wal_changes_fault(changes);
        if (fault) {
            report_warn(backup->report, "backup/UNPROVEN",
                        "%llu blocks changed while the backup was made, and it cannot be told whether WAL "
                        "names them all: %s",
                        (unsigned long long)all, fault);
            checked->unproven = all + counter_get(&check->unheld);
            return NULL;
        }
        doubts_resolve(check, changes);
    }
    checked->differences = check->doubts.len / sizeof(Doubt);
    checked->later = all - checked->differences;
    checked->unproven = counter_get(&check->unheld);
    if (checked->unproven)
        report_warn(backup->report, "backup/UNPROVEN",
                    "more than %d blocks changed while the backup was made: the others could not be checked",
                    SELF_CHECK_DOUBTS_MAX);
    return NULL;
}

Err *backup_self_check(Backup *backup, Connection *connection)
{
    if (!backup->options->self_check || !older_is_there(backup))
        return NULL;
    AUTO(check_done) SelfCheck check = {.backup = backup};
    lock_init(&check.lock);
    TRY(pack_finish(backup->own_packs)); /* the manifest is read back */
    TRY(files_check(&check));
    TRY(doubts_judge(&check, connection));
    backup->checked.blocks = counter_get(&check.blocks);
    backup->checked.hints = counter_get(&check.hints);
    if (!backup->checked.differences)
        return NULL;
    doubts_tell(&check);
    return err_hint(ERR(CORRUPT, "%llu blocks changed without WAL since %s: the backup was not committed",
                        (unsigned long long)backup->checked.differences, older_label(backup).text),
                    "a full backup (--type full) trusts no older one; please report how this came about");
}
