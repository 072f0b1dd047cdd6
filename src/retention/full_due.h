/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* retention/full_due.h - does `full-every` ask for a full backup now? */
#pragma once

#include "cluster/options.h"
#include "repo/generation.h"
#include "retention/policy.h"

/* Asks the first repository, about the newest generation. Without the promise nothing is asked; a cluster that has no
 * generation yet has no full backup to be old. */
MUST Err *full_due_ask(FullDue *out, const ClusterOptions *cluster, Arena *arena);
/* The same for repositories that are open. */
MUST Err *full_due_in(FullDue *out, RepoSet *set, const ClusterOptions *cluster, Arena *arena);
