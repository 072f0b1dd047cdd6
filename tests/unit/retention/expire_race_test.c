/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Expiries, backups and pins that meet: step by step in every order that the dice give, and one within another at every
 * single call of the store.
 */
#include "unit.h"

#include "retention/expire_priv.h"
#include "retention/pin.h"
#include "retention/yard.h"

/* ---- the actors ---- */

typedef struct Actor Actor;
struct Actor {
    Yard *yard;
    bool (*step)(Actor *actor); /* false: it is done */
    int at;
    /* of an expiry */
    ExpireWork work;
    ExpireResult sums;
    Buf backups, objects;
    Report report;
    Arena *arena;
    Expiry expiry;
    /* of a backup */
    const YardBackup *parent;
    YardBackup *backup;
};

static bool expiry_step(Actor *actor)
{
    static Err *(*const steps[])(Expiry *) = {expire_clock,  expire_look, expire_decide, expire_look,
                                              expire_remove, expire_look, expire_packs,  expire_wal};
    ASSERT_OK(steps[actor->at++](&actor->expiry));
    return (size_t)actor->at < COUNT_OF(steps);
}

static bool backup_step(Actor *actor)
{
    Yard *const yard = actor->yard;
    Err *err = NULL;
    switch (actor->at++) {
    case 0:
        actor->parent = yard_parent(yard);
        return true;
    case 1:
        actor->backup = yard_begin(yard, actor->parent);
        return true;
    case 2:
        err = actor->parent ? hold_draw_check(yard->set, &yard->generation.root, &actor->parent->label, 1)
                            : NULL;
        break;
    case 3:
        yard_copy(yard, actor->backup, actor->parent, 1);
        return true;
    case 4:
        yard_list(yard, actor->backup);
        return true;
    case 5:
        err = hold_commit_check(yard->set, &yard->generation.root, actor->backup->label);
        break;
    default:
        yard_commit(yard, actor->backup);
        return false;
    }
    const bool goes_on = !err;
    if (err && !err_is(err, ERR_REFUSED))
        ASSERT_OK(err);
    else
        err_free(&err);
    return goes_on;
}

static void actor_begin(Actor *actor, Yard *yard, bool (*step)(Actor *))
{
    *actor = (Actor){.yard = yard, .step = step, .arena = arena_new()};
    actor->work = (ExpireWork){.cluster = &yard->cluster, .report = &actor->report};
    actor->expiry = (Expiry){.work = &actor->work,
                             .repo = yard->repo,
                             .generation = &yard->generation,
                             .arena = actor->arena,
                             .host = "db1",
                             .backups = &actor->backups,
                             .objects = &actor->objects,
                             .sums = &actor->sums};
}

static void actor_end(Actor *actor)
{
    buf_done(&actor->backups);
    buf_done(&actor->objects);
    report_done(&actor->report);
    arena_free(&actor->arena);
}

/* Days of incremental backups, and as much to expire as can be. */
static void yard_fill(Yard *yard, int64_t grace_us)
{
    yard_open(yard, "daily 2", grace_us);
    const YardBackup *parent = NULL;
    for (int day = 0; day < 5; day++) {
        yard_write(yard, 1);
        parent = yard_backup(yard, parent);
        yard_wait(yard, DAY_US - HOUR_US / 2);
    }
    if (grace_us)
        yard_expire(yard);
    yard_wait(yard, grace_us);
}

/* ---- in any order ---- */

static void any_order_try(uint64_t seed, int64_t grace_us)
{
    enum { EXPIRIES = 2, ACTORS = 4 };
    AUTO(yard_done) Yard yard;
    Actor actors[ACTORS];
    bool is_live[ACTORS] = {true, true, true, true};
    yard_fill(&yard, grace_us);
    yard.seed = seed;
    for (int i = 0; i < ACTORS; i++)
        actor_begin(&actors[i], &yard, i < EXPIRIES ? expiry_step : backup_step);
    for (int left = ACTORS; left;) {
        const size_t who = yard_random(&yard, ACTORS);
        if (!is_live[who])
            continue;
        is_live[who] = actors[who].step(&actors[who]);
        left -= !is_live[who];
        if (!yard_random(&yard, 10))
            yard_wait(&yard, (int64_t)yard_random(&yard, 30) * HOUR_US);
        yard_check_commits(&yard);
    }
    yard_check(&yard);
    for (int i = 0; i < ACTORS; i++)
        actor_end(&actors[i]);
    yard_expire(&yard);
    yard_check(&yard);
}

static void test_expire__and_backups_may_meet_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        any_order_try(seed * 7919, seed % 2 ? 0 : DAY_US);
}

/* ---- at every call ---- */

typedef struct Intruder {
    Yard *yard;
    void (*act)(Yard *yard);
    uint64_t at, calls;
    bool is_inside;
} Intruder;

static bool intrude(void *arg, FaultyCall call, const char *key)
{
    Intruder *const intruder = arg;
    (void)call;
    (void)key;
    if (intruder->is_inside || ++intruder->calls != intruder->at)
        return false;
    intruder->is_inside = true;
    intruder->act(intruder->yard);
    intruder->is_inside = false;
    return false;
}

static void whole_backup(Yard *yard)
{
    Actor actor;
    actor_begin(&actor, yard, backup_step);
    while (actor.step(&actor))
        continue;
    actor_end(&actor);
}

/* Of the oldest that is there: it is about to go. */
static void whole_pin(Yard *yard)
{
    for (size_t i = 0; i < yard->count; i++) {
        YardBackup *const backup = &yard->backups[i];
        if (!yard_has(yard, key_backup_object(&yard->generation.root, backup->label, "backup")))
            continue;
        const PinAsk ask = {.cluster = &yard->cluster, .label = backup->label.text, .word = HOLD_PINNED};
        Err *err = pin_say_in(yard->set, &ask);
        backup->is_pinned = !err;
        if (err && !err_is(err, ERR_REFUSED))
            ASSERT_OK(err);
        err_free(&err);
        return;
    }
}

/* `act` happens within an expiry, before its first call, its second, … until there is none. */
static void every_call_try(void (*act)(Yard *), int64_t grace_us)
{
    bool was_reached = true;
    for (uint64_t at = 1; was_reached; at++) {
        AUTO(yard_done) Yard yard;
        yard_fill(&yard, grace_us);
        Intruder intruder = {.yard = &yard, .act = act, .at = at};
        faulty_plan(yard.faulty, (FaultyPlan){.matches = intrude, .arg = &intruder});
        yard_expire(&yard);
        faulty_plan(yard.faulty, (FaultyPlan){0});
        was_reached = intruder.calls >= at;
        yard_check(&yard);
        yard_expire(&yard);
        yard_check(&yard);
    }
}

static void test_expire__within_another_one_does_no_harm(void **state)
{
    (void)state;
    every_call_try(yard_expire, DAY_US);
}

static void test_expire__a_backup_within_it_is_whole_or_none(void **state)
{
    (void)state;
    every_call_try(whole_backup, DAY_US);
}

static void test_expire__a_pin_within_it_holds_or_is_refused(void **state)
{
    (void)state;
    every_call_try(whole_pin, DAY_US);
}

static Actor meanwhile;

/* Without a grace: a backup begins upon the parent that another expiry removes then. */
static void parent_goes(Yard *yard)
{
    enum { DRAWS = 3 };
    actor_begin(&meanwhile, yard, backup_step);
    for (int i = 0; i < DRAWS; i++)
        assert_true(backup_step(&meanwhile));
    yard_backup(yard, NULL);
    yard_expire(yard);
}

static void test_expire__keeps_the_packs_of_a_parent_that_goes_within_it(void **state)
{
    (void)state;
    bool was_reached = true;
    for (uint64_t at = 1; was_reached; at++) {
        AUTO(yard_done) Yard yard;
        yard_open(&yard, "backups 1", 0);
        yard_backup(&yard, yard_backup(&yard, NULL));
        yard_expire(&yard);
        Intruder intruder = {.yard = &yard, .act = parent_goes, .at = at};
        faulty_plan(yard.faulty, (FaultyPlan){.matches = intrude, .arg = &intruder});
        yard_expire(&yard);
        faulty_plan(yard.faulty, (FaultyPlan){0});
        was_reached = intruder.calls >= at;
        if (!was_reached)
            continue;
        while (backup_step(&meanwhile))
            continue;
        assert_true(meanwhile.backup->is_committed && meanwhile.backup->draw_count > 1);
        yard_check(&yard);
        yard_expire(&yard);
        yard_check(&yard);
        actor_end(&meanwhile);
    }
}

/* An expiry happens within a pin, before its first call, its second, … Even one that was given up by force stays when its
 * pin was announced. */
static void test_pin__that_is_announced_holds_whatever_happens_within_it(void **state)
{
    (void)state;
    bool was_reached = true;
    for (uint64_t at = 1; was_reached; at++) {
        AUTO(yard_done) Yard yard;
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(report_done) Report report = {0};
        yard_fill(&yard, DAY_US);
        YardBackup *const backup = &yard.backups[3];
        const ExpireOptions force = {.backup = backup->label.text, .is_forced = true};
        (void)yard_expire_with(&yard, force, &report, arena);
        yard_wait(&yard, DAY_US);
        Intruder intruder = {.yard = &yard, .act = yard_expire, .at = at};
        faulty_plan(yard.faulty, (FaultyPlan){.matches = intrude, .arg = &intruder});
        const PinAsk ask = {.cluster = &yard.cluster, .label = backup->label.text, .word = HOLD_PINNED};
        Err *err = pin_say_in(yard.set, &ask);
        faulty_plan(yard.faulty, (FaultyPlan){0});
        was_reached = intruder.calls >= at;
        backup->is_pinned = !err;
        backup->is_given_up = err != NULL;
        if (err && !err_is(err, ERR_REFUSED) && !err_is(err, ERR_NOT_FOUND))
            ASSERT_OK(err);
        err_free(&err);
        yard_expire(&yard);
        yard_check(&yard);
    }
}

UNIT_MAIN(cmocka_unit_test(test_expire__keeps_the_packs_of_a_parent_that_goes_within_it),
          cmocka_unit_test(test_pin__that_is_announced_holds_whatever_happens_within_it),
          cmocka_unit_test(test_expire__and_backups_may_meet_in_any_order),
          cmocka_unit_test(test_expire__within_another_one_does_no_harm),
          cmocka_unit_test(test_expire__a_backup_within_it_is_whole_or_none),
          cmocka_unit_test(test_expire__a_pin_within_it_holds_or_is_refused))
