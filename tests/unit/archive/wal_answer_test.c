/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "archive/wal_answer.h"
#include "wal_world.h"

/* Timeline 1 up to the middle of its segment 2, then timeline 2; the fixture's bytes are of no interest but their head. */
enum { FIRST = 0, SWITCH = 2, LAST = 4 };

typedef struct Scene {
    World world;
    Lsn switch_lsn;
    PlanStretch stretches[2];
    Plan plan;
    WalQuestion question;
} Scene;

static WalName name_of(uint32_t timeline, uint64_t segment)
{
    return (WalName){.kind = WAL_NAME_SEGMENT,
                     .timeline = {timeline},
                     .segment = segment,
                     .segment_bytes = FAKE_WAL_SEGMENT};
}

static WalName history_name(uint32_t timeline)
{
    return wal_name_of_history((Timeline){timeline}, FAKE_WAL_SEGMENT);
}

/* The first `to` bytes of a segment of that name, 0 for all: a sound head, then one byte over and over. */
static void put_part(Scene *scene, const Repo *repo, WalName name, uint32_t to)
{
    AUTO(buf_done) Buf plain = {0};
    buf_add(&plain, world_segment(&scene->world, 0).ptr, FAKE_WAL_SEGMENT);
    memset(plain.data + WAL_PAGE_LONG_HEAD_BYTES, 0x5A, plain.len - WAL_PAGE_LONG_HEAD_BYTES);
    put_u32(plain.data + 4, name.timeline.id);
    put_u64(plain.data + 8, wal_name_start(name).at);
    if (to)
        buf_cut(&plain, to);
    const KeyRoot *const root = &scene->world.generation.root;
    const WalTail tail = {name, 0, to};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    const WalObjectSpec spec = {.generation = &scene->world.generation,
                                .name = name,
                                .tail = to ? &tail : NULL,
                                .codec = CODEC_ZSTD,
                                .level = 1};
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, buf_span(&plain)));
    const Key key = to ? key_wal_tail(root, &tail) : key_wal(root, name);
    ASSERT_OK(store_put_all(repo->store, key.text, buf_span(&object)));
}

static void put_segment(Scene *scene, const Repo *repo, uint32_t timeline, uint64_t segment)
{
    put_part(scene, repo, name_of(timeline, segment), 0);
}

static void put_tail(Scene *scene, const Repo *repo, WalName name, uint32_t to)
{
    put_part(scene, repo, name, to);
}

static void put_history(Scene *scene, uint32_t timeline, Lsn switch_lsn)
{
    AUTO(buf_done) Buf text = {0}, object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    buf_addf(&text, "%u\t%s\tno recovery target specified\n", timeline - 1, lsn_text(switch_lsn).text);
    const WalObjectSpec spec = {.generation = &scene->world.generation, .name = history_name(timeline)};
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, buf_span(&text)));
    ASSERT_OK(store_put_all(scene->world.a->store, key_wal(&scene->world.generation.root, spec.name).text,
                            buf_span(&object)));
}

static int begin(void **state)
{
    Scene *scene = mem_new(sizeof *scene);
    world_begin(&scene->world);
    scene->switch_lsn = (Lsn){SWITCH * FAKE_WAL_SEGMENT + 5000};
    scene->stretches[0] = (PlanStretch){{1}, FIRST, SWITCH, scene->switch_lsn};
    scene->stretches[1] = (PlanStretch){{2}, SWITCH, PLAN_OPEN, {0}};
    scene->plan =
        (Plan){.role = PLAN_CLONE, .branch = {scene->stretches, 2}, .has_end = true, .end_segment = LAST};
    scene->question = (WalQuestion){.repos = scene->world.set->repos,
                                    .repo_count = 2,
                                    .root = scene->world.generation.root,
                                    .system_id = scene->world.generation.system_id,
                                    .plan = &scene->plan};
    *state = scene;
    return 0;
}

static int done(void **state)
{
    Scene *scene = *state;
    world_done(&scene->world);
    mem_free(state);
    return 0;
}

static WalAnswer answer(const Scene *scene, Buf *plain, WalName name)
{
    WalAnswer out = WAL_ABSENT;
    BufLanding to = buf_landing(plain);
    ASSERT_OK(wal_answer(&out, &to.landing, &scene->question, name));
    return out;
}

#define ASSERT_FOUND(scene, name)                                                                            \
    do {                                                                                                     \
        AUTO(buf_done) Buf plain_ = {0};                                                                     \
        assert_int_equal(answer(scene, &plain_, name), WAL_FOUND);                                           \
    } while (0)
#define ASSERT_ABSENT(scene, name)                                                                           \
    do {                                                                                                     \
        AUTO(buf_done) Buf plain_ = {0};                                                                     \
        assert_int_equal(answer(scene, &plain_, name), WAL_ABSENT);                                          \
    } while (0)
#define ASSERT_STOPS(class, scene, name)                                                                     \
    do {                                                                                                     \
        AUTO(buf_done) Buf plain_ = {0};                                                                     \
        BufLanding to_ = buf_landing(&plain_);                                                               \
        WalAnswer out_ = WAL_ABSENT;                                                                         \
        ASSERT_ERR(class, wal_answer(&out_, &to_.landing, &(scene)->question, name));                        \
    } while (0)

static void test_wal_answer__on_the_branch_and_there_is_found(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.b, 1, 0);
    put_segment(scene, scene->world.a, 2, 3);
    ASSERT_FOUND(scene, name_of(1, 0));
    ASSERT_FOUND(scene, name_of(2, 3));
}

static void test_wal_answer__on_the_branch_before_the_end_and_missing_stops(void **state)
{
    Scene *const scene = *state;
    ASSERT_STOPS(GAP, scene, name_of(1, 1));
    ASSERT_STOPS(GAP, scene, name_of(2, 3));
    ASSERT_STOPS(GAP, scene, name_of(2, LAST));
    ASSERT_STOPS(GAP, scene, name_of(2, SWITCH));
}

static void test_wal_answer__past_the_end_and_missing_is_absent(void **state)
{
    ASSERT_ABSENT((Scene *)*state, name_of(2, LAST + 1));
}

static void test_wal_answer__past_the_end_with_a_later_segment_stops(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.b, 2, LAST + 2);
    ASSERT_STOPS(GAP, scene, name_of(2, LAST + 1));
}

static bool any_call(void *arg, FaultyCall call, const char *key)
{
    (void)arg, (void)call, (void)key;
    return true;
}

static void all_fail(Store *store)
{
    faulty_plan(store, (FaultyPlan){.matches = any_call, .fault_class = ERR_AWAY});
}

static void test_wal_answer__off_the_branch_is_absent_without_asking(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.a, 1, SWITCH + 1);
    put_segment(scene, scene->world.a, 2, SWITCH - 1);
    put_segment(scene, scene->world.a, 3, 3);
    all_fail(scene->world.faulty_a);
    all_fail(scene->world.faulty_b);
    ASSERT_ABSENT(scene, name_of(1, SWITCH + 1));
    ASSERT_ABSENT(scene, name_of(2, SWITCH - 1));
    ASSERT_ABSENT(scene, name_of(3, 3));
}

static void test_wal_answer__silence_of_one_repository_is_no_proof_of_absence(void **state)
{
    Scene *const scene = *state;
    all_fail(scene->world.faulty_b);
    ASSERT_STOPS(AWAY, scene, name_of(2, LAST + 1));
    ASSERT_STOPS(AWAY, scene, history_name(3));
    faulty_plan(scene->world.faulty_b, (FaultyPlan){0});
    AUTO(err_free) Err *silence = ERR(AWAY, "not mounted");
    scene->question.silence = silence;
    scene->question.repo_count = 1;
    ASSERT_STOPS(AWAY, scene, name_of(2, LAST + 1));
    put_segment(scene, scene->world.a, 2, LAST + 1);
    ASSERT_FOUND(scene, name_of(2, LAST + 1)); /* a good copy is one, whoever is silent */
}

/* Each call of the way to "absent" fails in turn: none may end in "absent". */
static void test_wal_answer__no_single_failure_ends_in_absent(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.a, 2, LAST);
    const WalName names[] = {name_of(2, LAST + 1), history_name(3)};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool was_hit = true;
        for (uint64_t nth = 1; was_hit; nth++) {
            faulty_plan(scene->world.faulty_a, (FaultyPlan){.nth = nth, .fault_class = ERR_AWAY});
            AUTO(buf_done) Buf plain = {0};
            BufLanding to = buf_landing(&plain);
            WalAnswer out = WAL_FOUND;
            AUTO(err_free) Err *err = wal_answer(&out, &to.landing, &scene->question, names[i]);
            was_hit = faulty_hit(scene->world.faulty_a);
            if (was_hit)
                assert_non_null(err);
            else
                assert_int_equal(out, WAL_ABSENT);
        }
    }
}

static void test_wal_answer__parents_copy_of_the_switch_segment_ends_in_zeros(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.a, 1, SWITCH);
    AUTO(buf_done) Buf plain = {0};
    assert_int_equal(answer(scene, &plain, name_of(1, SWITCH)), WAL_FOUND);
    assert_int_equal(plain.len, FAKE_WAL_SEGMENT);
    assert_int_equal(plain.data[4999], 0x5A);
    assert_true(span_is_zero(span_cut(buf_span(&plain), 5000, SIZE_MAX)));
}

/* The end lies in the switch segment and the child's copy was never archived: the parent's is asked for next. */
static void test_wal_answer__childs_first_segment_may_be_missing_at_the_end(void **state)
{
    Scene *const scene = *state;
    scene->plan.end_segment = SWITCH;
    ASSERT_ABSENT(scene, name_of(2, SWITCH));
    put_segment(scene, scene->world.a, 2, SWITCH + 1);
    ASSERT_STOPS(GAP, scene, name_of(2, SWITCH));
}

static void test_wal_answer__damage_is_passed_over_for_a_good_copy(void **state)
{
    Scene *const scene = *state;
    const Key key = key_wal(&scene->world.generation.root, name_of(1, 0));
    put_segment(scene, scene->world.a, 1, 0);
    faulty_plan(scene->world.faulty_a,
                (FaultyPlan){.damage_key = key.text, .damage = FAULTY_FLIP, .damage_at = 300});
    ASSERT_STOPS(CORRUPT, scene, name_of(1, 0));
    put_segment(scene, scene->world.b, 1, 0);
    AUTO(buf_done) Buf plain = {0};
    assert_int_equal(answer(scene, &plain, name_of(1, 0)), WAL_FOUND);
    assert_int_equal(plain.len, FAKE_WAL_SEGMENT);
    for (size_t i = WAL_PAGE_LONG_HEAD_BYTES; i < plain.len; i++)
        assert_int_equal(plain.data[i], 0x5A);
}

static void test_wal_answer__never_hands_out_another_clusters_wal(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.a, 1, 0);
    scene->question.system_id.id ^= 1;
    ASSERT_STOPS(CORRUPT, scene, name_of(1, 0));
}

static void test_wal_answer__history_is_absent_only_when_no_timeline_from_there_on_is_in_use(void **state)
{
    Scene *const scene = *state;
    ASSERT_ABSENT(scene, history_name(2));
    put_segment(scene, scene->world.a, 3, 7);
    ASSERT_STOPS(GAP, scene, history_name(2));
    ASSERT_STOPS(GAP, scene, history_name(3));
    ASSERT_ABSENT(scene, history_name(4));
    ASSERT_ABSENT(scene, history_name(1)); /* it never has one */
    put_history(scene, 3, (Lsn){5});
    ASSERT_FOUND(scene, history_name(3));
}

static void test_wal_answer__standbys_plan_has_no_end_and_takes_up_new_timelines(void **state)
{
    Scene *const scene = *state;
    scene->plan.role = PLAN_STANDBY;
    scene->plan.has_end = false;
    scene->question.is_standby = true;
    put_segment(scene, scene->world.a, 2, 9);
    put_segment(scene, scene->world.a, 3, 10);
    ASSERT_ABSENT(scene, name_of(2, 10));
    ASSERT_FOUND(scene, name_of(3, 10));
    ASSERT_STOPS(GAP, scene, name_of(2, 8));
}

/* A restored server that became a standby later still has the plan of its restore. */
static void test_wal_answer__old_plan_does_not_keep_a_standby_from_new_timelines(void **state)
{
    Scene *const scene = *state;
    put_segment(scene, scene->world.a, 3, 10);
    ASSERT_ABSENT(scene, name_of(3, 10));
    scene->question.is_standby = true;
    ASSERT_FOUND(scene, name_of(3, 10));
}

static void test_wal_answer__without_a_plan_a_later_segment_of_the_line_stops(void **state)
{
    Scene *const scene = *state;
    scene->question.plan = NULL;
    put_segment(scene, scene->world.a, 1, 5);
    ASSERT_FOUND(scene, name_of(1, 5));
    ASSERT_ABSENT(scene, name_of(1, 6));
    ASSERT_STOPS(GAP, scene, name_of(1, 4));
}

/* A hole in the parent: the child has what follows. "Absent" would open without it. */
static void test_wal_answer__without_a_plan_a_descendant_with_a_later_segment_stops(void **state)
{
    Scene *const scene = *state;
    scene->question.plan = NULL;
    put_segment(scene, scene->world.a, 2, 6);
    put_history(scene, 2, (Lsn){6 * FAKE_WAL_SEGMENT + 100});
    ASSERT_STOPS(GAP, scene, name_of(1, 5));
    ASSERT_ABSENT(scene, name_of(1, 6));
    scene->question.is_standby = true; /* it looks for the new timeline when it hears "absent" */
    ASSERT_ABSENT(scene, name_of(1, 5));
}

/* What is found holds that many bytes of the segment and then zeros. */
static void assert_found_up_to(const Scene *scene, WalName name, size_t bytes)
{
    AUTO(buf_done) Buf plain = {0};
    assert_int_equal(answer(scene, &plain, name), WAL_FOUND);
    assert_int_equal(plain.len, FAKE_WAL_SEGMENT);
    assert_int_equal(plain.data[bytes - 1], 0x5A);
    assert_true(span_is_zero(span_cut(buf_span(&plain), bytes, SIZE_MAX)));
}

static void test_wal_answer__plans_end_may_be_a_tail(void **state)
{
    Scene *const scene = *state;
    put_tail(scene, scene->world.b, name_of(2, LAST), 6000);
    assert_found_up_to(scene, name_of(2, LAST), 6000);
    put_tail(scene, scene->world.a, name_of(2, LAST), 4000); /* the longer one counts, wherever it is */
    assert_found_up_to(scene, name_of(2, LAST), 6000);
    put_segment(scene, scene->world.b, 2, LAST);
    assert_found_up_to(scene, name_of(2, LAST), FAKE_WAL_SEGMENT); /* the whole one wins */
}

static void test_wal_answer__tail_before_the_plans_end_is_a_hole(void **state)
{
    Scene *const scene = *state;
    put_tail(scene, scene->world.a, name_of(2, LAST - 1), 6000);
    ASSERT_STOPS(GAP, scene, name_of(2, LAST - 1));
}

static void test_wal_answer__tail_past_the_plans_end_counts_as_wal(void **state)
{
    Scene *const scene = *state;
    put_tail(scene, scene->world.a, name_of(2, LAST + 2), 6000);
    assert_found_up_to(scene, name_of(2, LAST + 2), 6000);
    ASSERT_STOPS(GAP, scene, name_of(2, LAST + 1));
}

static void test_wal_answer__damaged_tail_stops_and_no_shorter_one_stands_in(void **state)
{
    Scene *const scene = *state;
    const WalTail tail = {name_of(2, LAST), 0, 6000};
    const Key key = key_wal_tail(&scene->world.generation.root, &tail);
    put_tail(scene, scene->world.a, tail.name, 6000);
    put_tail(scene, scene->world.a, tail.name, 4000);
    put_tail(scene, scene->world.b, tail.name, 4000);
    faulty_plan(scene->world.faulty_a,
                (FaultyPlan){.damage_key = key.text, .damage = FAULTY_FLIP, .damage_at = 250});
    ASSERT_STOPS(CORRUPT, scene, tail.name);
    put_tail(scene, scene->world.b, tail.name, 6000);
    assert_found_up_to(scene, tail.name, 6000);
}

static void test_wal_answer__silence_may_hide_a_longer_tail(void **state)
{
    Scene *const scene = *state;
    put_tail(scene, scene->world.a, name_of(2, LAST), 6000);
    all_fail(scene->world.faulty_b);
    ASSERT_STOPS(AWAY, scene, name_of(2, LAST));
    AUTO(err_free) Err *silence = ERR(AWAY, "not mounted");
    scene->question.silence = silence;
    scene->question.repo_count = 1;
    ASSERT_STOPS(AWAY, scene, name_of(2, LAST));
}

static void test_wal_answer__parents_tail_serves_in_the_switch_segment(void **state)
{
    Scene *const scene = *state;
    put_tail(scene, scene->world.a, name_of(1, SWITCH), 9000);
    assert_found_up_to(scene, name_of(1, SWITCH), 5000); /* up to the switch */
    scene->question.system_id.id ^= 1;
    ASSERT_STOPS(CORRUPT, scene, name_of(1, SWITCH));
}

static void test_wal_answer__without_a_plan_a_tail_is_the_end_of_its_line(void **state)
{
    Scene *const scene = *state;
    scene->question.plan = NULL;
    put_tail(scene, scene->world.a, name_of(1, 5), 6000);
    assert_found_up_to(scene, name_of(1, 5), 6000);
    ASSERT_ABSENT(scene, name_of(1, 6));
    ASSERT_STOPS(GAP, scene, name_of(1, 4));
    put_segment(scene, scene->world.b, 1, 6);
    ASSERT_STOPS(GAP, scene, name_of(1, 5));
}

/* Its server puts the file in the place of what it streamed, which may reach further. */
static void test_wal_answer__standby_is_given_no_tail(void **state)
{
    Scene *const scene = *state;
    scene->question.is_standby = true;
    put_tail(scene, scene->world.a, name_of(2, LAST), 6000);
    ASSERT_STOPS(GAP, scene, name_of(2, LAST)); /* an old plan that ends there */
    scene->plan.role = PLAN_STANDBY;
    scene->plan.has_end = false;
    ASSERT_ABSENT(scene, name_of(2, LAST));
    scene->question.plan = NULL;
    ASSERT_ABSENT(scene, name_of(2, LAST));
}

/* The child has only its history here: what the parent wrote behind the switch would be taken for the child's. */
static void test_wal_answer__without_a_plan_no_tail_leads_past_a_descendants_begin(void **state)
{
    Scene *const scene = *state;
    scene->question.plan = NULL;
    put_history(scene, 2, scene->switch_lsn);
    put_tail(scene, scene->world.b, name_of(1, SWITCH), 5000);
    assert_found_up_to(scene, name_of(1, SWITCH), 5000); /* it ends where the child begins */
    put_tail(scene, scene->world.b, name_of(1, SWITCH), 9000);
    ASSERT_STOPS(REFUSED, scene, name_of(1, SWITCH));
    put_segment(scene, scene->world.a, 1, SWITCH);
    assert_found_up_to(scene, name_of(1, SWITCH),
                       FAKE_WAL_SEGMENT); /* archived whole it is what any archive hands out */
}

static void
test_wal_answer__without_a_plan_a_descendant_of_another_segment_leaves_the_tail_alone(void **state)
{
    Scene *const scene = *state;
    scene->question.plan = NULL;
    put_history(scene, 2, scene->switch_lsn);
    put_tail(scene, scene->world.a, name_of(1, SWITCH + 1), 9000);
    assert_found_up_to(scene, name_of(1, SWITCH + 1), 9000);
}

static Err *no_folder(Landing *landing, uint64_t size_bytes)
{
    (void)landing, (void)size_bytes;
    return ERR(NOT_FOUND, "no such folder");
}

static Err *begins(Landing *landing, uint64_t size_bytes)
{
    (void)landing, (void)size_bytes;
    return NULL;
}

static Err *no_file(Landing *landing, uint64_t offset, Span bytes)
{
    (void)landing, (void)offset, (void)bytes;
    return ERR(NOT_FOUND, "no such file");
}

/* "Absent" would end recovery before a segment that is stored. */
static void test_wal_answer__landing_that_finds_no_place_is_not_absence(void **state)
{
    Scene *const scene = *state;
    static const LandingOps ops[] = {{no_folder, no_file}, {begins, no_file}};
    scene->question.plan = NULL;
    put_segment(scene, scene->world.a, 1, 0);
    put_tail(scene, scene->world.a, name_of(1, 1), 6000);
    put_history(scene, 3, (Lsn){5});
    const WalName names[] = {name_of(1, 0), name_of(1, 1), history_name(3)};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t k = 0; k < COUNT_OF(ops); k++) {
            Landing to = {.ops = &ops[k]};
            WalAnswer out = WAL_FOUND;
            ASSERT_ERR(IO, wal_answer(&out, &to, &scene->question, names[i]));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, done)
UNIT_MAIN(TEST(test_wal_answer__on_the_branch_and_there_is_found),
          TEST(test_wal_answer__on_the_branch_before_the_end_and_missing_stops),
          TEST(test_wal_answer__past_the_end_and_missing_is_absent),
          TEST(test_wal_answer__past_the_end_with_a_later_segment_stops),
          TEST(test_wal_answer__off_the_branch_is_absent_without_asking),
          TEST(test_wal_answer__silence_of_one_repository_is_no_proof_of_absence),
          TEST(test_wal_answer__no_single_failure_ends_in_absent),
          TEST(test_wal_answer__parents_copy_of_the_switch_segment_ends_in_zeros),
          TEST(test_wal_answer__childs_first_segment_may_be_missing_at_the_end),
          TEST(test_wal_answer__damage_is_passed_over_for_a_good_copy),
          TEST(test_wal_answer__never_hands_out_another_clusters_wal),
          TEST(test_wal_answer__plans_end_may_be_a_tail),
          TEST(test_wal_answer__tail_before_the_plans_end_is_a_hole),
          TEST(test_wal_answer__tail_past_the_plans_end_counts_as_wal),
          TEST(test_wal_answer__damaged_tail_stops_and_no_shorter_one_stands_in),
          TEST(test_wal_answer__silence_may_hide_a_longer_tail),
          TEST(test_wal_answer__parents_tail_serves_in_the_switch_segment),
          TEST(test_wal_answer__without_a_plan_a_tail_is_the_end_of_its_line),
          TEST(test_wal_answer__without_a_plan_no_tail_leads_past_a_descendants_begin),
          TEST(test_wal_answer__without_a_plan_a_descendant_of_another_segment_leaves_the_tail_alone),
          TEST(test_wal_answer__landing_that_finds_no_place_is_not_absence),
          TEST(test_wal_answer__standby_is_given_no_tail),
          TEST(test_wal_answer__history_is_absent_only_when_no_timeline_from_there_on_is_in_use),
          TEST(test_wal_answer__standbys_plan_has_no_end_and_takes_up_new_timelines),
          TEST(test_wal_answer__old_plan_does_not_keep_a_standby_from_new_timelines),
          TEST(test_wal_answer__without_a_plan_a_later_segment_of_the_line_stops),
          TEST(test_wal_answer__without_a_plan_a_descendant_with_a_later_segment_stops))
