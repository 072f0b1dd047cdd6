/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Packs are cut into units of some MiB, so that the workers end at the same time, whatever the packs' sizes. Pieces of a
 * pack are sorted by their place in it first: each unit reads its part front to back.
 *
 * Threads: the calling one cuts, the pool's workers read and write. Two units may have parts of one file, never the same
 * blocks.
 */
#include "base/limits.h"
#include "restore/restore_files.h"
#include "os/entry.h"
#include "os/signal.h"

#include <stdlib.h>

enum {
    UNIT_BYTES = 32 * 1024 * 1024, /* the last frame of a unit is decoded once more by the next: below 1 % */
    PIECE_COST_BYTES =
        16 * 1024, /* what a piece takes beside its bytes: most of all a small file that is made */
};

typedef struct Unit {
    const RestorePack *pack;
    Buf pieces; /* RestorePiece */
} Unit;

/* The pack that was read last stays open: often the next unit is of it too. */
typedef struct Worker {
    const RestorePack *pack;
    PackReader *reader;
} Worker;

static Err *worker_begin(void **state, void *arg)
{
    (void)arg;
    *state = mem_new(sizeof(Worker));
    return NULL;
}

static Err *worker_end(void *state)
{
    (void)state;
    return NULL;
}

static void worker_free(void *state)
{
    Worker *worker = state;
    pack_close(&worker->reader);
    mem_free(&worker);
}

static void unit_free(void *arg)
{
    Unit *unit = arg;
    buf_done(&unit->pieces);
    mem_free(&unit);
}

static Err *unit_work(void *arg, Pool *pool, void *state, void *unit_arg)
{
    RestoreFiles *const files = arg;
    Worker *const worker = state;
    const Unit *const unit = unit_arg;
    if (worker->pack != unit->pack) {
        pack_close(&worker->reader);
        worker->pack = unit->pack;
        TRY(restore_pack_open(&worker->reader, files->restore, unit->pack->label, unit->pack->pack));
    }
    return restore_pieces_write(files, worker->reader, buf_span(&unit->pieces), pool);
}

/* Moves the first blocks of `piece`, as many as a unit that has `cost` already takes, and returns its new cost. */
static uint64_t piece_cut(Unit *unit, RestorePiece *piece, uint64_t cost)
{
    const uint64_t room = pages_of(UNIT_BYTES - cost);
    RestorePiece part = *piece;
    if (part.count > room)
        part.count = (uint32_t)room;
    buf_add(&unit->pieces, &part, sizeof part);
    piece->offset += (uint64_t)part.count * PAGE_BYTES;
    piece->first_block += part.count;
    piece->count -= part.count;
    return cost + (uint64_t)part.count * PAGE_BYTES + PIECE_COST_BYTES;
}

/* Takes from `*piece` on, up to `end`. */
static Unit *unit_cut(const RestorePack *pack, RestorePiece **piece, const RestorePiece *end)
{
    Unit *const unit = mem_new(sizeof *unit);
    unit->pack = pack;
    for (uint64_t cost = 0; *piece < end && cost < UNIT_BYTES;) {
        cost = piece_cut(unit, *piece, cost);
        if (!(*piece)->count)
            ++*piece;
    }
    return unit;
}

static int piece_order(const void *a, const void *b)
{
    const RestorePiece *const x = a, *const y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* What is left of a pack. */
typedef struct Rest {
    const RestorePack *pack;
    RestorePiece *piece;
    const RestorePiece *end;
} Rest;

static Rest pack_rest(RestorePack *pack)
{
    RestorePiece *const pieces = (RestorePiece *)(void *)pack->pieces.data;
    const size_t count = pack->pieces.len / sizeof *pieces;
    qsort(pieces, count, sizeof *pieces, piece_order);
    return (Rest){pack, pieces, pieces + count};
}

/* As many packs as there are workers take turns: so each worker mostly stays with one, reads it in order, and writes
 * other parts of the cluster than its neighbour does. */
static Err *units_produce(void *arg, Pool *pool)
{
    RestoreFiles *const files = arg;
    RestorePack **next = (RestorePack **)(void *)files->packs.data;
    RestorePack **const end = next + files->packs.len / sizeof *next;
    const size_t jobs = (size_t)files->restore->cluster->jobs;
    Rest rests[JOBS_MAX];
    size_t count = 0;
    for (size_t turn = 0;; turn++) {
        while (count < jobs && next < end)
            rests[count++] = pack_rest(*next++);
        if (!count)
            return NULL;
        Rest *const rest = &rests[turn % count];
        TRY(pool_push(pool, unit_cut(rest->pack, &rest->piece, rest->end)));
        if (rest->piece == rest->end)
            *rest = next < end ? pack_rest(*next++) : rests[--count];
    }
}

/* A key that its owner may only read could not have been opened for writing. */
static Err *modes_set(const RestoreFiles *files)
{
    AUTO(arena_free) Arena *arena = arena_new();
    for (uint32_t i = 0; i < files->files.len / sizeof(RestoreFile); i++) {
        const RestoreFile *const file = restore_file(files, i);
        if (restore_file_mode_open(file->mode) == (mode_t)file->mode)
            continue;
        TRY(entry_set_mode(restore_path(files->restore, file->path, arena), (mode_t)file->mode));
        arena_clear(arena);
    }
    return NULL;
}

Err *restore_files_write(RestoreFiles *files)
{
    restore_files_sort(files);
    TRY(pool_run(&(PoolSpec){.workers = (size_t)files->restore->cluster->jobs,
                             .arg = files,
                             .produce = units_produce,
                             .work = unit_work,
                             .unit_free = unit_free,
                             .stop_check = signal_check,
                             .begin = worker_begin,
                             .end = worker_end,
                             .free = worker_free}));
    return modes_set(files);
}
