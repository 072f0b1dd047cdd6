/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "repo/container_layout.h"
#include "repo/format_example.h"
#include "repo/pack.h"
#include "repo/pack_index.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const KeyRoot root = {"main", 1};
static const BackupLabel label = {"20261121-083000F"};

static uint8_t room[FRAME_PLAIN_MAX];

/* Pages that differ from each other and compress about three times. */
static Span bytes_make(size_t len, uint64_t seed)
{
    uint64_t x = seed * 0x9E3779B97F4A7C15u + 1;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        room[i] = i / 256 % 3 ? (uint8_t)(i % 7) : (uint8_t)x;
    }
    return span_of(room, len);
}

typedef struct Bench {
    Store *stores[2];
    Counter packs_begun;
    PackWriter *writer;
} Bench;

static void bench_begin(Bench *bench, CodecKind codec)
{
    *bench = (Bench){0};
    for (size_t i = 0; i < COUNT_OF(bench->stores); i++)
        bench->stores[i] = mem_store_new();
    const PackWriterSpec spec = {.stores = bench->stores,
                                 .store_count = COUNT_OF(bench->stores),
                                 .root = &root,
                                 .label = label,
                                 .packs_begun = &bench->packs_begun,
                                 .codec = codec,
                                 .level = codec_level_default(codec)};
    ASSERT_OK(pack_writer_new(&bench->writer, &spec));
}

static void bench_end(Bench *bench)
{
    pack_writer_free(&bench->writer);
    for (size_t i = 0; i < COUNT_OF(bench->stores); i++)
        store_free(&bench->stores[i]);
}

static PackPlace add(Bench *bench, const char *path, uint64_t file_offset, Span bytes)
{
    const PackRun run = {
        .path = path, .file_offset = file_offset, .file_bytes = file_offset + bytes.len, .is_complete = true};
    PackPlace place;
    ASSERT_OK(pack_add(&place, bench->writer, &run, bytes));
    return place;
}

static PackReader *reopen(Bench *bench, unsigned number)
{
    const Key key = key_pack(&root, label, number);
    PackReader *reader = NULL;
    ASSERT_OK(pack_open(&reader, bench->stores[number % 2], &key)); /* both stores have it */
    return reader;
}

static void assert_bytes(PackReader *reader, uint64_t offset, Span expected)
{
    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, SIZE_MAX);
    ASSERT_OK(container_read(pack_container(reader), offset, expected.len, &to.sink));
    assert_true(span_equal(buf_span(&got), expected));
}

static void test_pack__gives_back_runs_bytes_and_hashes(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    const size_t chunk = 5 * PAGE_BYTES, rest = PAGE_BYTES + 100;
    assert_int_equal(add(&bench, "base/1/1259", 0, bytes_make(chunk, 1)).offset, 0);
    assert_int_equal(add(&bench, "base/1/1259", chunk, bytes_make(chunk, 2)).offset, chunk);
    assert_int_equal(add(&bench, "base/1/1259", 8 * chunk, bytes_make(rest, 3)).offset, 2 * chunk);
    assert_int_equal(add(&bench, "base/1/PG_VERSION", 0, bytes_make(3, 4)).offset, 2 * chunk + rest);
    assert_int_equal(add(&bench, "", 0, bytes_make(50, 5)).offset, 2 * chunk + rest + 3);
    ASSERT_OK(pack_finish(bench.writer));

    AUTO(pack_close) PackReader *reader = reopen(&bench, 1);
    const struct {
        const char *path;
        uint64_t file_offset, bytes, plain_offset;
    } expected[] = {
        {"base/1/1259", 0, 2 * chunk, 0}, /* two adds made one run */
        {"base/1/1259", 8 * chunk, rest, 2 * chunk},
        {"base/1/PG_VERSION", 0, 3, 2 * chunk + rest},
        {"", 0, 50, 2 * chunk + rest + 3},
    };
    AUTO(pack_runs_free) PackRuns *runs = pack_runs_new(reader);
    PackRunEntry entry;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(pack_runs_next(&entry, runs));
        assert_string_equal(entry.path, expected[i].path);
        assert_int_equal(entry.file_offset, expected[i].file_offset);
        assert_int_equal(entry.bytes, expected[i].bytes);
        assert_int_equal(entry.plain_offset, expected[i].plain_offset);
        assert_int_equal(entry.file_bytes, expected[i].file_offset + expected[i].bytes);
        assert_true(entry.is_complete);
    }
    assert_false(pack_runs_next(&entry, runs));
    assert_bytes(reader, chunk, bytes_make(chunk, 2));
    assert_bytes(reader, 2 * chunk + rest, bytes_make(3, 4));
    bench_end(&bench);
}

static void test_pack_page_hashes__finds_blocks_by_plain_offset(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    for (unsigned i = 0; i < 300; i++) { /* more runs than two marks */
        char path[32];
        snprintf(path, sizeof path, "base/1/%u", i);
        add(&bench, path, 0, bytes_make(100, i));
    }
    const uint64_t at = add(&bench, "base/2/9", 0, bytes_make(2 * PAGE_BYTES + 5, 777)).offset;
    ASSERT_OK(pack_finish(bench.writer));
    AUTO(pack_close) PackReader *reader = reopen(&bench, 1);

    uint64_t hashes[4];
    ASSERT_OK(pack_page_hashes(hashes, reader, at, 3));
    const Span bytes = bytes_make(2 * PAGE_BYTES + 5, 777);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hashes[i],
                         hash64_of(span_cut(bytes, i * PAGE_BYTES, PAGE_BYTES), pack_seed(reader)));
    ASSERT_OK(pack_page_hashes(hashes, reader, 200 * 100, 1));
    assert_int_equal(hashes[0], hash64_of(bytes_make(100, 200), pack_seed(reader)));
    ASSERT_OK(pack_page_hashes(hashes, reader, at + PAGE_BYTES, 1));

    ASSERT_ERR(CORRUPT, pack_page_hashes(hashes, reader, at, 4));     /* the run has three blocks */
    ASSERT_ERR(CORRUPT, pack_page_hashes(hashes, reader, at + 1, 1)); /* not the begin of a block */
    ASSERT_ERR(CORRUPT, pack_page_hashes(hashes, reader, at + 2 * PAGE_BYTES + 5, 1)); /* the end */
    ASSERT_ERR(CORRUPT, pack_page_hashes(hashes, reader, UINT64_MAX, 1));
    bench_end(&bench);
}

static void test_pack_page_hashes__go_on_over_runs_of_whole_blocks(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    add(&bench, "base/1/2", 0, bytes_make(2 * PAGE_BYTES, 1));
    add(&bench, "base/1/2", 5 * PAGE_BYTES, bytes_make(3 * PAGE_BYTES, 2));
    add(&bench, "base/1/3", 0, bytes_make(PAGE_BYTES + 7, 3));
    add(&bench, "base/1/4", 0, bytes_make(PAGE_BYTES, 4));
    ASSERT_OK(pack_finish(bench.writer));
    AUTO(pack_close) PackReader *reader = reopen(&bench, 1);
    uint64_t together[7], alone;
    ASSERT_OK(pack_page_hashes(together, reader, 0, 7));
    for (size_t i = 0; i < COUNT_OF(together); i++) {
        ASSERT_OK(pack_page_hashes(&alone, reader, i * PAGE_BYTES, 1));
        assert_int_equal(together[i], alone);
    }
    ASSERT_ERR(CORRUPT, pack_page_hashes(together, reader, PAGE_BYTES, 7)); /* behind a short block */
    ASSERT_ERR(CORRUPT, pack_page_hashes(together, reader, 6 * PAGE_BYTES + 7, 2));
    bench_end(&bench);
}

static void test_pack_add__keeps_damaged_pages_in_runs_of_their_own(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    for (uint64_t i = 0; i < 6; i++) {
        const PackRun run = {.path = "base/1/2",
                             .file_offset = i * PAGE_BYTES,
                             .file_bytes = 6 * PAGE_BYTES,
                             .is_damaged = i == 2 || i == 3};
        PackPlace place;
        ASSERT_OK(pack_add(&place, bench.writer, &run, bytes_make(PAGE_BYTES, i)));
    }
    ASSERT_OK(pack_finish(bench.writer));
    AUTO(pack_close) PackReader *reader = reopen(&bench, 1);
    static const struct {
        uint64_t blocks;
        bool is_damaged;
    } expected[] = {{2, false}, {1, true}, {1, true}, {2, false}};
    AUTO(pack_runs_free) PackRuns *runs = pack_runs_new(reader);
    PackRunEntry entry;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(pack_runs_next(&entry, runs));
        assert_int_equal(entry.bytes, expected[i].blocks * PAGE_BYTES);
        assert_int_equal(entry.is_damaged, expected[i].is_damaged);
    }
    assert_false(pack_runs_next(&entry, runs));
    bench_end(&bench);
}

static void test_pack_add__never_splits_what_it_is_given(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    const size_t sizes[] = {100, FRAME_PLAIN_MAX, 200000,          100000, FRAME_PLAIN_MAX - 100000,
                            1,   PAGE_BYTES,      FRAME_PLAIN_MAX, 7};
    uint64_t offsets[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        offsets[i] = add(&bench, "", 0, bytes_make(sizes[i], i)).offset;
    ASSERT_OK(pack_finish(bench.writer));
    AUTO(pack_close) PackReader *reader = reopen(&bench, 1);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        FrameSpan frame;
        assert_true(container_frame_at(&frame, pack_container(reader), offsets[i]));
        assert_true(offsets[i] + sizes[i] <= frame.plain_offset + frame.plain_bytes);
        assert_bytes(reader, offsets[i], bytes_make(sizes[i], i));
    }
    assert_int_equal(container_info(pack_container(reader))->summary.frames, 7);
    bench_end(&bench);
}

static void test_pack_writer__closes_a_pack_at_its_stored_size_and_goes_on(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_NONE);
    const size_t adds = 2 * (PACK_STORED_TARGET / FRAME_PLAIN_MAX) + 10;
    PackPlace last = {0};
    const Span bytes = bytes_make(FRAME_PLAIN_MAX, 1);
    for (size_t i = 0; i < adds; i++) {
        last = add(&bench, "base/1/2", i * FRAME_PLAIN_MAX, bytes);
        assert_int_equal(last.offset, (i - (last.pack - 1) * (adds / 2 - 5)) * FRAME_PLAIN_MAX);
    }
    ASSERT_OK(pack_finish(bench.writer));
    size_t count;
    const PackWritten *const packs = pack_writer_packs(bench.writer, &count);
    assert_int_equal(count, 3);
    uint64_t plain_bytes = 0, stored_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(packs[i].pack, i + 1);
        assert_true(packs[i].summary.stored_bytes < PACK_STORED_TARGET + 2 * FRAME_STORED_MAX);
        plain_bytes += packs[i].summary.plain_bytes;
        stored_bytes += packs[i].summary.stored_bytes;
    }
    assert_int_equal(plain_bytes, adds * FRAME_PLAIN_MAX);
    assert_int_equal(stored_bytes, pack_writer_stored_bytes(bench.writer));
    AUTO(pack_close) PackReader *reader = reopen(&bench, last.pack);
    assert_bytes(reader, last.offset, bytes);
    bench_end(&bench);
}

static void test_pack_writer__closes_a_pack_at_its_plain_size(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_LZ4);
    const size_t adds = PACK_PLAIN_MAX / FRAME_PLAIN_MAX + 1;
    memset(room, 7, sizeof room);
    for (size_t i = 0; i < adds; i++)
        add(&bench, "base/1/2", i * FRAME_PLAIN_MAX, span_of(room, sizeof room));
    ASSERT_OK(pack_finish(bench.writer));
    size_t count;
    const PackWritten *const packs = pack_writer_packs(bench.writer, &count);
    assert_int_equal(count, 2);
    assert_int_equal(packs[0].summary.plain_bytes, PACK_PLAIN_MAX);
    AUTO(pack_close) PackReader *reader = reopen(&bench, 1);
    bench_end(&bench);
}

static void test_pack_writer__leaves_nothing_behind_without_finish(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    add(&bench, "base/1/2", 0, bytes_make(PAGE_BYTES, 1));
    pack_writer_free(&bench.writer);
    ObjectInfo info;
    const Key key = key_pack(&root, label, 1);
    ASSERT_ERR(NOT_FOUND, store_stat(&info, bench.stores[0], key.text));
    bench_end(&bench);
}

static void test_pack_writer__that_got_nothing_writes_nothing(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    ASSERT_OK(pack_finish(bench.writer));
    size_t count;
    pack_writer_packs(bench.writer, &count);
    assert_int_equal(count, 0);
    assert_int_equal(counter_get(&bench.packs_begun), 0);
    bench_end(&bench);
}

static void test_pack_writer__refuses_to_write_over_a_pack(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    const Key key = key_pack(&root, label, 1);
    ASSERT_OK(store_put_all(bench.stores[1], key.text, span_of("other", 5)));
    const PackRun run = {.path = "x", .file_bytes = 1};
    PackPlace place;
    Err *err = pack_add(&place, bench.writer, &run, span_of("y", 1));
    if (!err)
        err = pack_finish(bench.writer);
    assert_true(err_is(err, ERR_EXISTS));
    err_free(&err);
    bench_end(&bench);
}

/* Writes two packs into `store` and reads a page of the last one. */
static Err *write_and_read(Store *store, Span frame)
{
    Counter packs_begun = {0};
    const PackWriterSpec spec = {
        .stores = &store, .store_count = 1, .root = &root, .label = label, .packs_begun = &packs_begun};
    AUTO(pack_writer_free) PackWriter *writer = NULL;
    TRY(pack_writer_new(&writer, &spec));
    PackPlace place;
    for (int i = 0; i < 2; i++) {
        const PackRun run = {.path = "base/5/1"};
        TRY(pack_add(&place, writer, &run, frame));
        TRY(pack_add(&place, writer, &run, span_cut(frame, 0, PAGE_BYTES)));
        TRY(pack_finish(writer));
    }
    const Key key = key_pack(&root, label, place.pack);
    AUTO(pack_close) PackReader *reader = NULL;
    TRY(pack_open(&reader, store, &key));
    AUTO(buf_done) Buf got = {0};
    BufSink to = buf_sink(&got, PAGE_BYTES);
    TRY(container_read(pack_container(reader), place.offset, PAGE_BYTES, &to.sink));
    assert_true(span_equal(buf_span(&got), span_cut(frame, 0, PAGE_BYTES)));
    return NULL;
}

static void test_pack__passes_on_every_failure_of_the_store(void **state)
{
    (void)state;
    const Span frame = bytes_make(FRAME_PLAIN_MAX, 1);
    uint64_t nth = 0;
    for (bool is_hit = true; is_hit;) {
        AUTO(store_free) Store *store = faulty_store_new(mem_store_new());
        faulty_plan(store, (FaultyPlan){.nth = ++nth, .fault_class = ERR_AWAY});
        AUTO(err_free) Err *err = write_and_read(store, frame);
        is_hit = faulty_hit(store);
        assert_true(is_hit ? err_is(err, ERR_AWAY) : !err);
    }
    assert_true(nth > 10);
}

static void test_pack_index_decode__refuses_lists_that_do_not_fit(void **state)
{
    (void)state;
    AUTO(buf_done) Buf files = {0}, pages = {0};
    RunWalk walk = {0};
    const PackRunEntry entry = {.path = "base/1/2", .bytes = PAGE_BYTES + 1};
    run_encode(&files, &walk, &entry);
    buf_add_u64(&pages, 42);
    pages_encode(&pages, bytes_make(PAGE_BYTES + 1, 1), 42);
    PackIndex index = {0};
    ASSERT_OK(pack_index_decode(&index, buf_span(&files), buf_span(&pages), PAGE_BYTES + 1));
    assert_int_equal(index.seed, 42);
    pack_index_done(&index);

    ASSERT_ERR(CORRUPT, pack_index_decode(&index, buf_span(&files), buf_span(&pages), PAGE_BYTES));
    for (size_t len = 0; len < pages.len; len++)
        ASSERT_ERR(CORRUPT,
                   pack_index_decode(&index, buf_span(&files), span_of(pages.data, len), PAGE_BYTES + 1));
    for (size_t len = 0; len < files.len; len++)
        ASSERT_ERR(CORRUPT,
                   pack_index_decode(&index, span_of(files.data, len), buf_span(&pages), PAGE_BYTES + 1));
    files.data[0] = 1; /* shares a byte with no path */
    ASSERT_ERR(CORRUPT, pack_index_decode(&index, buf_span(&files), buf_span(&pages), PAGE_BYTES + 1));
    files.data[0] = 0;
    files.data[5] = 0; /* a zero byte in the path */
    ASSERT_ERR(CORRUPT, pack_index_decode(&index, buf_span(&files), buf_span(&pages), PAGE_BYTES + 1));
    files.data[5] = 'a';
    files.data[4 + strlen(entry.path)] = 1 << 2; /* a flag of later days */
    ASSERT_ERR(UNSUPPORTED, pack_index_decode(&index, buf_span(&files), buf_span(&pages), PAGE_BYTES + 1));
}

static void test_pack_index__is_as_the_example_of_its_format(void **state)
{
    (void)state;
    const struct {
        PackRunEntry entry;
        char fill;
    } runs[] = {
        {{.path = "base/5/16384", .bytes = 2 * PAGE_BYTES, .file_bytes = 5 * PAGE_BYTES}, 'a'},
        {{.path = "base/5/16384",
          .file_offset = 4 * PAGE_BYTES,
          .bytes = PAGE_BYTES,
          .file_bytes = 5 * PAGE_BYTES,
          .is_complete = true},
         'c'},
        {{.path = "base/5/PG_VERSION", .bytes = 3, .file_bytes = 3, .is_complete = true}, 0},
        {{.path = "", .bytes = 57}, 'x'},
    };
    AUTO(buf_done) Buf files = {0}, pages = {0}, sections = {0}, example = {0};
    const uint64_t seed = UINT64_C(0x0123456789abcdef);
    buf_add_u64(&pages, seed);
    RunWalk walk = {0};
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        run_encode(&files, &walk, &runs[i].entry);
        memset(room, runs[i].fill, PAGE_BYTES);
        memset(room + PAGE_BYTES, runs[i].fill + 1, PAGE_BYTES);
        if (!runs[i].fill)
            memcpy(room, "15\n", 3);
        pages_encode(&pages, span_of(room, runs[i].entry.bytes), seed);
    }
    section_encode(&sections, SECTION_FILES, buf_span(&files));
    section_encode(&sections, SECTION_PAGES, buf_span(&pages));
    format_example(&example, "## Pack");
    assert_true(span_equal(buf_span(&sections), buf_span(&example)));
}

static void shell(const char *command)
{
    assert_int_equal(system(command), 0);
}

/* The recipe of FORMAT.md: `zstd -d` and `dd`, with the numbers of the list of files. */
static void test_pack__gives_a_file_back_by_hand(void **state)
{
    (void)state;
    Bench bench;
    bench_begin(&bench, CODEC_ZSTD);
    add(&bench, "PG_VERSION", 0, span_of("15\n", 3));
    add(&bench, "base/5/1", 0, bytes_make(3 * PAGE_BYTES, 1));
    const PackPlace place = add(&bench, "base/5/1", 8 * PAGE_BYTES, bytes_make(PAGE_BYTES, 2));
    ASSERT_OK(pack_finish(bench.writer));

    char folder[] = "/tmp/pack_test.XXXXXX";
    assert_non_null(mkdtemp(folder));
    AUTO(buf_done) Buf pack = {0}, command = {0}, expected = {0}, got = {0};
    const Key key = key_pack(&root, label, place.pack);
    ASSERT_OK(store_get_all(&pack, bench.stores[0], key.text, RANGE_ALL, SIZE_MAX));
    buf_addf(&command, "%s/pack", folder);
    FILE *file = fopen(buf_text(&command), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(pack.data, 1, pack.len, file), pack.len);
    fclose(file);

    const uint64_t runs[][3] = {{3, 3 * PAGE_BYTES, 0}, {place.offset, PAGE_BYTES, 8}};
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        buf_clear(&command);
        buf_addf(&command,
                 "cd %s && zstd -dc pack | dd iflag=skip_bytes,count_bytes,fullblock skip=%lu count=%lu "
                 "status=none |"
                 " dd of=file bs=8192 seek=%lu conv=notrunc status=none",
                 folder, (unsigned long)runs[i][0], (unsigned long)runs[i][1], (unsigned long)runs[i][2]);
        shell(buf_text(&command));
    }
    buf_add(&expected, bytes_make(3 * PAGE_BYTES, 1).ptr, 3 * PAGE_BYTES);
    memset(room, 0, 5 * PAGE_BYTES);
    buf_add(&expected, room, 5 * PAGE_BYTES);
    buf_add(&expected, bytes_make(PAGE_BYTES, 2).ptr, PAGE_BYTES);
    buf_clear(&command);
    buf_addf(&command, "%s/file", folder);
    file = fopen(buf_text(&command), "r");
    assert_non_null(file);
    buf_grown(&got, fread(buf_reserve(&got, 20 * PAGE_BYTES), 1, 20 * PAGE_BYTES, file));
    fclose(file);
    assert_true(span_equal(buf_span(&got), buf_span(&expected)));
    buf_clear(&command);
    buf_addf(&command, "rm -r %s", folder);
    shell(buf_text(&command));
    bench_end(&bench);
}

UNIT_MAIN(cmocka_unit_test(test_pack__gives_back_runs_bytes_and_hashes),
          cmocka_unit_test(test_pack_page_hashes__finds_blocks_by_plain_offset),
          cmocka_unit_test(test_pack_page_hashes__go_on_over_runs_of_whole_blocks),
          cmocka_unit_test(test_pack_add__keeps_damaged_pages_in_runs_of_their_own),
          cmocka_unit_test(test_pack_add__never_splits_what_it_is_given),
          cmocka_unit_test(test_pack_writer__closes_a_pack_at_its_stored_size_and_goes_on),
          cmocka_unit_test(test_pack_writer__closes_a_pack_at_its_plain_size),
          cmocka_unit_test(test_pack_writer__leaves_nothing_behind_without_finish),
          cmocka_unit_test(test_pack_writer__that_got_nothing_writes_nothing),
          cmocka_unit_test(test_pack_writer__refuses_to_write_over_a_pack),
          cmocka_unit_test(test_pack_index__is_as_the_example_of_its_format),
          cmocka_unit_test(test_pack__gives_a_file_back_by_hand),
          cmocka_unit_test(test_pack__passes_on_every_failure_of_the_store),
          cmocka_unit_test(test_pack_index_decode__refuses_lists_that_do_not_fit))
