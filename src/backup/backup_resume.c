/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_resume.h"

#include "backup/backup_base.h"
#include "os/clock.h"
#include "repo/hold.h"

#include <string.h>

/* Half a day before anybody may condemn them, for they are wanted until this backup's own `begin` names them. */
#define RESUME_AGE_MAX_US (BEGIN_YOUNG_US - INT64_C(12) * 3600 * 1000000)

/* More than so many attempts in a row have another cause than bad luck; the newest ones serve. */
enum { RESUME_LABELS_MAX = 32 };

void resume_free(Resume **resume)
{
    if (!*resume)
        return;
    stored_runs_free(&(*resume)->runs);
    wal_changes_free(&(*resume)->changes);
    page_hashes_free(&(*resume)->hashes);
    repo_free(&(*resume)->repo);
    mem_free(resume);
}

/* -- which interrupted backups --------------------------------------------------------------------------------------- */

typedef struct Search {
    Backup *backup;
    Repo *repo;
    const BackupLabel *condemned;
    size_t condemned_count;
    BackupLabel labels[RESUME_LABELS_MAX]; /* the newest first */
    size_t count;
    Lsn from;           /* the lowest start */
    const char *reason; /* why what one of them stored must be compared; NULL: nothing speaks against it */
} Search;

static bool begin_serves(const BackupBegin *begin, const BackupRecord *own)
{
    return begin->timeline.id == own->timeline.id && !begin->from_standby && lsn_is_valid(begin->start_lsn) &&
           begin->start_lsn.at <= own->start_lsn.at && begin->has_checksums == own->has_checksums;
}

/* A data directory that was rolled back to a snapshot in between may have written other WAL than what led to the blocks,
 * and where nothing of the old WAL came into the archive nobody could tell. A disk is rolled back beneath a stopped
 * server; a virtual machine with the server in its memory, which the mark tells, and a stopped one too. */
static Err *life_compare(const char **reason, const BackupBegin *begin, const Search *search)
{
    const Backup *const own = search->backup;
    const bool is_same_run =
        instant_is_none(own->server_started)
            ? begin->offline && begin->start_lsn.at == own->record.start_lsn.at
            : !instant_is_none(begin->server_started) && begin->server_started.us == own->server_started.us;
    const WalPlaces places = backup_wal_places(own, search->repo);
    bool is_marked;
    TRY(wal_mark_holds(&is_marked, &places, &begin->mark));
    if (!is_same_run)
        *reason = "the server was started since";
    else if (!is_marked)
        *reason = "its checkpoint is not found in the server's WAL";
    return NULL;
}

static Err *label_try(Search *search, const BackupEntry *entry)
{
    Backup *const backup = search->backup;
    const bool is_young = clock_now().us - entry->begun.us < RESUME_AGE_MAX_US;
    if (!entry->has_begin || !entry->pack_count || !is_young ||
        label_is_among(entry->label, search->condemned, search->condemned_count))
        return NULL;
    BackupBegin begin;
    AUTO(err_free)
    Err *err = backup_begin_load(&begin, search->repo, &backup->generation.root, entry->label, backup->arena);
    if (err_is_unreadable(err))
        return NULL;
    TRY(TAKE(err));
    if (!begin_serves(&begin, &backup->record))
        return NULL;
    search->from = search->count ? lsn_min(search->from, begin.start_lsn) : begin.start_lsn;
    search->labels[search->count++] = entry->label;
    return life_compare(&search->reason, &begin, search);
}

/* Those begun after the newest backup that exists: what is older is in that one, or was given up. */
static Err *labels_find(Search *search)
{
    Backup *const backup = search->backup;
    const BackupEntry *entries;
    size_t count;
    TRY(backup_list(&entries, &count, search->repo, &backup->generation.root, backup->arena));
    TRY(hold_condemned(&search->condemned, &search->condemned_count, backup->set, &backup->generation.root,
                       backup->arena));
    for (size_t i = count; i > 0 && !entries[i - 1].is_committed && search->count < RESUME_LABELS_MAX; i--)
        TRY(label_try(search, &entries[i - 1]));
    return NULL;
}

/* -- what they hold -------------------------------------------------------------------------------------------------- */

static void pack_fault_tell(void *arg, Err *fault)
{
    Backup *const backup = arg;
    report_survived(backup->report, err_doing(fault, "going on with an interrupted backup"));
}

static Err *runs_read(Resume *resume, const Search *search)
{
    Backup *const backup = search->backup;
    TRY(stored_runs_new(&resume->runs));
    for (size_t i = 0; i < search->count; i++) {
        const StoredSource source = {.store = search->repo->store,
                                     .members = backup->set->stores,
                                     .member_count = backup->set->count,
                                     .root = &backup->generation.root,
                                     .label = resume->labels[i],
                                     .on_fault = pack_fault_tell,
                                     .fault_arg = backup};
        TRY(stored_runs_add(resume->runs, &source));
    }
    stored_runs_sort(resume->runs);
    return NULL;
}

/* Without changes everything is read, and what is the same is not stored again. */
static Err *changes_find(Resume *resume, const char **reason, const Search *search)
{
    Backup *const backup = search->backup;
    *reason = search->reason;
    if (search->reason)
        return NULL;
    Lineage lineage;
    TRY(lineage_load(&lineage, search->repo, &backup->generation, backup->record.timeline, backup->arena));
    return base_changes_read(&resume->changes, reason, backup,
                             &(BaseRange){search->repo, &lineage, search->from});
}

static Err *resume_make(Resume **out, const Search *search)
{
    Backup *const backup = search->backup;
    AUTO(resume_free) Resume *resume = mem_new(sizeof *resume);
    const char *reason = NULL;
    TRY(changes_find(resume, &reason, search));
    BackupLabel *const labels = arena_alloc(backup->arena, search->count * sizeof *labels);
    for (size_t i = 0; i < search->count; i++)
        labels[i] = search->labels[search->count - 1 - i];
    resume->labels = labels;
    resume->label_count = search->count;
    TRY(runs_read(resume, search));
    if (!stored_runs_count(resume->runs))
        return NULL;
    resume->repo = repo_mirror(backup->set);
    resume->hashes = page_hashes_new(resume->repo->store, &backup->generation.root);
    report_note(backup->report, "backup/GOES_ON",
                "what %s%s stored before it was interrupted serves again%s%s", search->labels[0].text,
                search->count > 1 ? " and others" : "",
                resume->changes ? "" : ", after a comparison: ", resume->changes ? "" : reason);
    *out = TAKE(resume);
    return NULL;
}

static void repo_close(Repo **repo)
{
    repo_free(repo);
}

Err *resume_find(Resume **out, Backup *backup)
{
    AUTO(repo_close) Repo *repo = repo_mirror(backup->set);
    Search search = {.backup = backup, .repo = repo};
    *out = NULL;
    if (backup->record.from_standby)
        return NULL;
    TRY(labels_find(&search));
    return search.count ? resume_make(out, &search) : NULL;
}

/* -- what that means for a file -------------------------------------------------------------------------------------- */

/* A row of extents that may be taken, ascending, none over another. */
typedef struct Pieces {
    const StoredRuns *runs;
    Buf extents;
    uint32_t end; /* of the last one */
    size_t next;  /* the first that is not behind the reads so far */
} Pieces;

static void pieces_done(Pieces *pieces)
{
    buf_done(&pieces->extents);
}

/* Blocks [first, below) of the run, but for those that are there already. */
static void piece_add(Pieces *pieces, const StoredRun *run, uint32_t first, uint32_t below)
{
    if (first < pieces->end)
        first = pieces->end;
    if (first >= below)
        return;
    const Extent extent = stored_run_extent(pieces->runs, run, first, below - first);
    buf_add(&pieces->extents, &extent, sizeof extent);
    pieces->end = below;
}

static uint32_t run_end(const StoredRun *run)
{
    return run->first_block + (uint32_t)pages_of(run->bytes);
}

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The stretches of a run below `end` whose blocks are not marked; block 0 of the file is block `base` of its fork. */
static void run_clean_add(Pieces *pieces, const StoredRun *run, const NumberSet *marks, uint32_t base,
                          uint32_t end)
{
    uint32_t at = run->first_block;
    NumberRun marked;
    end = lower(end, run_end(run));
    while (at < end && marks && number_set_next(&marked, marks, base + at) && marked.first - base < end) {
        piece_add(pieces, run, at, marked.first - base);
        at = marked.first - base + marked.count;
    }
    piece_add(pieces, run, at, end);
}

/* What an interrupted backup holds of a main fork, and no WAL has touched since. */
static void clean_find(Pieces *pieces, const ResumeFile *file, const WalChanges *changes)
{
    const PlanInput *const input = file->input;
    const RelFile rel = input->path.relation.rel;
    const uint32_t base = input->path.relation.segment * input->segment_blocks;
    uint32_t end = (uint32_t)(input->size_bytes / PAGE_BYTES);
    const WalChange *const change = wal_changes_find(changes, rel);
    if (wal_changes_has_database(changes, (WalDatabase){rel.tablespace, rel.database}))
        return;
    if (change)
        end = change->limit <= base ? 0 : lower(end, change->limit - base);
    size_t count;
    const StoredRun *const runs = stored_runs_find(&count, pieces->runs, file->path);
    for (size_t i = 0; i < count; i++) {
        if (!runs[i].is_damaged && runs[i].bytes % PAGE_BYTES == 0)
            run_clean_add(pieces, &runs[i], change ? &change->blocks : NULL, base, end);
    }
}

/* All that may still be the same: its hash will tell. */
static void stored_find(Pieces *pieces, const ResumeFile *file)
{
    const uint32_t end = (uint32_t)pages_of(file->input->size_bytes);
    size_t count;
    const StoredRun *const runs = stored_runs_find(&count, pieces->runs, file->path);
    for (size_t i = 0; i < count; i++)
        piece_add(pieces, &runs[i], runs[i].first_block, lower(end, run_end(&runs[i])));
}

/* The base with the pieces laid over it. */
static const ManifestEntry *base_cover(const ResumeFile *file, const Extent *pieces, size_t count,
                                       Arena *arena)
{
    AUTO(buf_done) Buf extents = {0};
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (file->base)
            base_extents_add(&extents, file->base, (NumberRun){at, pieces[i].first_block - at});
        extents_add(&extents, &pieces[i]);
        at = pieces[i].first_block + pieces[i].count;
    }
    if (file->base)
        base_extents_add(&extents, file->base, (NumberRun){at, UINT32_MAX - at});
    ManifestEntry *const entry = arena_alloc(arena, sizeof *entry);
    *entry =
        (ManifestEntry){.kind = MANIFEST_FILE, .path = file->path, .size_bytes = file->input->size_bytes};
    entry->extent_count = extents.len / sizeof(Extent);
    entry->extents = (const Extent *)(const void *)arena_bytes(arena, buf_span(&extents)).ptr;
    return entry;
}

/* Takes the pieces out of what one run of reads would read; `used` gets what of them it is. */
static void read_shorten(Buf *reads, Buf *used, NumberRun read, Pieces *pieces)
{
    const Extent *const all = (const Extent *)(const void *)pieces->extents.data;
    const size_t count = pieces->extents.len / sizeof *all;
    const uint32_t below = read.first + read.count;
    uint32_t at = read.first;
    for (; pieces->next < count && all[pieces->next].first_block < below; pieces->next++) {
        Extent piece = all[pieces->next];
        const uint32_t end = lower(below, piece.first_block + piece.count);
        const uint32_t before = piece.first_block < at ? at - piece.first_block : 0;
        if (piece.first_block + before >= end)
            continue;
        piece.first_block += before;
        piece.offset += (uint64_t)before * PAGE_BYTES;
        piece.count = end - piece.first_block;
        reads_add(reads, (NumberRun){at, piece.first_block - at});
        buf_add(used, &piece, sizeof piece);
        at = end;
        if (end == below)
            break; /* the rest of the piece may serve the next read */
    }
    reads_add(reads, (NumberRun){at, below - at});
}

static void reads_shorten(ResumeFile *file, Pieces *pieces, Arena *arena)
{
    FilePlan *const plan = file->plan;
    AUTO(buf_done) Buf reads = {0};
    AUTO(buf_done) Buf used = {0};
    const NumberRun all = {0, (uint32_t)(file->input->size_bytes / PAGE_BYTES)};
    const NumberRun *const wanted = plan->kind == PLAN_BLOCKS ? plan->reads : &all;
    const size_t count = plan->kind == PLAN_BLOCKS ? plan->read_count : 1;
    for (size_t i = 0; i < count; i++)
        read_shorten(&reads, &used, wanted[i], pieces);
    file->base = base_cover(file, (const Extent *)(const void *)used.data, used.len / sizeof(Extent), arena);
    *plan = reads_plan(&reads, arena);
}

void resume_plan(ResumeFile *file, const StoredRuns *runs, const WalChanges *changes, Arena *arena)
{
    const PgdataPath *const path = &file->input->path;
    AUTO(pieces_done) Pieces pieces = {.runs = runs};
    const bool is_main = path->kind == PGDATA_RELATION && path->relation.fork == PG_FORK_MAIN &&
                         file->input->size_bytes % PAGE_BYTES == 0;
    if (file->plan->kind == PLAN_BLOCKS && !file->plan->read_count)
        return;
    if (is_main && changes && file->plan->kind != PLAN_COMPARE)
        clean_find(&pieces, file, changes);
    if (pieces.extents.len) {
        reads_shorten(file, &pieces, arena);
        return;
    }
    if (file->plan->kind == PLAN_BLOCKS)
        return;
    stored_find(&pieces, file);
    if (!pieces.extents.len)
        return;
    file->base = base_cover(file, (const Extent *)(const void *)pieces.extents.data,
                            pieces.extents.len / sizeof(Extent), arena);
    file->plan->kind = PLAN_COMPARE;
}
