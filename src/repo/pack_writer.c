/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Writing of packs. Bytes wait in `frame` until the next ones do not fit; a whole frame's worth is compressed from
 * where it lies. The last run waits in `run`, because the next bytes may extend it.
 */
#include "base/limits.h"
#include "os/random.h"
#include "repo/pack.h"
#include "repo/pack_index.h"
#include "store/fan.h"

#include <assert.h>
#include <string.h>

/* The pack that is open. */
typedef struct OpenPack {
    uint32_t number;
    uint64_t seed;
    StorePut *put;              /* into all stores */
    ContainerWriter *container; /* NULL: none is open */
    RunWalk walk;
    PackRunEntry run; /* the last one; no bytes: none. Its path is run_path. */
    char run_path[PGDATA_PATH_MAX + 1];
    Buf files;
    Buf pages;
} OpenPack;

struct PackWriter {
    PackWriterSpec spec;
    OpenPack pack;
    uint8_t *frame; /* FRAME_PLAIN_MAX of room */
    size_t frame_bytes;
    PackWritten *written;
    size_t written_count;
    uint64_t stored_bytes; /* of the packs that are closed */
};

Err *pack_writer_new(PackWriter **out, const PackWriterSpec *spec)
{
    assert(spec->store_count >= 1 && spec->packs_begun && spec->root);
    TRY(codec_level_check(spec->codec, spec->level));
    PackWriter *const writer = mem_new(sizeof *writer);
    writer->spec = *spec;
    writer->frame = mem_new(FRAME_PLAIN_MAX);
    *out = writer;
    return NULL;
}

/* Abandons the open pack, if any, and stands before the next. */
static void pack_forget(OpenPack *pack)
{
    container_writer_free(&pack->container);
    store_put_abort(&pack->put);
    buf_clear(&pack->files);
    buf_clear(&pack->pages);
    pack->walk = (RunWalk){0};
    pack->run = (PackRunEntry){0};
}

void pack_writer_free(PackWriter **writer)
{
    if (!*writer)
        return;
    OpenPack *const pack = &(*writer)->pack;
    pack_forget(pack);
    buf_done(&pack->files);
    buf_done(&pack->pages);
    mem_free(&(*writer)->frame);
    mem_free(&(*writer)->written);
    mem_free(writer);
}

static Err *pack_begin(PackWriter *writer)
{
    OpenPack *const pack = &writer->pack;
    const uint64_t number = counter_add(writer->spec.packs_begun, 1) + 1;
    if (number > PACK_NUMBER_MAX)
        return ERR(LIMIT, "backup %s needs more than %d packs", writer->spec.label.text, PACK_NUMBER_MAX);
    pack->number = (uint32_t)number;
    TRY(random_bytes(&pack->seed, sizeof pack->seed));
    buf_add_u64(&pack->pages, pack->seed);

    const Key key = key_pack(writer->spec.root, writer->spec.label, pack->number);
    const PutOpts opts = {.size_hint_bytes = PACK_STORED_TARGET};
    TRY(store_put_fan(&pack->put, writer->spec.stores, writer->spec.store_count, key.text, opts));
    const ContainerSpec container = {.kind = CONTAINER_PACK,
                                     .name = key_object_name(key.text),
                                     .codec = writer->spec.codec,
                                     .level = writer->spec.level};
    return container_begin(&pack->container, &container, &pack->put->sink);
}

/* Writes down the run that waits. */
static void run_close(OpenPack *pack)
{
    if (pack->run.bytes > 0)
        run_encode(&pack->files, &pack->walk, &pack->run);
    pack->run = (PackRunEntry){0};
}

/* Closes the open pack; all its frames are out. */
static Err *pack_end(PackWriter *writer)
{
    OpenPack *const pack = &writer->pack;
    PackWritten done = {.pack = pack->number};
    run_close(pack);
    TRY(container_section(pack->container, SECTION_FILES, buf_span(&pack->files)));
    TRY(container_section(pack->container, SECTION_PAGES, buf_span(&pack->pages)));
    TRY(container_finish(&done.summary, pack->container));
    TRY(store_put_commit(TAKE(pack->put)));
    pack_forget(pack);

    writer->written = mem_resize(writer->written, (writer->written_count + 1) * sizeof *writer->written);
    writer->written[writer->written_count++] = done;
    writer->stored_bytes += done.summary.stored_bytes;
    return NULL;
}

/* Plain bytes placed in the open pack, those that wait included. */
static uint64_t pack_plain_bytes(const PackWriter *writer)
{
    return container_plain_bytes(writer->pack.container) + writer->frame_bytes;
}

static bool pack_is_full(const PackWriter *writer)
{
    const OpenPack *const pack = &writer->pack;
    return container_stored_bytes(pack->container) >= PACK_STORED_TARGET ||
           pack_plain_bytes(writer) + FRAME_PLAIN_MAX > PACK_PLAIN_MAX || pack->files.len >= PACK_FILES_MAX;
}

/* Ends the frame that waits, and the pack when that made it full. */
static Err *frame_end(PackWriter *writer)
{
    if (writer->frame_bytes > 0) {
        TRY(container_frame(writer->pack.container, span_of(writer->frame, writer->frame_bytes)));
        writer->frame_bytes = 0;
    }
    return pack_is_full(writer) ? pack_end(writer) : NULL;
}

/* Do these bytes go on where the run that waits ends? */
static bool run_continues(const PackRunEntry *last, const PackRun *run)
{
    return last->bytes > 0 && last->bytes % PAGE_BYTES == 0 && !last->is_damaged && !run->is_damaged &&
           last->file_offset + last->bytes == run->file_offset && run->path[0] != 0 &&
           strcmp(last->path, run->path) == 0;
}

static void run_add(OpenPack *pack, const PackRun *run, Span bytes)
{
    if (!run_continues(&pack->run, run)) {
        run_close(pack);
        memcpy(pack->run_path, run->path, strlen(run->path) + 1);
        pack->run.path = pack->run_path;
        pack->run.file_offset = run->file_offset;
    }
    pack->run.bytes += bytes.len;
    pack->run.file_bytes = run->file_bytes;
    pack->run.is_complete = run->is_complete;
    pack->run.is_damaged = run->is_damaged;
    pages_encode(&pack->pages, bytes, pack->seed);
}

static Err *run_check(const PackRun *run)
{
    if (strlen(run->path) > PGDATA_PATH_MAX)
        return ERR(LIMIT, "path of %zu bytes is longer than %d: %s", strlen(run->path), PGDATA_PATH_MAX,
                   run->path);
    if (run->file_offset / PAGE_BYTES > UINT32_MAX)
        return ERR(LIMIT, "offset %lu of %s is too large", (unsigned long)run->file_offset, run->path);
    return NULL;
}

Err *pack_add(PackPlace *out, PackWriter *writer, const PackRun *run, Span bytes)
{
    assert(bytes.len >= 1 && bytes.len <= FRAME_PLAIN_MAX && run->file_offset % PAGE_BYTES == 0);
    TRY(run_check(run));
    if (writer->frame_bytes + bytes.len > FRAME_PLAIN_MAX)
        TRY(frame_end(writer));
    if (!writer->pack.container)
        TRY(pack_begin(writer));

    const PackPlace place = {writer->pack.number, pack_plain_bytes(writer)};
    run_add(&writer->pack, run, bytes);
    if (bytes.len == FRAME_PLAIN_MAX) {
        TRY(container_frame(writer->pack.container, bytes));
        TRY(frame_end(writer));
    } else {
        memcpy(writer->frame + writer->frame_bytes, bytes.ptr, bytes.len);
        writer->frame_bytes += bytes.len;
    }
    *out = place;
    return NULL;
}

Err *pack_finish(PackWriter *writer)
{
    if (writer->frame_bytes > 0)
        TRY(frame_end(writer));
    return writer->pack.container ? pack_end(writer) : NULL;
}

const PackWritten *pack_writer_packs(const PackWriter *writer, size_t *count)
{
    *count = writer->written_count;
    return writer->written;
}

uint64_t pack_writer_stored_bytes(const PackWriter *writer)
{
    return writer->stored_bytes +
           (writer->pack.container ? container_stored_bytes(writer->pack.container) : 0);
}
