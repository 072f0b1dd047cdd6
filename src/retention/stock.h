/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * retention/stock.h - what one generation of one repository holds, as far as its life and death are concerned
 *
 * Decisions are read first, names after them, content last: a backup that begins while we look was begun after every
 * decision that we know of, and finds them.
 *
 * Fail closed: what cannot be read may draw on anything. `fault` says so, and then nothing that others could need is removed.
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
    bool is_on_production;  /* committed ones */
    bool is_good;           /* its WAL is there */
    WalName missing;        /* unless it is good; without bytes when it is on no known branch */
    bool is_given_up;       /* by hand, or its timeline was, and it is not on the production branch */
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

const StockBackup *stock_find(const Stock *stock, BackupLabel label); /* NULL when there is none */
/* Of an expired backup packs are left, because others draw on them. */
bool stock_is_remains(const StockBackup *backup);
