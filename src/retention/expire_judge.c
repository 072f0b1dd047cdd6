/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Judging, deciding, and the removal of what makes a backup one. */
#include "base/text.h"
#include "cluster/commit_note.h"
#include "os/clock.h"
#include "retention/expire_priv.h"

#include <assert.h>
#include <string.h>

/* A decision from the future was written by a clock that has been put right since: it would never come of age. */
#define FUTURE_US (INT64_C(3600) * 1000000)

Err *expire_clock(Expiry *expiry)
{
    const Instant host_now = clock_now();
    expiry->store_now = host_now;
    if (!expiry->work->options.dry_run)
        TRY(hold_clock_read(&expiry->store_now, expiry->repo, &expiry->generation->root));
    expiry->now = expiry->store_now.us < host_now.us ? expiry->store_now : host_now;
    return NULL;
}

bool expire_is_meant(const Expiry *expiry, BackupLabel label)
{
    const char *const asked = expiry->work->options.backup;
    return !asked || text_equal(asked, label.text);
}

/* ---- judging ---- */

/* Was the last word said by a rule on another host? Hosts may promise different things. */
static bool is_others_rule(const Expiry *expiry, const Hold *fate)
{
    return fate && !fate->fault && fate->by == HOLD_BY_RULE && *fate->host &&
           !text_equal(fate->host, expiry->host);
}

/* Of hosts with different promises the more careful one wins: what it took back is condemned again by itself, or by
 * hand. */
static bool is_others_wish(const Expiry *expiry, const StockBackup *backup)
{
    return hold_says(backup->fate, HOLD_REPRIEVED) && is_others_rule(expiry, backup->fate) &&
           !backup->is_given_up;
}

static Judgement committed_judge(const Expiry *expiry, const StockBackup *backup, unsigned reasons)
{
    AUTO(buf_done) Buf text = {0};
    Arena *const arena = expiry->arena;
    if (reasons) {
        policy_reasons_text(&text, reasons);
        if (!backup->is_good)
            buf_add_text(&text, ", although WAL of it is missing");
        return (Judgement){
            .verdict = VERDICT_STAYS, .reasons = reasons, .why = arena_text(arena, buf_text(&text))};
    }
    if (is_others_wish(expiry, backup))
        return (Judgement){.verdict = VERDICT_STAYS,
                           .is_for_other = true,
                           .why = arena_textf(arena, "no promise here wants it, but host %s took it back",
                                              backup->fate->host)};
    const bool is_by_hand = backup->is_given_up && backup->is_on_production;
    return (Judgement){.verdict = VERDICT_GOES,
                       .why = is_by_hand            ? "given up by hand"
                              : backup->is_given_up ? "of a timeline that was given up"
                              : !backup->is_good    ? "no promise wants it, and WAL of it is missing"
                                                    : "no promise wants it"};
}

/* Only a word by hand takes what cannot be read. */
static bool is_forced_away(const StockBackup *backup)
{
    return backup->fate && !backup->fate->fault && backup->fate->by == HOLD_BY_FORCE &&
           backup->fate->word != HOLD_REPRIEVED;
}

static Judgement uncommitted_judge(const Expiry *expiry, const StockBackup *backup)
{
    const HoldList *const holds = &expiry->stock.holds;
    const BackupLabel label = backup->entry.label;
    const int64_t age_us = expiry->store_now.us - backup->entry.begun.us;
    const bool is_by_hand =
        hold_is_condemned(holds, label) && !backup->fate->fault && backup->fate->by != HOLD_BY_RULE;
    if (hold_is_removing(holds, label))
        return (Judgement){.verdict = VERDICT_GOES, .why = "is being removed"};
    if (is_by_hand)
        return (Judgement){.verdict = VERDICT_GOES, .why = "given up by hand"};
    if (age_us <= BEGIN_YOUNG_US)
        return (Judgement){.verdict = VERDICT_RUNNING, .why = "begun and not committed: it may be running"};
    return (Judgement){.verdict = VERDICT_GOES, .why = "begun long ago and never committed"};
}

/* What needs no policy; a committed one that can be read is left to it. */
static Judgement backup_judge(const Expiry *expiry, const StockBackup *backup)
{
    if (backup->fate && backup->fate->fault)
        return (Judgement){.verdict = VERDICT_STAYS, .why = "what was decided about it cannot be read"};
    if (stock_is_remains(backup))
        return (Judgement){.verdict = VERDICT_REMAINS, .why = "expired; others draw on its packs"};
    if (!backup->entry.is_committed)
        return uncommitted_judge(expiry, backup);
    if (is_forced_away(backup))
        return (Judgement){.verdict = VERDICT_GOES, .why = "given up by hand"};
    if (backup->is_readable && !backup->is_placed)
        return (Judgement){.verdict = VERDICT_STAYS, .why = "which branch it is of cannot be read"};
    return (Judgement){.verdict = VERDICT_STAYS, .why = "its commit cannot be read"};
}

Err *expire_look(Expiry *expiry)
{
    const HoldList imagined = {.holds = expiry->imagined, .count = expiry->imagined_count};
    TRY(stock_take(&expiry->stock, expiry->repo, expiry->generation, &imagined, expiry->arena));
    const Stock *const stock = &expiry->stock;
    const StockAsk asked = stock_ask(stock, &expiry->work->cluster->retention, expiry->now, expiry->arena);
    policy_judge(&expiry->policy, &asked.ask, expiry->arena);
    Judgement *const judgements = arena_alloc(expiry->arena, stock->count * sizeof *judgements);
    for (size_t i = 0; i < stock->count; i++)
        judgements[i] = backup_judge(expiry, &stock->backups[i]);
    for (size_t i = 0; i < asked.ask.count; i++) {
        const size_t at = asked.places[i];
        if (!stock->backups[at].fate || !stock->backups[at].fate->fault)
            judgements[at] = committed_judge(expiry, &stock->backups[at], expiry->policy.reasons[i]);
    }
    expiry->judgements = judgements;
    return NULL;
}

/* ---- deciding ---- */

Err *expire_say(Expiry *expiry, const Hold *hold)
{
    Hold said = *hold;
    said.host = expiry->host;
    said.stored = expiry->store_now;
    if (expiry->work->options.dry_run) {
        assert(expiry->imagined_count < COUNT_OF(expiry->imagined));
        expiry->imagined[expiry->imagined_count++] = said;
        return NULL;
    }
    Err *err = hold_write(expiry->repo, &expiry->generation->root, &said);
    if (err_is(err, ERR_EXISTS))
        err_free(&err);
    return err;
}

static bool is_condemned(const Expiry *expiry, size_t at)
{
    return hold_is_condemned(&expiry->stock.holds, expiry->stock.backups[at].entry.label);
}

/* Has the grace passed since it was condemned? One of no length has, although the store's time was asked before. */
static bool is_ripe(const Expiry *expiry, const Hold *fate)
{
    const int64_t grace_us = expiry->work->cluster->expire_grace_us;
    return hold_says(fate, HOLD_REMOVING) ||
           (hold_says(fate, HOLD_CONDEMNED) &&
            (!grace_us || expiry->store_now.us - fate->stored.us >= grace_us));
}

bool expire_is_due(const Expiry *expiry, size_t at)
{
    const StockBackup *const backup = &expiry->stock.backups[at];
    if (!expire_is_meant(expiry, backup->entry.label) || expiry->judgements[at].verdict != VERDICT_GOES)
        return false;
    if (expiry->work->options.dry_run)
        return is_ripe(expiry, backup->fate) || !expiry->work->cluster->expire_grace_us;
    return hold_is_removing(&expiry->stock.holds, backup->entry.label);
}

static Err *condemn(Expiry *expiry, const StockBackup *backup, const char *why)
{
    const char *const label = backup->entry.label.text;
    Hold hold = hold_next(HOLD_FATES, label, HOLD_CONDEMNED, backup->fate);
    hold.note = why;
    if (backup->fate && !backup->fate->fault && backup->fate->word != HOLD_REPRIEVED)
        hold.by = backup->fate->by;
    TRY(expire_say(expiry, &hold));
    if (expiry->work->cluster->expire_grace_us)
        return NULL;
    Hold now = hold_next(HOLD_FATES, label, HOLD_REMOVING, &hold);
    now.by = hold.by;
    now.note = why;
    return expire_say(expiry, &now);
}

/* Two hosts that promise different things are no fault, but somebody should know. */
static void conflict_tell(Expiry *expiry, const StockBackup *backup, const Judgement *judgement)
{
    const char *const label = backup->entry.label.text;
    Report *const report = expiry->work->report;
    if (judgement->is_for_other) {
        report_note(report, "expire/OTHER_HOST", "backup %s stays in the repository %s: %s", label,
                    expiry->repo->name, judgement->why);
        report_hint(report,
                    "give both hosts the same \"retention\", or let it go: \"pgstrata expire --backup %s\"",
                    label);
    } else if (judgement->reasons && is_others_rule(expiry, backup->fate) &&
               (hold_says(backup->fate, HOLD_CONDEMNED) || hold_says(backup->fate, HOLD_REMOVING))) {
        report_note(report, "expire/OTHER_HOST",
                    "backup %s was condemned in the repository %s by host %s; here it is wanted: %s", label,
                    expiry->repo->name, backup->fate->host, judgement->why);
        report_hint(report, "it stays; give both hosts the same \"retention\"");
    }
}

static Err *backup_decide(Expiry *expiry, size_t at)
{
    const StockBackup *const backup = &expiry->stock.backups[at];
    const Judgement *const judgement = &expiry->judgements[at];
    const bool is_wanted = judgement->verdict == VERDICT_STAYS || judgement->verdict == VERDICT_RUNNING;
    const Hold *const fate = backup->fate;
    if (judgement->verdict == VERDICT_REMAINS || (fate && fate->fault))
        return NULL;
    conflict_tell(expiry, backup, judgement);
    if (is_wanted && is_condemned(expiry, at)) {
        Hold hold = hold_next(HOLD_FATES, backup->entry.label.text, HOLD_REPRIEVED, fate);
        hold.note = judgement->why;
        return expire_say(expiry, &hold);
    }
    if (is_wanted || hold_says(fate, HOLD_REMOVING))
        return NULL;
    if (!is_condemned(expiry, at) || fate->stored.us > expiry->store_now.us + FUTURE_US)
        return condemn(expiry, backup, judgement->why);
    if (!is_ripe(expiry, fate))
        return NULL;
    Hold hold = hold_next(HOLD_FATES, backup->entry.label.text, HOLD_REMOVING, fate);
    hold.by = fate->by;
    hold.note = judgement->why;
    return expire_say(expiry, &hold);
}

Err *expire_decide(Expiry *expiry)
{
    for (size_t i = 0; i < expiry->stock.count && !expiry->work->options.dry_run; i++) {
        if (expire_is_meant(expiry, expiry->stock.backups[i].entry.label))
            TRY(backup_decide(expiry, i));
    }
    return NULL;
}

/* Between the decisions and this look a promise, or a pin, may have come to want it, or somebody else have condemned
 * it: his grace may end before we come again. */
static bool is_pardoned(const Expiry *expiry, size_t at)
{
    const StockBackup *const backup = &expiry->stock.backups[at];
    const Verdict verdict = expiry->judgements[at].verdict;
    return (verdict == VERDICT_STAYS || verdict == VERDICT_RUNNING) &&
           (hold_says(backup->fate, HOLD_REMOVING) ||
            (hold_says(backup->fate, HOLD_CONDEMNED) && expire_is_meant(expiry, backup->entry.label)));
}

bool expire_has_work(const Expiry *expiry)
{
    for (size_t i = 0; i < expiry->stock.count; i++) {
        if (expire_is_due(expiry, i) || is_pardoned(expiry, i) ||
            hold_is_removing(&expiry->stock.holds, expiry->stock.backups[i].entry.label))
            return true;
    }
    return false;
}

/* ---- removing ---- */

static Err *object_remove(Expiry *expiry, BackupLabel label, const char *name, const char *why)
{
    const Key key = key_backup_object(&expiry->generation->root, label, name);
    ObjectEntry object = {.key = key.text};
    Err *err = store_stat(&object.info, expiry->repo->store, key.text);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    if (!expiry->work->options.dry_run)
        TRY(store_remove(expiry->repo->store, key.text));
    expire_note(expiry, &object, EXPIRE_OBJECT_REMOVED, why);
    return NULL;
}

/* The commit first: what follows then belongs to no backup. */
static Err *backup_remove(Expiry *expiry, const StockBackup *backup, const char *why)
{
    static const char *const names[] = {"backup", "packs", "begin"};
    const BackupLabel label = backup->entry.label;
    if (backup->entry.is_committed && !expiry->work->options.dry_run) {
        TRY(hold_gone_write(expiry->repo, &expiry->generation->root, label));
        TRY(commit_note_remove(expiry->work->cluster->state_dir, expiry->repo, &expiry->generation->root,
                               label));
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        TRY(object_remove(expiry, label, names[i], why));
    return NULL;
}

static Err *reprieve(Expiry *expiry, size_t at)
{
    const StockBackup *const backup = &expiry->stock.backups[at];
    if (expiry->work->options.dry_run || !is_pardoned(expiry, at))
        return NULL;
    conflict_tell(expiry, backup, &expiry->judgements[at]);
    Hold hold = hold_next(HOLD_FATES, backup->entry.label.text, HOLD_REPRIEVED, backup->fate);
    hold.note = expiry->judgements[at].why;
    return expire_say(expiry, &hold);
}

Err *expire_remove(Expiry *expiry)
{
    for (size_t i = 0; i < expiry->stock.count; i++) {
        const StockBackup *const backup = &expiry->stock.backups[i];
        TRY(reprieve(expiry, i));
        if (expire_is_due(expiry, i))
            TRY(backup_remove(expiry, backup, expiry->judgements[i].why));
    }
    return NULL;
}
