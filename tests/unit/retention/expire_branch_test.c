/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What belongs to several branches, to other hosts, or to a branch that nobody can make out. */
#include "unit.h"

#include "retention/yard.h"

static void drop(Yard *yard, uint32_t timeline, ExpireResult *out, Arena *arena)
{
    AUTO(report_done) Report report = {0};
    *out = yard_expire_with(yard, (ExpireOptions){.drop_timeline = {timeline}}, &report, arena);
}

static const char *told(const Report *report, const char *code)
{
    for (size_t i = 0; i < report->count; i++) {
        if (text_equal(report->notices[i].code, code))
            return report->notices[i].text;
    }
    return "";
}

/* ---- timelines that are given up ---- */

/* Timeline 2 left timeline 1 behind the third backup and has none of its own; production left it before the second. */
static void two_leave(Yard *yard, int64_t grace_us)
{
    yard_open(yard, "backups 1", grace_us);
    yard_days_pass(yard, 3);
    const uint64_t left = yard->backups[2].stop + 0x80;
    yard_write(yard, 4);
    yard_branch(yard, 2, 1, left);
    yard_write(yard, 3);
    yard_branch(yard, 3, 1, yard->backups[1].start - 0x100);
    yard_days_pass(yard, 2);
}

static void test_expire__a_dropped_timeline_keeps_what_another_branch_needs(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    ExpireResult result;
    two_leave(&yard, 0);
    yard_expire(&yard);
    const uint64_t behind = yard.timelines[1].next_segment - 1;
    drop(&yard, 1, &result, arena);
    /* What timeline 1 wrote where 2 had left it is nobody else's. */
    assert_false(yard_has(&yard, key_wal(&yard.generation.root, yard_segment(1, behind))));
    assert_true(yard_has_backup(&yard, &yard.backups[1]) && yard_has_backup(&yard, &yard.backups[2]));
    assert_true(yard_has_wal(&yard, 2, yard.backups[1].start, yard_tip(&yard, 2)));
    assert_true(yard_restores(&yard, &yard.backups[2]));
    drop(&yard, 2, &result, arena);
    assert_false(yard_has_backup(&yard, &yard.backups[1]) || yard_has_backup(&yard, &yard.backups[2]));
    assert_int_equal(yard_count_keys(&yard, "wal/00000001/") + yard_count_keys(&yard, "wal/00000002/"), 0);
    yard.timelines[1].is_given_up = true;
    yard_check(&yard);
}

static void test_expire__a_dropped_timeline_keeps_the_wal_of_a_pinned_backup(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    ExpireResult result;
    two_leave(&yard, 0);
    const Hold hold = hold_next(HOLD_PINS, yard.backups[1].label.text, HOLD_PINNED, NULL);
    ASSERT_OK(hold_write(yard.repo, &yard.generation.root, &hold));
    drop(&yard, 2, &result, arena);
    drop(&yard, 1, &result, arena);
    assert_true(yard_restores(&yard, &yard.backups[1]));
    assert_false(yard_has_backup(&yard, &yard.backups[2]));
}

/* It was wanted until a moment ago, as everything that waits for its grace. */
static void test_expire__wal_of_a_dropped_timeline_waits_for_the_grace(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    ExpireResult result;
    two_leave(&yard, DAY_US);
    for (int day = 0; day < 3; day++) {
        yard_expire(&yard);
        yard_wait(&yard, DAY_US);
    }
    const size_t before = yard_count_keys(&yard, "wal/00000002/");
    drop(&yard, 2, &result, arena);
    assert_true(before && yard_count_keys(&yard, "wal/00000002/") == before);
    assert_int_equal(result.wal_later.objects, before);
    yard_expire(&yard);
    yard_wait(&yard, DAY_US);
    yard_expire(&yard);
    assert_int_equal(yard_count_keys(&yard, "wal/00000002/"), 0);
}

/* Its number may come to be some day, in this generation or in another one. */
static void test_expire__a_timeline_that_nobody_knows_is_not_given_up(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    ExpireResult result;
    const ExpireWork work = {.cluster = &yard.cluster, .options = {.drop_timeline = {4}}, .report = &report};
    two_leave(&yard, DAY_US);
    ASSERT_ERR_TEXT(NOT_FOUND, "no timeline 4", expire_repos(&result, &yard.repo, 1, &work, arena));
    assert_int_equal(yard_count_keys(&yard, "hold/timeline/"), 0);
    const Generation first = yard.generation;
    Generation wanted = first;
    wanted.system_id.id++;
    ASSERT_OK(generation_create(&yard.generation, yard.set, &wanted));
    yard_branch(&yard, 1, 0, 0);
    drop(&yard, 2, &result, arena);
    assert_int_equal(yard_count_keys(&yard, "hold/timeline/"), 1); /* of the first generation */
    assert_false(yard_has(&yard, key_hold(&yard.generation.root, "timeline", "00000002", 1)));
}

/* The tail that a restore in place has left behind is worth nothing without the way there. */
static void test_expire__keeps_the_way_from_the_newest_backup_to_another_branch(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "daily 30", 0);
    yard_days_pass(&yard, 3);
    yard_write(&yard, 6);
    yard_branch(&yard, 2, 1, yard_tip(&yard, 1) - 2 * SEGMENT_BYTES - 0x100);
    yard_days_pass(&yard, 3);
    yard_expire(&yard);
    yard_check(&yard);
    assert_true(yard_has_wal(&yard, 1, yard.backups[2].start, yard_tip(&yard, 1)));
    assert_false(yard_has_wal(&yard, 1, yard.backups[1].start, yard_tip(&yard, 1)));
    assert_false(yard_has_wal(&yard, 2, yard.backups[2].start, yard_tip(&yard, 2)));
}

/* ---- what cannot be read ---- */

static void spoil(Yard *yard, Key key)
{
    ASSERT_OK(store_remove(yard->repo->store, key.text));
    yard_put(yard, key, 9);
}

static void test_expire__a_line_that_cannot_be_read_stops_what_depends_on_it(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", 0);
    yard_days_pass(&yard, 3);
    const Key history = key_history(&yard.generation.root, (Timeline){9});
    yard_put(&yard, history, 9);
    const size_t wal = yard_count_keys(&yard, "wal/");
    (void)yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_false(yard_has_backup(&yard, &yard.backups[0]) || yard_has_backup(&yard, &yard.backups[1]));
    assert_int_equal(yard_count_keys(&yard, "backup/"), 5);
    assert_int_equal(yard_count_keys(&yard, "wal/"), wal);
    assert_non_null(strstr(told(&report, "expire/UNREADABLE"), "no WAL is removed from the repository main"));
    assert_false(report.has_level[NOTICE_FAULT]);
    ASSERT_OK(store_remove(yard.repo->store, history.text));
    yard_expire(&yard);
    assert_true(yard_count_keys(&yard, "wal/") < wal);
    yard_check(&yard);
}

static void test_expire__nothing_goes_where_production_cannot_be_made_out(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    AUTO(buf_done) Buf before = {0}, after = {0};
    yard_open(&yard, "backups 1", 0);
    yard_days_pass(&yard, 3);
    spoil(&yard, key_branch(&yard.generation.root, (Timeline){1}));
    (void)yard_keys(&yard, &before, "");
    const ExpireResult result = yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_string_equal(yard_keys(&yard, &after, ""), buf_text(&before));
    assert_string_equal(result.backups[0].why, "which branch it is of cannot be read");
    ExpireResult none;
    const ExpireWork work = {.cluster = &yard.cluster, .options = {.drop_timeline = {1}}, .report = &report};
    ASSERT_ERR_TEXT(REFUSED, "production branch's cannot be read",
                    expire_repos(&none, &yard.repo, 1, &work, arena));
}

static void test_expire__a_damaged_generation_does_not_stop_the_next(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", 0);
    const Generation first = yard.generation;
    Generation wanted = first;
    wanted.system_id.id++;
    ASSERT_OK(generation_create(&yard.generation, yard.set, &wanted));
    assert_int_equal(yard.generation.root.generation, 2);
    yard_branch(&yard, 1, 0, 0);
    yard_days_pass(&yard, 3);
    spoil(&yard, key_branch(&first.root, (Timeline){1}));
    (void)yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_false(yard_has_backup(&yard, &yard.backups[0]) || yard_has_backup(&yard, &yard.backups[1]));
    assert_true(yard_has_backup(&yard, &yard.backups[2]));
    assert_true(report.count > 0);
}

/* ---- what is left over ---- */

static void generation_refuses(Yard *yard, uint32_t number, ErrClass class, const char *text)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    ExpireResult result;
    const ExpireWork work = {
        .cluster = &yard->cluster, .options = {.drop_generation = number}, .report = &report};
    AUTO(err_free) Err *err = expire_repos(&result, &yard->repo, 1, &work, arena);
    if (!err_is(err, class) || !strstr(err_text(err), text))
        fail_msg("%s", err ? err_text(err) : "not refused");
}

static void test_expire__a_generation_without_backups_goes_when_it_is_given_up(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", DAY_US);
    yard_days_pass(&yard, 1);
    Generation wanted = yard.generation;
    generation_refuses(&yard, 1, ERR_REFUSED, "generation 1 is today's");
    wanted.system_id.id++;
    ASSERT_OK(generation_create(&yard.generation, yard.set, &wanted));
    yard_branch(&yard, 1, 0, 0);
    yard_write(&yard, 2);
    generation_refuses(&yard, 1, ERR_REFUSED, "generation 1 has backup");
    generation_refuses(&yard, 7, ERR_NOT_FOUND, "no generation 7");
    const ExpireOptions by_hand = {.backup = yard.backups[0].label.text, .is_forced = true};
    (void)yard_expire_with(&yard, by_hand, &report, arena);
    yard_wait(&yard, DAY_US);
    (void)yard_expire_with(&yard, by_hand, &report, arena);
    yard.backups[0].is_given_up = true;
    ExpireResult result = yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_non_null(
        strstr(told(&report, "expire/NO_BACKUP"), "generation 1 has no backup any more, and 3 WAL segments"));
    const ExpireOptions drop_it = {.drop_generation = 1}, look = {.drop_generation = 1, .dry_run = true};
    result = yard_expire_with(&yard, look, &report, arena);
    assert_int_equal(result.wal_later.objects, 3);
    result = yard_expire_with(&yard, drop_it, &report, arena);
    assert_int_equal(result.wal_later.objects, 3);
    yard_wait(&yard, DAY_US);
    result = yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_int_equal(result.wal_removed.objects, 3);
    assert_int_equal(yard_count_keys(&yard, "wal/"), 0); /* of the first generation */
    assert_true(yard_has(&yard, key_wal(&yard.generation.root, yard_segment(1, 0))));
}

static void test_expire__names_a_branch_to_which_no_backup_leads(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", 0);
    yard_days_pass(&yard, 2);
    yard_write(&yard, 5);
    yard_branch(&yard, 2, 1, yard.backups[1].stop + SEGMENT_BYTES);
    (void)yard_expire_with(&yard, (ExpireOptions){.dry_run = true}, &report, arena);
    assert_string_equal(told(&report, "expire/NO_BACKUP"), "");
    yard_days_pass(&yard, 2);
    yard_expire(&yard);
    (void)yard_expire_with(&yard, (ExpireOptions){.dry_run = true}, &report, arena);
    assert_non_null(strstr(told(&report, "expire/NO_BACKUP"), "no backup leads to what timeline 1 wrote"));
}

/* ---- hosts with different promises ---- */

static void test_expire__the_host_that_wants_more_wal_is_heard(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "pitr 30d", DAY_US);
    yard_days_pass(&yard, 8);
    const size_t all = yard_count_keys(&yard, "wal/");
    for (int day = 0; day < 8; day++) {
        ASSERT_OK(promises_parse(&yard.cluster.retention, "pitr 1d"));
        yard_expire(&yard);
        yard_wait(&yard, HOUR_US / 2);
        ASSERT_OK(promises_parse(&yard.cluster.retention, "pitr 30d"));
        yard_expire(&yard);
        yard_check(&yard);
        yard_wait(&yard, DAY_US - HOUR_US / 2);
    }
    assert_int_equal(yard_count_keys(&yard, "wal/"), all - 2); /* those before the first backup */
    assert_in_range(yard_count_keys(&yard, "hold/wal/"), 1, 8);
}

/* Another host, which promised less, expires whenever the careful one is about to write down what it wants. */
typedef struct Careless {
    Yard *yard;
    bool is_inside;
} Careless;

static bool careless_expires(void *arg, FaultyCall call, const char *key)
{
    Careless *const careless = arg;
    if (careless->is_inside || call != FAULTY_PUT || !strstr(key, "/hold/wal/"))
        return false;
    const Promises promises = careless->yard->cluster.retention;
    careless->is_inside = true;
    ASSERT_OK(promises_parse(&careless->yard->cluster.retention, "pitr 1d"));
    yard_expire(careless->yard);
    careless->yard->cluster.retention = promises;
    careless->is_inside = false;
    return false;
}

static void test_expire__the_host_that_wants_more_wal_is_heard_where_both_write_at_once(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "pitr 30d", DAY_US);
    yard_days_pass(&yard, 8);
    const size_t all = yard_count_keys(&yard, "wal/");
    Careless careless = {.yard = &yard};
    for (int day = 0; day < 8; day++) {
        faulty_plan(yard.faulty, (FaultyPlan){.matches = careless_expires, .arg = &careless});
        yard_expire(&yard);
        faulty_plan(yard.faulty, (FaultyPlan){0});
        yard_check(&yard);
        yard_wait(&yard, DAY_US);
    }
    assert_int_equal(yard_count_keys(&yard, "wal/"), all - 2); /* those before the first backup */
    assert_in_range(yard_count_keys(&yard, "hold/wal/"), 1, 8);
}

static void other_says(Yard *yard, const YardBackup *backup, HoldWord word)
{
    AUTO(arena_free) Arena *arena = arena_new();
    HoldList list;
    ASSERT_OK(hold_list(&list, yard->repo, &yard->generation.root, arena));
    Hold hold =
        hold_next(HOLD_FATES, backup->label.text, word, hold_find(&list, HOLD_FATES, backup->label.text));
    hold.host = "another.example";
    ASSERT_OK(hold_write(yard->repo, &yard->generation.root, &hold));
}

static void test_expire__what_another_host_took_back_stays_until_a_person_says_otherwise(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "backups 1", DAY_US);
    yard_days_pass(&yard, 3);
    yard_expire(&yard);
    other_says(&yard, &yard.backups[0], HOLD_REPRIEVED);
    for (int day = 0; day < 3; day++) {
        yard_wait(&yard, DAY_US);
        (void)yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    }
    assert_true(yard_restores(&yard, &yard.backups[0]));
    assert_false(yard_has_backup(&yard, &yard.backups[1]));
    assert_non_null(strstr(told(&report, "expire/OTHER_HOST"), "but host another.example took it back"));
    const ExpireOptions by_hand = {.backup = yard.backups[0].label.text};
    (void)yard_expire_with(&yard, by_hand, &report, arena);
    yard_wait(&yard, DAY_US);
    (void)yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_false(yard_has_backup(&yard, &yard.backups[0]));
}

static void test_expire__says_that_another_host_condemned_what_is_wanted_here(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    yard_open(&yard, "daily 9", DAY_US);
    yard_days_pass(&yard, 3);
    other_says(&yard, &yard.backups[0], HOLD_CONDEMNED);
    (void)yard_expire_with(&yard, (ExpireOptions){0}, &report, arena);
    assert_non_null(
        strstr(told(&report, "expire/OTHER_HOST"),
               "was condemned in the repository main by host another.example; here it is wanted: daily"));
    yard_wait(&yard, 2 * DAY_US);
    yard_expire(&yard);
    assert_true(yard_has_backup(&yard, &yard.backups[0]));
}

typedef struct Condemner {
    Yard *yard;
    int looks;
} Condemner;

/* Another host's word falls between the two looks of an expiry. */
static bool condemned_between(void *arg, FaultyCall call, const char *key)
{
    enum { SECOND = 2 };
    static const char folder[] = "/hold/";
    Condemner *const condemner = arg;
    const size_t len = strlen(key);
    if (call == FAULTY_LIST && len > strlen(folder) && text_equal(key + len - strlen(folder), folder) &&
        ++condemner->looks == SECOND)
        other_says(condemner->yard, &condemner->yard->backups[0], HOLD_CONDEMNED);
    return false;
}

/* Else it would be taken back a day later, when the other one has begun to remove it. */
static void test_expire__takes_back_at_once_what_another_host_condemned_within_it(void **state)
{
    (void)state;
    AUTO(yard_done) Yard yard;
    AUTO(arena_free) Arena *arena = arena_new();
    HoldList list;
    yard_open(&yard, "daily 9", DAY_US);
    yard_days_pass(&yard, 3);
    Condemner condemner = {.yard = &yard};
    faulty_plan(yard.faulty, (FaultyPlan){.matches = condemned_between, .arg = &condemner});
    yard_expire(&yard);
    faulty_plan(yard.faulty, (FaultyPlan){0});
    ASSERT_OK(hold_list(&list, yard.repo, &yard.generation.root, arena));
    const Hold *const fate = hold_find(&list, HOLD_FATES, yard.backups[0].label.text);
    assert_non_null(fate);
    assert_true(hold_says(fate, HOLD_REPRIEVED));
}

UNIT_MAIN(cmocka_unit_test(test_expire__a_dropped_timeline_keeps_what_another_branch_needs),
          cmocka_unit_test(test_expire__a_dropped_timeline_keeps_the_wal_of_a_pinned_backup),
          cmocka_unit_test(test_expire__a_timeline_that_nobody_knows_is_not_given_up),
          cmocka_unit_test(test_expire__wal_of_a_dropped_timeline_waits_for_the_grace),
          cmocka_unit_test(test_expire__keeps_the_way_from_the_newest_backup_to_another_branch),
          cmocka_unit_test(test_expire__a_line_that_cannot_be_read_stops_what_depends_on_it),
          cmocka_unit_test(test_expire__nothing_goes_where_production_cannot_be_made_out),
          cmocka_unit_test(test_expire__a_damaged_generation_does_not_stop_the_next),
          cmocka_unit_test(test_expire__a_generation_without_backups_goes_when_it_is_given_up),
          cmocka_unit_test(test_expire__names_a_branch_to_which_no_backup_leads),
          cmocka_unit_test(test_expire__the_host_that_wants_more_wal_is_heard),
          cmocka_unit_test(test_expire__the_host_that_wants_more_wal_is_heard_where_both_write_at_once),
          cmocka_unit_test(test_expire__what_another_host_took_back_stays_until_a_person_says_otherwise),
          cmocka_unit_test(test_expire__says_that_another_host_condemned_what_is_wanted_here),
          cmocka_unit_test(test_expire__takes_back_at_once_what_another_host_condemned_within_it))
