/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "retention/pin.h"
#include "retention/yard.h"

static Err *say(Yard *yard, const YardBackup *backup, HoldWord word, const char *note)
{
    const PinAsk ask = {.cluster = &yard->cluster, .label = backup->label.text, .note = note, .word = word};
    return pin_say_in(yard->set, &ask);
}

static bool is_pinned(const Yard *yard, const YardBackup *backup, const char *note)
{
    AUTO(arena_free) Arena *arena = arena_new();
    HoldList list;
    ASSERT_OK(hold_list(&list, yard->repo, &yard->generation.root, arena));
    const Hold *const pin = hold_find(&list, HOLD_PINS, backup->label.text);
    return hold_is_pinned(&list, backup->label) && text_equal(pin->note, note);
}

static void test_pin__is_said_once_and_taken_back(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", DAY_US);
    YardBackup *const backup = yard_backup(&yard, NULL);
    ASSERT_OK(say(&yard, backup, HOLD_UNPINNED, NULL));
    assert_int_equal(yard_count_keys(&yard, "hold/"), 0);
    ASSERT_OK(say(&yard, backup, HOLD_PINNED, "before the upgrade"));
    ASSERT_OK(say(&yard, backup, HOLD_PINNED, NULL));
    ASSERT_OK(say(&yard, backup, HOLD_PINNED, "before the upgrade"));
    assert_int_equal(yard_count_keys(&yard, "hold/pin/"), 1);
    assert_true(is_pinned(&yard, backup, "before the upgrade"));
    ASSERT_OK(say(&yard, backup, HOLD_PINNED, "of the audit"));
    assert_true(is_pinned(&yard, backup, "of the audit"));
    ASSERT_OK(say(&yard, backup, HOLD_UNPINNED, NULL));
    assert_false(is_pinned(&yard, backup, ""));
}

static void test_pin__wants_a_backup(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "backups 1", DAY_US);
    YardBackup *const running = yard_begin(&yard, NULL);
    const YardBackup unknown = {.label = {"20200101-000000F"}}, odd = {.label = {"latest"}};
    ASSERT_ERR(NOT_FOUND, say(&yard, running, HOLD_PINNED, NULL));
    ASSERT_ERR(NOT_FOUND, say(&yard, &unknown, HOLD_PINNED, NULL));
    ASSERT_ERR(USAGE, say(&yard, &odd, HOLD_PINNED, NULL));
}

static void test_pin__ends_a_condemnation_and_comes_too_late_for_a_removal(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    yard_open(&yard, "backups 1", DAY_US);
    YardBackup *const first = yard_backup(&yard, NULL);
    yard_backup(&yard, NULL);
    yard_expire(&yard);
    HoldList list;
    ASSERT_OK(hold_list(&list, yard.repo, &yard.generation.root, arena));
    assert_true(hold_is_condemned(&list, first->label));
    ASSERT_OK(say(&yard, first, HOLD_PINNED, NULL));
    ASSERT_OK(hold_list(&list, yard.repo, &yard.generation.root, arena));
    assert_false(hold_is_condemned(&list, first->label));
    first->is_pinned = true;
    yard_wait(&yard, 9 * DAY_US);
    yard_expire(&yard);
    yard_check(&yard);
    ASSERT_OK(say(&yard, first, HOLD_UNPINNED, NULL));
    const Hold *const fate = hold_find(&list, HOLD_FATES, first->label.text);
    const Hold removing = hold_next(HOLD_FATES, first->label.text, HOLD_REMOVING, fate);
    ASSERT_OK(hold_write(yard.repo, &yard.generation.root, &removing));
    ASSERT_ERR_TEXT(REFUSED, "is being removed", say(&yard, first, HOLD_PINNED, NULL));
}

UNIT_MAIN(cmocka_unit_test(test_pin__is_said_once_and_taken_back), cmocka_unit_test(test_pin__wants_a_backup),
          cmocka_unit_test(test_pin__ends_a_condemnation_and_comes_too_late_for_a_removal))
