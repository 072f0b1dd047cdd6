/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * retention/expire_priv.h - the steps of an expiry, in their order
 *
 *   expire_clock    what time is it
 *   expire_look     list and judge
 *   expire_decide   reprieve, condemn, and say what is being removed now
 *   expire_look     once more: whoever began to draw on it before that was said is seen now
 *   expire_remove   the commits and whatever makes them backups
 *   expire_look     what is left: packs are kept by what is there now
 *   expire_packs, expire_wal
 *
 * Each is harmless by itself, whatever others do in between. Nothing but a look follows a look in a dry run.
 */
#pragma once

#include "retention/expire.h"
#include "retention/stock.h"

typedef enum Verdict {
    VERDICT_STAYS,
    VERDICT_GOES,
    VERDICT_RUNNING, /* not committed, and begun not long ago */
    VERDICT_REMAINS, /* packs without a backup */
} Verdict;

typedef struct Judgement {
    Verdict verdict;
    unsigned reasons;  /* of one that stays */
    bool is_for_other; /* it stays because another host wanted it, which may have other promises */
    const char *why;
} Judgement;

/* One generation of one repository. */
typedef struct Expiry {
    const ExpireWork *work;
    Repo *repo;
    const Generation *generation;
    Arena *arena;
    const char *host; /* for the decisions */

    uint32_t today; /* the newest generation of the cluster */

    Instant store_now;
    Instant now; /* the earlier one of two clocks: nothing is old unless both say so */

    Hold imagined[2]; /* in a dry run: what would be said by hand, about a backup and about a timeline */
    size_t imagined_count;

    Stock stock;
    const Judgement *judgements; /* of stock.backups */
    Policy policy;

    Buf *backups; /* of ExpireBackup: the result's */
    Buf *objects; /* of ExpireObject */
    ExpireResult *sums;
} Expiry;

MUST Err *expire_clock(Expiry *expiry);
MUST Err *expire_look(Expiry *expiry);
/* Does nothing in a dry run. */
MUST Err *expire_decide(Expiry *expiry);
/* Is anything said to be removed now, or to be taken back? */
bool expire_has_work(const Expiry *expiry);
MUST Err *expire_remove(Expiry *expiry);
MUST Err *expire_packs(Expiry *expiry);
MUST Err *expire_wal(Expiry *expiry);

/* Is the backup removed by this run, or would it be but for the dry run? */
bool expire_is_due(const Expiry *expiry, size_t at);
/* Is this one asked about? */
bool expire_is_meant(const Expiry *expiry, BackupLabel label);
/* What becomes of an object, for the sums and the list. */
void expire_note(Expiry *expiry, const ObjectEntry *object, ExpireObjectState state, const char *why);
void expire_rows_add(Expiry *expiry);
/* Is nothing left of any backup that was made or begun there? */
bool expire_has_no_backup(const Expiry *expiry);

/* A word about a subject. That somebody else had one first is no error: the next look shows it. A dry run only imagines
 * it, for the looks that follow. */
MUST Err *expire_say(Expiry *expiry, const Hold *hold);
