/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_priv.h"

#include "os/clock.h"
#include "pg/pgdata_path.h"

#include <string.h>

/* How far a file may grow behind its listed size before the rest is left to WAL: configuration that was just rewritten
 * must be whole, a log that grows for ever must end. */
enum { GROWTH_MAX = 16 * 1024 * 1024 };

/* A page is written in far less time than these looks take together. */
enum { PAGE_TRIES = 5, PAGE_WAIT_MS = 5 };

typedef struct Reading {
    CopyWorker *worker;
    SourceFile *file;
    FilePart *part;
    const char *path;
    bool is_relation;
    uint32_t first_block; /* of the file within its fork */
    uint64_t listed_bytes;
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
    const BadPage bad = {.path = mem_text(reading->path), .block = block, .relation = ""};
    buf_add(&worker->bad_pages, &bad, sizeof bad);
}

/* A page that looks bad may have been torn by a write at this moment: it is read again before it is believed. */
static Err *page_look_again(const Reading *reading, uint8_t *page, uint32_t block, uint64_t offset)
{
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
        if (read < sizeof again)
            return NULL; /* truncated meanwhile: recovery truncates it too */
        memcpy(page, again, sizeof again);
        state = page_check(page, block, rules);
    }
    if (state != PAGE_GOOD && state != PAGE_NEW && state != PAGE_REWRITTEN)
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
        *place = (Suspect){lsn, block + (uint32_t)i, mem_text(reading->path)};
    }
}

static Err *pages_check(const Reading *reading, uint8_t *pages, size_t count, uint64_t offset)
{
    const uint32_t first = reading->first_block + (uint32_t)(offset / PAGE_BYTES);
    size_t at = 0;
    while (at < count) {
        const Span rest = span_of(pages + at * PAGE_BYTES, (count - at) * PAGE_BYTES);
        at += pages_good(rest, first + (uint32_t)at, &reading->worker->backup->rules);
        if (at == count)
            break;
        TRY(page_look_again(reading, pages + at * PAGE_BYTES, first + (uint32_t)at,
                            offset + at * PAGE_BYTES));
        at++;
    }
    suspects_note(reading, pages, count, first);
    return NULL;
}

static Err *stretch_store(const Reading *reading, Span bytes, uint64_t offset, bool is_complete)
{
    Backup *const backup = reading->worker->backup;
    const PackRun run = {.path = reading->path,
                         .file_offset = offset,
                         .file_bytes = reading->listed_bytes,
                         .is_complete = is_complete};
    PackPlace place;
    TRY(pack_add(&place, reading->worker->packs, &run, bytes));
    extents_add(&reading->part->extents,
                &(Extent){.first_block = (uint32_t)(offset / PAGE_BYTES),
                          .count = (uint32_t)((bytes.len + PAGE_BYTES - 1) / PAGE_BYTES),
                          .label = backup->record.label,
                          .pack = place.pack,
                          .offset = place.offset});
    return NULL;
}

/* Blocks of zeros are not stored: a block that no extent covers is zeros. */
static Err *chunk_store(const Reading *reading, Span chunk, uint64_t offset, bool is_last)
{
    size_t begin = 0;
    for (size_t at = 0; at < chunk.len; at += PAGE_BYTES) {
        if (!span_is_zero(span_cut(chunk, at, PAGE_BYTES)))
            continue;
        if (at > begin)
            TRY(stretch_store(reading, span_cut(chunk, begin, at - begin), offset + begin, false));
        begin = at + PAGE_BYTES;
    }
    if (begin < chunk.len)
        return stretch_store(reading, span_cut(chunk, begin, chunk.len - begin), offset + begin, is_last);
    return NULL;
}

/* Asked between frames: at a high level a unit takes minutes. */
static Err *go_on_check(const CopyWorker *worker)
{
    if (worker->pool)
        TRY(pool_check(worker->pool));
    if (counter_get(&worker->backup->session_lost))
        return ERR(AWAY, "the server has ended the session of this backup");
    return NULL;
}

static Err *part_read(Reading *reading)
{
    CopyWorker *const worker = reading->worker;
    FilePart *const part = reading->part;
    uint64_t at = part->offset;
    while (at < part->limit) {
        const uint64_t left = part->limit - at;
        const size_t wanted = left < FRAME_PLAIN_MAX ? (size_t)left : FRAME_PLAIN_MAX;
        size_t read = 0;
        TRY(go_on_check(worker));
        TRY(source_read(&read, reading->file, worker->chunk, wanted, at));
        if (read == 0)
            break;
        if (reading->is_relation)
            TRY(pages_check(reading, worker->chunk, read / PAGE_BYTES, at));
        const bool is_last = part->offset == 0 && (read < wanted || at + read == reading->listed_bytes);
        TRY(chunk_store(reading, span_of(worker->chunk, read), at, is_last));
        at += read;
        counter_add(&worker->backup->progress->bytes_done, read);
        if (read < wanted)
            break;
    }
    part->end = at;
    return NULL;
}

Err *backup_file_copy(FilePart *part, CopyWorker *worker, const char *path, uint64_t listed_bytes)
{
    Backup *const backup = worker->backup;
    AUTO(source_file_close) SourceFile *file = NULL;
    TRY(source_open(&file, backup->source, path));
    part->end = part->offset;
    part->is_there = file != NULL;
    if (!file)
        return NULL;
    const PgdataPath kind = pgdata_path_classify(path, &backup->filter.version);
    Reading reading = {
        .worker = worker, .file = file, .part = part, .path = path, .listed_bytes = listed_bytes};
    reading.is_relation = kind.kind == PGDATA_RELATION;
    if (reading.is_relation)
        reading.first_block = kind.relation.segment * backup->generation.relation_segment_blocks;
    else if (part->limit == listed_bytes)
        part->limit += GROWTH_MAX;
    return part_read(&reading);
}
