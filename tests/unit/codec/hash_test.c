/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "codec/hash.h"

#include <string.h>

/* Expected values come from python3-xxhash and hashlib. */
#define EMPTY_128  "99aa06d3014798d86001c324468d497f"
#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

enum { PATTERN_BYTES = 8192 };

/* 0, 1, … 255, 0, 1, …: long enough for the wide loops of XXH3. */
static Span pattern(void)
{
    static uint8_t bytes[PATTERN_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    return span_of(bytes, sizeof bytes);
}

static void test_hash128__is_the_canonical_form_of_xxh3(void **state)
{
    (void)state;
    const Hash128 empty = hash128_of(span_of("", 0));
    assert_string_equal(hash128_text(&empty).text, EMPTY_128);
    const Hash128 longer = hash128_of(pattern());
    assert_string_equal(hash128_text(&longer).text, "cc9793551046aad5192da51815062f07");
}

static void test_hash128_stream__equals_the_hash_of_the_whole_and_starts_again(void **state)
{
    (void)state;
    const Span bytes = pattern();
    const Hash128 whole = hash128_of(bytes);
    AUTO(hash128_stream_free) Hash128Stream *stream = hash128_stream_new();
    for (int round = 0; round < 2; round++) {
        for (size_t at = 0; at < bytes.len; at += 1000)
            hash128_stream_add(stream, span_cut(bytes, at, 1000));
        const Hash128 streamed = hash128_stream_end(stream);
        assert_true(hash128_equal(&whole, &streamed));
    }
}

static void test_hash128_parse__takes_32_digits_only(void **state)
{
    (void)state;
    Hash128 parsed;
    assert_true(hash128_parse(&parsed, EMPTY_128));
    assert_string_equal(hash128_text(&parsed).text, EMPTY_128);
    assert_false(hash128_parse(&parsed, EMPTY_128 "0"));
    assert_false(hash128_parse(&parsed, "99aa"));
    assert_false(hash128_parse(&parsed, "g9aa06d3014798d86001c324468d497f"));
}

static void test_hash64__depends_on_bytes_and_seed(void **state)
{
    (void)state;
    assert_int_equal(hash64_of(span_of("abc", 3), 7), UINT64_C(0x48ff56f569e39912));
    assert_int_equal(hash64_of(pattern(), UINT64_C(0x123456789abcdef0)), UINT64_C(0x80239b055be17ab6));
    assert_int_not_equal(hash64_of(pattern(), 1), hash64_of(pattern(), 2));
}

static void test_sha256_stream__knows_the_standard_vector_and_starts_again(void **state)
{
    (void)state;
    AUTO(sha256_stream_free) Sha256Stream *stream = sha256_stream_new();
    for (int round = 0; round < 2; round++) {
        sha256_stream_add(stream, span_of("a", 1));
        sha256_stream_add(stream, span_of("", 0));
        sha256_stream_add(stream, span_of("bc", 2));
        const Sha256 hash = sha256_stream_end(stream);
        assert_string_equal(sha256_text(&hash).text, SHA256_ABC);
    }
}

static void test_sha256_parse__returns_what_was_formatted(void **state)
{
    (void)state;
    Sha256 a, b;
    assert_true(sha256_parse(&a, SHA256_ABC));
    assert_string_equal(sha256_text(&a).text, SHA256_ABC);
    assert_true(sha256_parse(&b, SHA256_ABC));
    assert_true(sha256_equal(&a, &b));
    b.bytes[31] ^= 1;
    assert_false(sha256_equal(&a, &b));
    assert_false(sha256_parse(&a, "ba78"));
}

UNIT_MAIN(cmocka_unit_test(test_hash128__is_the_canonical_form_of_xxh3),
          cmocka_unit_test(test_hash128_stream__equals_the_hash_of_the_whole_and_starts_again),
          cmocka_unit_test(test_hash128_parse__takes_32_digits_only),
          cmocka_unit_test(test_hash64__depends_on_bytes_and_seed),
          cmocka_unit_test(test_sha256_stream__knows_the_standard_vector_and_starts_again),
          cmocka_unit_test(test_sha256_parse__returns_what_was_formatted))
