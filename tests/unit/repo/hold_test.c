/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "fake/clock.h"
#include "os/clock.h"
#include "repo/backup_set.h"
#include "repo/hold_wal.h"
#include "repo/repo_unit.h"

static const KeyRoot root = {"main", 1};
static const BackupLabel label_a = {"20261120-000000F"}, label_b = {"20261121-083000I"};
static const int64_t day_ms = INT64_C(86400000);

static HoldList listed(Repo *repo, Arena *arena)
{
    HoldList list;
    ASSERT_OK(hold_list(&list, repo, &root, arena));
    return list;
}

/* Says `word` about a backup, after whatever was said before. */
static void decide(Repo *repo, BackupLabel label, HoldFolder folder, HoldWord word)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const HoldList list = listed(repo, arena);
    const Hold hold = hold_next(folder, label.text, word, hold_find(&list, folder, label.text));
    ASSERT_OK(hold_write(repo, &root, &hold));
}

static void test_hold__is_read_back_as_written(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    Hold hold = hold_next(HOLD_PINS, label_a.text, HOLD_PINNED, NULL);
    hold.by = HOLD_BY_HAND;
    hold.host = "db1";
    hold.note = "before the \xff";
    ASSERT_OK(hold_write(repo, &root, &hold));
    const HoldList list = listed(repo, arena);
    assert_int_equal(list.count, 1);
    const Hold *const read = hold_find(&list, HOLD_PINS, label_a.text);
    assert_int_equal(read->number, 1);
    assert_int_equal(read->by, HOLD_BY_HAND);
    assert_string_equal(read->host, "db1");
    assert_string_equal(read->note, "before the \xff");
    assert_int_equal(read->stored.us, clock_now().us);
    assert_true(hold_is_pinned(&list, label_a));
    assert_false(hold_is_pinned(&list, label_b));
    assert_false(hold_is_condemned(&list, label_a));
}

static void test_hold__the_last_word_counts(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    decide(repo, label_a, HOLD_PINS, HOLD_PINNED);
    decide(repo, label_a, HOLD_PINS, HOLD_UNPINNED);
    decide(repo, label_a, HOLD_FATES, HOLD_CONDEMNED);
    HoldList list = listed(repo, arena);
    assert_false(hold_is_pinned(&list, label_a));
    assert_true(hold_is_condemned(&list, label_a));
    assert_false(hold_is_removing(&list, label_a));
    decide(repo, label_a, HOLD_FATES, HOLD_REMOVING);
    list = listed(repo, arena);
    assert_true(hold_is_condemned(&list, label_a) && hold_is_removing(&list, label_a));
    decide(repo, label_a, HOLD_FATES, HOLD_REPRIEVED);
    list = listed(repo, arena);
    assert_false(hold_is_condemned(&list, label_a) || hold_is_removing(&list, label_a));
    assert_int_equal(hold_find(&list, HOLD_FATES, label_a.text)->number, 3);
}

static void test_hold_write__of_two_who_decide_one_must_look_again(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    Hold one = hold_next(HOLD_FATES, label_a.text, HOLD_CONDEMNED, NULL);
    Hold other = hold_next(HOLD_FATES, label_a.text, HOLD_CONDEMNED, NULL);
    other.host = "db2";
    ASSERT_OK(hold_write(repo, &root, &one));
    ASSERT_OK(hold_write(repo, &root, &one)); /* the answer got lost */
    ASSERT_ERR(EXISTS, hold_write(repo, &root, &other));
}

static void test_hold__a_timeline_is_given_up(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    const Hold hold = hold_next(HOLD_TIMELINES, "0000000A", HOLD_GIVEN_UP, NULL);
    ASSERT_OK(hold_write(repo, &root, &hold));
    const HoldList list = listed(repo, arena);
    assert_true(hold_is_given_up(&list, (Timeline){10}));
    assert_false(hold_is_given_up(&list, (Timeline){1}));
}

static void test_hold_list__one_that_cannot_be_read_keeps_and_is_not_drawn_on(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    ASSERT_OK(store_put_all(repo->store, "main/g1/hold/fate/20261120-000000F.000001", text_span("rubbish")));
    const HoldList list = listed(repo, arena);
    assert_int_equal(list.count, 1);
    assert_non_null(list.holds[0].fault);
    assert_true(hold_is_pinned(&list, label_a));
    assert_true(hold_is_condemned(&list, label_a));
    assert_false(hold_is_removing(&list, label_a));
}

static void test_hold_list__passes_over_names_that_are_none(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    static const char *const keys[] = {"main/g1/hold/pin/20261120-000000F",
                                       "main/g1/hold/pin/20261120-000000F.1",
                                       "main/g1/hold/pin/20261120-000000F.00001a",
                                       "main/g1/hold/pin/20261120-000000X.000001",
                                       "main/g1/hold/timeline/0000000g.000001",
                                       "main/g1/hold/timeline/00000000.000001",
                                       "main/g1/hold/wal/1",
                                       "main/g1/hold/other/000001",
                                       "main/g1/hold/pin/20261120-000000F00000000000000000000000.000001"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        ASSERT_OK(store_put_all(repo->store, keys[i], text_span("x")));
    const HoldList list = listed(repo, arena);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.wal_count, 0);
}

static void test_hold_wal__is_read_back_as_written(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    const WalWanted wanted[] = {{{1}, 3, 7}, {{2}, 7, WAL_WANTED_OPEN}};
    ASSERT_OK(hold_wal_write(repo, &root, 4, &(WalWantedList){wanted, 2}));
    ASSERT_ERR(EXISTS, hold_wal_write(repo, &root, 4, &(WalWantedList){wanted, 1}));
    const HoldList list = listed(repo, arena);
    assert_int_equal(list.wal_count, 1);
    assert_int_equal(list.wal[0].number, 4);
    WalWantedList read;
    ASSERT_OK(hold_wal_load(&read, repo, &root, 4, arena));
    assert_int_equal(read.count, 2);
    assert_true(wal_wanted_has(&read, (Timeline){1}, 3) && wal_wanted_has(&read, (Timeline){1}, 7));
    assert_false(wal_wanted_has(&read, (Timeline){1}, 8) || wal_wanted_has(&read, (Timeline){2}, 6));
    assert_true(wal_wanted_has(&read, (Timeline){2}, 70000));
    ASSERT_OK(hold_wal_remove(repo, &root, 4));
    ASSERT_ERR(NOT_FOUND, hold_wal_load(&read, repo, &root, 4, arena));
}

static void test_hold_forget__takes_all_that_was_said_of_one_backup(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    AUTO(arena_free) Arena *arena = arena_new();
    decide(repo, label_a, HOLD_PINS, HOLD_PINNED);
    decide(repo, label_a, HOLD_FATES, HOLD_CONDEMNED);
    decide(repo, label_a, HOLD_FATES, HOLD_REMOVING);
    decide(repo, label_b, HOLD_FATES, HOLD_CONDEMNED);
    ASSERT_OK(hold_forget(repo, &root, label_a));
    const HoldList list = listed(repo, arena);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.holds[0].subject, label_b.text);
}

static Err *object_count(void *arg, const ObjectEntry *entry)
{
    (void)entry;
    ++*(int *)arg;
    return NULL;
}

static void test_hold_clock_read__tells_the_stores_time_and_leaves_nothing(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("a");
    const Instant before = clock_now();
    int left = 0;
    Instant now;
    ASSERT_OK(store_put_all(repo->store, key_hold_clock(&root, 1).text, text_span("of one that crashed")));
    fake_clock_advance_ms(day_ms);
    ASSERT_OK(store_put_all(repo->store, key_hold_clock(&root, 2).text, text_span("of one at work")));
    ASSERT_OK(hold_clock_read(&now, repo, &root));
    assert_int_equal(now.us, before.us + day_ms * 1000);
    ASSERT_OK(store_list(repo->store, "main/g1/hold/clock/", (ListOpts){0}, object_count, &left));
    assert_int_equal(left, 1);
}

/* ---- for who makes a backup ---- */

static void begin_put(RepoSet *set, BackupLabel label)
{
    const BackupBegin begin = {.label = label, .timeline = {1}, .host = "db1", .data_directory = "/srv"};
    ASSERT_OK(backup_begin_write(set, &root, &begin));
}

static void test_hold_condemned__is_what_any_repository_says(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    AUTO(arena_free) Arena *arena = arena_new();
    const BackupLabel *labels;
    size_t count;
    ASSERT_OK(hold_condemned(&labels, &count, set, &root, arena));
    assert_int_equal(count, 0);
    decide(b, label_b, HOLD_FATES, HOLD_CONDEMNED);
    decide(a, label_b, HOLD_FATES, HOLD_REMOVING);
    decide(b, label_a, HOLD_FATES, HOLD_CONDEMNED);
    ASSERT_OK(hold_condemned(&labels, &count, set, &root, arena));
    assert_int_equal(count, 2);
    assert_string_equal(labels[0].text, label_a.text);
    assert_string_equal(labels[1].text, label_b.text);
}

static void test_hold_draw_check__refuses_what_is_condemned_or_gone(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    begin_put(set, label_a);
    ASSERT_OK(hold_draw_check(set, &root, &label_a, 1));
    ASSERT_ERR_TEXT(REFUSED, "has gone", hold_draw_check(set, &root, &label_b, 1));
    decide(b, label_a, HOLD_FATES, HOLD_CONDEMNED);
    ASSERT_ERR_TEXT(REFUSED, "condemned in the repository b", hold_draw_check(set, &root, &label_a, 1));
    decide(b, label_a, HOLD_FATES, HOLD_REPRIEVED);
    ASSERT_OK(hold_draw_check(set, &root, &label_a, 1));
}

static void test_hold_commit_check__refuses_a_backup_that_took_too_long(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    begin_put(set, label_a);
    begin_put(set, label_b);
    fake_clock_advance_ms(6 * day_ms);
    ASSERT_OK(backup_packs_write(set, &root, label_a, (PackUses){0}));
    fake_clock_advance_ms(day_ms);
    ASSERT_OK(backup_packs_write(set, &root, label_b, (PackUses){0}));
    ASSERT_OK(hold_commit_check(set, &root, label_a));
    ASSERT_ERR_TEXT(REFUSED, "has taken", hold_commit_check(set, &root, label_b));
    decide(a, label_a, HOLD_FATES, HOLD_CONDEMNED);
    ASSERT_ERR_TEXT(REFUSED, "given up", hold_commit_check(set, &root, label_a));
}

UNIT_MAIN(cmocka_unit_test(test_hold__is_read_back_as_written),
          cmocka_unit_test(test_hold__the_last_word_counts),
          cmocka_unit_test(test_hold_write__of_two_who_decide_one_must_look_again),
          cmocka_unit_test(test_hold__a_timeline_is_given_up),
          cmocka_unit_test(test_hold_list__one_that_cannot_be_read_keeps_and_is_not_drawn_on),
          cmocka_unit_test(test_hold_list__passes_over_names_that_are_none),
          cmocka_unit_test(test_hold_wal__is_read_back_as_written),
          cmocka_unit_test(test_hold_forget__takes_all_that_was_said_of_one_backup),
          cmocka_unit_test(test_hold_clock_read__tells_the_stores_time_and_leaves_nothing),
          cmocka_unit_test(test_hold_condemned__is_what_any_repository_says),
          cmocka_unit_test(test_hold_draw_check__refuses_what_is_condemned_or_gone),
          cmocka_unit_test(test_hold_commit_check__refuses_a_backup_that_took_too_long))
