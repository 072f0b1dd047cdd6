/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/proof.h - proves that what the server writes arrives
 *
 * The real path, not a likeness of it: the server is made to finish a segment, its archiver archives it with its own
 * user and environment, and we look for that very segment in every repository. Nothing else is proof: counters of the
 * server say "archived" also with archive_command = '/bin/true'.
 */
#pragma once

#include "db/server.h"
#include "db/settings.h"
#include "cluster/options.h"

typedef struct Proof {
    SegmentText segment;
    int64_t waited_us;
    Instant asked;  /* when the server was made to finish the segment */
    Instant stored; /* by the clock of the last repository */
} Proof;

/* Waits up to cluster->archive_timeout_ms. As the server's user: when the segment does not come, archive_command is run
 * by hand on the file that waits longest, to say why. IO: it did not come. */
MUST Err *proof_run(Proof *out, Connection *connection, const ClusterOptions *cluster);

/* The file that the archiver will try first, "" when none waits, and how many wait. */
MUST Err *proof_first_waiting(const char **out, size_t *out_count, const char *data_directory, Arena *arena);
