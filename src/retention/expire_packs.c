/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Packs of backups that are gone. Kept are those that a commit which is there draws on, whatever was said about that
 * commit, and all of a label that may be drawn on by one which has begun and is not removed.
 */
#include "base/text.h"
#include "retention/expire_priv.h"

#include <stdlib.h>
#include <string.h>

typedef struct PackName {
    BackupLabel label;
    uint32_t pack; /* 0: all of the label */
} PackName;

typedef struct Sweep {
    Expiry *expiry;
    Buf drawn; /* of PackName, sorted: those of remains that are drawn on */
    size_t prefix_len;
    BackupLabel tidied; /* the label whose objects are being looked at; and of it: */
    bool has_left;
    Buf keys; /* of the packs that go, each with its NUL: a listing is not changed under its feet */
} Sweep;

static void sweep_done(Sweep *sweep)
{
    buf_done(&sweep->drawn);
    buf_done(&sweep->keys);
}

static int name_compare(const void *a, const void *b)
{
    const PackName *const x = a, *const y = b;
    const int order = strcmp(x->label.text, y->label.text);
    return order ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

/* Is nothing left of the backup but what others may need? */
static bool is_gone(const Expiry *expiry, size_t at)
{
    return stock_is_remains(&expiry->stock.backups[at]) ||
           (expiry->work->options.dry_run && expire_is_due(expiry, at));
}

static bool is_gone_label(const Expiry *expiry, BackupLabel label)
{
    const StockBackup *const backup = stock_find(&expiry->stock, label);
    return backup && is_gone(expiry, (size_t)(backup - expiry->stock.backups));
}

static void drawn_add(Sweep *sweep, BackupLabel label, uint32_t pack)
{
    const PackName name = {label, pack};
    if (is_gone_label(sweep->expiry, label))
        buf_add(&sweep->drawn, &name, sizeof name);
}

/* A commit that goes at this moment takes its list along. What it drew on is not known then, and one that has begun
 * since the listing may draw on the same. */
static Err *draws_read(Sweep *sweep, const StockBackup *backup)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Expiry *const expiry = sweep->expiry;
    for (size_t i = 0; !backup->entry.is_committed && i < backup->begin.may_draw_on_count; i++)
        drawn_add(sweep, backup->begin.may_draw_on[i], 0);
    if (!backup->entry.is_committed)
        return NULL;
    PackUses packs;
    Err *err = backup_packs_load(&packs, expiry->repo, &expiry->generation->root, backup->entry.label, arena);
    if (err_is(err, ERR_NOT_FOUND)) {
        ObjectInfo info;
        const Key commit = key_backup_object(&expiry->generation->root, backup->entry.label, "backup");
        Err *gone = store_stat(&info, expiry->repo->store, commit.text);
        if (err_is(gone, ERR_NOT_FOUND)) {
            err_free(&gone);
            err_free(&err);
            expiry->stock.is_overtaken = true;
            return NULL;
        }
        err = err_first(gone, err);
    }
    TRY(err);
    for (size_t i = 0; i < packs.count; i++)
        drawn_add(sweep, packs.uses[i].label, packs.uses[i].pack);
    return NULL;
}

static Err *drawn_find(Sweep *sweep)
{
    const Stock *const stock = &sweep->expiry->stock;
    for (size_t i = 0; i < stock->count; i++) {
        if (!is_gone(sweep->expiry, i))
            TRY(draws_read(sweep, &stock->backups[i]));
    }
    if (sweep->drawn.len)
        qsort(sweep->drawn.data, sweep->drawn.len / sizeof(PackName), sizeof(PackName), name_compare);
    return NULL;
}

static bool is_drawn(const Sweep *sweep, BackupLabel label, uint32_t pack)
{
    const PackName all = {label, 0}, one = {label, pack};
    const size_t count = sweep->drawn.len / sizeof one;
    return count && (bsearch(&all, sweep->drawn.data, count, sizeof one, name_compare) ||
                     bsearch(&one, sweep->drawn.data, count, sizeof one, name_compare));
}

/* `object` belongs to a label of which no backup is left. */
static Err *pack_see(void *arg, const ObjectEntry *object)
{
    Sweep *const sweep = arg;
    uint32_t pack;
    const bool is_pack = key_pack_matches(&pack, object->key + sweep->prefix_len);
    if (is_pack && is_drawn(sweep, sweep->tidied, pack)) {
        sweep->has_left = true;
        expire_note(sweep->expiry, object, EXPIRE_OBJECT_KEPT, "others draw on it");
        return NULL;
    }
    if (!is_pack && sweep->expiry->work->options.dry_run) /* noted with its backup */
        return NULL;
    buf_add(&sweep->keys, object->key, strlen(object->key) + 1);
    expire_note(sweep->expiry, object, EXPIRE_OBJECT_REMOVED,
                "of a backup that has expired; nobody draws on it");
    return NULL;
}

/* A listing may have missed the `begin` of a backup that began meanwhile. */
static Err *is_really_gone(bool *out, Expiry *expiry, BackupLabel label)
{
    static const char *const names[] = {"begin", "backup"};
    *out = true;
    for (size_t i = 0; i < COUNT_OF(names) && *out && !expiry->work->options.dry_run; i++) {
        ObjectInfo info;
        Err *err = store_stat(&info, expiry->repo->store,
                              key_backup_object(&expiry->generation->root, label, names[i]).text);
        *out = err_is(err, ERR_NOT_FOUND);
        if (err && !*out)
            return err;
        err_free(&err);
    }
    return NULL;
}

static Err *label_sweep(Sweep *sweep, BackupLabel label)
{
    Expiry *const expiry = sweep->expiry;
    bool is_safe;
    TRY(is_really_gone(&is_safe, expiry, label));
    if (!is_safe)
        return NULL;
    const Key prefix = key_backup_object(&expiry->generation->root, label, "");
    sweep->tidied = label;
    sweep->has_left = false;
    sweep->prefix_len = strlen(prefix.text);
    buf_clear(&sweep->keys);
    TRY(store_list(expiry->repo->store, prefix.text, (ListOpts){0}, pack_see, sweep));
    if (expiry->work->options.dry_run)
        return NULL;
    for (size_t at = 0; at < sweep->keys.len; at += strlen((const char *)sweep->keys.data + at) + 1)
        TRY(store_remove(expiry->repo->store, (const char *)sweep->keys.data + at));
    return sweep->has_left ? NULL : hold_forget(expiry->repo, &expiry->generation->root, label);
}

/* Holds of labels of which nothing is there: a removal that was broken off at its very end, or a word that met it. */
static Err *holds_tidy(Expiry *expiry)
{
    const HoldList *const holds = &expiry->stock.holds;
    for (size_t i = 0; i < holds->count && !expiry->work->options.dry_run; i++) {
        BackupLabel label = {{0}};
        if (!hold_says(&holds->holds[i], HOLD_REMOVING) && !hold_says(&holds->holds[i], HOLD_CONDEMNED))
            continue;
        memcpy(label.text, holds->holds[i].subject, sizeof label.text);
        if (!stock_find(&expiry->stock, label))
            TRY(hold_forget(expiry->repo, &expiry->generation->root, label));
    }
    return NULL;
}

Err *expire_packs(Expiry *expiry)
{
    AUTO(sweep_done) Sweep sweep = {.expiry = expiry};
    if (expiry->stock.fault) {
        report_warn(expiry->work->report, "expire/UNREADABLE",
                    "no packs are removed from the repository %s: %s", expiry->repo->name,
                    expiry->stock.fault);
        report_hint(expiry->work->report,
                    "what cannot be read may draw on anything: \"pgstrata verify\" says more");
        return NULL;
    }
    Err *err = drawn_find(&sweep);
    if (err_is_unreadable(err)) {
        report_fault(expiry->work->report,
                     err_doing(err, "no packs are removed from the repository %s", expiry->repo->name));
        return NULL;
    }
    TRY(err);
    if (expiry->stock.is_overtaken)
        return NULL; /* left to the other expiry, or to the next */
    for (size_t i = 0; i < expiry->stock.count; i++) {
        const BackupLabel label = expiry->stock.backups[i].entry.label;
        if (is_gone(expiry, i) && expire_is_meant(expiry, label))
            TRY(label_sweep(&sweep, label));
    }
    return holds_tidy(expiry);
}
