/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_mark.h"

#include "os/file.h"
#include "repo/container.h"

/* The head of a record, and that of a page in between (XLOG_PAGE_MAGIC: SizeOfXLogLongPHD): less than the record has. */
enum { MARK_BYTES = 64 };

static bool is_marked(Lsn at, const Generation *generation)
{
    return lsn_is_valid(at) && at.at % generation->segment_bytes + MARK_BYTES <= generation->segment_bytes;
}

/* NOT_FOUND: the server has removed it. */
static Err *local_hash(Hash128 *out, const WalPlaces *places, Lsn at)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *file = NULL;
    const WalName name = wal_name_of_lsn(places->timeline, at, places->generation->segment_bytes);
    uint8_t bytes[MARK_BYTES];
    size_t got;
    TRY(file_open_read(&file,
                       arena_textf(arena, "%s/pg_wal/%s", places->data_directory, wal_name_text(name).text)));
    TRY(file_read_at(&got, file, bytes, sizeof bytes, at.at - wal_name_start(name).at));
    *out = hash128_of(span_of(bytes, got));
    return NULL;
}

/* NOT_FOUND: it has not come there, or has expired. */
static Err *stored_hash(Hash128 *out, const WalPlaces *places, Lsn at)
{
    const WalName name = wal_name_of_lsn(places->timeline, at, places->generation->segment_bytes);
    const Key key = key_wal(&places->generation->root, name);
    const ContainerExpect expect = {.kind = CONTAINER_WAL, .name = key_object_name(key.text)};
    AUTO(container_close) ContainerReader *object = NULL;
    AUTO(buf_done) Buf bytes = {0};
    BufSink sink = buf_sink(&bytes, MARK_BYTES);
    TRY(container_open(&object, places->repo->store, key.text, &expect));
    TRY(container_read(object, at.at - wal_name_start(name).at, MARK_BYTES, &sink.sink));
    *out = hash128_of(buf_span(&bytes));
    return NULL;
}

Err *wal_mark_take(WalMark *out, const WalPlaces *places, Lsn checkpoint)
{
    WalMark mark = {{0}, {{0}}};
    if (is_marked(checkpoint, places->generation)) {
        AUTO(err_free) Err *err = local_hash(&mark.hash, places, checkpoint);
        if (!err_is(err, ERR_NOT_FOUND))
            TRY(TAKE(err));
        if (!err)
            mark.lsn = checkpoint;
    }
    *out = mark;
    return NULL;
}

Err *wal_mark_holds(bool *out, const WalPlaces *places, const WalMark *mark)
{
    *out = false;
    if (!is_marked(mark->lsn, places->generation))
        return NULL;
    Hash128 hash;
    AUTO(err_free) Err *err = local_hash(&hash, places, mark->lsn);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        err = stored_hash(&hash, places, mark->lsn);
    }
    if (err_is(err, ERR_NOT_FOUND) || err_is(err, ERR_CORRUPT) || err_is(err, ERR_UNSUPPORTED))
        return NULL;
    TRY(TAKE(err));
    *out = hash128_equal(&hash, &mark->hash);
    return NULL;
}
