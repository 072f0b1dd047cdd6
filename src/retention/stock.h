/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * retention/stock.h - what one generation of one repository holds, as far as its life and death are concerned
 *
 * Decisions are read first, names after them, content last: a backup that begins while we look was begun after every
 * decision that we know of, and finds them.
 *
 * Fail closed: what cannot be read may draw on anything. `fault` says so, and then nothing that others could need is
 * removed. Where only a line of descent cannot be read, `line_fault` does: WAL stays then, and the backups of that
 * line; packs may go.
 *
 * Ownership: everything lives in the arena given to stock_take().
 */
#pragma once

#include "archive/lineage.h"
#include "cluster/report.h"
#include "repo/backup_set.h"
#include "repo/hold_wal.h"
#include "repo/wal_archive.h"
#include "retention/policy.h"

typedef struct StockBackup {
    BackupEntry entry;
    BackupRecord record; /* of a committed one that is_readable */
    BackupBegin begin;   /* of one that is not committed, with `begin`, and is_readable */
    bool is_readable;
    bool
        is_placed; /* committed ones: it is known which branch they are of. Else nothing of what follows is */
    bool is_on_production;
    bool is_good;           /* its WAL is there */
    WalName missing;        /* unless it is good; without bytes when it is on no known branch */
    bool is_given_up;       /* by hand, or its timeline was, and it is on no other branch */
    const Hold *pin, *fate; /* NULL: nothing was decided */
} StockBackup;

typedef struct Stock {
    Repo *repo;
    const Generation *generation;
    HoldList holds;
    StockBackup *backups; /* by label */
    size_t count;
    WalArchive archive;
    Lineage production; /* without parts when no timeline is rightful */
    /* The lines of all other timelines of which anything is known and that were not given up; of an ancestor of
     * production, that is what it went on to write. */
    const Lineage *others;
    size_t other_count;
    const char *line_fault; /* which line of descent cannot be read; NULL: all can. Of it any WAL may be */
    bool
        is_overtaken; /* something that had been listed was removed before it was read: what it drew on is not known */
    const char *fault; /* why not all is known of what is drawn on; NULL: it is */
} Stock;

/* As if `imagined` had been decided as well, each the latest about its subject. */
MUST Err *stock_take(Stock *out, Repo *repo, const Generation *generation, const HoldList *imagined,
                     Arena *arena);

/* The question for the policy: the readable committed ones among stock->backups; `places` says which. */
typedef struct StockAsk {
    PolicyAsk ask;
    const size_t *places; /* of each in stock->backups */
} StockAsk;
StockAsk stock_ask(const Stock *stock, const Promises *promises, Instant now, Arena *arena);

/* Do other lines lead on from the backup? Sets the `at`-th one for `at` = 0, 1, … until there is none. */
bool stock_line_of(const Lineage **out, const Stock *stock, const BackupRecord *record, size_t at);
const StockBackup *stock_find(const Stock *stock, BackupLabel label); /* NULL when there is none */
/* Of an expired backup packs are left, because others draw on them. */
bool stock_is_remains(const StockBackup *backup);
