/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/place_store.h"

#include "base/limits.h"
#include "base/text.h"
#include "os/signal.h"

/* Packs held open for reading; an index takes at most a few megabytes. */
enum { PACKS_OPEN = 8 };

typedef struct OpenPack {
    ContainerReader *container;
    BackupLabel label;
    uint32_t pack;
} OpenPack;

struct PlaceReader {
    Store *store;
    const KeyRoot *root;
    OpenPack open[PACKS_OPEN];
    size_t oldest;
};

/* `*is_whole` false: the pack was closed in between, and the bytes lie in two. */
static Err *chunks_put(PlainPlace *out, bool *is_whole, PackWriter *packs, Span bytes)
{
    const PackRun run = {.path = "", .file_bytes = bytes.len, .is_complete = true};
    *is_whole = true;
    for (size_t at = 0; at < bytes.len && *is_whole; at += FRAME_PLAIN_MAX) {
        PackPlace place;
        TRY(pack_add(&place, packs, &run, span_cut(bytes, at, FRAME_PLAIN_MAX)));
        if (at == 0) {
            out->pack = place.pack;
            out->offset = place.offset;
        }
        *is_whole = place.pack == out->pack && place.offset == out->offset + at;
    }
    return NULL;
}

Err *place_put(PlainPlace *out, PackWriter *packs, BackupLabel label, Span bytes)
{
    if (bytes.len > MANIFEST_ROOT_MAX)
        return ERR(LIMIT, "%zu bytes in one piece, at most %d go into a pack", bytes.len, MANIFEST_ROOT_MAX);
    PlainPlace place = {.label = label, .pack = 1, .size_bytes = bytes.len, .hash = hash128_of(bytes)};
    bool is_whole;
    TRY(chunks_put(&place, &is_whole, packs, bytes));
    if (!is_whole) { /* a pack was closed: the next one has room */
        TRY(pack_finish(packs));
        TRY(chunks_put(&place, &is_whole, packs, bytes));
    }
    if (!is_whole)
        return ERR(LIMIT, "%zu bytes do not fit into one pack", bytes.len);
    *out = place;
    return NULL;
}

static Err *leaf_put(void *arg, PlainPlace *out, Span bytes)
{
    const PlaceWriter *const writer = arg;
    TRY(place_put(out, writer->packs, writer->label, bytes));
    return writer->tally ? pack_tally_place(writer->tally, out) : NULL;
}

static Err *leaf_keep(void *arg, bool *is_kept, const PlainPlace *place)
{
    const PlaceWriter *const writer = arg;
    *is_kept = !pack_uses_find(writer->unwanted, place->label, place->pack);
    if (!*is_kept)
        return NULL;
    return writer->tally ? pack_tally_place(writer->tally, place) : NULL;
}

LeafOut place_leaf_out(PlaceWriter *writer)
{
    return (LeafOut){.put = leaf_put, .arg = writer, .keep = leaf_keep};
}

PlaceReader *place_reader_new(Store *store, const KeyRoot *root)
{
    PlaceReader *reader = mem_new(sizeof *reader);
    reader->store = store;
    reader->root = root;
    return reader;
}

void place_reader_free(PlaceReader **reader)
{
    if (!*reader)
        return;
    for (size_t i = 0; i < PACKS_OPEN; i++)
        container_close(&(*reader)->open[i].container);
    mem_free(reader);
}

static Err *pack_of(ContainerReader **out, PlaceReader *reader, BackupLabel label, uint32_t pack)
{
    for (size_t i = 0; i < PACKS_OPEN; i++) {
        const OpenPack *const open = &reader->open[i];
        if (open->container && open->pack == pack && text_equal(open->label.text, label.text)) {
            *out = open->container;
            return NULL;
        }
    }
    const Key key = key_pack(reader->root, label, pack);
    const ContainerExpect expect = {.kind = CONTAINER_PACK, .name = key_object_name(key.text)};
    ContainerReader *container = NULL;
    Err *const err = container_open(&container, reader->store, key.text, &expect);
    if (err) /* what is referred to must be there */
        return err_is(err, ERR_NOT_FOUND) ? err_become(err, ERR_CORRUPT) : err;
    OpenPack *const open = &reader->open[reader->oldest];
    reader->oldest = (reader->oldest + 1) % PACKS_OPEN;
    container_close(&open->container);
    *open = (OpenPack){.container = container, .label = label, .pack = pack};
    *out = container;
    return NULL;
}

Err *place_get(Buf *out, PlaceReader *reader, const PlainPlace *place)
{
    if (place->size_bytes == 0)
        return place_check(place, (Span){0}, "what should lie");
    const size_t before = out->len;
    TRY(place_get_range(out, reader,
                        &(PackRange){place->label, place->pack, place->offset, place->size_bytes}));
    Err *const err =
        place_check(place, span_cut(buf_span(out), before, place->size_bytes), "what should lie");
    if (err)
        buf_cut(out, before);
    return err;
}

Err *place_get_range(Buf *out, PlaceReader *reader, const PackRange *range)
{
    ContainerReader *container = NULL;
    TRY(pack_of(&container, reader, range->label, range->pack));
    const size_t before = out->len;
    BufSink to = buf_sink(out, range->size_bytes);
    Err *const err = container_read(container, range->offset, range->size_bytes, &to.sink);
    if (err)
        buf_cut(out, before);
    return err;
}

static Err *leaf_get(void *arg, Buf *out, const PlainPlace *place)
{
    return place_get(out, arg, place);
}

LeafIn place_leaf_in(PlaceReader *reader)
{
    return (LeafIn){leaf_get, reader};
}

Err *manifest_each(Store *store, const KeyRoot *root, const PlainPlace *place, ManifestEntryFn *each,
                   void *arg)
{
    AUTO(place_reader_free) PlaceReader *places = place_reader_new(store, root);
    AUTO(manifest_close) ManifestReader *manifest = NULL;
    TRY(manifest_open(&manifest, place_leaf_in(places), place));
    for (;;) {
        ManifestEntry entry;
        bool is_end;
        TRY(manifest_next(&entry, &is_end, manifest));
        if (is_end)
            return NULL;
        TRY(each(arg, &entry));
        TRY(signal_check());
    }
}
