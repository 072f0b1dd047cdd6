/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "archive/archive_unit.h"
#include "archive/change_map.h"
#include "os/file.h"

#include <limits.h>

/* The WAL of a real server, and an archive in memory that holds some of it. */
typedef struct World {
    Generation generation;
    const PgVersion *version;
    Buf wal;
    size_t segments; /* those of timeline 1 */
    uint64_t first;  /* number of the first one */
    Lsn end;         /* of the last record in them */
    Repo *repo;
    const char *wal_folder; /* NULL: there is none */
    Arena *arena;
} World;

static void world_done(World *world)
{
    buf_done(&world->wal);
    repo_free(&world->repo);
    arena_free(&world->arena);
}

static Span segment_of(const World *world, size_t at)
{
    return span_of(world->wal.data + at * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT);
}

typedef struct Gather {
    const World *world;
    WalChanges *changes;
    Lsn end;
} Gather;

static Err *gather(void *arg, const WalEntry *entry)
{
    Gather *const to = arg;
    WalRecord record;
    XactEnd end;
    TRY(wal_record_decode(&record, to->world->version, entry->bytes));
    const bool is_end = xact_is_end(&record.head);
    if (is_end)
        TRY(xact_end_decode(&end, to->world->version, &record));
    wal_changes_record(to->changes, to->world->version, entry->start, &record, is_end ? &end : NULL);
    to->end = entry->end;
    return NULL;
}

/* Read in one go, from the first segment to the last. */
static WalChanges *expected_changes(World *world)
{
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, buf_span(&world->wal)));
    Gather to = {.world = world, .changes = wal_changes_new()};
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, gather, &to);
    ASSERT_OK(wal_reader_push(reader, span_of(world->wal.data, world->segments * FAKE_WAL_SEGMENT)));
    world->end = to.end;
    return to.changes;
}

static void world_begin(World *world, uint32_t major)
{
    *world = (World){.generation = unit_generation, .arena = arena_new(), .repo = new_repo("main")};
    fake_wal_fixture(&world->wal, major);
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, buf_span(&world->wal)));
    world->version = head.version;
    world->generation.system_id = head.system_id;
    world->generation.major = major;
    world->segments = world->wal.len / FAKE_WAL_SEGMENT - 1;
    world->first = head.address.at / FAKE_WAL_SEGMENT;
}

static void world_put(const World *world, size_t at)
{
    const WalObjectSpec spec = {.generation = &world->generation,
                                .name = segment_name(1, world->first + at),
                                .codec = CODEC_ZSTD,
                                .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, segment_of(world, at)));
    ASSERT_OK(repo_put(world->repo, key_wal(&world->generation.root, spec.name).text, buf_span(&object)));
}

static WalChanges *map_of(const World *world, Lsn from, Lsn to)
{
    WalArchive archive;
    Lineage lineage;
    WalChanges *map = NULL;
    ASSERT_OK(wal_archive_list(&archive, world->repo, &world->generation, world->arena));
    ASSERT_OK(lineage_load(&lineage, world->repo, &world->generation, (Timeline){1}, world->arena));
    ASSERT_OK(change_map_make(&map, &(ChangeRange){.repo = world->repo,
                                                   .generation = &world->generation,
                                                   .archive = &archive,
                                                   .lineage = &lineage,
                                                   .wal_folder = world->wal_folder,
                                                   .from = from,
                                                   .to = to}));
    return map;
}

static Lsn world_start(const World *world)
{
    return (Lsn){world->first * FAKE_WAL_SEGMENT + WAL_PAGE_LONG_HEAD_BYTES};
}

static void expect_same(WalChanges *a, WalChanges *b)
{
    wal_changes_sort(a);
    wal_changes_sort(b);
    assert_int_equal(wal_changes_count(a), wal_changes_count(b));
    for (size_t i = 0; i < wal_changes_count(a); i++) {
        const WalChange *const x = wal_changes_at(a, i), *const y = wal_changes_at(b, i);
        assert_memory_equal(&x->file, &y->file, sizeof x->file);
        assert_int_equal(x->limit, y->limit);
        assert_int_equal(number_set_count(&x->blocks), number_set_count(&y->blocks));
    }
}

/* Whole, joined over every border (also of a record that was overwritten): the same as read in one go. */
static void test_change_map__is_what_reading_it_all_gives(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(world_done) World world;
        world_begin(&world, major);
        AUTO(wal_changes_free) WalChanges *expected = expected_changes(&world);
        for (size_t i = 0; i < world.segments; i++)
            world_put(&world, i);
        AUTO(wal_changes_free) WalChanges *map = map_of(&world, world_start(&world), world.end);
        if (wal_changes_fault(map))
            print_error("%u: %s\n", major, wal_changes_fault(map));
        assert_null(wal_changes_fault(map));
        expect_same(map, expected);
    }
}

static void test_missing_segment__is_told(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world, 15);
    AUTO(wal_changes_free) WalChanges *expected = expected_changes(&world);
    for (size_t i = 0; i < world.segments; i++) {
        if (i != 2)
            world_put(&world, i);
    }
    AUTO(wal_changes_free) WalChanges *map = map_of(&world, world_start(&world), world.end);
    assert_non_null(strstr(wal_changes_fault(map), wal_name_text(segment_name(1, world.first + 2)).text));
    assert_non_null(strstr(wal_changes_fault(map), "missing"));
}

/* As an older pgstrata stored it: with the summary alone. */
static void put_without_index(const World *world, size_t at)
{
    const WalName name = segment_name(1, world->first + at);
    const Key key = key_wal(&world->generation.root, name);
    const Span plain = segment_of(world, at);
    AUTO(container_close) ContainerReader *reader = NULL;
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    AUTO(buf_done) Buf object = {0};
    world_put(world, at);
    ASSERT_OK(container_open(&reader, world->repo->store, key.text,
                             &(ContainerExpect){CONTAINER_WAL, key_object_name(key.text)}));
    Span summary;
    assert_true(container_section_find(&summary, reader, SECTION_WAL_SUMMARY));
    BufSink to = buf_sink(&object, SIZE_MAX);
    ASSERT_OK(container_begin(&writer,
                              &(ContainerSpec){.kind = CONTAINER_WAL,
                                               .name = key_object_name(key.text),
                                               .codec = CODEC_NONE,
                                               .facts = container_info(reader)->facts},
                              &to.sink));
    for (size_t done = 0; done < plain.len; done += FRAME_PLAIN_MAX)
        ASSERT_OK(container_frame(writer, span_cut(plain, done, FRAME_PLAIN_MAX)));
    ASSERT_OK(container_section(writer, SECTION_WAL_SUMMARY, summary));
    ContainerSummary written;
    ASSERT_OK(container_finish(&written, writer));
    ASSERT_OK(store_remove(world->repo->store, key.text));
    ASSERT_OK(repo_put(world->repo, key.text, buf_span(&object)));
}

static void test_object_without_index__is_indexed_on_the_spot(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world, 17);
    AUTO(wal_changes_free) WalChanges *expected = expected_changes(&world);
    for (size_t i = 0; i < world.segments; i++) {
        if (i % 2)
            world_put(&world, i);
        else
            put_without_index(&world, i);
    }
    AUTO(wal_changes_free) WalChanges *map = map_of(&world, world_start(&world), world.end);
    assert_null(wal_changes_fault(map));
    expect_same(map, expected);
}

/* What is not archived yet lies in the server's pg_wal. */
static void test_segment_of_pg_wal__is_indexed_on_the_spot(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    world_begin(&world, 18);
    AUTO(wal_changes_free) WalChanges *expected = expected_changes(&world);
    world.wal_folder = test_path(&folder, "");
    for (size_t i = 0; i < world.segments; i++) {
        const WalName name = segment_name(1, world.first + i);
        if (i % 2)
            world_put(&world, i);
        else
            ASSERT_OK(file_write_durable(test_path(&folder, wal_name_text(name).text), segment_of(&world, i),
                                         0600));
    }
    AUTO(wal_changes_free) WalChanges *map = map_of(&world, world_start(&world), world.end);
    assert_null(wal_changes_fault(map));
    expect_same(map, expected);
}

/* A server recycles a segment as soon as it is archived, and that may be after the archive was listed. */
static void test_segment_archived_meanwhile__is_found(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    world_begin(&world, 15);
    AUTO(wal_changes_free) WalChanges *expected = expected_changes(&world);
    WalArchive archive;
    Lineage lineage;
    AUTO(wal_changes_free) WalChanges *map = NULL;
    ASSERT_OK(wal_archive_list(&archive, world.repo, &world.generation, world.arena));
    ASSERT_OK(lineage_load(&lineage, world.repo, &world.generation, (Timeline){1}, world.arena));
    for (size_t i = 0; i < world.segments; i++)
        world_put(&world, i);
    ASSERT_OK(change_map_make(&map, &(ChangeRange){.repo = world.repo,
                                                   .generation = &world.generation,
                                                   .archive = &archive,
                                                   .lineage = &lineage,
                                                   .wal_folder = test_path(&folder, ""),
                                                   .from = world_start(&world),
                                                   .to = world.end}));
    assert_null(wal_changes_fault(map));
    expect_same(map, expected);
}

/* A recycled segment bears the name of one that is not written yet. */
static void test_recycled_segment_of_pg_wal__is_refused(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    world_begin(&world, 18);
    AUTO(wal_changes_free) WalChanges *expected = expected_changes(&world);
    world.wal_folder = test_path(&folder, "");
    const char *const path = test_path(&folder, wal_name_text(segment_name(1, world.first)).text);
    ASSERT_OK(file_write_durable(path, segment_of(&world, 1), 0600));
    WalArchive archive;
    Lineage lineage;
    WalChanges *map = NULL;
    ASSERT_OK(wal_archive_list(&archive, world.repo, &world.generation, world.arena));
    ASSERT_OK(lineage_load(&lineage, world.repo, &world.generation, (Timeline){1}, world.arena));
    ASSERT_ERR(CORRUPT, change_map_make(&map, &(ChangeRange){.repo = world.repo,
                                                             .generation = &world.generation,
                                                             .archive = &archive,
                                                             .lineage = &lineage,
                                                             .wal_folder = world.wal_folder,
                                                             .from = world_start(&world),
                                                             .to = world.end}));
}

/* ---- WAL to order, of PostgreSQL 15 */

static World made_world(void)
{
    return (World){.generation = unit_generation, .arena = arena_new(), .repo = new_repo("main")};
}

/* A record of one block and so many bytes of main data. */
static Lsn add_change(FakeWal *wal, uint32_t block, uint32_t main_bytes)
{
    AUTO(buf_done) Buf rest = {0};
    const uint8_t block_head[] = {0, 0, 0, 0}; /* id, fork, no data */
    buf_add(&rest, block_head, sizeof block_head);
    buf_add_u32(&rest, 1663);
    buf_add_u32(&rest, 5);
    buf_add_u32(&rest, 16384);
    buf_add_u32(&rest, block);
    buf_add_u8(&rest, 254);
    buf_add_u32(&rest, main_bytes);
    memset(buf_reserve(&rest, main_bytes), 'm', main_bytes);
    buf_grown(&rest, main_bytes);
    const WalRecordHead head = {.manager = WAL_HEAP, .xid = {700}};
    return fake_wal_record(wal, &head, buf_span(&rest));
}

/* Longer than a seam; longer than a whole segment. */
static void test_long_record__is_read_from_its_segments(void **state)
{
    (void)state;
    const struct {
        uint32_t bytes;
        uint64_t segments;
    } cases[] = {{100, 2}, {200000, 2}, {2500000, 4}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(world_done) World world = made_world();
        AUTO(fake_wal_done) FakeWal wal;
        fake_wal_begin(&wal, 15);
        fill_segment(&wal, 64);
        add_change(&wal, 77, cases[i].bytes);
        add_change(&wal, 78, 8);
        const Lsn end = fake_wal_at(&wal);
        const uint64_t first = wal.start.at / FAKE_WAL_SEGMENT;
        put_segments(world.repo, &wal, 1, first, first + cases[i].segments);
        AUTO(wal_changes_free)
        WalChanges *map = map_of(&world, (Lsn){wal.start.at + WAL_PAGE_LONG_HEAD_BYTES}, end);
        assert_null(wal_changes_fault(map));
        const WalChange *const change = wal_changes_find(map, (RelFile){{1663}, {5}, {16384}});
        assert_non_null(change);
        assert_true(number_set_has(&change->blocks, 77) && number_set_has(&change->blocks, 78));
    }
}

/* The segment is whole for itself, but it is not what came next. */
static void test_segment_of_another_life__does_not_go_on(void **state)
{
    (void)state;
    AUTO(world_done) World world = made_world();
    AUTO(fake_wal_done) FakeWal wal;
    AUTO(fake_wal_done) FakeWal other;
    fake_wal_begin(&wal, 15);
    fake_wal_begin(&other, 15);
    fill_segment(&wal, 64);
    add_change(&wal, 1, 100);
    fill_segment(&wal, 0);
    fill_segment(&other, 0);
    fill_segment(&other, 0);
    const uint64_t first = wal.start.at / FAKE_WAL_SEGMENT;
    put_segments(world.repo, &wal, 1, first, first + 1);
    put_segments(world.repo, &other, 1, first + 1, first + 2);
    AUTO(wal_changes_free)
    WalChanges *map = map_of(&world, (Lsn){wal.start.at + WAL_PAGE_LONG_HEAD_BYTES}, fake_wal_at(&other));
    assert_non_null(strstr(wal_changes_fault(map), "does not go on"));
}

static void end_by_switch(FakeWal *wal)
{
    fake_wal_record(wal, &(WalRecordHead){.manager = WAL_XLOG, .info = WAL_XLOG_SWITCH}, (Span){0});
    fake_wal_pad_segment(wal);
}

/* Both lives end their segment with a switch: nothing but the chain of records tells them apart. */
static void test_segment_of_another_life_behind_a_switch__is_told(void **state)
{
    (void)state;
    AUTO(world_done) World world = made_world();
    AUTO(fake_wal_done) FakeWal wal;
    AUTO(fake_wal_done) FakeWal other;
    fake_wal_begin(&wal, 15);
    fake_wal_begin(&other, 15);
    add_change(&wal, 1, 100);
    add_change(&other, 1, 200);
    end_by_switch(&wal);
    end_by_switch(&other);
    add_change(&wal, 2, 100);
    add_change(&other, 2, 100);
    const uint64_t first = wal.start.at / FAKE_WAL_SEGMENT;
    const Lsn from = {wal.start.at + WAL_PAGE_LONG_HEAD_BYTES}, to = fake_wal_at(&other);
    put_segments(world.repo, &wal, 1, first, first + 1);
    put_segments(world.repo, &other, 1, first + 1, first + 2);
    AUTO(wal_changes_free) WalChanges *map = map_of(&world, from, to);
    assert_non_null(strstr(wal_changes_fault(map), "goes on behind a record at"));
}

static void test_segment_that_ends_early__is_told(void **state)
{
    (void)state;
    AUTO(world_done) World world = made_world();
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    add_change(&wal, 1, 100);
    const Lsn end = fake_wal_at(&wal);
    const uint64_t first = wal.start.at / FAKE_WAL_SEGMENT;
    put_segments(world.repo, &wal, 1, first, first + 1);
    const Lsn from = {wal.start.at + WAL_PAGE_LONG_HEAD_BYTES};
    AUTO(wal_changes_free) WalChanges *enough = map_of(&world, from, end);
    assert_null(wal_changes_fault(enough));
    AUTO(wal_changes_free) WalChanges *beyond = map_of(&world, from, (Lsn){end.at + 8});
    assert_non_null(strstr(wal_changes_fault(beyond), "end early"));
}

/* Also when the record that says so lies over a border. */
static void test_wal_level_minimal__makes_the_marks_worthless(void **state)
{
    (void)state;
    for (size_t left = 0; left <= 32; left += 32) {
        AUTO(world_done) World world = made_world();
        AUTO(fake_wal_done) FakeWal wal;
        fake_wal_begin(&wal, 15);
        if (left)
            fill_segment(&wal, left);
        uint8_t parameters[26] = {0};
        fake_wal_main(&wal, WAL_XLOG, WAL_XLOG_PARAMETER_CHANGE, (Xid){0},
                      span_of(parameters, sizeof parameters));
        const Lsn end = fake_wal_at(&wal);
        const uint64_t first = wal.start.at / FAKE_WAL_SEGMENT;
        put_segments(world.repo, &wal, 1, first, first + 1 + (left > 0));
        AUTO(wal_changes_free)
        WalChanges *map = map_of(&world, (Lsn){wal.start.at + WAL_PAGE_LONG_HEAD_BYTES}, end);
        assert_non_null(wal_changes_fault(map));
        assert_non_null(strstr(wal_changes_fault(map), "minimal"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change_map__is_what_reading_it_all_gives),
        cmocka_unit_test(test_missing_segment__is_told),
        cmocka_unit_test(test_object_without_index__is_indexed_on_the_spot),
        cmocka_unit_test(test_segment_of_pg_wal__is_indexed_on_the_spot),
        cmocka_unit_test(test_segment_archived_meanwhile__is_found),
        cmocka_unit_test(test_recycled_segment_of_pg_wal__is_refused),
        cmocka_unit_test(test_long_record__is_read_from_its_segments),
        cmocka_unit_test(test_segment_of_another_life__does_not_go_on),
        cmocka_unit_test(test_segment_of_another_life_behind_a_switch__is_told),
        cmocka_unit_test(test_segment_that_ends_early__is_told),
        cmocka_unit_test(test_wal_level_minimal__makes_the_marks_worthless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
