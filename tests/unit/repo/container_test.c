/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/crc32c.h"
#include "base/limits.h"
#include "repo/container.h"
#include "repo/container_layout.h"
#include "repo/format_example.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY  "main/g1/wal/x"
#define NAME "g1/wal/x"

static const ContainerExpect expect = {CONTAINER_WAL, NAME};
static const CodecKind kinds[] = {CODEC_NONE, CODEC_LZ4, CODEC_ZSTD};

static uint8_t plain_room[3 * FRAME_PLAIN_MAX];

static Span plain_make(size_t len)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        plain_room[i] = i / 512 % 2 ? (uint8_t)x : (uint8_t)(i % 50);
    }
    return span_of(plain_room, len);
}

/* The object's bytes: frames of at most `frame_bytes`, facts, and one section of the WAL. */
static void object_make(Buf *out, CodecKind codec, Span plain, size_t frame_bytes)
{
    const ContainerSpec spec = {CONTAINER_WAL, NAME, codec, codec_level_default(codec), span_of("facts", 5)};
    BufSink to = buf_sink(out, SIZE_MAX);
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    ASSERT_OK(container_begin(&writer, &spec, &to.sink));
    for (size_t at = 0; at < plain.len; at += frame_bytes)
        ASSERT_OK(container_frame(writer, span_cut(plain, at, frame_bytes)));
    ASSERT_OK(container_section(writer, SECTION_WAL_SUMMARY, span_of("summary", 7)));
    ContainerSummary summary;
    ASSERT_OK(container_finish(&summary, writer));
    assert_int_equal(summary.stored_bytes, out->len);
    assert_int_equal(summary.plain_bytes, plain.len);
}

/* A store that holds nothing but these bytes as KEY. */
static Store *store_with(Span object)
{
    Store *const store = mem_store_new();
    ASSERT_OK(store_put_all(store, KEY, object));
    return store;
}

static Err *load_bytes(Span object)
{
    AUTO(store_free) Store *store = store_with(object);
    AUTO(buf_done) Buf plain = {0};
    return container_load(&plain, store, KEY, &expect, JSON_OBJECT_MAX);
}

static Err *open_bytes(Span object)
{
    AUTO(store_free) Store *store = store_with(object);
    AUTO(container_close) ContainerReader *reader = NULL;
    return container_open(&reader, store, KEY, &expect);
}

static Err *verify_bytes(Span object)
{
    AUTO(store_free) Store *store = store_with(object);
    ContainerSummary summary;
    return container_verify(&summary, store, KEY, &expect);
}

static void test_container_load__gives_back_what_was_written(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 1, 5000, FRAME_PLAIN_MAX, 3 * FRAME_PLAIN_MAX};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        for (size_t l = 0; l < COUNT_OF(lengths); l++) {
            const Span plain = plain_make(lengths[l]);
            AUTO(buf_done) Buf object = {0}, back = {0};
            object_make(&object, kinds[k], plain, FRAME_PLAIN_MAX);
            AUTO(store_free) Store *store = store_with(buf_span(&object));
            buf_add_text(&back, "before ");
            ASSERT_OK(container_load(&back, store, KEY, &expect, sizeof plain_room));
            assert_true(span_equal(span_cut(buf_span(&back), 7, back.len), plain));
        }
    }
}

static void test_container_open__tells_what_head_and_index_say(void **state)
{
    (void)state;
    AUTO(buf_done) Buf object = {0};
    object_make(&object, CODEC_ZSTD, plain_make(10000), 3000);
    AUTO(store_free) Store *store = store_with(buf_span(&object));
    AUTO(container_close) ContainerReader *reader = NULL;
    ASSERT_OK(container_open(&reader, store, KEY, &expect));

    const ContainerInfo *const info = container_info(reader);
    assert_int_equal(info->kind, CONTAINER_WAL);
    assert_int_equal(info->codec, CODEC_ZSTD);
    assert_string_equal(info->name, NAME);
    assert_true(span_equal(info->facts, span_of("facts", 5)));
    assert_int_equal(info->summary.frames, 4);
    assert_int_equal(info->summary.plain_bytes, 10000);
    assert_int_equal(info->summary.stored_bytes, object.len);
    Span section = {0};
    assert_true(container_section_find(&section, reader, SECTION_WAL_SUMMARY));
    assert_true(span_equal(section, span_of("summary", 7)));
    assert_false(container_section_find(&section, reader, SECTION_WAL_BLOCKS));

    FrameSpan frame;
    assert_true(container_frame_at(&frame, reader, 2999));
    assert_int_equal(frame.plain_offset, 0);
    assert_true(container_frame_at(&frame, reader, 9000));
    assert_int_equal(frame.plain_offset, 9000);
    assert_int_equal(frame.plain_bytes, 1000);
    assert_false(container_frame_at(&frame, reader, 10000));
}

static void test_container_read__gives_any_range(void **state)
{
    (void)state;
    const Span plain = plain_make(3 * FRAME_PLAIN_MAX);
    const uint64_t ranges[][2] = {
        {0, 1},     {0, plain.len}, {plain.len - 1, 1}, {FRAME_PLAIN_MAX - 1, 2}, {1, plain.len - 2},
        {70000, 0}, {70000, 10},    {70010, 10},        {70000, 140000},          {plain.len, 0},
    };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(buf_done) Buf object = {0};
        object_make(&object, kinds[k], plain, 70000);
        AUTO(store_free) Store *store = store_with(buf_span(&object));
        AUTO(container_close) ContainerReader *reader = NULL;
        ASSERT_OK(container_open(&reader, store, KEY, &expect));
        for (size_t r = 0; r < COUNT_OF(ranges); r++) {
            AUTO(buf_done) Buf got = {0};
            BufSink to = buf_sink(&got, SIZE_MAX);
            ASSERT_OK(container_read(reader, ranges[r][0], ranges[r][1], &to.sink));
            assert_true(span_equal(buf_span(&got), span_cut(plain, ranges[r][0], ranges[r][1])));
        }
        BufSink nowhere = buf_sink(&(Buf){0}, 0);
        ASSERT_ERR_TEXT(CORRUPT, "asked were 2", container_read(reader, plain.len - 1, 2, &nowhere.sink));
        ASSERT_ERR(CORRUPT, container_read(reader, UINT64_MAX, 2, &nowhere.sink));
    }
}

static void test_container_read__finds_a_damaged_frame_and_reads_the_others(void **state)
{
    (void)state;
    const Span plain = plain_make(30000);
    AUTO(buf_done) Buf object = {0};
    object_make(&object, CODEC_NONE, plain, 10000);
    object.data[15000] ^= 1; /* raw blocks: in the middle of the second frame */
    AUTO(store_free) Store *store = store_with(buf_span(&object));
    AUTO(container_close) ContainerReader *reader = NULL;
    ASSERT_OK(container_open(&reader, store, KEY, &expect));

    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, SIZE_MAX);
    ASSERT_ERR_TEXT(CORRUPT, KEY ", frame 1", container_read(reader, 0, 30000, &to.sink));
    assert_true(span_equal(buf_span(&got), span_cut(plain, 0, 10000))); /* what came before is good */
    buf_clear(&got);
    ASSERT_ERR(CORRUPT, container_read(reader, 12000, 1, &to.sink));
    assert_int_equal(got.len, 0);
    ASSERT_OK(container_read(reader, 20000, 10000, &to.sink));
    assert_true(span_equal(buf_span(&got), span_cut(plain, 20000, 10000)));
}

static void test_container__refuses_every_flipped_bit(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(buf_done) Buf object = {0};
        object_make(&object, kinds[k], plain_make(700), 300);
        ASSERT_OK(load_bytes(buf_span(&object)));
        ASSERT_OK(verify_bytes(buf_span(&object)));
        for (size_t bit = 0; bit < object.len * 8; bit++) {
            object.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            ASSERT_ERR(CORRUPT, load_bytes(buf_span(&object)));
            ASSERT_ERR(CORRUPT, verify_bytes(buf_span(&object)));
            object.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void test_container__refuses_every_truncation_and_appended_bytes(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(buf_done) Buf object = {0};
        object_make(&object, kinds[k], plain_make(700), 300);
        for (size_t len = 0; len < object.len; len++) {
            ASSERT_ERR(CORRUPT, load_bytes(span_of(object.data, len)));
            ASSERT_ERR(CORRUPT, open_bytes(span_of(object.data, len)));
        }
        const size_t whole = object.len;
        for (size_t more = 0; more < 2 * TRAILER_BYTES; more++) { /* twice in a row a sound trailer */
            buf_add_u8(&object, object.data[whole - TRAILER_BYTES + more % TRAILER_BYTES]);
            ASSERT_ERR(CORRUPT, load_bytes(buf_span(&object)));
            ASSERT_ERR(CORRUPT, open_bytes(buf_span(&object)));
        }
    }
}

/* The store answers every request with success and too few bytes. */
static void test_container__finds_bytes_that_a_store_leaves_out(void **state)
{
    (void)state;
    AUTO(buf_done) Buf object = {0};
    object_make(&object, CODEC_ZSTD, plain_make(200000), 50000); /* larger than what opening reads */
    AUTO(store_free) Store *store = faulty_store_new(store_with(buf_span(&object)));
    for (size_t at = 0; at < object.len; at += 997) {
        faulty_plan(store, (FaultyPlan){.damage_key = KEY, .damage = FAULTY_CUT, .damage_at = at});
        ContainerSummary summary;
        ASSERT_ERR(CORRUPT, container_verify(&summary, store, KEY, &expect));
        AUTO(buf_done) Buf plain = {0};
        ASSERT_ERR(CORRUPT, container_load(&plain, store, KEY, &expect, sizeof plain_room));
    }
}

static void test_container_open__names_both_of_two_swapped_objects(void **state)
{
    (void)state;
    AUTO(buf_done) Buf object = {0};
    object_make(&object, CODEC_ZSTD, plain_make(10), 10);
    AUTO(store_free) Store *store = store_with(buf_span(&object));
    AUTO(container_close) ContainerReader *reader = NULL;
    const ContainerExpect other_name = {CONTAINER_WAL, "g1/wal/y"}, other_kind = {CONTAINER_PACK, NAME};
    ASSERT_ERR_TEXT(CORRUPT, "calls itself wal \"g1/wal/x\", expected is wal \"g1/wal/y\"",
                    container_open(&reader, store, KEY, &other_name));
    ASSERT_ERR_TEXT(CORRUPT, "expected is pack", container_open(&reader, store, KEY, &other_kind));
    ASSERT_ERR(NOT_FOUND, container_open(&reader, store, "main/g1/wal/y", &expect));
}

static void test_container_load__keeps_to_its_limit(void **state)
{
    (void)state;
    AUTO(buf_done) Buf object = {0}, plain = {0};
    object_make(&object, CODEC_ZSTD, plain_make(5000), 5000);
    AUTO(store_free) Store *store = store_with(buf_span(&object));
    ASSERT_ERR(LIMIT, container_load(&plain, store, KEY, &expect, 4999));
    assert_int_equal(plain.len, 0);
    ASSERT_OK(container_load(&plain, store, KEY, &expect, 5000));
}

/* Rewrites the trailer's hash of the head and its CRC after a change, as a newer program would have written them. */
static void reseal(Buf *object, size_t head_bytes)
{
    uint8_t *const trailer = object->data + object->len - TRAILER_BYTES;
    const Hash128 head = hash128_of(span_of(object->data, head_bytes));
    memcpy(trailer + 24, head.bytes, sizeof head.bytes);
    put_u32(trailer + TRAILER_BYTES - 4, crc32c(span_of(trailer, TRAILER_BYTES - 4)));
}

static void test_container_open__calls_for_a_newer_program(void **state)
{
    (void)state;
    const size_t head_bytes = SKIP_HEAD_BYTES + 20 + strlen(NAME) + 5;
    const struct {
        size_t at; /* of the object, or behind the begin of its trailer */
        const char *part;
        int in_trailer;
    } changes[] = {{16, "written by a newer pgstrata: format 99; this program reads 1", 0},
                   {18, "kind", 0},
                   {19, "codec", 0},
                   {20, "flags", 0},
                   {56, "signature", 1},
                   {58, "written by a newer pgstrata: format 99; this program reads 1", 1},
                   {60, "reserved", 1}};
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        AUTO(buf_done) Buf object = {0};
        object_make(&object, CODEC_ZSTD, plain_make(10), 10);
        object.data[changes[i].at + (changes[i].in_trailer ? object.len - TRAILER_BYTES : 0)] = 99;
        reseal(&object, head_bytes);
        ASSERT_ERR_TEXT(UNSUPPORTED, changes[i].part, open_bytes(buf_span(&object)));
    }
}

static void test_index_decode__skips_unknown_sections_unless_they_must_be_understood(void **state)
{
    (void)state;
    AUTO(buf_done) Buf index = {0};
    section_encode(&index, SECTION_FRAMES, (Span){0});
    section_encode(&index, (SectionType)999, span_of("new", 3));
    const ContainerTrailer trailer = {.index_offset = 100, .index_bytes = (uint32_t)index.len};
    FramePlace *frames = NULL;
    uint64_t head_bytes = 0;
    ASSERT_OK(index_decode(&frames, &head_bytes, buf_span(&index), &trailer));
    assert_int_equal(head_bytes, 92);
    index.data[SECTION_HEAD_BYTES + 2] = 1; /* flags of the second section */
    ASSERT_ERR_TEXT(UNSUPPORTED, "section 999",
                    index_decode(&frames, &head_bytes, buf_span(&index), &trailer));
    assert_null(frames);
}

static void test_index_decode__wants_frames_first_and_each_section_once(void **state)
{
    (void)state;
    const ContainerTrailer trailer = {.index_offset = 100};
    FramePlace *frames = NULL;
    uint64_t head_bytes = 0;
    ASSERT_ERR(CORRUPT, index_decode(&frames, &head_bytes, (Span){0}, &trailer));
    AUTO(buf_done) Buf index = {0};
    section_encode(&index, SECTION_FILES, (Span){0});
    ASSERT_ERR(CORRUPT, index_decode(&frames, &head_bytes, buf_span(&index), &trailer));
    buf_clear(&index);
    section_encode(&index, SECTION_FRAMES, (Span){0});
    section_encode(&index, SECTION_FILES, (Span){0});
    ASSERT_OK(index_decode(&frames, &head_bytes, buf_span(&index), &trailer));
    section_encode(&index, SECTION_FILES, (Span){0});
    ASSERT_ERR(CORRUPT, index_decode(&frames, &head_bytes, buf_span(&index), &trailer));
}

static void test_container_frame_ready__takes_frames_made_elsewhere(void **state)
{
    (void)state;
    AUTO(buf_done) Buf direct = {0}, ready = {0}, stored = {0};
    const Span plain = plain_make(5000);
    object_make(&direct, CODEC_ZSTD, plain, 5000);

    AUTO(codec_free) Codec *codec = NULL;
    ASSERT_OK(codec_new(&codec, CODEC_ZSTD, 1));
    FrameInfo info;
    ASSERT_OK(frame_encode(&info, &stored, codec, plain));
    const ContainerSpec spec = {CONTAINER_WAL, NAME, CODEC_ZSTD, 1, span_of("facts", 5)};
    BufSink to = buf_sink(&ready, SIZE_MAX);
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    ASSERT_OK(container_begin(&writer, &spec, &to.sink));
    ASSERT_OK(container_frame_ready(writer, buf_span(&stored), &info));
    ASSERT_OK(container_section(writer, SECTION_WAL_SUMMARY, span_of("summary", 7)));
    ContainerSummary summary;
    ASSERT_OK(container_finish(&summary, writer));
    assert_true(span_equal(buf_span(&direct), buf_span(&ready)));
}

static void test_container__is_as_the_example_of_its_format(void **state)
{
    (void)state;
    AUTO(buf_done) Buf object = {0}, example = {0};
    const ContainerSpec spec = {CONTAINER_HISTORY, "g1/wal/00000002.history", CODEC_NONE, 0, {0}};
    BufSink to = buf_sink(&object, SIZE_MAX);
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    ASSERT_OK(container_begin(&writer, &spec, &to.sink));
    const char *const text = "1\t0/3000000\tno recovery target specified\n";
    ASSERT_OK(container_frame(writer, span_of(text, strlen(text))));
    ContainerSummary summary;
    ASSERT_OK(container_finish(&summary, writer));
    format_example(&example, "## Container");
    assert_true(span_equal(buf_span(&object), buf_span(&example)));
}

/* What a shell prints. */
static void shell(Buf *out, const char *command)
{
    FILE *const pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t size = 1; size != 0;) {
        size = fread(buf_reserve(out, 65536), 1, 65536, pipe);
        buf_grown(out, size);
    }
    assert_int_equal(pclose(pipe), 0);
}

static void test_container__is_recovered_by_hand_with_stock_tools(void **state)
{
    (void)state;
    const Span plain = plain_make(300000);
    const char *const tools[] = {[CODEC_NONE] = "zstd", [CODEC_LZ4] = "lz4", [CODEC_ZSTD] = "zstd"};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        AUTO(buf_done) Buf object = {0}, all = {0}, part = {0}, command = {0};
        object_make(&object, kinds[k], plain, 100000);
        char path[] = "/tmp/container_test.XXXXXX";
        const int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, object.data, object.len), object.len);
        close(fd);

        buf_addf(&command, "%s -dc < %s", tools[kinds[k]], path);
        shell(&all, buf_text(&command));
        assert_true(span_equal(buf_span(&all), plain));
        buf_addf(&command, " | dd iflag=skip_bytes,count_bytes,fullblock skip=98304 count=16384 status=none");
        shell(&part, buf_text(&command));
        assert_true(span_equal(buf_span(&part), span_cut(plain, 98304, 16384)));
        unlink(path);
    }
}

UNIT_MAIN(cmocka_unit_test(test_container_load__gives_back_what_was_written),
          cmocka_unit_test(test_container_open__tells_what_head_and_index_say),
          cmocka_unit_test(test_container_read__gives_any_range),
          cmocka_unit_test(test_container_read__finds_a_damaged_frame_and_reads_the_others),
          cmocka_unit_test(test_container__refuses_every_flipped_bit),
          cmocka_unit_test(test_container__refuses_every_truncation_and_appended_bytes),
          cmocka_unit_test(test_container__finds_bytes_that_a_store_leaves_out),
          cmocka_unit_test(test_container_open__names_both_of_two_swapped_objects),
          cmocka_unit_test(test_container_load__keeps_to_its_limit),
          cmocka_unit_test(test_container_open__calls_for_a_newer_program),
          cmocka_unit_test(test_index_decode__skips_unknown_sections_unless_they_must_be_understood),
          cmocka_unit_test(test_index_decode__wants_frames_first_and_each_section_once),
          cmocka_unit_test(test_container_frame_ready__takes_frames_made_elsewhere),
          cmocka_unit_test(test_container__is_as_the_example_of_its_format),
          cmocka_unit_test(test_container__is_recovered_by_hand_with_stock_tools))
