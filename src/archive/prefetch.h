/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/prefetch.h - fetches segments before a recovering server asks for them
 *
 * Only whole, checked segments that are there are kept, under a name that carries their hash: never absences, tails or
 * partials. What is handed out is hashed again.
 */
#pragma once

#include "archive/wal_answer.h"

typedef struct Prefetch {
    const char *spool;
    Hash128 origin; /* of cluster, generation and repositories: what lies there from others is not ours */
    int jobs;
} Prefetch;

/* Fetches what follows `name`, when nothing is there yet. Never fails. */
void prefetch_run(const Prefetch *prefetch, const WalQuestion *question, WalName name);

/* Moves the segment to `to_path` when it was fetched ahead and is sound; false when not. */
bool prefetch_take(const Prefetch *prefetch, WalName name, const char *to_path);
