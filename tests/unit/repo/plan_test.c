/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "repo/plan.h"

#include <string.h>

enum { SEGMENT_BYTES = 1 << 24 };

static const PlanRepo repos[] = {{"main", "/srv/pgstrata", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"},
                                 {"far", "/mnt/\xff", "x"}};

static Plan some_plan(const History *history, Arena *arena)
{
    return (Plan){.role = PLAN_CLONE,
                  .root = {"main", 3},
                  .system_id = {UINT64_MAX},
                  .segment_bytes = SEGMENT_BYTES,
                  .repos = repos,
                  .repo_count = 2,
                  .branch = plan_branch_make(history, (Lsn){0x2000028}, SEGMENT_BYTES, arena),
                  .has_end = true,
                  .end_segment = 9,
                  .backup = {"20261121-083000F"},
                  .target = "time 2026-11-21 17:00 KST",
                  .host = "db1",
                  .data_directory = "/srv/new",
                  .created = {1795000000000000}};
}

static const HistoryEntry entries[] = {
    {{1}, {0x3000060}, ""}, {{2}, {0x3000060}, ""}, {{5}, {0x8000000}, ""}};
static const History three_switches = {{7}, entries, 3}, none = {{1}, NULL, 0};

static void test_plan_branch__follows_the_history(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const PlanBranch branch = plan_branch_make(&three_switches, (Lsn){0x2000028}, SEGMENT_BYTES, arena);
    assert_int_equal(branch.count, 3); /* timeline 2 has no byte of its own */
    const PlanStretch *const at = branch.stretches;
    assert_true(at[0].timeline.id == 1 && at[0].first_segment == 2 && at[0].last_segment == 3);
    assert_true(at[1].timeline.id == 5 && at[1].first_segment == 3 && at[1].last_segment == 7);
    assert_true(at[2].timeline.id == 7 && at[2].first_segment == 8 && at[2].last_segment == PLAN_OPEN);
    assert_int_equal(at[1].switch_lsn.at, 0x8000000);

    const PlanBranch later = plan_branch_make(&three_switches, (Lsn){0x4000000}, SEGMENT_BYTES, arena);
    assert_int_equal(later.count, 2);
    assert_int_equal(later.stretches[0].first_segment, 4);
    assert_int_equal(plan_branch_make(&none, (Lsn){0x4000000}, SEGMENT_BYTES, arena).count, 1);
}

static void test_plan__is_read_back_as_written(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const Plan plan = some_plan(&three_switches, arena);
    AUTO(buf_done) Buf text = {0};
    ASSERT_OK(plan_format(&text, &plan));
    Plan again;
    ASSERT_OK(plan_parse(&again, buf_span(&text), arena));
    assert_int_equal(again.role, PLAN_CLONE);
    assert_string_equal(again.root.cluster, "main");
    assert_int_equal(again.root.generation, 3);
    assert_true(again.system_id.id == UINT64_MAX);
    assert_int_equal(again.repo_count, 2);
    assert_string_equal(again.repos[1].url, "/mnt/\xff");
    assert_string_equal(again.repos[0].id, repos[0].id);
    assert_int_equal(again.branch.count, 3);
    assert_memory_equal(&again.branch.stretches[0].first_segment, &plan.branch.stretches[0].first_segment,
                        24);
    assert_int_equal(plan_stretch(&again, (Timeline){5})->last_segment, 7);
    assert_null(plan_stretch(&again, (Timeline){2}));
    assert_true(again.has_end && again.end_segment == 9);
    assert_string_equal(again.backup.text, plan.backup.text);
    assert_string_equal(again.target, plan.target);
    assert_int_equal(again.created.us, plan.created.us);
}

static void test_plan__of_a_standby_has_no_end(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    Plan plan = some_plan(&none, arena), again;
    plan.role = PLAN_STANDBY;
    ASSERT_ERR(BUG, plan_format(&text, &plan));
    plan.has_end = false;
    ASSERT_OK(plan_format(&text, &plan));
    ASSERT_OK(plan_parse(&again, buf_span(&text), arena));
    assert_true(again.role == PLAN_STANDBY && !again.has_end);
    plan.role = PLAN_OWNER;
    ASSERT_ERR(BUG, plan_format(&text, &plan));
}

/* The text of a sound plan with `from` replaced by `to`, parsed. */
static Err *bent_parse(const char *from, const char *to)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    AUTO(buf_done) Buf bent = {0};
    const Plan plan = some_plan(&three_switches, arena);
    ASSERT_OK(plan_format(&text, &plan));
    const char *const at = strstr(buf_text(&text), from);
    assert_non_null(at);
    buf_add(&bent, text.data, (size_t)(at - buf_text(&text)));
    buf_add_text(&bent, to);
    buf_add_text(&bent, at + strlen(from));
    Plan out;
    return plan_parse(&out, buf_span(&bent), arena);
}

static void test_plan_parse__refuses_whatever_is_not_sound(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } bends[] = {
        {"\"cluster\": \"main\"", "\"cluster\": \"../x\""},
        {"\"generation\": 3", "\"generation\": 0"},
        {"\"generation\": 3,", ""},
        {"\"segment_bytes\": 16777216", "\"segment_bytes\": 16777217"},
        {"\"segment_bytes\": 16777216", "\"segment_bytes\": 33554432"},
        {"\"timeline\": 5", "\"timeline\": 6"},
        {"\"000000010000000000000003\"", "\"000000010000000000000004\""},
        {"\"000000010000000000000003\"", "null"},
        {"\"0/3000060\"", "null"},
        {"\"0/3000060\"", "\"0/4000060\""},
        {"\"0/8000000\"", "\"0/7000000\""},
        {"\"000000070000000000000009\"", "null"},
        {"\"000000070000000000000009\"", "\"000000070000000000000007\""},
        {"\"000000070000000000000009\"", "\"000000050000000000000009\""},
        {"\"000000070000000000000009\"", "\"000000070000000000000009.partial\""},
        {"\"name\": \"far\"", "\"name\": \"Far\""},
        {"\"name\": \"far\"", "\"name\": 1"},
        {"\"20261121-083000F\"", "\"20261121-083000\""},
        {"{", "[{"},
        {"}\n", "}\n}"},
    };
    for (size_t i = 0; i < COUNT_OF(bends); i++) {
        Err *err = bent_parse(bends[i].from, bends[i].to);
        if (!err_is(err, ERR_CORRUPT))
            fail_msg("%s: %s", bends[i].to, err ? err_text(err) : "was taken");
        err_free(&err);
    }
    ASSERT_ERR(UNSUPPORTED, bent_parse("\"schema\": 1", "\"schema\": 2"));
    ASSERT_ERR(UNSUPPORTED, bent_parse("\"clone\"", "\"cloned\""));
    ASSERT_OK(bent_parse("\"schema\": 1", "\"later\": {}, \"schema\": 1"));
}

static void test_plan_parse__refuses_every_cut(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    const Plan plan = some_plan(&three_switches, arena);
    ASSERT_OK(plan_format(&text, &plan));
    Plan out;
    for (size_t len = 0; len + 1 < text.len; len++) /* the last byte is only a newline */
        ASSERT_ERR(CORRUPT, plan_parse(&out, span_of(text.data, len), arena));
}

static void test_plan_format__refuses_a_plan_without_repositories(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    Plan plan = some_plan(&none, arena);
    plan.repo_count = 0;
    ASSERT_ERR(BUG, plan_format(&text, &plan));
}

UNIT_MAIN(cmocka_unit_test(test_plan_branch__follows_the_history),
          cmocka_unit_test(test_plan__is_read_back_as_written),
          cmocka_unit_test(test_plan__of_a_standby_has_no_end),
          cmocka_unit_test(test_plan_parse__refuses_whatever_is_not_sound),
          cmocka_unit_test(test_plan_parse__refuses_every_cut),
          cmocka_unit_test(test_plan_format__refuses_a_plan_without_repositories))
