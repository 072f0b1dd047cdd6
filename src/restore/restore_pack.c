/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * A part of a pack is read once, front to back: neighbours become one request, and what comes is cut up and written where
 * it belongs. What is in the target already is compared by the pack's page hashes first and not asked for.
 */
#include "base/limits.h"
#include "restore/restore_files.h"
#include "os/file.h"

/* Unwanted bytes between two pieces that are cheaper to read along than to ask again. */
enum { GAP_READ_MAX = 256 * 1024 };

/*
 * The kernel is told early to begin writing out, a stretch at a time, so that the disk is busy from the start and the
 * sync at the end finds little to do. A stretch is what is written of a file without large gaps. Small gaps have been
 * filled by the packs that came before (restore_files_sort), so what goes to the disk goes once and in one piece; of a
 * stretch with more gaps than bytes most is still to come, and it is left alone.
 */
enum {
    STRETCH_BYTES_MIN = 1024 * 1024, /* less is left to the sync */
    STRETCH_BYTES_MAX =
        2 * 1024 * 1024, /* with 8 MiB the disk rests now and then, and a restore takes 7 % longer */
    STRETCH_GAP_MAX = 256 * 1024,
};

typedef struct Stretch {
    uint64_t begin, end; /* of the file */
    uint64_t written;
} Stretch;

/* Takes the plain bytes of a pack from `at` on. */
typedef struct PieceSink {
    Sink sink;
    RestoreFiles *files;
    const RestorePiece *next;
    const RestorePiece *end;
    uint64_t at;
    File *file; /* open, and its number */
    uint32_t file_number;
    Stretch stretch; /* of `file` */
} PieceSink;

static void stretch_end(PieceSink *to)
{
    const Stretch stretch = to->stretch;
    const uint64_t size = stretch.end - stretch.begin;
    to->stretch = (Stretch){0};
    if (size >= STRETCH_BYTES_MIN && stretch.written >= size / 2)
        file_sync_begin(to->file, stretch.begin, size);
}

static void stretch_add(PieceSink *to, uint64_t begin, size_t size)
{
    Stretch *const stretch = &to->stretch;
    if (begin < stretch->end || begin - stretch->end > STRETCH_GAP_MAX)
        stretch_end(to);
    if (!stretch->written)
        stretch->begin = begin;
    stretch->end = begin + size;
    stretch->written += size;
    if (stretch->end - stretch->begin >= STRETCH_BYTES_MAX)
        stretch_end(to);
}

static void file_leave(PieceSink *to)
{
    if (to->file)
        stretch_end(to);
    file_close(&to->file);
}

static Err *file_for(PieceSink *to, uint32_t number)
{
    if (to->file && to->file_number == number)
        return NULL;
    file_leave(to);
    const RestoreFile *const file = restore_file(to->files, number);
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = restore_path(to->files->restore, file->path, arena);
    if (!file->is_made) {
        AUTO(err_free) Err *err = file_create(&to->file, path, restore_file_mode_open(file->mode));
        if (err && !err_is(err, ERR_EXISTS)) /* a try before this one may have made it */
            return TAKE(err);
    }
    if (!to->file)
        TRY(file_open_write(&to->file, path));
    to->file_number = number;
    return NULL;
}

static Err *piece_write(PieceSink *to, Span bytes)
{
    const RestorePiece *const piece = to->next;
    const RestoreFile *const file = restore_file(to->files, piece->file);
    const uint64_t done = to->at - piece->offset;
    const uint64_t begin = (uint64_t)piece->first_block * PAGE_BYTES;
    const uint64_t size = restore_piece_bytes(file, piece);
    TRY(file_for(to, piece->file));
    TRY(file_write_at(to->file, bytes, begin + done));
    counter_add(&to->files->restore->options->progress->bytes_done, bytes.len);
    counter_add(&to->files->written_bytes, bytes.len);
    stretch_add(to, begin + done, bytes.len);
    if (done + bytes.len == size)
        to->next++;
    return NULL;
}

static Err *piece_sink_write(Sink *sink, Span bytes)
{
    PieceSink *const to = (PieceSink *)(void *)sink;
    while (bytes.len && to->next < to->end) {
        const RestorePiece *const piece = to->next;
        size_t size;
        if (to->at < piece->offset) {
            size = piece->offset - to->at < bytes.len ? (size_t)(piece->offset - to->at) : bytes.len;
            to->at += size;
        } else {
            const uint64_t left =
                piece->offset + restore_piece_bytes(restore_file(to->files, piece->file), piece) - to->at;
            size = left < bytes.len ? (size_t)left : bytes.len;
            TRY(piece_write(to, span_cut(bytes, 0, size)));
            to->at += size;
        }
        bytes = span_cut(bytes, size, bytes.len - size);
    }
    return NULL;
}

static Err *piece_sink_finish(Sink *sink)
{
    (void)sink;
    return NULL;
}

static void piece_sink_free(Sink *sink)
{
    file_leave((PieceSink *)(void *)sink);
}

static const SinkOps piece_sink_ops = {piece_sink_write, piece_sink_finish, piece_sink_free};

static void piece_sink_done(PieceSink *to)
{
    file_leave(to);
}

/* ---- what is right already */

enum { COMPARE_PAGES = FRAME_PLAIN_MAX / PAGE_BYTES };

/* One run of at most COMPARE_PAGES blocks: those that differ are added to `wanted`. */
static Err *run_compare(Buf *wanted, const RestoreFiles *files, const PackReader *pack, const File *old,
                        const RestorePiece *run)
{
    uint64_t hashes[COMPARE_PAGES];
    uint8_t pages[FRAME_PLAIN_MAX];
    const uint64_t size = restore_piece_bytes(restore_file(files, run->file), run);
    size_t got;
    TRY(pack_page_hashes(hashes, pack, run->offset, run->count));
    TRY(file_read_at(&got, old, pages, (size_t)size, (uint64_t)run->first_block * PAGE_BYTES));
    for (uint32_t i = 0; i < run->count; i++) {
        const size_t begin = (size_t)i * PAGE_BYTES;
        const size_t page = size - begin < PAGE_BYTES ? (size_t)(size - begin) : PAGE_BYTES;
        const bool is_same =
            begin + page <= got && hash64_of(span_of(pages + begin, page), pack_seed(pack)) == hashes[i];
        if (is_same) {
            counter_add(&files->restore->options->progress->bytes_done, page);
            continue;
        }
        RestorePiece *const last =
            wanted->len ? (RestorePiece *)(void *)(wanted->data + wanted->len) - 1 : NULL;
        if (last && last->file == run->file && last->first_block + last->count == run->first_block + i &&
            last->offset + (uint64_t)last->count * PAGE_BYTES == run->offset + begin)
            last->count++;
        else
            buf_add(wanted,
                    &(RestorePiece){.offset = run->offset + begin,
                                    .file = run->file,
                                    .first_block = run->first_block + i,
                                    .count = 1},
                    sizeof(RestorePiece));
    }
    return NULL;
}

static Err *piece_compare(Buf *wanted, const RestoreFiles *files, const PackReader *pack,
                          const RestorePiece *piece)
{
    const RestoreFile *const file = restore_file(files, piece->file);
    if (!file->has_old) {
        buf_add(wanted, piece, sizeof *piece);
        return NULL;
    }
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *old = NULL;
    TRY(file_open_read(&old, restore_path(files->restore, file->path, arena)));
    for (uint32_t at = 0; at < piece->count; at += COMPARE_PAGES) {
        const uint32_t left = piece->count - at;
        const RestorePiece run = {.offset = piece->offset + (uint64_t)at * PAGE_BYTES,
                                  .file = piece->file,
                                  .first_block = piece->first_block + at,
                                  .count = left < COMPARE_PAGES ? left : COMPARE_PAGES};
        TRY(run_compare(wanted, files, pack, old, &run));
    }
    return NULL;
}

/* ---- a list of pieces */

/* Reads the pieces from `first` on that lie near each other; `*out_next` is the first that does not. */
static Err *run_read(const RestorePiece **out_next, RestoreFiles *files, PackReader *pack,
                     const RestorePiece *first, const RestorePiece *end)
{
    const RestorePiece *next = first;
    uint64_t run_end = first->offset;
    while (next < end && next->offset >= run_end && next->offset - run_end <= GAP_READ_MAX) {
        run_end = next->offset + restore_piece_bytes(restore_file(files, next->file), next);
        next++;
    }
    AUTO(piece_sink_done)
    PieceSink to = {
        .sink = {.ops = &piece_sink_ops}, .files = files, .next = first, .end = next, .at = first->offset};
    TRY(container_read(pack_container(pack), first->offset, run_end - first->offset, &to.sink));
    *out_next = next;
    return NULL;
}

Err *restore_pack_open(PackReader **out, const Restore *restore, BackupLabel label, uint32_t pack)
{
    const Key key = key_pack(&restore->from.generation.root, label, pack);
    Err *const err = pack_open(out, restore->from.repo->store, &key);
    return err_is(err, ERR_NOT_FOUND) ? err_become(err, ERR_CORRUPT) : err;
}

Err *restore_pieces_write(RestoreFiles *files, PackReader *pack, Span pieces, const Pool *pool)
{
    AUTO(buf_done) Buf wanted = {0};
    const RestorePiece *const list = (const RestorePiece *)(const void *)pieces.ptr;
    for (size_t i = 0; i < pieces.len / sizeof *list; i++) {
        TRY(pool_check(pool));
        TRY(piece_compare(&wanted, files, pack, &list[i]));
    }
    const RestorePiece *at = (const RestorePiece *)(const void *)wanted.data;
    const RestorePiece *const end = at + wanted.len / sizeof *at;
    while (at < end) {
        TRY(pool_check(pool));
        TRY(run_read(&at, files, pack, at, end));
    }
    return NULL;
}
