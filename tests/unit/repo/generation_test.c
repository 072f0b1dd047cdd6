/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "repo/generation.h"
#include "repo/repo_unit.h"
#include "store/faulty.h"

static Generation some_generation(uint64_t system_id)
{
    return (Generation){.root = {.cluster = "main"},
                        .system_id = {system_id},
                        .major = 15,
                        .catalog_version = 202209061,
                        .segment_bytes = 16 << 20,
                        .block_bytes = 8192,
                        .relation_segment_blocks = 131072};
}

static void test_generation_create__counts_and_finds_again(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const Generation first = some_generation(7001), second = some_generation(7002);
    Generation made, found;
    ASSERT_OK(generation_create(&made, set, &first));
    assert_int_equal(made.root.generation, 1);
    ASSERT_OK(generation_create(&made, set, &second));
    assert_int_equal(made.root.generation, 2);
    ASSERT_OK(generation_create(&made, set, &first));
    assert_int_equal(made.root.generation, 1);

    ASSERT_OK(generation_latest(&found, set, "main"));
    assert_int_equal(found.system_id.id, 7002);
    ASSERT_OK(generation_find(&found, set, "main", (SystemId){7001}));
    assert_int_equal(found.segment_bytes, 16 << 20);
    assert_int_equal(found.catalog_version, 202209061);
    Err *err = generation_find(&found, set, "main", (SystemId){7003});
    assert_true(err_is(err, ERR_NOT_FOUND));
    assert_non_null(strstr(err_detail_text(err), "7001 (g1 in a)"));
    err_free(&err);
    ASSERT_ERR(NOT_FOUND, generation_latest(&found, set, "other"));
}

static void test_generation_create__brings_it_to_a_repository_that_joins_later(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const Generation first = some_generation(7001), second = some_generation(7002);
    Generation made;
    RepoSet only_b = {.repos = &set->repos[1], .stores = &set->stores[1], .count = 1};
    ASSERT_OK(generation_create(&made, &only_b, &first));
    ASSERT_OK(generation_create(&made, &only_b, &second));
    ASSERT_OK(generation_create(&made, set, &second));
    assert_int_equal(made.root.generation, 2);
    AUTO(arena_free) Arena *arena = arena_new();
    const Generation *list;
    size_t count;
    ASSERT_OK(generation_list(&list, &count, a, "main", arena));
    assert_int_equal(count, 1);
    assert_int_equal(list[0].root.generation, 2);
    assert_int_equal(list[0].created.us, made.created.us);
}

static void test_generation_create__refuses_repositories_of_different_clusters(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const Generation first = some_generation(7001), second = some_generation(7002);
    Generation made;
    RepoSet only_a = {.repos = &set->repos[0], .stores = &set->stores[0], .count = 1};
    RepoSet only_b = {.repos = &set->repos[1], .stores = &set->stores[1], .count = 1};
    ASSERT_OK(generation_create(&made, &only_a, &first));
    ASSERT_OK(generation_create(&made, &only_b, &second));
    ASSERT_ERR_TEXT(REFUSED, "7002", generation_create(&made, set, &first));
}

static void test_generation_create__refuses_other_facts(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    Generation wanted = some_generation(7001), made;
    ASSERT_OK(generation_create(&made, set, &wanted));
    wanted.segment_bytes = 1 << 20;
    ASSERT_ERR_TEXT(REFUSED, "other facts", generation_create(&made, set, &wanted));
}

static void test_generation_find__takes_silence_for_no_answer(void **state)
{
    (void)state;
    Store *faulty = faulty_store_new(mem_store_new());
    Repo *a = new_repo("a"), *b = NULL;
    ASSERT_OK(repo_init_store(&b, "b", faulty));
    AUTO(repo_set_free) RepoSet *set = repo_set_of((Repo *[]){a, b}, 2);
    Generation found;
    faulty_plan(faulty, (FaultyPlan){.nth = 1, .fault_class = ERR_AWAY});
    ASSERT_ERR(AWAY, generation_find(&found, set, "main", (SystemId){7001}));

    const Generation wanted = some_generation(7001);
    faulty_plan(faulty, (FaultyPlan){.nth = 0});
    ASSERT_OK(generation_create(&found, set, &wanted));
    faulty_plan(faulty, (FaultyPlan){.nth = 1, .fault_class = ERR_AWAY});
    ASSERT_OK(generation_find(&found, set, "main", (SystemId){7001}));
}

UNIT_MAIN(cmocka_unit_test(test_generation_create__counts_and_finds_again),
          cmocka_unit_test(test_generation_create__brings_it_to_a_repository_that_joins_later),
          cmocka_unit_test(test_generation_create__refuses_repositories_of_different_clusters),
          cmocka_unit_test(test_generation_create__refuses_other_facts),
          cmocka_unit_test(test_generation_find__takes_silence_for_no_answer))
