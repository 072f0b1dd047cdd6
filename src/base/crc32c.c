/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/crc32c.h"

#include <string.h>

/* Of a WAL record (XLogRecord); its checksum is the last four bytes. */
enum { WAL_HEAD = 24 };

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>

static inline uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Fewer than eight bytes. */
__attribute__((target("sse4.2"))) static uint32_t add_few(uint32_t crc, const uint8_t *p, size_t size)
{
    if (size & 4) {
        crc = _mm_crc32_u32(crc, get_u32(p));
        p += 4;
    }
    if (size & 2) {
        crc = _mm_crc32_u16(crc, get_u16(p));
        p += 2;
    }
    return size & 1 ? _mm_crc32_u8(crc, *p) : crc;
}

/* One byte or more, and eight can be read before the end. WAL records are short and end anywhere, which no branch
 * predictor foresees: their last one to eight bytes are taken in one step, from the word that ends with them. Shifted to
 * its upper end and with zeros below, it leaves a remainder of zero untouched until they come; so the remainder is put
 * where they begin, and what is longer than they are stays for afterwards. */
__attribute__((target("sse4.2"))) static inline uint32_t add_words(uint32_t crc, const uint8_t *p,
                                                                   size_t size)
{
    const uint8_t *const last = p + size - 8;
    uint64_t wide = crc;
    for (; p < last; p += 8)
        wide = _mm_crc32_u64(wide, word_at(p));
    const unsigned unused = (unsigned)(p - last) * 8;
    const uint64_t end = (word_at(last) >> unused ^ wide) << unused;
    return (uint32_t)(_mm_crc32_u64(0, end) ^ wide >> (63 - unused) >> 1);
}

/* What multiplies a remainder so that LANE, or twice as many, zero bytes seem to follow it: x^(8 LANE - 33) and x^(16 LANE - 33)
 * modulo the polynomial, reflected. */
enum { LANE = 128 };
static const uint32_t shift_one = 0x0d3b6092, shift_two = 0xb9e02b86;

/* A step waits three cycles for the one before, and one can begin every cycle: three runs go side by side and are put
 * together in the end. Page images are two thirds of most WAL. */
__attribute__((target("sse4.2,pclmul"))) static uint32_t add_lanes(uint32_t crc, const uint8_t *p,
                                                                   size_t size)
{
    for (; size >= (size_t)3 * LANE; size -= (size_t)3 * LANE, p += (size_t)3 * LANE) {
        uint64_t a = crc, b = 0, c = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            a = _mm_crc32_u64(a, word_at(p + i));
            b = _mm_crc32_u64(b, word_at(p + LANE + i));
            c = _mm_crc32_u64(c, word_at(p + (size_t)2 * LANE + i));
        }
        const __m128i first =
            _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)a), _mm_cvtsi64_si128(shift_two), 0);
        const __m128i second =
            _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)b), _mm_cvtsi64_si128(shift_one), 0);
        const uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(first, second));
        crc = (uint32_t)(c ^ _mm_crc32_u64(0, both));
    }
    return size >= 8 ? add_words(crc, p, size) : add_few(crc, p, size);
}

__attribute__((target("sse4.2"))) static uint32_t wal_record_sse42(const uint8_t *record, size_t size)
{
    uint64_t wide = CRC32C_INIT;
    if (size > WAL_HEAD)
        wide = add_words(CRC32C_INIT, record + WAL_HEAD, size - WAL_HEAD);
    wide = _mm_crc32_u64(wide, word_at(record));
    wide = _mm_crc32_u64(wide, word_at(record + 8));
    return crc32c_end(_mm_crc32_u32((uint32_t)wide, get_u32(record + 16)));
}
#endif

/* The remainder of one nibble under the reflected polynomial 0x82F63B78. Small on purpose: the portable way serves
 * correctness on old machines, not speed. */
static const uint32_t nibble_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_add_portable(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (; size; size--, p++) {
        crc ^= *p;
        crc = crc >> 4 ^ nibble_table[crc & 15];
        crc = crc >> 4 ^ nibble_table[crc & 15];
    }
    return crc;
}

uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t size)
{
#if defined(__x86_64__)
    if (size >= (size_t)3 * LANE && __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        return add_lanes(crc, bytes, size);
    if (__builtin_cpu_supports("sse4.2"))
        return size >= 8 ? add_words(crc, bytes, size) : add_few(crc, bytes, size);
#endif
    return crc32c_add_portable(crc, bytes, size);
}

uint32_t crc32c_wal_record(const uint8_t *record, size_t size)
{
#if defined(__x86_64__)
    if (size < (size_t)3 * LANE && __builtin_cpu_supports("sse4.2"))
        return wal_record_sse42(record, size);
#endif
    const uint32_t body = crc32c_add(CRC32C_INIT, record + WAL_HEAD, size - WAL_HEAD);
    return crc32c_end(crc32c_add(body, record, WAL_HEAD - 4));
}

uint32_t crc32c(Span bytes)
{
    return crc32c_end(crc32c_add(CRC32C_INIT, bytes.ptr, bytes.len));
}
