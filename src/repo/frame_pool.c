/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/frame_pool.h"

#include "base/limits.h"
#include "flow/pool.h"

/* Frames that a thread takes at a time: few enough to balance, enough that taking costs nothing. */
enum { PIECE_FRAMES = 4 };

typedef struct Piece {
    Span plain; /* empty: the work aside */
    Buf stored;
    FrameInfo infos[PIECE_FRAMES];
    size_t count;
} Piece;

typedef struct Pieces {
    const FramePool *how;
    Piece *list; /* the first is the work aside */
    size_t count;
} Pieces;

static void pieces_done(Pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++)
        buf_done(&pieces->list[i].stored);
    mem_free(&pieces->list);
}

static Err *worker_begin(void **state, void *arg)
{
    const Pieces *const pieces = arg;
    Codec *codec = NULL;
    TRY(codec_new(&codec, pieces->how->codec, pieces->how->level));
    *state = codec;
    return NULL;
}

static Err *worker_end(void *state)
{
    (void)state;
    return NULL;
}

static void worker_free(void *state)
{
    Codec *codec = state;
    codec_free(&codec);
}

static Err *piece_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)pool;
    const Pieces *const pieces = arg;
    Piece *const piece = unit;
    if (!piece->plain.len)
        return pieces->how->aside ? pieces->how->aside(pieces->how->arg) : NULL;
    for (size_t at = 0; at < piece->plain.len; at += FRAME_PLAIN_MAX)
        TRY(frame_encode(&piece->infos[piece->count++], &piece->stored, state,
                         span_cut(piece->plain, at, FRAME_PLAIN_MAX)));
    return NULL;
}

static Err *pieces_produce(void *arg, Pool *pool)
{
    const Pieces *const pieces = arg;
    for (size_t i = 0; i < pieces->count; i++)
        TRY(pool_push(pool, &pieces->list[i]));
    return NULL;
}

static Err *piece_put(ContainerWriter *writer, const Piece *piece)
{
    size_t at = 0;
    for (size_t i = 0; i < piece->count; i++) {
        const Span stored = span_cut(buf_span(&piece->stored), at, piece->infos[i].stored_bytes);
        TRY(container_frame_ready(writer, stored, &piece->infos[i]));
        at += piece->infos[i].stored_bytes;
    }
    return NULL;
}

static Err *write_alone(ContainerWriter *writer, Span plain, const FramePool *how)
{
    for (size_t at = 0; at < plain.len; at += FRAME_PLAIN_MAX)
        TRY(container_frame(writer, span_cut(plain, at, FRAME_PLAIN_MAX)));
    return how->aside ? how->aside(how->arg) : NULL;
}

Err *frame_pool_write(ContainerWriter *writer, Span plain, const FramePool *how)
{
    const size_t piece_bytes = (size_t)PIECE_FRAMES * FRAME_PLAIN_MAX;
    if (how->jobs <= 1 || plain.len <= piece_bytes)
        return write_alone(writer, plain, how);
    AUTO(pieces_done) Pieces pieces = {.how = how, .count = 1 + (plain.len + piece_bytes - 1) / piece_bytes};
    pieces.list = mem_new(pieces.count * sizeof *pieces.list);
    for (size_t i = 1; i < pieces.count; i++)
        pieces.list[i].plain = span_cut(plain, (i - 1) * piece_bytes, piece_bytes);
    TRY(pool_run(&(PoolSpec){.workers = (size_t)how->jobs,
                             .arg = &pieces,
                             .produce = pieces_produce,
                             .work = piece_work,
                             .begin = worker_begin,
                             .end = worker_end,
                             .free = worker_free}));
    for (size_t i = 1; i < pieces.count; i++)
        TRY(piece_put(writer, &pieces.list[i]));
    return NULL;
}
