/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Four hundred days: backups full and incremental, backups that fail, clocks that step, pins, restores in place that make
 * branches, a second host with careless promises. After every expiry all that was promised must be there; at the end nothing else.
 */
#include "unit.h"

#include "retention/pin.h"
#include "retention/yard.h"

enum { DAYS = 400 };

/* What is gone by now was not promised then, so it cannot be missed when other backups stop counting. */
static void forgive(Yard *yard)
{
    for (size_t i = 0; i < yard->count; i++) {
        if (yard->backups[i].is_committed && !yard_restores(yard, &yard->backups[i]))
            yard->backups[i].is_given_up = true;
    }
}

/* The server's clock is wrong now and then, by hours or by a year. That of the store and of the host that expires steps
 * back at times, once there is a backup to tell by. By whole weeks, as a week begins: when no clock is right nobody can say where a day or a week began. And
 * it is put right before it shows what it has shown already: from then on nothing would tell that it is wrong. */
static void clocks_step(Yard *yard, int day)
{
    static const int64_t server[] = {0, 0, 0, 5 * HOUR_US, -7 * HOUR_US, 400 * DAY_US, -400 * DAY_US};
    static const int64_t all[] = {-14 * DAY_US, -21 * DAY_US};
    if (!yard_random(yard, 12))
        yard->server_off_us = server[yard_random(yard, COUNT_OF(server))];
    const int64_t week = yard_period(yard->true_us, 7 * DAY_US, 3 * DAY_US);
    if (week != yard->week && day > 14)
        yard->clock_off_us =
            yard->clock_off_us || yard_random(yard, 3) ? 0 : all[yard_random(yard, COUNT_OF(all))];
    yard->week = week;
    yard_clock_set(yard);
}

static void backup_or_failure(Yard *yard)
{
    const YardBackup *const parent = yard_random(yard, 25) ? yard_parent(yard) : NULL;
    if (yard_random(yard, 10)) {
        yard_backup(yard, parent);
    } else {
        YardBackup *const failed = yard_begin(yard, parent);
        if (yard_random(yard, 2))
            yard_copy(yard, failed, parent, 2);
    }
}

static void pin_or_unpin(Yard *yard)
{
    YardBackup *const backup = &yard->backups[yard_random(yard, yard->count)];
    if (!backup->is_committed || !yard_restores(yard, backup))
        return;
    const PinAsk ask = {.cluster = &yard->cluster,
                        .label = backup->label.text,
                        .word = backup->is_pinned ? HOLD_UNPINNED : HOLD_PINNED};
    ASSERT_OK(pin_say_in(yard->set, &ask));
    backup->is_pinned = !backup->is_pinned;
}

/* The cluster was restored in place to a moment some days ago: what came after belongs to another branch. */
static void restore_in_place(Yard *yard)
{
    for (size_t i = yard->count; i-- > 0;) {
        const YardBackup *const backup = &yard->backups[i];
        if (backup->true_us > yard->true_us - 3 * DAY_US || !yard_counts(yard, backup) ||
            !yard_restores(yard, backup))
            continue;
        yard_branch(yard, yard->production + 1, yard->production, backup->stop + 0x1000);
        yard_write(yard, 2);
        forgive(yard);
        return;
    }
}

static void timeline_drop(Yard *yard, uint32_t timeline)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    (void)yard_expire_with(yard, (ExpireOptions){.drop_timeline = {timeline}}, &report, arena);
    yard->timelines[timeline].is_given_up = true;
}

/* Another host that promised hardly anything expires a little before the one whose promises count. */
static void careless_expire(Yard *yard)
{
    const Promises promises = yard->cluster.retention;
    ASSERT_OK(promises_parse(&yard->cluster.retention, "backups 1"));
    yard_expire(yard);
    yard->cluster.retention = promises;
    yard_wait(yard, HOUR_US / 4);
}

static void day_pass(Yard *yard, int day)
{
    clocks_step(yard, day);
    yard_write(yard, 1 + yard_random(yard, 2));
    for (uint64_t backups = yard_random(yard, 6) ? 1 : yard_random(yard, 3); backups; backups--)
        backup_or_failure(yard);
    if (!yard_random(yard, 20) && yard->count)
        pin_or_unpin(yard);
    if (day == 130 || day == 260)
        restore_in_place(yard);
    if (day == 300)
        timeline_drop(yard, 1);
    if (!yard_random(yard, 3)) {
        if (!yard_random(yard, 6))
            careless_expire(yard);
        yard_expire(yard);
        yard_check(yard);
    }
    yard_wait(yard, DAY_US - (int64_t)yard_random(yard, 4) * HOUR_US);
}

/* ---- nothing else is there ---- */

static bool is_drawn_on(const Yard *yard, const char *label, uint32_t pack)
{
    for (size_t i = 0; i < yard->count; i++) {
        const YardBackup *const backup = &yard->backups[i];
        if (!backup->is_committed || backup->is_gone ||
            !yard_has(yard, key_backup_object(&yard->generation.root, backup->label, "backup")))
            continue;
        for (size_t j = 0; j < backup->draw_count; j++) {
            if (text_equal(backup->draws[j].label.text, label) && backup->draws[j].pack == pack)
                return true;
        }
    }
    return false;
}

static Err *orphan_see(void *arg, const ObjectEntry *entry)
{
    const Yard *const yard = arg;
    const char *const label = strstr(entry->key, "backup/") + strlen("backup/");
    char text[LABEL_CHARS + 1] = {0};
    uint32_t pack;
    memcpy(text, label, LABEL_CHARS);
    if (key_pack_matches(&pack, label + LABEL_CHARS + 1) && !is_drawn_on(yard, text, pack))
        fail_msg("nobody draws on %s", entry->key);
    return NULL;
}

static void year_pass(uint64_t seed)
{
    AUTO(yard_done) Yard yard;
    yard_open(&yard, "pitr 5d, daily 7, weekly 4, full-every 30d", DAY_US);
    yard.seed = seed;
    for (int day = 0; day < DAYS; day++)
        day_pass(&yard, day);
    yard.clock_off_us = yard.server_off_us = 0;
    for (size_t i = 0; i < yard.count; i++) {
        if (yard.backups[i].is_pinned)
            yard.backups[i].is_pinned = false;
    }
    /* Long after: what failed, what was condemned, what a clock kept longer. */
    for (int day = 0; day < 40; day++) {
        yard_write(&yard, 1);
        yard_backup(&yard, yard_parent(&yard));
        yard_expire(&yard);
        yard_wait(&yard, DAY_US);
    }
    yard_check(&yard);
    ASSERT_OK(store_list(yard.repo->store, "main/g1/backup/", (ListOpts){0}, orphan_see, &yard));
    assert_in_range(yard_count_keys(&yard, "hold/wal/"), 1, 17);
    assert_int_equal(yard_count_keys(&yard, "branch/"), yard.production);
}

static void test_expire__four_hundred_days_keep_every_promise(void **state)
{
    (void)state;
    year_pass(1);
}

UNIT_MAIN(cmocka_unit_test(test_expire__four_hundred_days_keep_every_promise))
