/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fuzz/fuzz_pack_index.c - the sections FILES and PAGES of a pack from any bytes
 *
 * The input is FILES. PAGES is made to fit it, so that inputs come past the comparison of both; then every block is
 * looked up and must be there.
 */
#include "base/limits.h"
#include "repo/pack_index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCKS_MAX = 100000 };

static void lookup_check(const PackIndex *index, Span files)
{
    RunWalk walk = {0};
    PackRunEntry entry;
    uint64_t hash, last;
    for (Dec dec = dec_begin(files); dec_left(&dec) > 0;) {
        Err *err = run_decode(&entry, &walk, &dec);
        assert(!err);
        const uint64_t number = walk.first_hash - pages_of(entry.bytes);
        err = pack_index_hashes(&hash, index, entry.plain_offset, 1);
        assert(!err && hash == number);
        err =
            pack_index_hashes(&last, index, entry.plain_offset + (pages_of(entry.bytes) - 1) * PAGE_BYTES, 1);
        assert(!err && last == walk.first_hash - 1);
        const uint64_t behind = index->hashes.len / sizeof hash - number; /* this block and all behind it */
        err = pack_index_hashes(&hash, index, entry.plain_offset, behind + 1);
        assert(err_is(err, ERR_CORRUPT));
        err_free(&err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const Span files = span_of(data, size);
    RunWalk walk = {0};
    PackRunEntry entry;
    for (Dec dec = dec_begin(files); dec_left(&dec) > 0;) {
        AUTO(err_free) Err *err = run_decode(&entry, &walk, &dec);
        if (err || walk.first_hash > BLOCKS_MAX)
            return 0;
    }
    AUTO(buf_done) Buf pages = {0};
    buf_add_u64(&pages, 1);
    for (uint64_t i = 0; i < walk.first_hash; i++)
        buf_add_u64(&pages, i); /* so that a hash tells its own number */
    AUTO(pack_index_done) PackIndex index = {0};
    Err *err = pack_index_decode(&index, files, buf_span(&pages), walk.plain_offset);
    assert(!err);
    lookup_check(&index, files);
    return 0;
}
