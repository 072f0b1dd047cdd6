/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "retention/pin.h"

#include "base/text.h"
#include "cluster/cluster.h"

/* So many others may decide about the same backup under our eyes. */
enum { PIN_TRIES_MAX = 10 };

typedef struct Pinning {
    const PinAsk *ask;
    BackupLabel label;
    HostName host;
    Repo *repo;
    const KeyRoot *root;
    size_t found; /* places that have the backup */
} Pinning;

static Err *commit_look(bool *is_there, const Pinning *pinning)
{
    ObjectInfo info;
    const Key key = key_backup_object(pinning->root, pinning->label, "backup");
    Err *err = store_stat(&info, pinning->repo->store, key.text);
    if (err && !err_is(err, ERR_NOT_FOUND))
        return err;
    *is_there = !err;
    err_free(&err);
    return NULL;
}

static Err *too_late(const Pinning *pinning)
{
    return err_hint(ERR(REFUSED, "backup %s is being removed from the repository %s at this moment",
                        pinning->label.text, pinning->repo->name),
                    "pin another one");
}

static bool is_said(const Pinning *pinning, const Hold *pin)
{
    const char *const note = pinning->ask->note;
    if (pinning->ask->word == HOLD_UNPINNED)
        return !pin || hold_says(pin, HOLD_UNPINNED);
    return hold_says(pin, HOLD_PINNED) && (!note || text_equal(note, pin->note));
}

static Err *word_write(bool *is_done, const Pinning *pinning, HoldFolder folder, HoldWord word,
                       const Hold *before)
{
    Hold hold = hold_next(folder, pinning->label.text, word, before);
    hold.by = HOLD_BY_HAND;
    hold.host = pinning->host.text;
    if (folder == HOLD_PINS && pinning->ask->note)
        hold.note = pinning->ask->note;
    Err *err = hold_write(pinning->repo, pinning->root, &hold);
    *is_done = !err;
    if (err_is(err, ERR_EXISTS))
        err_free(&err);
    return err;
}

static Err *pin_try(bool *is_done, const Pinning *pinning, Arena *arena)
{
    HoldList list;
    TRY(hold_list(&list, pinning->repo, pinning->root, arena));
    const Hold *const pin = hold_find(&list, HOLD_PINS, pinning->label.text);
    if (pinning->ask->word == HOLD_PINNED && hold_is_removing(&list, pinning->label))
        return too_late(pinning);
    *is_done = is_said(pinning, pin);
    return *is_done ? NULL : word_write(is_done, pinning, HOLD_PINS, pinning->ask->word, pin);
}

/* A condemnation ends at once, not with the next expiry: then the backup serves as a parent again. Whoever has decided
 * meanwhile may have begun to remove it: what he said is read. */
static Err *prove_try(bool *is_done, const Pinning *pinning, Arena *arena)
{
    HoldList list;
    bool is_there;
    TRY(hold_list(&list, pinning->repo, pinning->root, arena));
    TRY(commit_look(&is_there, pinning));
    if (!is_there || hold_is_removing(&list, pinning->label))
        return too_late(pinning);
    const Hold *const fate = hold_find(&list, HOLD_FATES, pinning->label.text);
    *is_done = !hold_says(fate, HOLD_CONDEMNED);
    return *is_done ? NULL : word_write(is_done, pinning, HOLD_FATES, HOLD_REPRIEVED, fate);
}

typedef Err *TryFn(bool *is_done, const Pinning *pinning, Arena *arena);

static Err *try_often(const Pinning *pinning, TryFn *try)
{
    AUTO(arena_free) Arena *arena = arena_new();
    bool is_done = false;
    for (int i = 0; i < PIN_TRIES_MAX && !is_done; i++)
        TRY(try(&is_done, pinning, arena));
    return is_done ? NULL
                   : ERR(BUSY, "others decide about backup %s in the repository %s again and again",
                         pinning->label.text, pinning->repo->name);
}

static Err *pin_here(Pinning *pinning)
{
    bool is_there;
    TRY(commit_look(&is_there, pinning));
    if (!is_there)
        return NULL;
    pinning->found++;
    TRY(try_often(pinning, pin_try));
    return pinning->ask->word == HOLD_PINNED ? try_often(pinning, prove_try) : NULL;
}

Err *pin_say_in(RepoSet *set, const PinAsk *ask)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Pinning pinning = {.ask = ask, .host = cluster_host_name()};
    TRY(label_parse(&pinning.label, ask->label));
    for (size_t i = 0; i < set->count; i++) {
        const Generation *list;
        size_t count;
        TRY(generation_list(&list, &count, set->repos[i], ask->cluster->name, arena));
        pinning.repo = set->repos[i];
        for (size_t j = 0; j < count; j++) {
            pinning.root = &list[j].root;
            TRY(pin_here(&pinning));
        }
    }
    if (pinning.found)
        return NULL;
    return err_hint(ERR(NOT_FOUND, "cluster %s has no backup %s", ask->cluster->name, ask->label),
                    "\"pgstrata info\" lists the backups");
}

Err *pin_say(const PinAsk *ask)
{
    AUTO(repo_set_free) RepoSet *set = NULL;
    TRY(cluster_repos_open(&set, ask->cluster));
    return pin_say_in(set, ask);
}
