/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_file.h"
#include "backup/backup_base.h"
#include "backup/backup_older.h"

#include "os/clock.h"
#include "pg/pgdata_path.h"

#include <string.h>

/* How far a file may grow behind its listed size before the rest is left to WAL: configuration that was just rewritten
 * must be whole, a log that grows for ever must end. */
enum { GROWTH_MAX = 16 * 1024 * 1024 };

/* A page is written in far less time than these looks take together. */
enum { PAGE_TRIES = 5, PAGE_WAIT_MS = 5 };

enum { CHUNK_PAGES = FRAME_PLAIN_MAX / PAGE_BYTES };

typedef struct Reading {
    CopyWorker *worker;
    SourceFile *file;
    FilePart *part;
    const FileJob *job;
    bool is_relation;
    uint32_t first_block;     /* of the file within its fork */
    bool is_bad[CHUNK_PAGES]; /* pages of the chunk in hand that are damaged */
} Reading;

static void source_file_close(SourceFile **file)
{
    source_close(file);
}

static void bad_page_add(const Reading *reading, uint32_t block)
{
    CopyWorker *const worker = reading->worker;
    worker->bad_page_count++;
    if (worker->bad_pages.len / sizeof(BadPage) >= BAD_PAGES_LISTED_MAX)
        return;
    const BadPage bad = {.path = mem_text(reading->job->path), .block = block, .relation = ""};
    buf_add(&worker->bad_pages, &bad, sizeof bad);
}

/* A page that looks bad may have been torn by a write at this moment: it is read again before it is believed. */
static Err *page_look_again(bool *is_bad, const Reading *reading, uint8_t *page, uint32_t block,
                            uint64_t offset)
{
    *is_bad = false;
    const PageRules *const rules = &reading->worker->backup->rules;
    PageState state = page_check(page, block, rules);
    /* Where very much is damaged, waiting for every page would take hours. */
    const int tries = reading->worker->bad_page_count < BAD_PAGES_LISTED_MAX ? PAGE_TRIES : 1;
    for (int i = 0; i < tries && state != PAGE_GOOD && state != PAGE_NEW; i++) {
        if (i > 0)
            clock_sleep_ms(PAGE_WAIT_MS);
        uint8_t again[PAGE_BYTES];
        size_t read = 0;
        TRY(source_read(&read, reading->file, again, sizeof again, offset));
        if (read < sizeof again) { /* truncated meanwhile: recovery truncates it too, whatever it holds */
            memset(page, 0, PAGE_BYTES);
            return NULL;
        }
        memcpy(page, again, sizeof again);
        state = page_check(page, block, rules);
    }
    *is_bad = state != PAGE_GOOD && state != PAGE_NEW && state != PAGE_REWRITTEN;
    if (*is_bad)
        bad_page_add(reading, block);
    return NULL;
}

/* Where a page with this LSN belongs among the suspects: a free place, that of the lowest, or NULL for none. */
static Suspect *suspect_place(CopyWorker *worker, Lsn lsn)
{
    if (worker->suspect_count < SUSPECTS_PER_WORKER)
        return &worker->suspects[worker->suspect_count++];
    Suspect *lowest = worker->suspects;
    for (size_t i = 1; i < SUSPECTS_PER_WORKER; i++) {
        if (worker->suspects[i].lsn.at < lowest->lsn.at)
            lowest = &worker->suspects[i];
    }
    return lsn.at > lowest->lsn.at ? lowest : NULL;
}

static void suspects_note(const Reading *reading, const uint8_t *pages, size_t count, uint32_t block)
{
    for (size_t i = 0; i < count; i++) {
        const Lsn lsn = page_header(pages + i * PAGE_BYTES).lsn;
        if (lsn.at <= reading->worker->backup->rules.start.at)
            continue;
        Suspect *const place = suspect_place(reading->worker, lsn);
        if (!place)
            continue;
        mem_free(&place->path);
        *place = (Suspect){lsn, block + (uint32_t)i, mem_text(reading->job->path)};
    }
}

static Err *pages_check(Reading *reading, uint8_t *pages, size_t count, uint64_t offset)
{
    const uint32_t first = reading->first_block + (uint32_t)(offset / PAGE_BYTES);
    memset(reading->is_bad, 0, sizeof reading->is_bad);
    size_t at = 0;
    while (at < count) {
        const Span rest = span_of(pages + at * PAGE_BYTES, (count - at) * PAGE_BYTES);
        at += pages_good(rest, first + (uint32_t)at, &reading->worker->backup->rules);
        if (at == count)
            break;
        TRY(page_look_again(&reading->is_bad[at], reading, pages + at * PAGE_BYTES, first + (uint32_t)at,
                            offset + at * PAGE_BYTES));
        at++;
    }
    suspects_note(reading, pages, count, first);
    return NULL;
}

/* -- what is stored of a chunk --------------------------------------------------------------------------------------- */

typedef enum PageFate {
    PAGE_FATE_STORE,
    PAGE_FATE_STORE_BAD, /* the same of a damaged page: nobody may take it for good later */
    PAGE_FATE_ZERO,      /* not stored: a block that no extent covers is zeros */
    PAGE_FATE_SAME,      /* the parent's */
} PageFate;

/* A chunk, and what becomes of its pages. */
typedef struct Chunk {
    Span bytes;
    uint64_t offset;
    size_t count;
    PageFate fates[CHUNK_PAGES];
} Chunk;

static Span chunk_page(const Chunk *chunk, size_t at)
{
    return span_cut(chunk->bytes, at * PAGE_BYTES, PAGE_BYTES);
}

/* Compares the pages that `extent`, a piece of the parent, covers. A pack of the parent's that cannot be read is no
 * reason to fail: its pages are stored again. */
static Err *pages_compare(Chunk *chunk, const Reading *reading, const Extent *extent)
{
    uint64_t hashes[CHUNK_PAGES], seed;
    const Backup *const backup = reading->worker->backup;
    if (backup->base && pack_set_has(&backup->base->rewrite, extent))
        return NULL;
    AUTO(err_free) Err *err = page_hashes_get(hashes, &seed, older_hashes(backup), extent);
    if (err)
        return err_is_unreadable(err) ? NULL : TAKE(err);
    const size_t first = extent->first_block - (size_t)(chunk->offset / PAGE_BYTES);
    for (size_t i = 0; i < extent->count; i++) {
        if (hash64_of(chunk_page(chunk, first + i), seed) == hashes[i])
            chunk->fates[first + i] = PAGE_FATE_SAME;
    }
    return NULL;
}

static Err *chunk_compare(Chunk *chunk, const Reading *reading)
{
    AUTO(buf_done) Buf pieces = {0};
    const NumberRun run = {(uint32_t)(chunk->offset / PAGE_BYTES), (uint32_t)chunk->count};
    base_extents_add(&pieces, reading->job->base, run);
    const Extent *const extents = (const Extent *)(const void *)pieces.data;
    for (size_t i = 0; i < pieces.len / sizeof *extents; i++)
        TRY(pages_compare(chunk, reading, &extents[i]));
    return NULL;
}

static Err *pages_store(const Reading *reading, const PackRun *run, Span bytes)
{
    PackPlace place;
    TRY(pack_add(&place, reading->worker->packs, run, bytes));
    extents_add(&reading->part->extents, &(Extent){.first_block = (uint32_t)(run->file_offset / PAGE_BYTES),
                                                   .count = (uint32_t)pages_of(bytes.len),
                                                   .label = reading->worker->backup->record.label,
                                                   .pack = place.pack,
                                                   .offset = place.offset});
    return NULL;
}

/* The next pages from `at` on that share one fate. */
static Err *run_store(const Reading *reading, const Chunk *chunk, size_t at, size_t count)
{
    const FileJob *const job = reading->job;
    const uint64_t offset = chunk->offset + at * PAGE_BYTES;
    const Span bytes = span_cut(chunk->bytes, at * PAGE_BYTES, count * PAGE_BYTES);
    const PackRun run = {.path = job->path,
                         .file_offset = offset,
                         .file_bytes = job->listed_bytes,
                         .is_complete = reading->part->offset == 0 && offset + bytes.len == job->listed_bytes,
                         .is_damaged = chunk->fates[at] == PAGE_FATE_STORE_BAD};
    switch (chunk->fates[at]) {
    case PAGE_FATE_ZERO:
        return NULL;
    case PAGE_FATE_SAME:
        base_extents_add(&reading->part->extents, job->base,
                         (NumberRun){(uint32_t)(offset / PAGE_BYTES), (uint32_t)count});
        return NULL;
    default:
        return pages_store(reading, &run, bytes);
    }
}

static Err *chunk_store(const Reading *reading, Span bytes, uint64_t offset)
{
    Chunk chunk = {.bytes = bytes, .offset = offset, .count = pages_of(bytes.len)};
    if (reading->job->plan && reading->job->plan->kind == PLAN_COMPARE)
        TRY(chunk_compare(&chunk, reading));
    for (size_t i = 0; i < chunk.count; i++) {
        if (chunk.fates[i] != PAGE_FATE_STORE)
            continue;
        if (span_is_zero(chunk_page(&chunk, i)))
            chunk.fates[i] = PAGE_FATE_ZERO;
        else if (reading->is_bad[i])
            chunk.fates[i] = PAGE_FATE_STORE_BAD;
    }
    for (size_t at = 0, end; at < chunk.count; at = end) {
        for (end = at + 1; end < chunk.count && chunk.fates[end] == chunk.fates[at];)
            end++;
        TRY(run_store(reading, &chunk, at, end - at));
    }
    return NULL;
}

/* -- reading --------------------------------------------------------------------------------------------------------- */

/* Asked between frames: at a high level a unit takes minutes. */
static Err *go_on_check(const CopyWorker *worker)
{
    if (worker->pool)
        TRY(pool_check(worker->pool));
    if (counter_get(&worker->backup->session_lost))
        return ERR(AWAY, "the server has ended the session of this backup");
    return NULL;
}

/* Reads and stores [from, limit); `*is_end` when the file ends before. part->end says how far it went. */
static Err *stretch_read(bool *is_end, Reading *reading, uint64_t from, uint64_t limit)
{
    CopyWorker *const worker = reading->worker;
    *is_end = false;
    for (uint64_t at = from; at < limit && !*is_end;) {
        const uint64_t left = limit - at;
        const size_t wanted = left < FRAME_PLAIN_MAX ? (size_t)left : FRAME_PLAIN_MAX;
        size_t read = 0;
        TRY(go_on_check(worker));
        TRY(source_read(&read, reading->file, worker->chunk, wanted, at));
        *is_end = read < wanted;
        if (read > 0) {
            if (reading->is_relation)
                TRY(pages_check(reading, worker->chunk, read / PAGE_BYTES, at));
            TRY(chunk_store(reading, span_of(worker->chunk, read), at));
        }
        at += read;
        reading->part->end = at;
        counter_add(&worker->backup->progress->bytes_done, read);
        counter_add(&worker->backup->read_bytes, read);
    }
    return NULL;
}

/* Takes the parent's bytes up to `end`; the part has been seen to until there. */
static void base_take(const Reading *reading, uint64_t end)
{
    FilePart *const part = reading->part;
    if (end <= part->end)
        return;
    const uint32_t first = (uint32_t)(part->end / PAGE_BYTES);
    base_extents_add(&part->extents, reading->job->base, (NumberRun){first, (uint32_t)pages_of(end) - first});
    counter_add(&reading->worker->backup->progress->bytes_done, end - part->end);
    part->end = end;
}

/* The blocks that the plan names are read, and what lies between them is the parent's. */
static Err *blocks_read(Reading *reading)
{
    FilePart *const part = reading->part;
    const FilePlan *const plan = reading->job->plan;
    for (size_t i = 0; i < plan->read_count; i++) {
        uint64_t begin = (uint64_t)plan->reads[i].first * PAGE_BYTES;
        uint64_t end = begin + (uint64_t)plan->reads[i].count * PAGE_BYTES;
        if (begin < part->offset)
            begin = part->offset;
        if (end > part->limit)
            end = part->limit;
        if (begin >= end)
            continue;
        base_take(reading, begin);
        bool is_end;
        TRY(stretch_read(&is_end, reading, begin, end));
        if (is_end)
            return NULL; /* it was cut after this backup began: recovery cuts it too */
    }
    base_take(reading, part->limit);
    return NULL;
}

Err *backup_file_copy(FilePart *part, CopyWorker *worker, const FileJob *job)
{
    Backup *const backup = worker->backup;
    AUTO(source_file_close) SourceFile *file = NULL;
    Reading reading = {.worker = worker, .part = part, .job = job};
    part->end = part->offset;
    part->is_there = true;
    if (job->plan && job->plan->kind == PLAN_BLOCKS && !job->plan->read_count) {
        base_take(&reading, part->limit);
        return NULL;
    }
    TRY(source_open(&file, backup->source, job->path));
    part->is_there = file != NULL;
    if (!file)
        return NULL;
    reading.file = file;
    const PgdataPath kind = pgdata_path_classify(job->path, &backup->filter.version);
    reading.is_relation = kind.kind == PGDATA_RELATION;
    if (reading.is_relation)
        reading.first_block = kind.relation.segment * backup->generation.relation_segment_blocks;
    else if (part->limit == job->listed_bytes)
        part->limit += GROWTH_MAX;
    if (job->plan && job->plan->kind == PLAN_BLOCKS)
        return blocks_read(&reading);
    bool is_end;
    return stretch_read(&is_end, &reading, part->offset, part->limit);
}
