/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/wal_changes.h - which blocks a stretch of WAL changed
 *
 * The map behind incremental backups. Per relation it holds the changed blocks of the main fork and a *limit*: the
 * shortest length the fork had on the way. What lay at the limit or behind it before the stretch is gone, even where the
 * file is as long as before; blocks marked behind the limit were written after it was cut there. A relation stands in
 * the map as soon as any of its forks was touched: visibility map and free space map are never tracked by block, because
 * heap records clear bits of the visibility map without naming its page. CREATE and DROP DATABASE change a whole
 * database at once.
 *
 * The same type holds one segment and, by wal_changes_join(), any number of them in a row. Marking too much costs time,
 * never correctness, so a range may begin or end inside a segment.
 *
 * What the records mean is in src/backend/postmaster/walsummarizer.c (17 and later) and src/bin/pg_rewind/parsexlog.c;
 * the same rules read the WAL of 13 to 16. A record that says it changes files in a way we do not know, or that cannot
 * be read, makes the whole map untrustworthy: wal_changes_fault() then says why, and nothing may be left out.
 *
 * Memory: WAL_CHANGES_BYTES_MAX for blocks; above it the relation that takes most becomes whole (limit 0). Above
 * WAL_CHANGES_RELATIONS_MAX relations the map gives up as if a record had been unreadable.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/number_set.h"
#include "pg/wal_reader.h"
#include "pg/wal_touch.h"
#include "pg/xact.h"

#define WAL_NO_LIMIT UINT32_MAX
#define WAL_NO_BLOCK UINT32_MAX

/* Sessions add to a few blocks in turn, many times each. */
enum { WAL_CHANGE_LATEST = 4 };

typedef struct WalChange {
    RelFile file;
    uint32_t limit;                     /* in blocks, or WAL_NO_LIMIT */
    uint32_t latest[WAL_CHANGE_LATEST]; /* blocks marked last, by their low bits; or none */
    NumberSet blocks;
} WalChange;

/* All files of one database in one tablespace. */
typedef struct WalDatabase {
    Oid tablespace, database;
} WalDatabase;

typedef struct WalChanges WalChanges;

MUST WalChanges *wal_changes_new(void);
void wal_changes_free(WalChanges **changes);

/* Takes what `record`, which began at `start`, changed; `end` is what it says of a transaction's end, or NULL. Records must
 * come in LSN order. */
void wal_changes_record(WalChanges *changes, const PgVersion *version, Lsn start, const WalRecord *record,
                        const XactEnd *end);

/* True when the blocks it names are all that matters of such a record. */
static inline bool wal_changes_is_plain(const WalRecordHead *head)
{
    enum { OTHERS = 1 << WAL_XACT | 1 << WAL_SMGR | 1 << WAL_DBASE };
    return !wal_manager_is_in(head->manager, OTHERS) && !(head->info & WAL_RECORD_SPECIAL);
}
/* Takes what such a record changed. */
void wal_changes_plain(WalChanges *changes, WalTouch touch);

/* What a record says, for whoever has it in another form. */
void wal_changes_touch(WalChanges *changes, RelFile file);
void wal_changes_mark(WalChanges *changes, RelFile file, NumberRun run);
void wal_changes_limit(WalChanges *changes, RelFile file, uint32_t blocks);
void wal_changes_database(WalChanges *changes, WalDatabase database);
/* From here on the map cannot be trusted; the first reason is kept. */
void wal_changes_give_up(WalChanges *changes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds what came right behind the stretch that `changes` holds. */
void wal_changes_join(WalChanges *changes, const WalChanges *later);

/* Why the map cannot be trusted; NULL when it can. */
const char *wal_changes_fault(const WalChanges *changes);
/* NULL when nothing of the relation was touched. Borrowed until the next change of the map. */
const WalChange *wal_changes_find(const WalChanges *changes, RelFile file);
bool wal_changes_has_database(const WalChanges *changes, WalDatabase database);

/* wal_changes_at() gives relations by tablespace, database, number from now on, until the next new relation. */
void wal_changes_sort(WalChanges *changes);
size_t wal_changes_count(const WalChanges *changes);
const WalChange *wal_changes_at(const WalChanges *changes, size_t index);
const WalDatabase *wal_changes_databases(const WalChanges *changes, size_t *out_count);
