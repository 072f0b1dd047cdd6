/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/gap_watch.h - a gap in the archive that was not there when this host last looked
 *
 * A gap seldom closes by itself and is told by every check and by info for as long as it lasts. The moment to act is when
 * it appears: the missing segment may still be in a pg_wal. So `check` and `backup` look for gaps that no earlier look
 * has met and say, once, what they cost and what closes them. What was met stands in STATE-DIR/gaps/<repository
 * id>/<cluster>; a host that has met none takes each for new. Gaps that no restore needs to get past are left out.
 *
 * From names, the records of backups and the indexes of edge segments; no WAL is read.
 */
#pragma once

#include "job/info.h"

/* What a gap costs: the moments between `from` and `to` along its branch. */
typedef struct GapCost {
    Lsn from_lsn;
    Instant from_time; /* of the last commit that can be reached before it; none when not known */
    const InfoBackup
        *backup; /* the first one after it, whose end can be reached again; NULL: there is none yet */
} GapCost;
GapCost gap_cost(const Info *info, const InfoGap *gap);
/* "moments after …, 0/7000000, are out of reach up to …, the end of backup …; it breaks …" */
void gap_cost_add(Buf *out, const Info *info, const InfoGap *gap);
/* What closes it, as a hint. */
const char *gap_remedy(const Info *info, const InfoGap *gap);

/* Where the gaps of a repository are remembered. */
typedef struct GapMemory {
    const char *state_dir;
    const Repo *repo;
} GapMemory;

/* The gaps of `info`, which is of that repository, that are new; remembers them. In the arena. */
MUST Err *gap_watch(const InfoGap *const **out, size_t *count, const Info *info, const GapMemory *memory,
                    Arena *arena);

/* Looks at each repository of the cluster and warns of each new gap. Never fails: one that cannot be looked at is a
 * note. */
void gap_watch_tell(const ClusterOptions *cluster, Report *report);
