/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/hold.h - what was decided about single backups and timelines: pins, condemnations, timelines given up
 *
 * Objects are written once, so a decision is never changed but followed by the next one: each subject has a row of them,
 * numbered from 1 on, and the highest number counts. Two who decide at the same time meet at the number: one gets EXISTS,
 * looks again and decides anew.
 *
 * Removal without locks. A backup is condemned first, removed a grace later, and right before that the word REMOVE is
 * written and everything is listed once more. Whoever wants to draw on a backup (as its parent, or on the packs of an
 * interrupted one) does it crosswise: first `begin` with may_draw_on, then hold_draw_check(). Each writes before it
 * reads, so at least one sees the other:
 *
 *   1. choose among what hold_condemned() does not list;
 *   2. write `begin`, with every label in may_draw_on whose packs may be used: those in the parent's list of packs too;
 *   3. hold_draw_check() of the parent (and of the interrupted backups): REFUSED means choose anew;
 *   4. before the commit hold_commit_check(): was the backup too slow?
 *
 * From 3 on a later condemnation of the parent does no harm: packs stay for as long as a `begin` names their label.
 *
 * Invariants
 *   1. A decision that cannot be read counts both as a pin (nothing is removed) and as a condemnation (nobody draws on
 *      it).
 *   2. `stored` is the store's time; what a writer believes of the time is for people only.
 *
 * Format: repo/FORMAT.md, "Holds".
 */
#pragma once

#include "repo/generation.h"

/* A backup that has not been committed so long after its `begin` was stored has failed: it may be condemned, and must not
 * commit any more. The store's time. */
#define BEGIN_YOUNG_US (INT64_C(7) * 24 * 3600 * 1000000)

typedef enum HoldFolder { HOLD_PINS, HOLD_FATES, HOLD_TIMELINES, HOLD_FOLDER_COUNT } HoldFolder;

typedef enum HoldWord {
    HOLD_PINNED, /* HOLD_PINS: kept whatever the promises say */
    HOLD_UNPINNED,
    HOLD_CONDEMNED, /* HOLD_FATES: will be removed when the grace is over */
    HOLD_REPRIEVED,
    HOLD_REMOVING, /* is being removed: a reader must not begin with it any more */
    HOLD_GIVEN_UP, /* HOLD_TIMELINES: what only this timeline needs may go */
} HoldWord;

typedef enum HoldBy { HOLD_BY_RULE, HOLD_BY_HAND, HOLD_BY_FORCE } HoldBy;

/* The decision about a subject that counts. */
typedef struct Hold {
    HoldFolder folder;
    char subject[LABEL_CHARS + 1]; /* a backup's label, or eight hexadecimal digits of a timeline */
    uint32_t number;               /* from 1 */
    HoldWord word;
    HoldBy by;
    Instant created;
    const char *host;
    const char *note;  /* of a person, or why; "" for none */
    Instant stored;    /* not written: the store tells */
    const char *fault; /* why it cannot be read; NULL: it can. Then `word` and what follows mean nothing */
} Hold;

/* A record of which WAL was wanted, by name: repo/hold_wal.h reads it. */
typedef struct HoldWalEntry {
    uint32_t number;
    Instant stored;
} HoldWalEntry;

typedef struct HoldList {
    const Hold *holds; /* by folder and subject */
    size_t count;
    const HoldWalEntry *wal; /* by number */
    size_t wal_count;
} HoldList;

const char *hold_folder_name(HoldFolder folder); /* "pin", "fate", "timeline" */
const char *hold_word_name(HoldWord word);

/* One listing, and one small object for each subject. What cannot be read is in the list, with its fault; errors only
 * where the store did not answer. */
MUST Err *hold_list(HoldList *out, Repo *repo, const KeyRoot *root, Arena *arena);
/* NULL when nothing was decided. */
const Hold *hold_find(const HoldList *list, HoldFolder folder, const char *subject);
bool hold_is_pinned(const HoldList *list, BackupLabel label);
/* Condemned or being removed. */
bool hold_is_condemned(const HoldList *list, BackupLabel label);
bool hold_is_removing(const HoldList *list, BackupLabel label);
bool hold_is_given_up(const HoldList *list, Timeline timeline);
/* Does it count as this word? */
bool hold_says(const Hold *hold, HoldWord word);

/* A decision that follows `before` (NULL: the first one) about the same subject. */
Hold hold_next(HoldFolder folder, const char *subject, HoldWord word, const Hold *before);
/* EXISTS: somebody else has decided since the list was made. */
MUST Err *hold_write(Repo *repo, const KeyRoot *root, const Hold *hold);
/* Removes all that was ever decided about a backup of which nothing is left. */
MUST Err *hold_forget(Repo *repo, const KeyRoot *root, BackupLabel label);

/* Says for good that a backup was removed on purpose, so that the host that made it does not miss it; written before its
 * commit is removed. */
MUST Err *hold_gone_write(Repo *repo, const KeyRoot *root, BackupLabel label);
MUST Err *hold_is_gone(bool *out, Repo *repo, const KeyRoot *root, BackupLabel label);

/* What time it is for the store: of an object that is written and removed again. One that a crash leaves is removed by
 * the next hold_clock_read(). */
MUST Err *hold_clock_read(Instant *out, Repo *repo, const KeyRoot *root);

/* -- hold_draw.c: for who makes a backup ------------------------------------------------------------------------- */

/* The labels that are condemned in any of the repositories, by name. */
MUST Err *hold_condemned(const BackupLabel **out, size_t *count, RepoSet *set, const KeyRoot *root,
                         Arena *arena);
/* May these be drawn on, now that `begin` says so? REFUSED: one is condemned or gone in one of the repositories. */
MUST Err *hold_draw_check(RepoSet *set, const KeyRoot *root, const BackupLabel *labels, size_t count);
/* May the backup still be committed, its list of packs being written? REFUSED: it was begun so long ago, by the store's
 * time, that what it draws on may be gone; or it was condemned itself. */
MUST Err *hold_commit_check(RepoSet *set, const KeyRoot *root, BackupLabel label);
