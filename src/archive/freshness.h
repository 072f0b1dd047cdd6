/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/freshness.h - how much of the cluster's work is not in the archive yet
 *
 * Compared are the end of the archived WAL and the server's position. Bytes alone say little: an idle server writes
 * checkpoints too. Where the data directory can be read, the records behind the archived end are read from pg_wal: when
 * no transaction ended in them, nothing is lost with them and the archive is fresh.
 */
#pragma once

#include "base/arena.h"
#include "cluster/options.h"
#include "repo/generation.h"

typedef enum FreshnessSource {
    FRESHNESS_UNKNOWN, /* the server cannot be reached, and its control file does not tell: `why` */
    FRESHNESS_SERVER,  /* position from the server */
    FRESHNESS_CONTROL, /* from the control file of a server that was stopped in order */
} FreshnessSource;

typedef struct Freshness {
    FreshnessSource source;
    const char *why; /* in the arena */
    Lsn current;
    uint64_t bytes; /* WAL written and not archived */
    bool is_idle;   /* no transaction ended in it */
    Instant
        oldest; /* time of the first commit that is not archived, or a bound before it; none when idle or unknown */
    int64_t age_us; /* how long it has been unsafe; 0 when fresh */
} Freshness;

typedef struct FreshnessAsk {
    const ClusterOptions *cluster;
    const Generation *generation;
    Timeline timeline; /* that the archive's end is on */
    Lsn archived_end;
    Instant archived_commit; /* the last one that is archived */
} FreshnessAsk;

/* Never fails: what cannot be reached is the outcome FRESHNESS_UNKNOWN. */
void freshness_measure(Freshness *out, const FreshnessAsk *ask, Arena *arena);
