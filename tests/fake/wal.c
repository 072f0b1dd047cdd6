/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "fake/wal.h"

#include "base/limits.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#ifndef UNIT_FIXTURES
#define UNIT_FIXTURES "tests/fixtures"
#endif

void fake_wal_begin(FakeWal *w, uint32_t major)
{
    *w = (FakeWal){.start = {UINT64_C(5) * FAKE_WAL_SEGMENT}, .timeline = {1}};
    Err *err = pg_version_of_major(&w->version, major);
    assert(!err);
    w->prev.at = w->start.at - 400;
}

void fake_wal_done(FakeWal *w)
{
    buf_done(&w->bytes);
}

Lsn fake_wal_at(const FakeWal *w)
{
    return (Lsn){w->start.at + w->bytes.len};
}

static void page_head(FakeWal *w, size_t rest)
{
    const Lsn at = fake_wal_at(w);
    const bool is_long = at.at % FAKE_WAL_SEGMENT == 0;
    buf_add_u16(&w->bytes, w->version->wal_page_magic);
    buf_add_u16(&w->bytes,
                (uint16_t)((rest ? WAL_PAGE_CONTINUES : 0) | (is_long ? WAL_PAGE_LONG : 0) | w->next_flags));
    buf_add_u32(&w->bytes, w->timeline.id);
    buf_add_u64(&w->bytes, at.at);
    buf_add_u32(&w->bytes, (uint32_t)rest);
    buf_add_u32(&w->bytes, 0);
    if (is_long) {
        buf_add_u64(&w->bytes, FAKE_WAL_SYSTEM_ID);
        buf_add_u32(&w->bytes, FAKE_WAL_SEGMENT);
        buf_add_u32(&w->bytes, PAGE_BYTES);
    }
    w->next_flags = 0;
}

static size_t room_of_page(const FakeWal *w)
{
    return (PAGE_BYTES - w->bytes.len % PAGE_BYTES) % PAGE_BYTES;
}

void fake_wal_seal(uint8_t *record, size_t total_bytes)
{
    put_u32(record + 20, wal_record_crc(span_of(record, total_bytes)));
}

static void add_pad(Buf *buf, size_t bytes)
{
    memset(buf_reserve(buf, bytes), 0, bytes);
    buf_grown(buf, bytes);
}

Lsn fake_wal_record(FakeWal *w, const WalRecordHead *head, Span rest)
{
    AUTO(buf_done) Buf record = {0};
    const size_t total = WAL_RECORD_HEAD_BYTES + rest.len;
    buf_add_u32(&record, (uint32_t)total);
    buf_add_u32(&record, head->xid.id);
    buf_add_u64(&record, w->prev.at);
    buf_add_u8(&record, head->info);
    buf_add_u8(&record, head->manager);
    add_pad(&record, 6);
    buf_add(&record, rest.ptr, rest.len);
    fake_wal_seal(record.data, total);

    if (room_of_page(w) == 0)
        page_head(w, 0);
    w->prev = fake_wal_at(w);
    for (size_t done = 0; done < total;) {
        if (room_of_page(w) == 0)
            page_head(w, total - done);
        const size_t room = room_of_page(w), left = total - done;
        buf_add(&w->bytes, record.data + done, left < room ? left : room);
        done += left < room ? left : room;
    }
    add_pad(&w->bytes, (8 - w->bytes.len % 8) % 8);
    return w->prev;
}

Lsn fake_wal_main(FakeWal *w, uint8_t manager, uint8_t info, Xid xid, Span main)
{
    AUTO(buf_done) Buf rest = {0};
    if (main.len > 255) {
        buf_add_u8(&rest, 254);
        buf_add_u32(&rest, (uint32_t)main.len);
    } else if (main.len) {
        buf_add_u8(&rest, 255);
        buf_add_u8(&rest, (uint8_t)main.len);
    }
    buf_add(&rest, main.ptr, main.len);
    return fake_wal_record(w, &(WalRecordHead){.manager = manager, .info = info, .xid = xid},
                           buf_span(&rest));
}

Lsn fake_wal_filler(FakeWal *w, size_t total_bytes)
{
    const size_t overhead = WAL_RECORD_HEAD_BYTES + (total_bytes > WAL_RECORD_HEAD_BYTES + 2 + 255 ? 5 : 2);
    AUTO(buf_done) Buf main = {0};
    assert(total_bytes > overhead);
    uint8_t *const bytes = buf_reserve(&main, total_bytes - overhead); /* tests make megabytes of it */
    for (size_t i = overhead; i < total_bytes; i++)
        bytes[i - overhead] = (uint8_t)(i * 7);
    buf_grown(&main, total_bytes - overhead);
    return fake_wal_main(w, 200, 0, (Xid){700}, buf_span(&main));
}

void fake_wal_pad_page(FakeWal *w)
{
    add_pad(&w->bytes, room_of_page(w));
}

void fake_wal_pad_segment(FakeWal *w)
{
    add_pad(&w->bytes, (FAKE_WAL_SEGMENT - w->bytes.len % FAKE_WAL_SEGMENT) % FAKE_WAL_SEGMENT);
}

void fake_wal_cut(FakeWal *w, Lsn at, Lsn prev)
{
    buf_cut(&w->bytes, at.at - w->start.at);
    w->prev = prev;
}

void fake_wal_fixture(Buf *out, uint32_t major)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/wal/pg%u.zst", UNIT_FIXTURES, major);
    static uint8_t packed[1 << 20];
    FILE *const in = fopen(path, "rb");
    assert(in);
    const size_t size = fread(packed, 1, sizeof packed, in);
    (void)fclose(in);
    const unsigned long long plain = ZSTD_getFrameContentSize(packed, size);
    assert(plain % FAKE_WAL_SEGMENT == 0 && plain < (UINT64_C(64) << 20));
    const size_t got = ZSTD_decompress(buf_reserve(out, plain), plain, packed, size);
    assert(got == plain);
    buf_grown(out, got);
}
