/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const CodecKind kinds[] = {CODEC_NONE, CODEC_LZ4, CODEC_ZSTD};

/* Lengths around the borders: one byte, the raw block of 128 KiB, a whole frame. */
static const size_t lengths[] = {1,
                                 2,
                                 255,
                                 256,
                                 257,
                                 PAGE_BYTES,
                                 128 * 1024 - 1,
                                 128 * 1024,
                                 128 * 1024 + 1,
                                 FRAME_PLAIN_MAX - 1,
                                 FRAME_PLAIN_MAX};

static uint8_t plain_bytes[FRAME_PLAIN_MAX];

/* Half noise, half repetition, so that compressed and stored blocks both occur. */
static Span plain_make(size_t len)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        plain_bytes[i] = i / 4096 % 2 ? (uint8_t)x : (uint8_t)(i % 50);
    }
    return span_of(plain_bytes, len);
}

static Codec *codec_make(CodecKind kind)
{
    Codec *codec = NULL;
    ASSERT_OK(codec_new(&codec, kind, codec_level_default(kind)));
    return codec;
}

static void test_codec__gives_back_what_it_took(void **state)
{
    (void)state;
    AUTO(mem_free) uint8_t *back = mem_new(FRAME_PLAIN_MAX);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(codec_free) Codec *codec = codec_make(kinds[k]);
        for (size_t l = 0; l < COUNT_OF(lengths); l++) {
            const Span plain = plain_make(lengths[l]);
            AUTO(buf_done) Buf frame = {0};
            ASSERT_OK(codec_compress(&frame, codec, plain));
            assert_true(frame.len <= FRAME_STORED_MAX);
            ASSERT_OK(codec_decompress(back, plain.len, codec, buf_span(&frame)));
            assert_memory_equal(back, plain.ptr, plain.len);
        }
    }
}

static void test_codec__stores_noise_within_the_frame_limit_at_every_level(void **state)
{
    (void)state;
    uint64_t x = 1;
    for (size_t i = 0; i < FRAME_PLAIN_MAX; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        plain_bytes[i] = (uint8_t)(x >> 56);
    }
    for (int level = 1; level <= 12; level++) {
        for (size_t k = 1; k < COUNT_OF(kinds); k++) {
            AUTO(codec_free) Codec *codec = NULL;
            ASSERT_OK(codec_new(&codec, kinds[k], level));
            AUTO(buf_done) Buf frame = {0};
            ASSERT_OK(codec_compress(&frame, codec, span_of(plain_bytes, FRAME_PLAIN_MAX)));
            assert_in_range(frame.len, FRAME_PLAIN_MAX, FRAME_STORED_MAX);
        }
    }
}

static void test_codec_decompress__refuses_every_shorter_or_longer_frame(void **state)
{
    (void)state;
    AUTO(mem_free) uint8_t *back = mem_new(FRAME_PLAIN_MAX);
    const Span plain = plain_make(3000);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(codec_free) Codec *codec = codec_make(kinds[k]);
        AUTO(buf_done) Buf frame = {0};
        ASSERT_OK(codec_compress(&frame, codec, plain));
        for (size_t len = 0; len < frame.len; len++)
            ASSERT_ERR(CORRUPT, codec_decompress(back, plain.len, codec, span_of(frame.data, len)));
        buf_add_u8(&frame, 0);
        ASSERT_ERR(CORRUPT, codec_decompress(back, plain.len, codec, buf_span(&frame)));
    }
}

static void test_codec_decompress__refuses_another_plain_length(void **state)
{
    (void)state;
    AUTO(mem_free) uint8_t *back = mem_new(FRAME_PLAIN_MAX);
    const Span plain = plain_make(3000);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(codec_free) Codec *codec = codec_make(kinds[k]);
        AUTO(buf_done) Buf frame = {0};
        ASSERT_OK(codec_compress(&frame, codec, plain));
        ASSERT_ERR(CORRUPT, codec_decompress(back, plain.len - 1, codec, buf_span(&frame)));
        ASSERT_ERR(CORRUPT, codec_decompress(back, plain.len + 1, codec, buf_span(&frame)));
        ASSERT_OK(codec_decompress(back, plain.len, codec, buf_span(&frame))); /* no trace of the failures */
    }
}

static void test_codec_decompress__refuses_two_frames_and_skippable_ones(void **state)
{
    (void)state;
    AUTO(mem_free) uint8_t *back = mem_new(FRAME_PLAIN_MAX);
    const Span plain = plain_make(100);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(codec_free) Codec *codec = codec_make(kinds[k]);
        AUTO(buf_done) Buf twice = {0};
        ASSERT_OK(codec_compress(&twice, codec, plain));
        const size_t once = twice.len;
        ASSERT_OK(codec_compress(&twice, codec, plain));
        ASSERT_ERR(CORRUPT, codec_decompress(back, plain.len, codec, buf_span(&twice)));
        ASSERT_ERR(CORRUPT, codec_decompress(back, 2 * plain.len, codec, buf_span(&twice)));

        AUTO(buf_done) Buf skip = {0};
        buf_add_u32(&skip, 0x184D2A5E);
        buf_add_u32(&skip, 4);
        buf_add_u32(&skip, 0);
        ASSERT_ERR(CORRUPT, codec_decompress(back, 4, codec, buf_span(&skip)));
        buf_add(&skip, twice.data, once);
        ASSERT_ERR(CORRUPT, codec_decompress(back, plain.len, codec, buf_span(&skip)));
    }
}

/* Damage may leave the plain bytes as they were; it must never crash or write past them. */
static void test_codec_decompress__survives_every_flipped_bit(void **state)
{
    (void)state;
    AUTO(mem_free) uint8_t *back = mem_new(2000);
    const Span plain = plain_make(2000);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(codec_free) Codec *codec = codec_make(kinds[k]);
        AUTO(buf_done) Buf frame = {0};
        ASSERT_OK(codec_compress(&frame, codec, plain));
        size_t refused = 0;
        for (size_t bit = 0; bit < frame.len * 8; bit++) {
            frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            Err *err = codec_decompress(back, plain.len, codec, buf_span(&frame));
            refused += err_is(err, ERR_CORRUPT);
            assert_true(!err || err_is(err, ERR_CORRUPT));
            err_free(&err);
            frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(refused >= 32); /* at least the magic number */
    }
}

/* Writes `bytes` to a file, lets the tool decompress it, and compares. */
static void tool_check(const char *tool, Span bytes, Span expected)
{
    char path[] = "/tmp/codec_test.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    close(fd);

    AUTO(buf_done) Buf command = {0};
    buf_addf(&command, "%s -dc < %s", tool, path);
    FILE *const pipe = popen(buf_text(&command), "r");
    assert_non_null(pipe);
    AUTO(buf_done) Buf got = {0};
    for (size_t size = 1; size != 0;) {
        size = fread(buf_reserve(&got, 65536), 1, 65536, pipe);
        buf_grown(&got, size);
    }
    assert_int_equal(pclose(pipe), 0);
    unlink(path);
    assert_true(span_equal(buf_span(&got), expected));
}

static void test_codec__frames_between_skippable_frames_are_read_by_the_stock_tool(void **state)
{
    (void)state;
    const char *const tools[] = {[CODEC_NONE] = "zstd", [CODEC_LZ4] = "lz4", [CODEC_ZSTD] = "zstd"};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(codec_free) Codec *codec = codec_make(kinds[k]);
        AUTO(buf_done) Buf object = {0}, expected = {0};
        for (size_t l = 0; l < COUNT_OF(lengths); l++) {
            const Span plain = plain_make(lengths[l]);
            buf_add_u32(&object, 0x184D2A5E);
            buf_add_u32(&object, 5);
            buf_add(&object, "skip!", 5);
            ASSERT_OK(codec_compress(&object, codec, plain));
            buf_add(&expected, plain.ptr, plain.len);
        }
        tool_check(tools[kinds[k]], buf_span(&object), buf_span(&expected));
    }
}

static void test_codec_level_check__knows_the_levels_of_each_codec(void **state)
{
    (void)state;
    ASSERT_OK(codec_level_check(CODEC_ZSTD, 1));
    ASSERT_OK(codec_level_check(CODEC_ZSTD, 22));
    ASSERT_OK(codec_level_check(CODEC_LZ4, 12));
    ASSERT_OK(codec_level_check(CODEC_NONE, 0));
    ASSERT_ERR_TEXT(USAGE, "level 23 does not exist for zstd", codec_level_check(CODEC_ZSTD, 23));
    ASSERT_ERR(USAGE, codec_level_check(CODEC_ZSTD, 0));
    ASSERT_ERR(USAGE, codec_level_check(CODEC_LZ4, 13));
    ASSERT_ERR(USAGE, codec_level_check(CODEC_NONE, 1));
}

static void test_codec_parse__knows_three_names(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        CodecKind kind;
        ASSERT_OK(codec_parse(&kind, codec_name(kinds[k])));
        assert_int_equal(kind, kinds[k]);
    }
    CodecKind kind = CODEC_LZ4;
    ASSERT_ERR_TEXT(USAGE, "gzip", codec_parse(&kind, "gzip"));
    assert_int_equal(kind, CODEC_LZ4);
    assert_true(codec_is_known(2));
    assert_false(codec_is_known(3));
}

UNIT_MAIN(cmocka_unit_test(test_codec__gives_back_what_it_took),
          cmocka_unit_test(test_codec__stores_noise_within_the_frame_limit_at_every_level),
          cmocka_unit_test(test_codec_decompress__refuses_every_shorter_or_longer_frame),
          cmocka_unit_test(test_codec_decompress__refuses_another_plain_length),
          cmocka_unit_test(test_codec_decompress__refuses_two_frames_and_skippable_ones),
          cmocka_unit_test(test_codec_decompress__survives_every_flipped_bit),
          cmocka_unit_test(test_codec__frames_between_skippable_frames_are_read_by_the_stock_tool),
          cmocka_unit_test(test_codec_level_check__knows_the_levels_of_each_codec),
          cmocka_unit_test(test_codec_parse__knows_three_names))
