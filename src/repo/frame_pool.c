/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Both ways work by pieces of PIECE_FRAMES frames. A thread's codec and room for a frame stay with it, so that they stay
 * in its processor's cache: fresh memory for all the plain bytes would cost as much as half of the decompression.
 */
#include "repo/frame_pool.h"

#include "base/limits.h"
#include "flow/pool.h"

/* Frames that a thread takes at a time: few enough to balance, enough that taking costs nothing. */
enum { PIECE_FRAMES = 4 };

static size_t pieces_of(size_t frames)
{
    return (frames + PIECE_FRAMES - 1) / PIECE_FRAMES;
}

typedef struct Worker {
    Codec *codec;
    uint8_t *room; /* for one plain frame; NULL when compressing */
} Worker;

static void worker_free(void *state)
{
    Worker *worker = state;
    codec_free(&worker->codec);
    mem_free(&worker->room);
    mem_free(&worker);
}

static void worker_drop(Worker **worker)
{
    if (*worker)
        worker_free(TAKE(*worker));
}

static Err *worker_new(Worker **out, CodecKind kind, int level)
{
    AUTO(worker_drop) Worker *worker = mem_new(sizeof *worker);
    TRY(codec_new(&worker->codec, kind, level));
    *out = TAKE(worker);
    return NULL;
}

static Err *worker_end(void *state)
{
    (void)state;
    return NULL;
}

/* ---- compressing */

typedef struct Piece {
    size_t size; /* of the plain bytes */
    Buf plain;   /* from its reading to its compression */
    Buf stored;
    FrameInfo infos[PIECE_FRAMES];
    size_t count;
} Piece;

struct FrameList {
    const FrameMaking *how; /* while it is made */
    Piece *pieces;
    size_t count;
};

void frame_list_free(FrameList **list)
{
    if (!*list)
        return;
    for (size_t i = 0; i < (*list)->count; i++) {
        buf_done(&(*list)->pieces[i].plain);
        buf_done(&(*list)->pieces[i].stored);
    }
    mem_free(&(*list)->pieces);
    mem_free(list);
}

static Err *encoder_begin(void **state, void *arg)
{
    const FrameList *const list = arg;
    Worker *worker = NULL;
    TRY(worker_new(&worker, list->how->codec, list->how->level));
    *state = worker;
    return NULL;
}

/* Its plain bytes are given back at once, so that the next piece is read into memory that is in use already. */
static Err *piece_encode(Piece *piece, Worker *worker)
{
    for (size_t at = 0; at < piece->size; at += FRAME_PLAIN_MAX)
        TRY(frame_encode(&piece->infos[piece->count++], &piece->stored, worker->codec,
                         span_cut(buf_span(&piece->plain), at, FRAME_PLAIN_MAX)));
    buf_done(&piece->plain);
    return NULL;
}

static Err *encode_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)arg, (void)pool;
    return piece_encode(unit, state);
}

static Err *piece_read(const FrameList *list, Piece *piece)
{
    TRY(list->how->read(list->how->arg, buf_reserve(&piece->plain, piece->size), piece->size));
    buf_grown(&piece->plain, piece->size);
    return NULL;
}

static Err *encode_produce(void *arg, Pool *pool)
{
    const FrameList *const list = arg;
    for (size_t i = 0; i < list->count; i++) {
        TRY(piece_read(list, &list->pieces[i]));
        TRY(pool_push(pool, &list->pieces[i]));
    }
    return NULL;
}

static Err *encode_alone(FrameList *list)
{
    AUTO(worker_drop) Worker *worker = NULL;
    TRY(worker_new(&worker, list->how->codec, list->how->level));
    for (size_t i = 0; i < list->count; i++) {
        TRY(piece_read(list, &list->pieces[i]));
        TRY(piece_encode(&list->pieces[i], worker));
    }
    return NULL;
}

static Err *encode_all(FrameList *list)
{
    if (list->how->jobs <= 1 || list->count <= 1)
        return encode_alone(list);
    return pool_run(&(PoolSpec){.workers = (size_t)list->how->jobs - 1,
                                .arg = list,
                                .produce = encode_produce,
                                .work = encode_work,
                                .begin = encoder_begin,
                                .end = worker_end,
                                .free = worker_free});
}

Err *frame_list_make(FrameList **out, const FrameMaking *how)
{
    const uint64_t piece_bytes = (uint64_t)PIECE_FRAMES * FRAME_PLAIN_MAX;
    AUTO(frame_list_free) FrameList *list = mem_new(sizeof *list);
    list->how = how;
    list->count = (size_t)((how->size_bytes + piece_bytes - 1) / piece_bytes);
    list->pieces = mem_new(list->count * sizeof *list->pieces);
    for (size_t i = 0; i < list->count; i++) {
        const uint64_t left = how->size_bytes - i * piece_bytes;
        list->pieces[i].size = (size_t)(left < piece_bytes ? left : piece_bytes);
    }
    TRY(encode_all(list));
    list->how = NULL;
    *out = TAKE(list);
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

Err *frame_list_put(ContainerWriter *writer, const FrameList *list)
{
    for (size_t i = 0; i < list->count; i++)
        TRY(piece_put(writer, &list->pieces[i]));
    return NULL;
}

/* ---- decompressing */

typedef struct Reading {
    const FrameReading *what;
    Landing *to;
    size_t
        *firsts; /* a unit is the address of the number of its first frame; of what->count: the work aside */
} Reading;

static size_t plain_largest(const FrameReading *what)
{
    size_t largest = 0;
    for (size_t i = 0; i < what->count; i++) {
        const size_t plain_bytes = what->frames[i].info.plain_bytes;
        largest = plain_bytes > largest ? plain_bytes : largest;
    }
    return largest;
}

static Err *decoder_begin(void **state, void *arg)
{
    const FrameReading *const what = ((const Reading *)arg)->what;
    Worker *worker = NULL;
    TRY(worker_new(&worker, what->codec, codec_level_default(what->codec)));
    worker->room = mem_new(plain_largest(what));
    *state = worker;
    return NULL;
}

static Err *frame_land(const Reading *reading, Worker *worker, size_t number)
{
    const FrameReading *const what = reading->what;
    const FramePlace *const frame = &what->frames[number];
    const Span stored = span_cut(what->object, (size_t)frame->stored_offset, frame->info.stored_bytes);
    Err *const err = frame_decode(worker->room, worker->codec, stored, &frame->info);
    if (err)
        return frame_doing(err, what->key, frame, number);
    return land_write(reading->to, frame->plain_offset, span_of(worker->room, frame->info.plain_bytes));
}

static Err *decode_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)pool;
    const Reading *const reading = arg;
    const FrameReading *const what = reading->what;
    const size_t first = *(const size_t *)unit;
    if (first >= what->count)
        return what->aside(what->arg);
    for (size_t i = first; i < what->count && i < first + PIECE_FRAMES; i++)
        TRY(frame_land(reading, state, i));
    return NULL;
}

static Err *decode_produce(void *arg, Pool *pool)
{
    const Reading *const reading = arg;
    const size_t units = 1 + pieces_of(reading->what->count);
    for (size_t i = reading->what->aside ? 0 : 1; i < units; i++)
        TRY(pool_push(pool, &reading->firsts[i]));
    return NULL;
}

static Err *decode_alone(Reading *reading)
{
    void *state = NULL;
    TRY(decoder_begin(&state, reading));
    AUTO(worker_drop) Worker *worker = state;
    if (reading->what->aside)
        TRY(reading->what->aside(reading->what->arg));
    for (size_t i = 0; i < reading->what->count; i++)
        TRY(frame_land(reading, worker, i));
    return NULL;
}

Err *frame_list_land(Landing *to, const FrameReading *what)
{
    Reading reading = {.what = what, .to = to};
    const size_t pieces = pieces_of(what->count);
    if (what->jobs <= 1 || pieces <= 1)
        return decode_alone(&reading);
    AUTO(mem_free) size_t *firsts = mem_new((pieces + 1) * sizeof *firsts);
    firsts[0] = what->count;
    for (size_t i = 0; i < pieces; i++)
        firsts[i + 1] = i * PIECE_FRAMES;
    reading.firsts = firsts;
    return pool_run(&(PoolSpec){.workers = (size_t)what->jobs < pieces ? (size_t)what->jobs : pieces,
                                .queue_units = pieces + 1,
                                .arg = &reading,
                                .produce = decode_produce,
                                .work = decode_work,
                                .begin = decoder_begin,
                                .end = worker_end,
                                .free = worker_free});
}
