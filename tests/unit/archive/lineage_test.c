/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "archive/archive_unit.h"
#include "archive/lineage.h"

static const Lsn nowhere = {0};

static Lineage load(Repo *repo, uint32_t timeline, Arena *arena)
{
    Lineage lineage;
    ASSERT_OK(lineage_load(&lineage, repo, &unit_generation, (Timeline){timeline}, arena));
    return lineage;
}

static Lineage three_lives(Arena *arena)
{
    AUTO(repo_free) Repo *repo = new_repo("main");
    put_history(repo, 4, "1\t0/500080\tno recovery target specified\n\n2\t0/980000\tfailover\n");
    return load(repo, 4, arena);
}

static void assert_part(const LineagePart *part, uint32_t timeline, uint64_t begin, uint64_t end)
{
    assert_int_equal(part->timeline.id, timeline);
    assert_int_equal(part->begin.at, begin);
    assert_int_equal(part->end.at, end);
}

static void test_lineage_load__joins_the_parts_of_a_history(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const Lineage lineage = three_lives(arena);
    assert_true(lineage.is_told);
    assert_int_equal(lineage.count, 3);
    assert_int_equal(lineage.timeline.id, 4);
    assert_part(&lineage.parts[0], 1, 0, 0x500080);
    assert_part(&lineage.parts[1], 2, 0x500080, 0x980000);
    assert_part(&lineage.parts[2], 4, 0x980000, UINT64_MAX);
    assert_ptr_equal(lineage_part(&lineage, (Timeline){2}), &lineage.parts[1]);
    assert_null(lineage_part(&lineage, (Timeline){3}));
    assert_int_equal(lineage_timeline_at(&lineage, (Lsn){0x50007f}).id, 1);
    assert_int_equal(lineage_timeline_at(&lineage, (Lsn){0x500080}).id, 2);
    assert_int_equal(lineage_timeline_at(&lineage, (Lsn){UINT64_MAX}).id, 4);
}

static void test_lineage_load__takes_timeline_1_as_told(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    const Lineage lineage = load(repo, 1, arena);
    assert_true(lineage.is_told);
    assert_int_equal(lineage.count, 1);
    assert_part(&lineage.parts[0], 1, 0, UINT64_MAX);
}

static void test_lineage_load__goes_by_branch_records_where_history_is_missing(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    put_history(repo, 3, "1\t0/500080\tx\n");
    put_branch(repo, 5, 3, (Lsn){0x700000});
    const Lineage lineage = load(repo, 5, arena);
    assert_true(lineage.is_told);
    assert_int_equal(lineage.count, 3);
    assert_part(&lineage.parts[1], 3, 0x500080, 0x700000);
    assert_part(&lineage.parts[2], 5, 0x700000, UINT64_MAX);
}

static void test_lineage_load__says_when_nobody_tells_of_ancestors(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    assert_false(load(repo, 7, arena).is_told);
    put_branch(repo, 7, 0, nowhere); /* the first timeline of a generation */
    assert_true(load(repo, 7, arena).is_told);
    put_branch(repo, 8, 6, (Lsn){0x700000});
    const Lineage lineage = load(repo, 8, arena);
    assert_false(lineage.is_told);
    assert_int_equal(lineage.count, 2);
}

static void test_lineage_load__names_a_damaged_history(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    put_history(repo, 2, "rubbish\n");
    Lineage lineage;
    ASSERT_ERR_TEXT(CORRUPT, "00000002.history",
                    lineage_load(&lineage, repo, &unit_generation, (Timeline){2}, arena));
}

/* A branch record tells of a younger switch before an older one: so does a server that stopped before its timeline began. */
static void test_lineage_load__leaves_out_a_timeline_that_was_never_reached(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    put_history(repo, 3, "1\t0/500080\tx\n");
    put_branch(repo, 5, 3, (Lsn){0x400000});
    const Lineage lineage = load(repo, 5, arena);
    assert_part(&lineage.parts[0], 1, 0, 0x400000);
    assert_part(&lineage.parts[1], 3, 0x400000, 0x400000);
    assert_part(&lineage.parts[2], 5, 0x400000, UINT64_MAX);
    assert_int_equal(lineage_timeline_at(&lineage, (Lsn){0x450000}).id, 5);
}

static void test_lineage_until__ends_with_who_wrote_the_last_byte(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const Lineage whole = three_lives(arena);
    static const struct {
        uint64_t end;
        uint32_t timeline;
        size_t count;
    } cases[] = {{0x400000, 1, 1}, {0x500080, 1, 1}, {0x500081, 2, 2}, {0x980000, 2, 2}, {0x980001, 4, 3}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const Lineage cut = lineage_until(&whole, (Lsn){cases[i].end}, arena);
        assert_int_equal(cut.timeline.id, cases[i].timeline);
        assert_int_equal(cut.count, cases[i].count);
        assert_int_equal(cut.parts[cut.count - 1].end.at, UINT64_MAX);
    }
    assert_int_equal(whole.parts[0].end.at, 0x500080);
}

static void test_lineage_production__is_the_youngest_rightful_timeline(void **state)
{
    (void)state;
    const BranchRecord records[] = {{.timeline = {1}}, {.timeline = {4}}, {.timeline = {2}}};
    assert_int_equal(lineage_production(records, 3).id, 4);
    assert_int_equal(lineage_production(NULL, 0).id, 0);
}

static void test_lineage_has_backup__asks_who_wrote_the_last_byte(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const Lineage lineage = three_lives(arena);
    assert_true(lineage_has_backup(&lineage, (Timeline){1}, (Lsn){0x500080}));
    assert_false(lineage_has_backup(&lineage, (Timeline){1}, (Lsn){0x500081}));
    assert_false(lineage_has_backup(&lineage, (Timeline){2}, (Lsn){0x500080}));
    assert_true(lineage_has_backup(&lineage, (Timeline){2}, (Lsn){0x500081}));
    assert_true(lineage_has_backup(&lineage, (Timeline){4}, (Lsn){0xffffff}));
    assert_false(lineage_has_backup(&lineage, (Timeline){3}, (Lsn){0x980000}));
    assert_false(lineage_has_backup(&lineage, (Timeline){1}, nowhere));
}

static void test_lineage_copy__takes_the_youngest_that_had_begun(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const Lineage lineage = three_lives(arena);
    LineageCopy copy;
    assert_true(lineage_copy(&copy, &lineage, 4, 0));
    assert_int_equal(copy.name.timeline.id, 1);
    assert_int_equal(copy.end.at, 0x500000);
    assert_false(lineage_copy(&copy, &lineage, 4, 1));
    /* The switch segment: the child's copy is whole, the parent's up to the switch. */
    assert_true(lineage_copy(&copy, &lineage, 5, 0));
    assert_int_equal(copy.name.timeline.id, 2);
    assert_int_equal(copy.name.segment, 5);
    assert_int_equal(copy.end.at, 0x600000);
    assert_true(lineage_copy(&copy, &lineage, 5, 1));
    assert_int_equal(copy.name.timeline.id, 1);
    assert_int_equal(copy.end.at, 0x500080);
    assert_false(lineage_copy(&copy, &lineage, 5, 2));
    assert_true(lineage_copy(&copy, &lineage, 6, 0));
    assert_int_equal(copy.name.timeline.id, 2);
    assert_false(lineage_copy(&copy, &lineage, 6, 1));
    assert_true(lineage_copy(&copy, &lineage, 100, 0));
    assert_int_equal(copy.name.timeline.id, 4);
}

static void test_lineage_copy__of_a_switch_on_a_border_has_no_parent(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const HistoryEntry entries[] = {{{1}, {0x500000}, ""}};
    const Lineage lineage =
        lineage_of_history(&(History){{2}, entries, 1}, unit_generation.segment_bytes, arena);
    LineageCopy copy;
    assert_true(lineage_copy(&copy, &lineage, 5, 0));
    assert_int_equal(copy.name.timeline.id, 2);
    assert_false(lineage_copy(&copy, &lineage, 5, 1));
    assert_true(lineage_copy(&copy, &lineage, 4, 0));
    assert_int_equal(copy.name.timeline.id, 1);
}

static void test_lineage_fork__is_where_two_lines_part(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const HistoryEntry other[] = {{{1}, {0x500080}, ""}, {{2}, {0x700000}, ""}};
    const Lineage a = three_lives(arena);
    const Lineage b = lineage_of_history(&(History){{3}, other, 2}, unit_generation.segment_bytes, arena);
    const Lineage one = lineage_of_history(&(History){{1}, NULL, 0}, unit_generation.segment_bytes, arena);
    assert_int_equal(lineage_fork(&a, &b).at, 0x700000);
    assert_int_equal(lineage_fork(&b, &a).at, 0x700000);
    assert_int_equal(lineage_fork(&a, &one).at, 0x500080);
    assert_int_equal(lineage_fork(&a, &a).at, UINT64_MAX);
}

UNIT_MAIN(cmocka_unit_test(test_lineage_load__joins_the_parts_of_a_history),
          cmocka_unit_test(test_lineage_load__takes_timeline_1_as_told),
          cmocka_unit_test(test_lineage_load__goes_by_branch_records_where_history_is_missing),
          cmocka_unit_test(test_lineage_load__says_when_nobody_tells_of_ancestors),
          cmocka_unit_test(test_lineage_load__names_a_damaged_history),
          cmocka_unit_test(test_lineage_load__leaves_out_a_timeline_that_was_never_reached),
          cmocka_unit_test(test_lineage_until__ends_with_who_wrote_the_last_byte),
          cmocka_unit_test(test_lineage_production__is_the_youngest_rightful_timeline),
          cmocka_unit_test(test_lineage_has_backup__asks_who_wrote_the_last_byte),
          cmocka_unit_test(test_lineage_copy__takes_the_youngest_that_had_begun),
          cmocka_unit_test(test_lineage_copy__of_a_switch_on_a_border_has_no_parent),
          cmocka_unit_test(test_lineage_fork__is_where_two_lines_part))
