/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_base.h - the backup that this one builds on, and what changed since
 *
 * A parent is committed in every repository, of the same line of descent as the server's timeline, and was consistent
 * before this backup starts; all packs it draws on are in every repository. Of those the one that goes furthest is
 * taken: the newest full backup for type diff, the newest of any type for type incr. There is none after a first setup,
 * after a restore to before the oldest backup, when the last ones are damaged or condemned.
 *
 * The WAL between the starts of both says which blocks changed. Where it cannot (a gap, wal_level minimal, page
 * checksums switched on in between), `reason` says why, and every block is read and compared.
 *
 * Ownership: a Base borrows the repositories; all it gives out lives as long as it does.
 */
#pragma once

#include "archive/lineage.h"
#include "backup/backup_priv.h"
#include "backup/backup_rewrite.h"
#include "pg/wal_changes.h"
#include "repo/page_hashes.h"

struct Base {
    BackupRecord record; /* of the parent */
    PackUses packs;      /* it draws on these */
    Repo *repo;          /* every object from the first repository that has a good copy */
    WalChanges *changes; /* NULL: unknown, compare */
    const char *reason;  /* then: why */
    PageHashes *hashes;  /* of what its packs hold */
    PackSet rewrite;     /* packs of these that this backup does not draw on any more */
};

/* Finds the parent for a backup of the wanted type; NULL when there is none, and then `*why` says why (in the backup's
 * arena). backup->record says where this backup starts. AWAY. */
MUST Err *base_find(Base **out, const char **why, Backup *backup, BackupType type);
void base_free(Base **base);
/* What changed in [range->from, start of this backup), or, where nobody can tell, NULL and why (in the backup's arena).
 * AWAY. */
typedef struct BaseRange {
    Repo *repo;
    const Lineage *lineage; /* that ends in this backup's timeline */
    Lsn from;
} BaseRange;
MUST Err *base_changes_read(WalChanges **out, const char **why, Backup *backup, const BaseRange *range);
/* All labels that a backup on top of it may draw on, in ascending order; in the arena. */
const BackupLabel *base_labels(size_t *count, const Base *base, Arena *arena);
