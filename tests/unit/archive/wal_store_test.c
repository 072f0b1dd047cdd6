/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "wal_world.h"

static int begin(void **state)
{
    World *world = mem_new(sizeof *world);
    world_begin(world);
    *state = world;
    return 0;
}

static int done(void **state)
{
    world_done(*state);
    mem_free(state);
    return 0;
}

static void assert_stored(const World *world, const Repo *repo, WalName name, Span plain)
{
    AUTO(buf_done) Buf there = {0};
    ASSERT_OK(wal_object_read(&there, repo->store, &world->generation.root, name));
    assert_true(span_equal(buf_span(&there), plain));
}

static void test_wal_store__stores_in_every_repository_with_its_codec(void **state)
{
    World *const world = *state;
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    assert_stored(world, world->a, world_name(world, 0), world_segment(world, 0));
    assert_stored(world, world->b, world_name(world, 0), world_segment(world, 0));
}

static void test_wal_store__takes_the_same_bytes_again_and_settles_them(void **state)
{
    World *const world = *state;
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    faulty_plan(world->faulty_a, (FaultyPlan){0});
    world->options[0] = (RepoOptions){.name = "a", .codec = CODEC_NONE}; /* configured otherwise meanwhile */
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    assert_true(faulty_calls(world->faulty_a, FAULTY_SETTLE) > 0);
}

static void test_wal_store__puts_where_it_is_missing(void **state)
{
    World *const world = *state;
    const WalName name = world_name(world, 0);
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    ASSERT_OK(store_remove(world->b->store, key_wal(&world->generation.root, name).text));
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    assert_stored(world, world->b, name, world_segment(world, 0));
}

/* A segment whose last record was bent: other bytes, sound head. */
static const char *other_content(World *world, size_t at, const char *name)
{
    world->stream.data[at * FAKE_WAL_SEGMENT + FAKE_WAL_SEGMENT / 2] ^= 1;
    return world_file(world, name, world_segment(world, at));
}

static void test_wal_store__refuses_other_bytes_under_the_name_and_changes_nothing(void **state)
{
    World *const world = *state;
    const WalName name = world_name(world, 0);
    ASSERT_OK(wal_store_file(&world->to, world_segment_file(world, 0)));
    ASSERT_OK(store_remove(world->a->store, key_wal(&world->generation.root, name).text));
    ASSERT_ERR_TEXT(EXISTS, "other content",
                    wal_store_file(&world->to, other_content(world, 0, wal_name_text(name).text)));
    assert_false(world_has(world, world->a, name)); /* although it is only the other that has it */
}

static void test_wal_store__keeps_a_second_partial_beside_the_first(void **state)
{
    World *const world = *state;
    WalName name = world_name(world, 0);
    name.kind = WAL_NAME_PARTIAL;
    char copy[64];
    strcpy(copy, wal_name_text(name).text);
    ASSERT_OK(wal_store_file(&world->to, world_file(world, copy, world_segment(world, 0))));
    ASSERT_OK(wal_store_file(&world->to, other_content(world, 0, copy)));
    ASSERT_OK(wal_store_file(&world->to, world_file(world, copy, world_segment(world, 0))));
    const Hash128 bent_hash = hash128_of(world_segment(world, 0));
    ObjectInfo info;
    ASSERT_OK(store_stat(&info, world->a->store,
                         key_wal_partial_other(&world->generation.root, name, &bent_hash).text));
}

static void test_wal_store__refuses_a_segment_under_a_wrong_name(void **state)
{
    World *const world = *state;
    const WalName wrong = wal_name_next(world_name(world, 0));
    ASSERT_ERR(CORRUPT, wal_store_file(&world->to, world_file(world, wal_name_text(wrong).text,
                                                              world_segment(world, 0))));
    assert_false(world_has(world, world->a, wrong));
}

static void test_wal_store__refuses_a_segment_of_another_cluster(void **state)
{
    World *const world = *state;
    world->stream.data[24] ^= 1; /* system id: the long header's first field */
    ASSERT_ERR(CORRUPT, wal_store_file(&world->to, world_file(world, wal_name_text(world_name(world, 0)).text,
                                                              world_segment(world, 0))));
}

static void test_wal_store__refuses_a_segment_cut_short(void **state)
{
    World *const world = *state;
    const char *const path = world_file(world, wal_name_text(world_name(world, 0)).text,
                                        span_cut(world_segment(world, 0), 0, FAKE_WAL_SEGMENT - PAGE_BYTES));
    ASSERT_ERR_TEXT(CORRUPT, "bytes", wal_store_file(&world->to, path));
}

/* Right after a switch the first page is still the parent's, which the history has to confirm. */
static void test_wal_store__takes_the_parents_timeline_on_the_first_page_by_history_only(void **state)
{
    World *const world = *state;
    WalName child = world_name(world, 0);
    child.timeline.id = 2;
    char name[64];
    strcpy(name, wal_name_text(child).text);
    const char *const path = world_file(world, name, world_segment(world, 0));
    ASSERT_ERR(CORRUPT, wal_store_file(&world->to, path));

    AUTO(buf_done) Buf history = {0};
    const Lsn inside = {wal_name_start(child).at + 4711}, before = {wal_name_start(child).at - 4711};
    buf_addf(&history, "1\t%s\tno recovery target specified\n", lsn_text(before).text);
    world_file(world, "00000002.history", buf_span(&history));
    ASSERT_ERR_TEXT(CORRUPT, "first page", wal_store_file(&world->to, path));

    buf_clear(&history);
    buf_addf(&history, "1\t%s\tno recovery target specified\n", lsn_text(inside).text);
    world_file(world, "00000002.history", buf_span(&history));
    ASSERT_OK(wal_store_file(&world->to, path));
}

static void test_wal_store__copies_to_the_others_while_one_is_away(void **state)
{
    World *const world = *state;
    const char *const path = world_segment_file(world, 0);
    faulty_plan(world->faulty_a, (FaultyPlan){.nth = 2, .fault_class = ERR_AWAY});
    Err *err = wal_store_file(&world->to, path);
    assert_true(err_is(err, ERR_AWAY));
    err_free(&err);
    assert_stored(world, world->b, world_name(world, 0), world_segment(world, 0));
    ASSERT_OK(wal_store_file(&world->to, path));
    assert_stored(world, world->a, world_name(world, 0), world_segment(world, 0));
}

static void test_wal_store__names_a_damaged_copy(void **state)
{
    World *const world = *state;
    const char *const path = world_segment_file(world, 0);
    const Key key = key_wal(&world->generation.root, world_name(world, 0));
    ASSERT_OK(wal_store_file(&world->to, path));
    faulty_plan(world->faulty_a,
                (FaultyPlan){.damage_key = key.text, .damage = FAULTY_FLIP, .damage_at = 5000});
    ASSERT_ERR_TEXT(CORRUPT, "repository a", wal_store_file(&world->to, path));
}

static Lsn inside(const World *world, uint32_t bytes)
{
    return (Lsn){wal_name_start(world_name(world, 0)).at + bytes};
}

static Err *tail_store(const World *world, const char *path, uint32_t bytes)
{
    AUTO(wal_parcel_free) WalParcel *parcel = NULL;
    TRY(wal_parcel_make_tail(&parcel, &world->to, path, inside(world, bytes)));
    return wal_parcel_store(parcel, &world->to);
}

static void assert_tail(const World *world, const Repo *repo, uint32_t bytes)
{
    const WalTail tail = {world_name(world, 0), 0, bytes};
    AUTO(buf_done) Buf there = {0};
    ASSERT_OK(wal_tail_read(&there, repo->store, &world->generation.root, &tail));
    assert_true(span_equal(buf_span(&there), span_cut(world_segment(world, 0), 0, bytes)));
}

static void test_wal_store__stores_tails_and_the_whole_segment_beside_them(void **state)
{
    World *const world = *state;
    const char *const path = world_segment_file(world, 0);
    ASSERT_OK(tail_store(world, path, 9000));
    ASSERT_OK(tail_store(world, path, 9000)); /* the same again */
    ASSERT_OK(tail_store(world, path, 20000));
    assert_tail(world, world->a, 9000);
    assert_tail(world, world->b, 20000);
    assert_false(world_has(world, world->a, world_name(world, 0)));
    ASSERT_OK(wal_store_file(&world->to, path));
    assert_stored(world, world->b, world_name(world, 0), world_segment(world, 0));
}

static void test_wal_store__refuses_a_tail_with_other_bytes(void **state)
{
    World *const world = *state;
    const char *const path = world_segment_file(world, 0);
    ASSERT_OK(tail_store(world, path, 9000));
    world->stream.data[5000] ^= 1;
    (void)world_segment_file(world, 0);
    ASSERT_ERR_TEXT(EXISTS, "with other content", tail_store(world, path, 9000));
}

/* The longer one has a name of its own, and yet it cannot be the same server's. */
static void test_wal_store__refuses_a_tail_that_does_not_go_on_with_the_one_before(void **state)
{
    World *const world = *state;
    ASSERT_OK(tail_store(world, world_segment_file(world, 0), 9000));
    const WalTail longer = {world_name(world, 0), 0, 20000};
    ASSERT_OK(store_remove(world->a->store,
                           key_wal_tail(&world->generation.root, &(WalTail){longer.name, 0, 9000}).text));
    world->stream.data[5000] ^= 1;
    ASSERT_ERR_TEXT(EXISTS, "tails of", tail_store(world, world_segment_file(world, 0), 20000));
    ObjectInfo info;
    ASSERT_ERR(NOT_FOUND,
               store_stat(&info, world->a->store, key_wal_tail(&world->generation.root, &longer).text));
    world->stream.data[5000] ^= 1;
    world->stream.data[9500] ^= 1; /* behind the first one's end the server may write what it likes */
    ASSERT_OK(tail_store(world, world_segment_file(world, 0), 20000));
}

static void test_wal_store__refuses_a_tail_out_of_another_segment(void **state)
{
    World *const world = *state;
    const char *const path =
        world_file(world, wal_name_text(world_name(world, 0)).text, world_segment(world, 1));
    ASSERT_ERR_TEXT(CORRUPT, "WAL file", tail_store(world, path, 9000));
}

UNIT_MAIN(
    cmocka_unit_test_setup_teardown(test_wal_store__stores_tails_and_the_whole_segment_beside_them, begin,
                                    done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_a_tail_with_other_bytes, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_a_tail_that_does_not_go_on_with_the_one_before,
                                    begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_a_tail_out_of_another_segment, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__stores_in_every_repository_with_its_codec, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__takes_the_same_bytes_again_and_settles_them, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__puts_where_it_is_missing, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_other_bytes_under_the_name_and_changes_nothing,
                                    begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__keeps_a_second_partial_beside_the_first, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_a_segment_under_a_wrong_name, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_a_segment_of_another_cluster, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__refuses_a_segment_cut_short, begin, done),
    cmocka_unit_test_setup_teardown(
        test_wal_store__takes_the_parents_timeline_on_the_first_page_by_history_only, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__copies_to_the_others_while_one_is_away, begin, done),
    cmocka_unit_test_setup_teardown(test_wal_store__names_a_damaged_copy, begin, done))
