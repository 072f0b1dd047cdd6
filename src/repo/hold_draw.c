/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The checks of repo/hold.h for who makes a backup, in all repositories at once. */
#include "repo/hold.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* A commit takes its time, and the store's clock ticks in seconds. */
#define COMMIT_MARGIN_US (INT64_C(12) * 3600 * 1000000)

static int label_compare(const void *a, const void *b)
{
    return strcmp(((const BackupLabel *)a)->text, ((const BackupLabel *)b)->text);
}

static void labels_add(Buf *to, const HoldList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        BackupLabel label = {{0}};
        memcpy(label.text, list->holds[i].subject, sizeof label.text);
        if (list->holds[i].folder == HOLD_FATES && hold_is_condemned(list, label))
            buf_add(to, &label, sizeof label);
    }
}

Err *hold_condemned(const BackupLabel **out, size_t *count, RepoSet *set, const KeyRoot *root, Arena *arena)
{
    AUTO(buf_done) Buf labels = {0};
    for (size_t i = 0; i < set->count; i++) {
        HoldList list;
        TRY(hold_list(&list, set->repos[i], root, arena));
        labels_add(&labels, &list);
    }
    BackupLabel *const all = (BackupLabel *)(void *)labels.data;
    const size_t found = labels.len / sizeof *all;
    size_t kept = 0;
    if (found)
        qsort(all, found, sizeof *all, label_compare);
    for (size_t i = 0; i < found; i++) {
        if (!kept || !text_equal(all[kept - 1].text, all[i].text))
            all[kept++] = all[i];
    }
    *out = (const BackupLabel *)(const void *)arena_bytes(arena, span_of(all, kept * sizeof *all)).ptr;
    *count = kept;
    return NULL;
}

static Err *is_there(bool *out, Repo *repo, const KeyRoot *root, BackupLabel label)
{
    static const char *const names[] = {"begin", "backup"};
    bool is_found = false;
    for (size_t i = 0; i < COUNT_OF(names) && !is_found; i++) {
        ObjectInfo info;
        Err *err = store_stat(&info, repo->store, key_backup_object(root, label, names[i]).text);
        is_found = !err;
        if (err && !err_is(err, ERR_NOT_FOUND))
            return err;
        err_free(&err);
    }
    *out = is_found;
    return NULL;
}

/* Decisions are read before names: who removes a backup forgets the decision last. */
static Err *draw_check(Repo *repo, const KeyRoot *root, const BackupLabel *labels, size_t count)
{
    AUTO(arena_free) Arena *arena = arena_new();
    HoldList list;
    TRY(hold_list(&list, repo, root, arena));
    for (size_t i = 0; i < count; i++) {
        bool is_found;
        TRY(is_there(&is_found, repo, root, labels[i]));
        if (!is_found)
            return ERR(REFUSED, "backup %s has gone from the repository %s", labels[i].text, repo->name);
        if (hold_is_condemned(&list, labels[i]))
            return ERR(REFUSED, "backup %s is condemned in the repository %s", labels[i].text, repo->name);
    }
    return NULL;
}

Err *hold_draw_check(RepoSet *set, const KeyRoot *root, const BackupLabel *labels, size_t count)
{
    for (size_t i = 0; i < set->count; i++)
        TRY(draw_check(set->repos[i], root, labels, count));
    return NULL;
}

static Err *commit_check(Repo *repo, const KeyRoot *root, BackupLabel label)
{
    AUTO(arena_free) Arena *arena = arena_new();
    HoldList list;
    ObjectInfo begin, packs;
    TRY(hold_list(&list, repo, root, arena));
    Err *err = store_stat(&begin, repo->store, key_backup_object(root, label, "begin").text);
    if (err_is(err, ERR_NOT_FOUND) || (!err && hold_is_condemned(&list, label))) {
        err_free(&err);
        return err_hint(ERR(REFUSED, "backup %s was given up in the repository %s while it was made",
                            label.text, repo->name),
                        "run the backup again");
    }
    TRY(err);
    TRY(store_stat(&packs, repo->store, key_backup_object(root, label, "packs").text));
    const int64_t age_us = packs.modified.us - begin.modified.us;
    if (age_us <= BEGIN_YOUNG_US - COMMIT_MARGIN_US)
        return NULL;
    return err_hint(ERR(REFUSED, "backup %s has taken %s, and what it draws on is kept for %s", label.text,
                        duration_text(age_us).text, duration_text(BEGIN_YOUNG_US).text),
                    "run the backup again, with more --jobs");
}

Err *hold_commit_check(RepoSet *set, const KeyRoot *root, BackupLabel label)
{
    for (size_t i = 0; i < set->count; i++)
        TRY(commit_check(set->repos[i], root, label));
    return NULL;
}
