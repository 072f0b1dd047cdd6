/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "repo/json_object.h"
#include "repo/repo_unit.h"
#include "repo/wal_archive.h"

static const Generation generation = {.root = {"main", 1}, .segment_bytes = 16 << 20};

static void put_name(Repo *repo, const char *text)
{
    WalName name;
    ASSERT_OK(wal_name_parse(&name, text, generation.segment_bytes));
    ASSERT_OK(store_put_all(repo->store, key_wal(&generation.root, name).text, span_of("12345", 5)));
}

static Repo *some_archive(void)
{
    static const char *const names[] = {"0000000100000000000000FE",
                                        "0000000100000000000000FF",
                                        "000000010000000100000000",
                                        "000000010000000100000003",
                                        "000000010000000100000004",
                                        "000000010000000100000005.partial",
                                        "000000010000000100000003.00000028.backup",
                                        "00000002.history",
                                        "000000020000000100000005",
                                        "00000003.history",
                                        "0000000A0000000000000001"};
    Repo *repo = new_repo("main");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        put_name(repo, names[i]);
    return repo;
}

static void test_wal_archive__knows_ranges_and_gaps_from_names(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = some_archive();
    AUTO(arena_free) Arena *arena = arena_new();
    WalArchive archive;
    ASSERT_OK(wal_archive_list(&archive, repo, &generation, arena));
    assert_int_equal(archive.count, 4);
    const WalTimeline *const first = wal_archive_timeline(&archive, (Timeline){1});
    assert_int_equal(first->range_count, 2);
    assert_int_equal(first->ranges[0].first_segment, 0xfe);
    assert_int_equal(first->ranges[0].last_segment, 0x100);
    assert_int_equal(first->ranges[1].first_segment, 0x103);
    assert_int_equal(first->ranges[1].last_segment, 0x104);
    assert_int_equal(first->segments, 5);
    assert_int_equal(first->stored_bytes, 25);
    assert_false(first->has_history);
    assert_false(instant_is_none(first->newest));
    const WalTimeline *const second = wal_archive_timeline(&archive, (Timeline){2});
    assert_true(second->has_history && second->range_count == 1);
    const WalTimeline *const third = wal_archive_timeline(&archive, (Timeline){3});
    assert_true(third->has_history && third->range_count == 0 && instant_is_none(third->newest));
    assert_false(wal_archive_timeline(&archive, (Timeline){10})->has_history);
    assert_null(wal_archive_timeline(&archive, (Timeline){4}));
}

static void test_wal_timeline_gap__names_the_first_missing_segment(void **state)
{
    (void)state;
    static const WalRange ranges[] = {{5, 7}, {9, 9}, {20, 30}};
    static const WalTimeline timeline = {.timeline = {1}, .ranges = ranges, .range_count = 3};
    static const struct {
        uint64_t first, last, missing;
    } gaps[] = {{4, 5, 4},    {5, 8, 8},    {7, 9, 8},    {9, 10, 10},
                {10, 12, 10}, {30, 31, 31}, {31, 31, 31}, {0, 100, 0}};
    uint64_t missing = 77;
    for (size_t i = 0; i < COUNT_OF(gaps); i++) {
        assert_true(wal_timeline_gap(&missing, &timeline, gaps[i].first, gaps[i].last));
        assert_int_equal(missing, gaps[i].missing);
    }
    assert_false(wal_timeline_gap(&missing, &timeline, 5, 7));
    assert_false(wal_timeline_gap(&missing, &timeline, 6, 6));
    assert_false(wal_timeline_gap(&missing, &timeline, 20, 30));
    assert_false(wal_timeline_gap(&missing, &timeline, 8, 7));
    assert_true(wal_timeline_gap(&missing, NULL, 8, 9) && missing == 8);
    assert_true(wal_timeline_has(&timeline, 9) && !wal_timeline_has(&timeline, 8) &&
                !wal_timeline_has(NULL, 9));
}

static void put_tail(Repo *repo, const char *name, uint32_t from, uint32_t to)
{
    WalTail tail = {.from = from, .to = to};
    ASSERT_OK(wal_name_parse(&tail.name, name, generation.segment_bytes));
    ASSERT_OK(store_put_all(repo->store, key_wal_tail(&generation.root, &tail).text, span_of("12345", 5)));
}

static void test_wal_archive_list__tells_how_far_tails_reach(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    put_name(repo, "000000010000000000000005");
    put_tail(repo, "000000010000000000000005", 0, 0x800); /* the whole one wins */
    put_tail(repo, "000000010000000000000006", 0, 0x1000);
    put_tail(repo, "000000010000000000000006", 0, 0x800);
    put_tail(repo, "000000010000000000000006", 0xF00, 0x2000);
    put_tail(repo, "000000010000000000000006", 0x2008, 0x3000); /* behind a hole */
    put_tail(repo, "000000010000000000000009", 8, 0x3000);
    put_tail(repo, "000000020000000000000006", 0, 0x10);
    WalArchive archive;
    ASSERT_OK(wal_archive_list(&archive, repo, &generation, arena));
    const WalTimeline *const first = wal_archive_timeline(&archive, (Timeline){1});
    assert_int_equal(first->segments, 1);
    assert_int_equal(first->range_count, 1);
    assert_int_equal(first->covered_count, 2);
    assert_int_equal(wal_timeline_covered(first, 5), 0);
    assert_int_equal(wal_timeline_covered(first, 6), 0x2000);
    assert_int_equal(wal_timeline_covered(first, 9), 0);
    assert_false(wal_timeline_has(first, 6));
    assert_int_equal(wal_timeline_end(first), 10);
    const WalTimeline *const second = wal_archive_timeline(&archive, (Timeline){2});
    assert_int_equal(wal_timeline_covered(second, 6), 0x10);
    assert_int_equal(second->range_count, 0);
    assert_int_equal(wal_timeline_end(second), 7);
    assert_int_equal(wal_timeline_end(NULL), 0);
}

static void test_wal_timeline_next__sees_segments_and_tails(void **state)
{
    (void)state;
    static const WalRange ranges[] = {{5, 7}, {20, 30}};
    static const WalCovered covered[] = {{9, 800}, {31, 8}};
    static const WalTimeline timeline = {
        .timeline = {1}, .ranges = ranges, .range_count = 2, .covered = covered, .covered_count = 2};
    static const struct {
        uint64_t from, next;
    } cases[] = {{0, 5}, {6, 6}, {8, 9}, {9, 9}, {10, 20}, {25, 25}, {31, 31}};
    uint64_t next = 77;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(wal_timeline_next(&next, &timeline, cases[i].from));
        assert_int_equal(next, cases[i].next);
    }
    assert_false(wal_timeline_next(&next, &timeline, 32));
    assert_false(wal_timeline_next(&next, NULL, 0));
}

static void test_wal_archive_list__passes_over_what_stands_in_the_wrong_place(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    ASSERT_OK(store_put_all(repo->store, "main/g1/wal/00000001/0000000100000000/000000020000000000000003.wal",
                            span_of("1", 1)));
    ASSERT_OK(store_put_all(repo->store, "main/g1/wal/00000001/0000000100000000/00000001000000000000000G.wal",
                            span_of("1", 1)));
    AUTO(arena_free) Arena *arena = arena_new();
    WalArchive archive;
    ASSERT_OK(wal_archive_list(&archive, repo, &generation, arena));
    assert_int_equal(archive.count, 0);
}

static void test_wal_archive_history__is_empty_when_none_is_stored(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    History history;
    ASSERT_OK(wal_archive_history(&history, repo, &generation.root, (Timeline){1}, arena));
    assert_int_equal(history.count, 0);
    assert_int_equal(history.timeline.id, 1);
}

static void test_wal_archive_history__reads_the_stored_file(void **state)
{
    (void)state;
    static const char text[] = "1\t0/3000060\tno recovery target specified\n";
    AUTO(repo_free) Repo *repo = new_repo("main");
    const Key key = key_history(&generation.root, (Timeline){2});
    const ContainerSpec spec = {
        .kind = CONTAINER_HISTORY, .name = key_object_name(key.text), .codec = CODEC_NONE};
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(object_encode(&bytes, &spec, span_of(text, sizeof text - 1)));
    ASSERT_OK(store_put_all(repo->store, key.text, buf_span(&bytes)));
    AUTO(arena_free) Arena *arena = arena_new();
    History history;
    ASSERT_OK(wal_archive_history(&history, repo, &generation.root, (Timeline){2}, arena));
    assert_int_equal(history.count, 1);
    assert_int_equal(history.entries[0].end.at, 0x3000060);

    static const char empty[] = "# nothing\n";
    const Key other = key_history(&generation.root, (Timeline){3});
    const ContainerSpec other_spec = {.kind = CONTAINER_HISTORY, .name = key_object_name(other.text)};
    buf_clear(&bytes);
    ASSERT_OK(object_encode(&bytes, &other_spec, span_of(empty, sizeof empty - 1)));
    ASSERT_OK(store_put_all(repo->store, other.text, buf_span(&bytes)));
    ASSERT_ERR(CORRUPT, wal_archive_history(&history, repo, &generation.root, (Timeline){3}, arena));
}

static void leave_out(WalArchive *out, Repo *repo, const char *const *names, size_t count, Arena *arena)
{
    WalName wal[8];
    for (size_t i = 0; i < count; i++)
        ASSERT_OK(wal_name_parse(&wal[i], names[i], generation.segment_bytes));
    ASSERT_OK(wal_archive_list(out, repo, &generation, arena));
    wal_archive_leave_out(out, wal, count, arena);
}

static void test_wal_archive_leave_out__cuts_ranges(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = some_archive();
    AUTO(arena_free) Arena *arena = arena_new();
    static const char *const names[] = {"000000010000000100000004", "0000000100000000000000FF",
                                        "0000000100000000000000FF", "000000010000000100000007",
                                        "000000020000000100000005"};
    WalArchive archive;
    leave_out(&archive, repo, names, COUNT_OF(names), arena);
    const WalTimeline *const first = wal_archive_timeline(&archive, (Timeline){1});
    assert_int_equal(first->range_count, 3);
    assert_int_equal(first->ranges[0].first_segment, 0xfe);
    assert_int_equal(first->ranges[0].last_segment, 0xfe);
    assert_int_equal(first->ranges[1].first_segment, 0x100);
    assert_int_equal(first->ranges[1].last_segment, 0x100);
    assert_int_equal(first->ranges[2].first_segment, 0x103);
    assert_int_equal(first->ranges[2].last_segment, 0x103);
    assert_int_equal(first->segments, 3);
    assert_int_equal(wal_archive_timeline(&archive, (Timeline){2})->range_count, 0);
    leave_out(&archive, repo, names, 0, arena);
    assert_int_equal(wal_archive_timeline(&archive, (Timeline){1})->segments, 5);
}

UNIT_MAIN(cmocka_unit_test(test_wal_archive__knows_ranges_and_gaps_from_names),
          cmocka_unit_test(test_wal_archive_leave_out__cuts_ranges),
          cmocka_unit_test(test_wal_timeline_gap__names_the_first_missing_segment),
          cmocka_unit_test(test_wal_archive_list__tells_how_far_tails_reach),
          cmocka_unit_test(test_wal_timeline_next__sees_segments_and_tails),
          cmocka_unit_test(test_wal_archive_list__passes_over_what_stands_in_the_wrong_place),
          cmocka_unit_test(test_wal_archive_history__is_empty_when_none_is_stored),
          cmocka_unit_test(test_wal_archive_history__reads_the_stored_file))
