/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fault/store_kinds.h - the ways in which one call of a store goes wrong, and what must hold after each
 *
 * Included after unit.h and fake/stopped_cluster.h.
 */
#pragma once

#include "fake/held_store.h"
#include "job/verify.h"

#include <stdio.h>

typedef struct StoreKind {
    const char *name;
    FaultyPlan plan; /* .nth is filled in */
    ErrClass class;  /* of the error that a job may end with */
    int64_t patience_ms;
} StoreKind;

static const StoreKind store_kinds[] = {
    {"away", {.fault_class = ERR_AWAY}, ERR_AWAY, 0},
    {"away for a moment", {.fault_class = ERR_AWAY}, ERR_AWAY, 1},
    {"full", {.fault_class = ERR_LIMIT}, ERR_LIMIT, 0},
    {"denied", {.fault_class = ERR_DENIED}, ERR_DENIED, 0},
    {"answer lost", {.fault_class = ERR_AWAY, .is_late = true}, ERR_AWAY, 0},
    {"answer lost for ever", {.fault_class = ERR_IO, .is_late = true}, ERR_IO, 0},
    {"first byte flipped", {.damage = FAULTY_FLIP}, ERR_CORRUPT, 0},
    {"a byte flipped", {.damage = FAULTY_FLIP, .damage_at = 100}, ERR_CORRUPT, 0},
    {"nothing comes", {.damage = FAULTY_CUT}, ERR_CORRUPT, 0},
    {"cut short", {.damage = FAULTY_CUT, .damage_at = 100}, ERR_CORRUPT, 0},
};

/* Every object is what its name says, and every backup that counts has all it needs. That there is none is no matter. */
static inline void store_kinds_verify(const ClusterOptions *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(report_done) Report report = {0};
    Progress progress = {.phase = ""};
    const VerifyWork work = {.cluster = cluster, .progress = &progress, .report = &report};
    VerifyResult result;
    ASSERT_OK(verify_run(&result, &work, arena));
    for (size_t i = 0; i < report.count; i++) {
        if (report.notices[i].level == NOTICE_FAULT && !strstr(report.notices[i].text, "has no backup"))
            fail_msg("%s: %s", report.notices[i].code, report.notices[i].text);
    }
    assert_true(result.objects > 0 && result.faulty == 0 && result.strangers == 0);
}

/* One run of a job in which the nth call of `store` goes wrong. */
typedef struct StoreRun {
    const StoreKind *kind;
    Store *store;
    uint64_t nth;
    bool was_hit;
    bool is_last; /* the run made fewer calls */
} StoreRun;

static inline void store_run_begin(const StoreRun *run)
{
    FaultyPlan plan = run->kind->plan;
    plan.nth = run->nth;
    faulty_plan(run->store, plan);
}

/* Takes the job's result, which may be an error of the fault's class when the fault was met, and nothing else. */
static inline void store_run_end(StoreRun *run, const Err *err)
{
    run->was_hit = faulty_hit(run->store);
    run->is_last = faulty_total(run->store) < run->nth;
    faulty_plan(run->store, (FaultyPlan){.nth = 0});
    if (err && (!run->was_hit || !err_is(err, run->kind->class)))
        fail_msg("%s, call %llu: %s [%s %s]", run->kind->name, (unsigned long long)run->nth, err_text(err),
                 err_code(err), err_origin(err));
}
