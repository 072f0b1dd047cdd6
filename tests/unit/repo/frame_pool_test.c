/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "repo/frame_pool.h"
#include "store/mem.h"

#include <string.h>

#define KEY  "main/g1/wal/x"
#define NAME "g1/wal/x"

/* Nine frames, the last one short: three pieces of work. */
enum { PLAIN_BYTES = 8 * FRAME_PLAIN_MAX + 777 };

static const ContainerSpec spec = {.kind = CONTAINER_WAL, .name = NAME, .codec = CODEC_ZSTD, .level = 1};
static const ContainerExpect expect = {CONTAINER_WAL, NAME};
static uint8_t plain[PLAIN_BYTES];

static int begin(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof plain; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        plain[i] = i / 512 % 4 ? (uint8_t)(i % 50) : (uint8_t)x;
    }
    return 0;
}

typedef struct Reading {
    size_t at;
    size_t fail_at;
} Reading;

static Err *read_plain(void *arg, uint8_t *to, size_t size)
{
    Reading *const reading = arg;
    if (reading->at + size > reading->fail_at)
        return ERR(IO, "no more");
    memcpy(to, plain + reading->at, size);
    reading->at += size;
    return NULL;
}

static Err *make(Buf *out, int jobs, size_t size, size_t fail_at)
{
    Reading reading = {.fail_at = fail_at};
    AUTO(frame_list_free) FrameList *list = NULL;
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    BufSink to = buf_sink(out, SIZE_MAX);
    TRY(frame_list_make(&list, &(FrameMaking){.codec = spec.codec,
                                              .level = spec.level,
                                              .jobs = jobs,
                                              .size_bytes = size,
                                              .read = read_plain,
                                              .arg = &reading}));
    assert_int_equal(reading.at, size);
    ContainerSummary summary;
    TRY(container_begin(&writer, &spec, &to.sink));
    TRY(frame_list_put(writer, list));
    return container_finish(&summary, writer);
}

static void test_frame_list_make__gives_the_same_bytes_with_any_number_of_threads(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, FRAME_PLAIN_MAX, 4 * FRAME_PLAIN_MAX, PLAIN_BYTES};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        AUTO(buf_done) Buf alone = {0};
        ASSERT_OK(make(&alone, 0, sizes[i], SIZE_MAX));
        for (int jobs = 1; jobs <= 4; jobs++) {
            AUTO(buf_done) Buf object = {0};
            ASSERT_OK(make(&object, jobs, sizes[i], SIZE_MAX));
            assert_true(span_equal(buf_span(&object), buf_span(&alone)));
        }
    }
}

static void test_frame_list_make__ends_with_the_error_of_its_reader(void **state)
{
    (void)state;
    for (int jobs = 0; jobs <= 3; jobs++) {
        AUTO(buf_done) Buf object = {0};
        ASSERT_ERR(IO, make(&object, jobs, PLAIN_BYTES, 0));
        ASSERT_ERR(IO, make(&object, jobs, PLAIN_BYTES, 6 * FRAME_PLAIN_MAX));
    }
}

static Err *land(Landing *to, Span object, int jobs)
{
    AUTO(store_free) Store *store = mem_store_new();
    ASSERT_OK(store_put_all(store, KEY, object));
    return container_land(to, store, KEY, &expect,
                          (ContainerLandOpts){.limit_bytes = PLAIN_BYTES, .jobs = jobs});
}

static void test_container_land__gives_back_what_was_written(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 5 * FRAME_PLAIN_MAX, PLAIN_BYTES};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        AUTO(buf_done) Buf object = {0};
        ASSERT_OK(make(&object, 0, sizes[i], SIZE_MAX));
        for (int jobs = 0; jobs <= 4; jobs++) {
            AUTO(buf_done) Buf back = {0};
            BufLanding to = buf_landing(&back);
            ASSERT_OK(land(&to.landing, buf_span(&object), jobs));
            assert_true(span_equal(buf_span(&back), span_of(plain, sizes[i])));
        }
    }
}

/* Every byte matters: of frames, index, hashes, and of what lies between. */
static void test_container_land__finds_every_flipped_byte(void **state)
{
    (void)state;
    AUTO(buf_done) Buf object = {0};
    ASSERT_OK(make(&object, 0, PLAIN_BYTES, SIZE_MAX));
    for (size_t i = 0; i < 100; i++) {
        const size_t at = i < 50 ? i * (object.len / 50) : object.len - 1 - (i - 50) * 7;
        object.data[at] ^= 0x10;
        AUTO(buf_done) Buf back = {0};
        BufLanding to = buf_landing(&back);
        AUTO(err_free) Err *err = land(&to.landing, buf_span(&object), (int)(i % 4));
        assert_non_null(err);
        object.data[at] ^= 0x10;
    }
}

/* Says which order the pieces came in, and fails at one of them. */
typedef struct Witness {
    Landing landing;
    uint64_t next;
    uint64_t fail_at;
} Witness;

static Err *witness_begin(Landing *landing, uint64_t size_bytes)
{
    (void)landing;
    assert_int_equal(size_bytes, PLAIN_BYTES);
    return NULL;
}

static Err *witness_write(Landing *landing, uint64_t offset, Span bytes)
{
    Witness *const self = (Witness *)landing;
    if (offset == self->fail_at)
        return ERR(LIMIT, "full");
    if (self->fail_at == UINT64_MAX) {
        assert_int_equal(offset, self->next);
        self->next += bytes.len;
    }
    return NULL;
}

static void test_container_land__one_thread_lands_in_order(void **state)
{
    (void)state;
    static const LandingOps ops = {witness_begin, witness_write};
    AUTO(buf_done) Buf object = {0};
    ASSERT_OK(make(&object, 0, PLAIN_BYTES, SIZE_MAX));
    for (int jobs = 0; jobs <= 1; jobs++) {
        Witness to = {.landing = {.ops = &ops}, .fail_at = UINT64_MAX};
        ASSERT_OK(land(&to.landing, buf_span(&object), jobs));
        assert_int_equal(to.next, PLAIN_BYTES);
    }
}

static void test_container_land__ends_with_the_error_of_its_landing(void **state)
{
    (void)state;
    static const LandingOps ops = {witness_begin, witness_write};
    AUTO(buf_done) Buf object = {0};
    ASSERT_OK(make(&object, 0, PLAIN_BYTES, SIZE_MAX));
    for (int jobs = 0; jobs <= 3; jobs++) {
        for (uint64_t at = 0; at < PLAIN_BYTES; at += 4 * FRAME_PLAIN_MAX) {
            Witness to = {.landing = {.ops = &ops}, .fail_at = at};
            ASSERT_ERR(LIMIT, land(&to.landing, buf_span(&object), jobs));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup(name, begin)
UNIT_MAIN(TEST(test_frame_list_make__gives_the_same_bytes_with_any_number_of_threads),
          TEST(test_frame_list_make__ends_with_the_error_of_its_reader),
          TEST(test_container_land__gives_back_what_was_written),
          TEST(test_container_land__finds_every_flipped_byte),
          TEST(test_container_land__one_thread_lands_in_order),
          TEST(test_container_land__ends_with_the_error_of_its_landing))
