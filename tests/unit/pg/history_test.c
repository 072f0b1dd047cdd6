/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "pg/fixture.h"
#include "pg/history.h"

static Arena *arena;

static int arena_begin(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int arena_end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static History parsed(uint32_t timeline, const char *text)
{
    History history = {0};
    ASSERT_OK(history_parse(&history, (Timeline){timeline}, fixture_text(text), arena));
    return history;
}

static void test_history__is_read_back_as_servers_write_it(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        AUTO(buf_done) Buf text = {0}, again = {0};
        fixture_read(&text, major, "00000003.history");
        History history;
        ASSERT_OK(history_parse(&history, (Timeline){3}, buf_span(&text), arena));
        assert_int_equal(history.count, 2);
        assert_int_equal(history.entries[1].timeline.id, 2);
        assert_string_equal(history.entries[1].reason, "no recovery target specified");
        assert_true(history.entries[0].end.at < history.entries[1].end.at);
        history_format(&again, &history);
        assert_string_equal(buf_text(&again), buf_text(&text));
    }
}

static void test_history_parse__skips_comments_and_needs_no_reason(void **state)
{
    (void)state;
    const History history =
        parsed(9, "# a comment\n\n \t \n  1\t0/3000000\n4 0/5000000  a  reason \r\n# end");
    assert_int_equal(history.count, 2);
    assert_string_equal(history.entries[0].reason, "");
    assert_int_equal(history.entries[1].timeline.id, 4);
    assert_int_equal(history.entries[1].end.at, 0x5000000);
    assert_string_equal(history.entries[1].reason, " a  reason");
    assert_int_equal(parsed(1, "").count, 0);
}

static void test_history_parse__refuses_what_cannot_be(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x\t0/1\tr\n",
        "1\n",
        "1\t0\tr\n",
        "0\t0/1\tr\n",
        "1\t0/1\tr\n1\t0/2\tr\n", /* the same timeline twice */
        "2\t0/1\tr\n1\t0/2\tr\n", /* timelines descend */
        "1\t0/1\tr\n5\t0/2\tr\n", /* its own ancestor */
        "1\t0/1\tr\n9\t0/2\tr\n", /* younger than itself */
        "4294967296\t0/1\tr\n",
        "-1\t0/1\tr\n",
    };
    History history = {.count = 77};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(CORRUPT, history_parse(&history, (Timeline){5}, fixture_text(bad[i]), arena));
    ASSERT_ERR(CORRUPT, history_parse(&history, (Timeline){5}, span_of("1\t0/1\t\0\n", 8), arena));
    ASSERT_ERR_TEXT(CORRUPT, "line 3",
                    history_parse(&history, (Timeline){5}, fixture_text("#\n1\t0/2\n1 0/3"), arena));
    assert_int_equal(history.count, 77);
}

/* What a server writes that followed timeline 3 and stopped before timeline 2 began. */
static void test_history_parse__reads_from_the_youngest_on(void **state)
{
    (void)state;
    const History history = parsed(4, "1\t0/5000000\tx\n2\t0/7000000\ty\n3\t0/3000000\tz\n");
    assert_int_equal(history.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(history.entries[i].end.at, 0x3000000);
    Lsn begin, end;
    assert_true(history_find(&begin, &end, &history, (Timeline){2}));
    assert_true(begin.at == end.at);
    assert_int_equal(history_timeline_at(&history, (Lsn){0x2ffffff}).id, 1);
    assert_int_equal(history_timeline_at(&history, (Lsn){0x3000000}).id, 4);
}

static void test_history_parse__has_a_bound(void **state)
{
    (void)state;
    AUTO(buf_done) Buf text = {0};
    memset(buf_reserve(&text, HISTORY_BYTES_MAX + 1), '#', HISTORY_BYTES_MAX + 1);
    buf_grown(&text, HISTORY_BYTES_MAX + 1);
    History history;
    ASSERT_ERR(LIMIT, history_parse(&history, (Timeline){5}, buf_span(&text), arena));
    ASSERT_OK(history_parse(&history, (Timeline){5}, span_cut(buf_span(&text), 0, HISTORY_BYTES_MAX), arena));
}

static void test_history_find__gives_each_timeline_its_part(void **state)
{
    (void)state;
    const History history = parsed(7, "1\t0/100\tr\n4\t0/300\tr\n6\t0/300\tr\n");
    Lsn begin, end;
    assert_true(history_find(&begin, &end, &history, (Timeline){1}));
    assert_int_equal(begin.at, 0);
    assert_int_equal(end.at, 0x100);
    assert_true(history_find(&begin, &end, &history, (Timeline){4}));
    assert_int_equal(begin.at, 0x100);
    assert_int_equal(end.at, 0x300);
    assert_true(history_find(&begin, &end, &history, (Timeline){6})); /* left where it began */
    assert_int_equal(begin.at, end.at);
    assert_true(history_find(&begin, &end, &history, (Timeline){7}));
    assert_int_equal(begin.at, 0x300);
    assert_true(end.at == UINT64_MAX);
    assert_false(history_find(&begin, &end, &history, (Timeline){5}));
    assert_false(history_find(&begin, &end, &history, (Timeline){8}));
}

static void test_history_timeline_at__switches_at_the_switch_point(void **state)
{
    (void)state;
    const History history = parsed(7, "1\t0/100\tr\n4\t0/300\tr\n6\t0/300\tr\n");
    assert_int_equal(history_timeline_at(&history, (Lsn){0xFF}).id, 1);
    assert_int_equal(history_timeline_at(&history, (Lsn){0x100}).id, 4);
    assert_int_equal(history_timeline_at(&history, (Lsn){0x2FF}).id, 4);
    assert_int_equal(history_timeline_at(&history, (Lsn){0x300}).id, 7);
    const History first = parsed(1, "");
    assert_int_equal(history_timeline_at(&first, (Lsn){0x300}).id, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__is_read_back_as_servers_write_it),
        cmocka_unit_test(test_history_parse__skips_comments_and_needs_no_reason),
        cmocka_unit_test(test_history_parse__refuses_what_cannot_be),
        cmocka_unit_test(test_history_parse__reads_from_the_youngest_on),
        cmocka_unit_test(test_history_parse__has_a_bound),
        cmocka_unit_test(test_history_find__gives_each_timeline_its_part),
        cmocka_unit_test(test_history_timeline_at__switches_at_the_switch_point),
    };
    return cmocka_run_group_tests(tests, arena_begin, arena_end);
}
