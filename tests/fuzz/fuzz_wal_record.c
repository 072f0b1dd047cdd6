/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/fuzz/fuzz_wal_record.c - any bytes are taken apart or refused, and all parts lie inside, side by side */
#include "pg/wal_activity.h"
#include "pg/wal_changes.h"
#include "pg/wal_record.h"
#include "pg/wal_touch.h"
#include "repo/wal_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t part(Span whole, Span piece)
{
    assert(piece.len == 0 || (piece.ptr >= whole.ptr && piece.ptr + piece.len <= whole.ptr + whole.len));
    return piece.len;
}

static void check(const WalRecord *record, Span whole)
{
    size_t sum = WAL_RECORD_HEAD_BYTES + part(whole, record->main);
    assert(record->block_count <= WAL_RECORD_BLOCKS_MAX);
    for (unsigned i = 0; i < record->block_count; i++) {
        const WalBlock *const b = &record->blocks[i];
        sum += part(whole, b->data) + part(whole, b->image.bytes);
        assert(b->has_image || b->image.bytes.len == 0);
        assert(b->image.hole_offset + b->image.hole_bytes <= 8192);
        assert(i == 0 || b->id > record->blocks[i - 1].id);
    }
    assert(sum <= whole.len);
}

/* The short ways say of a record what the long ones say. */
static void check_short(const WalRecord *record, Span whole, bool is_sound)
{
    WalTouch touch;
    if (!wal_touch_matches(&touch, whole))
        return;
    assert(is_sound && record->block_count == 1 && !record->blocks[0].has_image && !record->top_xid.id);
    assert(rel_file_equal(record->blocks[0].file, wal_touch_file(touch)));
    assert(record->blocks[0].block == wal_touch_block(touch));
    assert(record->blocks[0].fork == wal_touch_fork(touch));
}

static void check_short_end(const WalRecord *record, Span whole, const XactEnd *end)
{
    XactEnd short_end;
    if (!xact_end_matches(&short_end, &record->head, whole))
        return;
    assert(end && short_end.op == end->op && short_end.xid.id == end->xid.id);
    assert(short_end.time.us == end->time.us && !end->flags && !end->subxact_count && !end->file_count);
}

/* Whatever was gathered can be stored and is read again. */
static void activity_check(const WalActivity *activity)
{
    AUTO(buf_done) Buf section = {0};
    AUTO(wal_activity_done) WalActivity again = {0};
    wal_index_activity_encode(&section, activity);
    Err *err = wal_index_activity_decode(&again, buf_span(&section));
    assert(!err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static WalRecord record;
    const PgVersion *version = NULL;
    if (size < 1 + WAL_RECORD_HEAD_BYTES)
        return 0;
    Err *err = pg_version_of_major(&version, PG_MAJOR_FIRST + data[0] % 6);
    assert(!err);
    uint8_t *const bytes = malloc(size - 1);
    memcpy(bytes, data + 1, size - 1);
    /* The length is nothing to find by chance. */
    put_u32(bytes, (uint32_t)(size - 1));
    err = wal_record_decode(&record, version, span_of(bytes, size - 1));
    check_short(&record, span_of(bytes, size - 1), !err);
    if (!err) {
        check(&record, span_of(bytes, size - 1));
        AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
        XactEnd xact_end;
        const XactEnd *end = NULL;
        if (xact_is_end(&record.head)) {
            err = xact_end_decode(&xact_end, version, &record);
            end = err ? NULL : &xact_end;
        }
        check_short_end(&record, span_of(bytes, size - 1), end);
        wal_changes_record(changes, version, (Lsn){1}, &record, end);
        AUTO(activity_gather_free) ActivityGather *gather = activity_gather_new(version);
        activity_gather_record(gather, (Lsn){1}, &record, end);
        AUTO(wal_activity_done) WalActivity activity;
        activity_gather_finish(&activity, gather);
        activity_check(&activity);
    }
    err_free(&err);
    free(bytes);
    return 0;
}
