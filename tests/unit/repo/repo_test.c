/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "repo/json_object.h"
#include "repo/repo.h"
#include "repo/repo_unit.h"
#include "store/faulty.h"

#include <stdio.h>

static void test_repo_open__says_how_to_make_one(void **state)
{
    (void)state;
    Repo *repo = NULL;
    Err *err = repo_open_store(&repo, "main", mem_store_new());
    assert_true(err_is(err, ERR_NOT_FOUND));
    assert_non_null(strstr(err_hint_text(err), "setup"));
    assert_null(repo);
    err_free(&err);
}

static void test_repo_open__refuses_another_format(void **state)
{
    (void)state;
    AUTO(store_free) Store *store = mem_store_new();
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", 1);
    json_set_int(json, "format", 2);
    json_set_text(json, "id", "x");
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(json_object_encode(&bytes, json, KEY_REPOSITORY, CONTAINER_REPOSITORY));
    ASSERT_OK(store_put_all(store, KEY_REPOSITORY, buf_span(&bytes)));
    Repo *repo = NULL;
    ASSERT_ERR_TEXT(UNSUPPORTED, "format 2", repo_open_store(&repo, "main", TAKE(store)));
}

static void test_repo_open__passes_on_what_the_store_says(void **state)
{
    (void)state;
    Store *faulty = faulty_store_new(mem_store_new());
    faulty_plan(faulty, (FaultyPlan){.nth = 1, .fault_class = ERR_AWAY});
    Repo *repo = NULL;
    ASSERT_ERR(AWAY, repo_open_store(&repo, "main", faulty));
}

static void test_repo_init__refuses_a_folder_with_other_things(void **state)
{
    (void)state;
    Store *store = mem_store_new();
    ASSERT_OK(store_put_all(store, "photos/1.jpg", text_span("x")));
    Repo *repo = NULL;
    ASSERT_ERR_TEXT(REFUSED, "photos/", repo_init_store(&repo, "main", store));
}

static void test_repo_init__leaves_one_that_is_there_as_it_is(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *first = new_repo("main");
    char id[sizeof first->id];
    memcpy(id, first->id, sizeof id);
    assert_int_equal(strlen(id), 36);
    AUTO(repo_free) Repo *again = NULL;
    ASSERT_OK(repo_init_store(&again, "main", TAKE(first->store)));
    assert_string_equal(again->id, id);
}

static void test_repo_put__takes_the_same_bytes_twice_and_no_others(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    ASSERT_OK(repo_put(repo, "a/b", text_span("bytes")));
    ASSERT_OK(repo_put(repo, "a/b", text_span("bytes")));
    ASSERT_ERR_TEXT(EXISTS, "a/b is in the repository main with other content",
                    repo_put(repo, "a/b", text_span("byteS")));
    ASSERT_ERR(EXISTS, repo_put(repo, "a/b", text_span("byte")));
    ASSERT_ERR(EXISTS, repo_put(repo, "a/b", text_span("bytes and more")));
}

static void test_repo_put__survives_a_lost_answer(void **state)
{
    (void)state;
    Store *faulty = faulty_store_new(mem_store_new());
    AUTO(repo_free) Repo *repo = NULL;
    ASSERT_OK(repo_init_store(&repo, "main", faulty));
    repo->retry_timeout_ms = 1000;
    for (uint64_t nth = 1;; nth++) {
        char key[32];
        snprintf(key, sizeof key, "a/%u", (unsigned)nth);
        faulty_plan(faulty, (FaultyPlan){.nth = nth, .fault_class = ERR_AWAY, .is_late = true});
        ASSERT_OK(repo_put(repo, key, text_span("bytes")));
        if (!faulty_hit(faulty))
            break;
    }
}

UNIT_MAIN(cmocka_unit_test(test_repo_open__says_how_to_make_one),
          cmocka_unit_test(test_repo_open__refuses_another_format),
          cmocka_unit_test(test_repo_open__passes_on_what_the_store_says),
          cmocka_unit_test(test_repo_init__refuses_a_folder_with_other_things),
          cmocka_unit_test(test_repo_init__leaves_one_that_is_there_as_it_is),
          cmocka_unit_test(test_repo_put__takes_the_same_bytes_twice_and_no_others),
          cmocka_unit_test(test_repo_put__survives_a_lost_answer))
