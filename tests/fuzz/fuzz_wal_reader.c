/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fuzz/fuzz_wal_reader.c - any pages are read to an end, by reader, summary, matcher and index
 *
 * Checksums stop a fuzzer at once, so the input is a recipe: records of any manager and content are laid out rightly,
 * then some bytes of the result are bent. Whole pages and single ones must tell the same; what is indexed can be decoded.
 */
#include "fake/wal.h"
#include "pg/wal_reader.h"
#include "pg/wal_summary.h"
#include "pg/wal_target.h"
#include "repo/wal_index.h"

#include <assert.h>
#include <string.h>

typedef struct Both {
    WalSummary summary;
    WalMatcher matcher;
    uint64_t count;
    Lsn end;
} Both;

static Err *both_entry(void *arg, const WalEntry *entry)
{
    Both *const both = arg;
    assert(entry->start.at >= both->end.at && entry->end.at > entry->start.at);
    assert(entry->bytes.len == entry->head.total_bytes);
    assert(wal_record_crc(entry->bytes) == entry->head.crc);
    both->end = entry->end;
    both->count++;
    TRY(wal_summary_entry(&both->summary, entry));
    Err *err = wal_matcher_entry(&both->matcher, entry);
    err_free(&err); /* a commit that is none: the summary counts it */
    return NULL;
}

static uint64_t read_in_pieces(const FakeWal *wal, size_t piece)
{
    const WalSegmentHead head = {wal->version, {FAKE_WAL_SYSTEM_ID}, FAKE_WAL_SEGMENT, {1}, wal->start};
    const WalTarget target = {.kind = WAL_TARGET_TIME, .time = {0}};
    Both both = {.matcher = wal_matcher(&target, head.version)};
    wal_summary_init(&both.summary, head.version);
    WalReader *reader = wal_reader_new(&head, both_entry, &both);
    for (size_t at = 0; at < wal->bytes.len; at += piece) {
        Err *err = wal_reader_push(reader, span_cut(buf_span(&wal->bytes), at, piece));
        assert(!err);
    }
    wal_summary_finish(&both.summary, reader);
    assert(both.summary.records == both.count);
    assert(both.summary.progress.end == WAL_END_NONE || both.summary.progress.end_text[0]);
    const uint64_t digest = both.count << 8 | both.summary.progress.end;
    wal_reader_free(&reader);
    wal_summary_done(&both.summary);
    return digest;
}

static void index_whole(Span pages)
{
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    Err *err = wal_sections_of(&sections, pages);
    if (err) { /* the first page was bent */
        err_free(&err);
        return;
    }
    WalIndex index;
    WalActivity activity;
    err = wal_index_decode(&index, buf_span(&sections.summary), buf_span(&sections.blocks),
                           buf_span(&sections.seams));
    assert(!err);
    err = wal_index_activity_decode(&activity, buf_span(&sections.activity));
    assert(!err);
    wal_index_done(&index);
    wal_activity_done(&activity);
}

/* One record of the recipe: manager, info, length, content; the length may be stretched over pages. */
static void add_record(FakeWal *wal, Dec *dec)
{
    WalRecordHead head = {
        .manager = dec_u8(dec) % (WAL_LOGICAL_MESSAGE + 2), .info = dec_u8(dec), .xid = {dec_u8(dec)}};
    const uint8_t kind = dec_u8(dec);
    const size_t length = dec_u8(dec);
    const size_t have = length < dec_left(dec) ? length : dec_left(dec);
    const Span content = dec_bytes(dec, have);
    if (kind & 1) {
        (void)fake_wal_main(wal, head.manager, head.info, head.xid, content);
    } else if (kind & 2) {
        (void)fake_wal_record(wal, &head, content);
    } else if (kind & 4) {
        wal->next_flags = kind & 8 ? WAL_PAGE_OVERWRITES : 0;
        wal->timeline.id += kind >> 6;
        (void)fake_wal_filler(wal, 40 + length * 130);
    } else {
        fake_wal_pad_page(wal);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeWal wal;
    if (size < 12 || size > 4096)
        return 0;
    fake_wal_begin(&wal, PG_MAJOR_FIRST + data[0] % 6);
    Dec dec = dec_begin(span_of(data + 1, size - 9));
    while (dec_left(&dec) >= 5)
        add_record(&wal, &dec);
    fake_wal_pad_page(&wal);
    /* The last bytes say what is bent: place and mask; a mask of zero bends nothing. */
    if (wal.bytes.len) {
        uint8_t *const place = wal.bytes.data + get_u32(data + size - 8) % (wal.bytes.len - 3);
        put_u32(place, get_u32(place) ^ get_u32(data + size - 4));
    }
    const uint64_t whole = read_in_pieces(&wal, SIZE_MAX / 2);
    assert(read_in_pieces(&wal, PAGE_BYTES) == whole);
    index_whole(buf_span(&wal.bytes));
    fake_wal_done(&wal);
    return 0;
}
