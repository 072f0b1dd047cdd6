/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/look_ahead.h"

#include "base/log.h"
#include "base/text.h"
#include "flow/pool.h"
#include "archive/spool.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/signal.h"

#include <string.h>

/* Long enough to be worth while, short enough that the archiver can be stopped. */
enum { LOOK_AHEAD_MS = 2000, NOTE_BYTES_MAX = 64 * 1024 };
#define READY ".ready"

static void note_make(Buf *out, Span promise, const Hash128 *hash)
{
    buf_add(out, promise.ptr, promise.len);
    buf_addf(out, "xxh3-128 %s\n", hash128_text(hash).text);
}

bool look_ahead_done(const char *spool, Span promise, const char *name, const Hash128 *hash)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = path_join(spool, name, arena);
    AUTO(buf_done) Buf there = {0};
    AUTO(err_free) Err *err = file_read_all(&there, path, NOTE_BYTES_MAX);
    if (err)
        return false;
    AUTO(buf_done) Buf note = {0};
    note_make(&note, promise, hash);
    err = file_remove(path); /* what fails here costs a look later */
    return span_equal(buf_span(&there), buf_span(&note));
}

/* ---- a batch: as many segments as there are workers */

typedef struct Batch {
    WalStore to; /* without threads of its own: each worker makes a whole segment */
    const char *wal_folder;
    const char *const *names;
    size_t count;
    WalParcel *parcels[JOBS_MAX];
} Batch;

static Err *batch_produce(void *arg, Pool *pool)
{
    Batch *const batch = arg;
    for (size_t i = 0; i < batch->count; i++)
        TRY(pool_push(pool, &batch->parcels[i]));
    return NULL;
}

static Err *batch_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)pool, (void)state;
    Batch *const batch = arg;
    WalParcel **const slot = unit;
    AUTO(arena_free) Arena *arena = arena_new();
    return wal_parcel_make(slot, &batch->to,
                           path_join(batch->wal_folder, batch->names[slot - batch->parcels], arena));
}

static void batch_done(Batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        wal_parcel_free(&batch->parcels[i]);
}

static Err *batch_store(Batch *batch, const LookAhead *ahead)
{
    for (size_t i = 0; i < batch->count; i++) {
        TRY(signal_check());
        TRY(wal_parcel_store(batch->parcels[i], &batch->to));
        const Hash128 hash = wal_parcel_hash(batch->parcels[i]);
        AUTO(buf_done) Buf note = {0};
        note_make(&note, ahead->promise, &hash);
        (void)spool_write(ahead->spool, batch->names[i], buf_span(&note));
    }
    return NULL;
}

static Err *batch_run(const WalStore *to, const LookAhead *ahead, const char *const *names, size_t count)
{
    AUTO(batch_done)
    Batch batch = {.to = *to, .wal_folder = ahead->wal_folder, .names = names, .count = count};
    batch.to.jobs = 0;
    TRY(pool_run(&(PoolSpec){.workers = count,
                             .arg = &batch,
                             .produce = batch_produce,
                             .work = batch_work,
                             .stop_check = signal_check}));
    return batch_store(&batch, ahead);
}

/* ---- what is ready */

static bool is_following(const LookAhead *ahead, const char *name)
{
    WalName found;
    return wal_name_matches(&found, name, ahead->asked.segment_bytes) && found.kind == WAL_NAME_SEGMENT &&
           found.timeline.id == ahead->asked.timeline.id && found.segment > ahead->asked.segment;
}

/* Names of segments behind the asked one that are ready and not stored yet, in order. */
static Err *ready_list(const char *const **out, size_t *out_count, const LookAhead *ahead, Arena *arena)
{
    FolderList list, notes;
    TRY(folder_list(&list, path_join(ahead->wal_folder, "archive_status", arena), arena));
    TRY(folder_list(&notes, ahead->spool, arena));
    const char **const names = arena_alloc(arena, (list.count + 1) * sizeof *names);
    size_t count = 0, note = 0;
    for (size_t i = 0; i < list.count; i++) {
        char *const name = arena_text(arena, list.entries[i].name);
        if (!text_ends(name, READY))
            continue;
        name[strlen(name) - strlen(READY)] = 0;
        while (note < notes.count && strcmp(notes.entries[note].name, name) < 0)
            note++;
        const bool is_stored = note < notes.count && text_equal(notes.entries[note].name, name);
        if (is_following(ahead, name) && !is_stored)
            names[count++] = name;
    }
    *out = names;
    *out_count = count;
    return NULL;
}

/* Notes of segments that came before were never asked for; nobody will. */
static Err *old_notes_remove(const LookAhead *ahead, Arena *arena)
{
    FolderList notes;
    TRY(folder_list(&notes, ahead->spool, arena));
    for (size_t i = 0; i < notes.count; i++) {
        if (!is_following(ahead, notes.entries[i].name))
            TRY(file_remove(path_join(ahead->spool, notes.entries[i].name, arena)));
    }
    return NULL;
}

static Err *ahead_run(const WalStore *to, const LookAhead *ahead)
{
    const int64_t deadline_us = clock_monotonic_us() + LOOK_AHEAD_MS * INT64_C(1000);
    AUTO(arena_free) Arena *arena = arena_new();
    TRY(old_notes_remove(ahead, arena));
    const char *const *names = NULL;
    size_t count = 0;
    TRY(ready_list(&names, &count, ahead, arena));
    const size_t width = ahead->jobs < JOBS_MAX ? (size_t)ahead->jobs : JOBS_MAX;
    for (size_t at = 0; at < count && clock_monotonic_us() < deadline_us; at += width)
        TRY(batch_run(to, ahead, names + at, count - at < width ? count - at : width));
    return NULL;
}

void look_ahead(const WalStore *to, const LookAhead *ahead)
{
    AUTO(err_free) Err *err = ahead_run(to, ahead);
    if (err)
        log_debug("looking ahead: %s", err_text(err));
}
