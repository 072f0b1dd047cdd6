/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/unit/retention/yard.h - a cluster that exists on paper, its repository in memory, and who knows what must be there
 *
 * The yard writes what a server and its backups would write: WAL by name, begin, packs, lists of packs, commits, branches.
 * It remembers the truth: when things really happened and what each backup draws on. yard_check() holds the repository
 * against that truth and the promises. It asks nothing of the rooms under test.
 *
 * Included after unit.h.
 */
#pragma once

#include "base/text.h"
#include "fake/clock.h"
#include "os/clock.h"
#include "repo/backup_set.h"
#include "repo/branch.h"
#include "repo/hold.h"
#include "repo/json_object.h"
#include "repo/wal_archive.h"
#include "retention/expire.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

enum { YARD_BACKUPS_MAX = 1200, YARD_DRAWS_MAX = 40, YARD_TIMELINES_MAX = 8, SEGMENT_BYTES = 1 << 20 };

typedef struct YardPack {
    BackupLabel label;
    uint32_t pack;
} YardPack;

typedef struct YardBackup {
    BackupLabel label;
    uint32_t timeline;
    uint64_t start, stop;      /* LSN */
    int64_t begun_us, true_us; /* when it really began and ended */
    bool is_committed, is_pinned, is_given_up;
    bool is_gone; /* its commit was seen to be missing: it does not come back */
    YardPack draws[YARD_DRAWS_MAX];
    size_t draw_count;
    uint32_t own_packs;
} YardBackup;

typedef struct YardTimeline {
    uint32_t parent;
    uint64_t begin;        /* where it branched off */
    uint64_t next_segment; /* of its WAL: to be archived */
    bool is_given_up;
} YardTimeline;

typedef struct Yard {
    Store *faulty; /* of repo; borrowed */
    Repo *repo;
    RepoSet *set; /* owns the repo */
    Generation generation;
    ClusterOptions cluster;
    YardBackup *backups;
    size_t count;
    YardTimeline timelines[YARD_TIMELINES_MAX + 1]; /* from 1 */
    uint32_t production;
    int64_t true_us, begin_us; /* what time it really is, and was */
    int64_t clock_off_us;      /* of the store and the host that expires */
    int64_t server_off_us;     /* of the server, beside the one above */
    int64_t week;              /* in which the clocks were last looked after */
    uint64_t seed;
} Yard;

static inline uint64_t yard_random(Yard *yard, uint64_t below)
{
    yard->seed = yard->seed * 6364136223846793005u + 1442695040888963407u;
    return (yard->seed >> 33) % below;
}

static inline void yard_clock_set(Yard *yard)
{
    fake_clock_set((Instant){yard->true_us + yard->clock_off_us});
}

static inline void yard_wait(Yard *yard, int64_t us)
{
    yard->true_us += us;
    yard_clock_set(yard);
}

static inline void yard_put(Yard *yard, Key key, size_t size)
{
    char bytes[64] = "something";
    ASSERT_OK(store_put_all(yard->repo->store, key.text, span_of(bytes, size)));
}

static inline void yard_branch(Yard *yard, uint32_t timeline, uint32_t parent, uint64_t at)
{
    const BranchRecord record = {.timeline = {timeline},
                                 .parent = {parent},
                                 .switch_lsn = {at},
                                 .origin = parent ? BRANCH_RESTORE : BRANCH_SETUP,
                                 .host = "db1",
                                 .data_directory = "/srv"};
    ASSERT_OK(branch_write(yard->set, &yard->generation.root, &record));
    yard->timelines[timeline] =
        (YardTimeline){.parent = parent, .begin = at, .next_segment = at / SEGMENT_BYTES};
    yard->production = timeline;
}

static inline void yard_open(Yard *yard, const char *promises, int64_t grace_us)
{
    *yard = (Yard){.faulty = faulty_store_new(mem_store_new()), .seed = 1};
    yard->true_us = yard->begin_us =
        instant_from_civil(&(Civil){.year = 2026, .month = 1, .day = 1, .hour = 2}).us;
    yard_clock_set(yard);
    yard->backups = mem_new(YARD_BACKUPS_MAX * sizeof *yard->backups);
    ASSERT_OK(repo_init_store(&yard->repo, "main", yard->faulty));
    yard->set = repo_set_of(&yard->repo, 1);
    const Generation wanted = {.root = {.cluster = "main"},
                               .system_id = {7},
                               .major = 15,
                               .catalog_version = 202209061,
                               .segment_bytes = SEGMENT_BYTES,
                               .block_bytes = PAGE_BYTES,
                               .relation_segment_blocks = 131072};
    ASSERT_OK(generation_create(&yard->generation, yard->set, &wanted));
    yard->cluster = (ClusterOptions){.name = "main", .expire_grace_us = grace_us};
    ASSERT_OK(promises_parse(&yard->cluster.retention, promises));
    yard_branch(yard, 1, 0, 0);
    yard->timelines[1].next_segment = 1;
}

static inline void yard_done(Yard *yard)
{
    repo_set_free(&yard->set);
    mem_free(&yard->backups);
}

static inline WalName yard_segment(uint32_t timeline, uint64_t segment)
{
    return wal_name_of_lsn((Timeline){timeline}, (Lsn){segment * SEGMENT_BYTES}, SEGMENT_BYTES);
}

/* The server has filled so many segments. */
static inline void yard_write(Yard *yard, uint64_t segments)
{
    YardTimeline *const timeline = &yard->timelines[yard->production];
    for (uint64_t i = 0; i < segments; i++)
        yard_put(yard,
                 key_wal(&yard->generation.root, yard_segment(yard->production, timeline->next_segment++)),
                 9);
}

/* ---- backups, step by step ---- */

/* The newest committed one of production, as a backup would choose it. NULL: none. */
static inline const YardBackup *yard_parent(Yard *yard)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const BackupLabel *condemned;
    size_t count;
    ASSERT_OK(hold_condemned(&condemned, &count, yard->set, &yard->generation.root, arena));
    for (size_t i = yard->count; i-- > 0;) {
        const YardBackup *const backup = &yard->backups[i];
        ObjectInfo info;
        bool is_usable = backup->is_committed && !backup->is_gone && backup->timeline == yard->production;
        for (size_t j = 0; j < count; j++)
            is_usable &= !text_equal(condemned[j].text, backup->label.text);
        Err *err = store_stat(&info, yard->repo->store,
                              key_backup_object(&yard->generation.root, backup->label, "backup").text);
        is_usable &= !err;
        err_free(&err);
        if (is_usable)
            return backup;
    }
    return NULL;
}

/* Takes a label, and says what it may draw on; parent NULL: nothing. */
static inline YardBackup *yard_begin(Yard *yard, const YardBackup *parent)
{
    YardBackup *const backup = &yard->backups[yard->count++];
    assert_true(yard->count < YARD_BACKUPS_MAX);
    BackupLabel may[YARD_DRAWS_MAX + 1];
    size_t may_count = 0;
    *backup = (YardBackup){.timeline = yard->production,
                           .begun_us = yard->true_us,
                           .start = yard->timelines[yard->production].next_segment * SEGMENT_BYTES + 0x28};
    for (size_t i = 0; parent && i < parent->draw_count; i++)
        may[may_count++] = parent->draws[i].label;
    if (parent)
        may[may_count++] = parent->label;
    BackupBegin begin = {.start_lsn = {backup->start},
                         .timeline = {backup->timeline},
                         .host = "db1",
                         .data_directory = "/srv",
                         .may_draw_on = may,
                         .may_draw_on_count = may_count};
    ASSERT_OK(backup_label_choose(&begin.label, yard->set, &yard->generation.root,
                                  parent ? BACKUP_INCR : BACKUP_FULL, clock_now()));
    ASSERT_OK(backup_begin_reserve(&begin, yard->set, &yard->generation.root));
    backup->label = begin.label;
    return backup;
}

static inline void yard_pack_add(YardBackup *backup, BackupLabel label, uint32_t pack)
{
    if (backup->draw_count < YARD_DRAWS_MAX)
        backup->draws[backup->draw_count++] = (YardPack){label, pack};
}

/* Own packs, and most of the parent's. */
static inline void yard_copy(Yard *yard, YardBackup *backup, const YardBackup *parent, uint32_t packs)
{
    for (size_t i = 0; parent && i < parent->draw_count; i++) {
        if (yard_random(yard, 5) && backup->draw_count < YARD_DRAWS_MAX - packs)
            yard_pack_add(backup, parent->draws[i].label, parent->draws[i].pack);
    }
    for (uint32_t pack = 1; pack <= packs; pack++) {
        yard_put(yard, key_pack(&yard->generation.root, backup->label, pack), 30);
        yard_pack_add(backup, backup->label, pack);
    }
    backup->own_packs = packs;
    yard_write(yard, 1);
    backup->stop = yard->timelines[backup->timeline].next_segment * SEGMENT_BYTES - 0x100;
    yard->true_us += HOUR_US / 2;
    yard_clock_set(yard);
}

static inline void yard_list(Yard *yard, const YardBackup *backup)
{
    PackUse uses[YARD_DRAWS_MAX];
    for (size_t i = 0; i < backup->draw_count; i++)
        uses[i] = (PackUse){.label = backup->draws[i].label,
                            .pack = backup->draws[i].pack,
                            .stored_bytes = 30,
                            .plain_bytes = 40,
                            .live_bytes = 20};
    ASSERT_OK(backup_packs_write(yard->set, &yard->generation.root, backup->label,
                                 (PackUses){uses, backup->draw_count}));
}

static inline void yard_commit(Yard *yard, YardBackup *backup)
{
    const Instant server = {yard->true_us + yard->clock_off_us + yard->server_off_us};
    const BackupRecord record = {.label = backup->label,
                                 .timeline = {backup->timeline},
                                 .start_lsn = {backup->start},
                                 .checkpoint_lsn = {backup->start + 8},
                                 .stop_lsn = {backup->stop},
                                 .start_time = {server.us - HOUR_US / 2},
                                 .stop_time = server,
                                 .major = 15,
                                 .server_version = "15",
                                 .manifest_root = {.label = backup->label, .pack = 1},
                                 .note = ""};
    BackupCommit commit;
    ASSERT_OK(backup_record_write(&commit, yard->set, &yard->generation.root, &record));
    backup->is_committed = true;
    backup->true_us = yard->true_us;
}

static inline YardBackup *yard_backup(Yard *yard, const YardBackup *parent)
{
    YardBackup *const backup = yard_begin(yard, parent);
    yard_copy(yard, backup, parent, 2);
    yard_list(yard, backup);
    yard_commit(yard, backup);
    return backup;
}

/* ---- the truth ---- */

static inline bool yard_has(const Yard *yard, Key key)
{
    ObjectInfo info;
    Err *err = store_stat(&info, yard->repo->store, key.text);
    const bool is_there = !err;
    err_free(&err);
    return is_there;
}

/* Is it committed? */
static inline bool yard_has_backup(const Yard *yard, const YardBackup *backup)
{
    return yard_has(yard, key_backup_object(&yard->generation.root, backup->label, "backup"));
}

/* Daily backups for so many days, all full ones. */
static inline void yard_days_pass(Yard *yard, int days)
{
    for (int day = 0; day < days; day++) {
        yard_write(yard, 2);
        yard_backup(yard, NULL);
        yard_wait(yard, DAY_US - HOUR_US / 2);
    }
}

/* How far a timeline's bytes are of the line that ends in `tip`; 0: they are not. */
static inline uint64_t yard_line_end(const Yard *yard, uint32_t tip, uint32_t timeline)
{
    uint64_t end = UINT64_MAX;
    for (uint32_t at = tip; at; at = yard->timelines[at].parent) {
        if (at == timeline)
            return end;
        end = yard->timelines[at].begin;
    }
    return 0;
}

static inline bool yard_is_on(const Yard *yard, uint32_t tip, const YardBackup *backup)
{
    return backup->stop <= yard_line_end(yard, tip, backup->timeline);
}

/* Is the WAL of the line that ends in `tip` there from one LSN to another? */
static inline bool yard_has_wal(const Yard *yard, uint32_t tip, uint64_t from, uint64_t to)
{
    uint64_t end = to;
    for (uint32_t at = tip; at && end > from; at = yard->timelines[at].parent) {
        const uint64_t begin = yard->timelines[at].begin > from ? yard->timelines[at].begin : from;
        for (uint64_t segment = begin / SEGMENT_BYTES; begin < end && segment <= (end - 1) / SEGMENT_BYTES;
             segment++) {
            if (!yard_has(yard, key_wal(&yard->generation.root, yard_segment(at, segment))))
                return false;
        }
        end = begin < end ? begin : end;
    }
    return true;
}

static inline uint64_t yard_tip(const Yard *yard, uint32_t timeline)
{
    return yard->timelines[timeline].next_segment * SEGMENT_BYTES;
}

/* Can it be restored: commit, list, packs, WAL? */
static inline bool yard_restores(const Yard *yard, const YardBackup *backup)
{
    const KeyRoot *const root = &yard->generation.root;
    bool does = !backup->is_gone && yard_has_backup(yard, backup) &&
                yard_has(yard, key_backup_object(root, backup->label, "packs"));
    for (size_t i = 0; i < backup->draw_count && does; i++)
        does = yard_has(yard, key_pack(root, backup->draws[i].label, backup->draws[i].pack));
    return does && yard_has_wal(yard, backup->timeline, backup->start, backup->stop);
}

/* A commit that is there can be restored: nothing is half a backup. */
static inline void yard_check_commits(Yard *yard)
{
    for (size_t i = 0; i < yard->count; i++) {
        YardBackup *const backup = &yard->backups[i];
        if (!backup->is_committed || backup->is_gone)
            continue;
        backup->is_gone = !yard_has_backup(yard, backup);
        if (!backup->is_gone && !yard_restores(yard, backup))
            fail_msg("backup %s is there and cannot be restored", backup->label.text);
    }
}

static inline bool yard_counts(const Yard *yard, const YardBackup *backup)
{
    return backup->is_committed && !backup->is_given_up && yard_is_on(yard, yard->production, backup);
}

static inline int64_t yard_period(int64_t us, int64_t length_us, int64_t shift_us)
{
    return (us + shift_us) / length_us;
}

/* For each of the newest periods that had a backup, one of it can be restored. Only days and weeks: what the longer ones
 * keep is checked by the policy's own test. */
static inline void yard_check_periods(const Yard *yard, uint32_t wanted, int64_t length_us, int64_t shift_us)
{
    int64_t period = INT64_MAX;
    for (size_t i = yard->count; i-- > 0 && wanted;) {
        if (!yard_counts(yard, &yard->backups[i]))
            continue;
        const int64_t own = yard_period(yard->backups[i].true_us, length_us, shift_us);
        bool is_kept = own == period;
        if (own == period)
            continue;
        for (size_t j = 0; j <= i && !is_kept; j++)
            is_kept = yard_counts(yard, &yard->backups[j]) &&
                      yard_period(yard->backups[j].true_us, length_us, shift_us) == own &&
                      yard_restores(yard, &yard->backups[j]);
        if (!is_kept)
            fail_msg("seed %llu: nothing is left of the period of %s", (unsigned long long)yard->seed,
                     instant_text((Instant){yard->backups[i].true_us}).text);
        period = own;
        wanted--;
    }
}

/* Any moment of the window can be reached: from a backup that ended before it, or from the first that there ever was. */
static inline void yard_check_pitr(const Yard *yard)
{
    const int64_t begin_us = yard->true_us - yard->cluster.retention.pitr_us;
    const YardBackup *base = NULL;
    bool is_first = true, is_covered = false;
    for (size_t i = 0; i < yard->count; i++) {
        const YardBackup *const backup = &yard->backups[i];
        if (!yard_counts(yard, backup))
            continue;
        base = backup;
        is_covered |= (is_first || backup->true_us <= begin_us) && yard_restores(yard, backup) &&
                      yard_has_wal(yard, yard->production, backup->start, yard_tip(yard, yard->production));
        is_first = false;
    }
    if (yard->cluster.retention.pitr_us && base && !is_covered)
        fail_msg("the window from %s on cannot be reached", instant_text((Instant){begin_us}).text);
}

static inline void yard_check_others(const Yard *yard)
{
    const YardBackup *last = NULL;
    for (size_t i = 0; i < yard->count; i++) {
        const YardBackup *const backup = &yard->backups[i];
        if (yard_counts(yard, backup) && (!last || backup->stop >= last->stop))
            last = backup;
        if (backup->is_committed && backup->is_pinned && !yard_restores(yard, backup))
            fail_msg("the pinned backup %s cannot be restored", backup->label.text);
        if (backup->is_committed && !yard_is_on(yard, yard->production, backup) &&
            !yard->timelines[backup->timeline].is_given_up && !backup->is_given_up &&
            !(yard_restores(yard, backup) &&
              yard_has_wal(yard, backup->timeline, backup->start, yard_tip(yard, backup->timeline))))
            fail_msg("backup %s of another branch cannot be restored", backup->label.text);
    }
    if (last && !(yard_restores(yard, last) &&
                  yard_has_wal(yard, yard->production, last->start, yard_tip(yard, yard->production))))
        fail_msg("the last good backup %s cannot be restored to the end", last->label.text);
}

static inline void yard_check(Yard *yard)
{
    yard_check_commits(yard);
    yard_check_periods(yard, yard->cluster.retention.daily, DAY_US, 0);
    yard_check_periods(yard, yard->cluster.retention.weekly, 7 * DAY_US, 3 * DAY_US);
    yard_check_pitr(yard);
    yard_check_others(yard);
}

/* ---- what is there ---- */

static inline Err *yard_key_add(void *arg, const ObjectEntry *entry)
{
    buf_addf(arg, "%s\n", entry->key);
    return NULL;
}

/* All keys that begin with `prefix` below the generation, a line each; `out` is the caller's. */
static inline const char *yard_keys(const Yard *yard, Buf *out, const char *prefix)
{
    buf_clear(out);
    char whole[STORE_KEY_MAX + 1];
    snprintf(whole, sizeof whole, "main/g1/%s", prefix);
    ASSERT_OK(store_list(yard->repo->store, whole, (ListOpts){0}, yard_key_add, out));
    return buf_text(out);
}

static inline size_t yard_count_keys(const Yard *yard, const char *prefix)
{
    AUTO(buf_done) Buf keys = {0};
    size_t count = 0;
    for (const char *at = yard_keys(yard, &keys, prefix); (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

static inline ExpireResult yard_expire_with(Yard *yard, ExpireOptions options, Report *report, Arena *arena)
{
    ExpireResult result;
    const ExpireWork work = {.cluster = &yard->cluster, .options = options, .report = report};
    ASSERT_OK(expire_repos(&result, &yard->repo, 1, &work, arena));
    return result;
}

static inline void yard_expire(Yard *yard)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    (void)yard_expire_with(yard, (ExpireOptions){0}, &report, arena);
    for (size_t i = 0; i < report.count; i++) {
        if (report.notices[i].level != NOTICE_NOTE)
            fail_msg("expire: %s", report.notices[i].text);
    }
}
