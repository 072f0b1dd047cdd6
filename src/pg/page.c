/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/page.h"

#include <assert.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* A page is 64 rows of 32 words. Each column is hashed by itself from a start value of its own, row after row, with
 * two more rows of zeros at the end; the 32 results are joined by exclusive or. */
enum { LANES = 32, ROWS = PAGE_BYTES / 4 / LANES, ROWS_OF_ZEROS = 2, AT_CHECKSUM = 8, SHIFT = 17 };
static const uint32_t prime = 16777619;

/* checksumBaseOffsets */
static const uint32_t lane_starts[LANES] = {
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
};

/* The checksum field counts as zero; it is the lower half of a word in the first row. */
enum { CHECKSUM_LANE = AT_CHECKSUM / 4 };
#define CHECKSUM_MASK UINT32_C(0xffff0000)

static uint32_t round_of(uint32_t hash, uint32_t word)
{
    const uint32_t mixed = hash ^ word;
    return mixed * prime ^ mixed >> SHIFT;
}

static uint32_t page_hash_portable(const uint8_t *page)
{
    uint32_t lanes[LANES], row[LANES];
    memcpy(lanes, lane_starts, sizeof lanes);
    for (size_t r = 0; r < ROWS + ROWS_OF_ZEROS; r++) {
        if (r < ROWS)
            memcpy(row, page + r * sizeof row, sizeof row);
        else
            memset(row, 0, sizeof row);
        if (r == 0)
            row[CHECKSUM_LANE] &= CHECKSUM_MASK;
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] = round_of(lanes[lane], row[lane]);
    }
    uint32_t hash = 0;
    for (int lane = 0; lane < LANES; lane++)
        hash ^= lanes[lane];
    return hash;
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

AVX2 __m256i round_of_8(__m256i hash, __m256i words)
{
    const __m256i mixed = _mm256_xor_si256(hash, words);
    return _mm256_xor_si256(_mm256_mullo_epi32(mixed, _mm256_set1_epi32((int)prime)),
                            _mm256_srli_epi32(mixed, SHIFT));
}

AVX2 __m256i load_8(const void *words)
{
    return _mm256_loadu_si256(words);
}

/* Four registers of eight lanes each: enough independent multiplications to hide their latency. */
__attribute__((target("avx2"))) static uint32_t page_hash_avx2(const uint8_t *page)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i mask =
        _mm256_xor_si256(_mm256_set1_epi32(-1), _mm256_setr_epi32(0, 0, 0xffff, 0, 0, 0, 0, 0));
    __m256i a = round_of_8(load_8(lane_starts), _mm256_and_si256(load_8(page), mask));
    __m256i b = round_of_8(load_8(lane_starts + 8), load_8(page + 32));
    __m256i c = round_of_8(load_8(lane_starts + 16), load_8(page + 64));
    __m256i d = round_of_8(load_8(lane_starts + 24), load_8(page + 96));
    for (const uint8_t *row = page + 128; row < page + PAGE_BYTES; row += 128) {
        a = round_of_8(a, load_8(row));
        b = round_of_8(b, load_8(row + 32));
        c = round_of_8(c, load_8(row + 64));
        d = round_of_8(d, load_8(row + 96));
    }
    for (int i = 0; i < ROWS_OF_ZEROS; i++) {
        a = round_of_8(a, zero);
        b = round_of_8(b, zero);
        c = round_of_8(c, zero);
        d = round_of_8(d, zero);
    }
    uint32_t lanes[8];
    _mm256_storeu_si256((void *)lanes, _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d)));
    return lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3] ^ lanes[4] ^ lanes[5] ^ lanes[6] ^ lanes[7];
}
_Static_assert(CHECKSUM_LANE == 2, "the mask above clears the lower half of lane 2");
#endif

static uint32_t page_hash(const uint8_t *page)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return page_hash_avx2(page);
#endif
    return page_hash_portable(page);
}

/* Never zero: a field of zero means that nobody computed it. */
static uint16_t checksum_of(uint32_t hash, uint32_t block_no)
{
    return (uint16_t)((hash ^ block_no) % 65535 + 1);
}

uint16_t page_checksum(const uint8_t *page, uint32_t block_no)
{
    return checksum_of(page_hash(page), block_no);
}

uint16_t page_checksum_portable(const uint8_t *page, uint32_t block_no)
{
    return checksum_of(page_hash_portable(page), block_no);
}

PageHeader page_header(const uint8_t *page)
{
    const uint16_t size_and_version = get_u16(page + 18);
    return (PageHeader){
        .lsn = {(uint64_t)get_u32(page) << 32 | get_u32(page + 4)}, /* the upper half comes first */
        .checksum = get_u16(page + AT_CHECKSUM),
        .flags = get_u16(page + 10),
        .lower = get_u16(page + 12),
        .upper = get_u16(page + 14),
        .special = get_u16(page + 16),
        .page_bytes = size_and_version & 0xff00,
        .layout_version = (uint8_t)size_and_version,
        .prune_xid = {get_u32(page + 20)},
    };
}

/* Version 4 has been the only one since 8.3. Three flag bits are in use: PD_VALID_FLAG_BITS. */
static bool header_is_sound(const PageHeader *h)
{
    return (h->flags & ~0x0007) == 0 && h->lower >= 24 && h->lower <= h->upper && h->upper <= h->special &&
           h->special <= PAGE_BYTES && h->special % 8 == 0 && h->page_bytes == PAGE_BYTES &&
           h->layout_version == 4;
}

PageState page_check(const uint8_t *page, uint32_t block_no, const PageRules *rules)
{
    const PageHeader h = page_header(page);
    if (h.upper == 0)
        return span_is_zero(span_of(page, PAGE_BYTES)) ? PAGE_NEW : PAGE_NOT_ZERO;
    const bool is_future = lsn_is_valid(rules->end) && h.lsn.at > rules->end.at;
    if (rules->has_checksums && page_checksum(page, block_no) != h.checksum) {
        const bool is_excused = lsn_is_valid(rules->start) && h.lsn.at >= rules->start.at && !is_future;
        return is_excused ? PAGE_REWRITTEN : PAGE_BAD_CHECKSUM;
    }
    if (!header_is_sound(&h))
        return PAGE_BAD_HEADER;
    return is_future ? PAGE_FUTURE : PAGE_GOOD;
}

size_t pages_good(Span pages, uint32_t first_block, const PageRules *rules)
{
    const size_t count = pages.len / PAGE_BYTES;
    for (size_t i = 0; i < count; i++) {
        if (page_check(pages.ptr + i * PAGE_BYTES, first_block + (uint32_t)i, rules) > PAGE_NEW)
            return i;
    }
    return count;
}

const char *page_state_text(PageState state)
{
    static const char *const texts[PAGE_STATE_COUNT] = {
        "good",
        "new",
        "being rewritten",
        "checksum is wrong",
        "header fields contradict each other",
        "begins like a new page and is not zero",
        "LSN is ahead of the cluster's WAL",
    };
    assert(state < PAGE_STATE_COUNT);
    return texts[state];
}
