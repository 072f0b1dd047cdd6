/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/generation.h - one life of a cluster name
 *
 * The object "<cluster>/g<n>/cluster" binds a generation to a system id, a major version and the sizes that cannot
 * change during a life. initdb, pg_upgrade and pg_resetwal begin the next one: names of WAL segments start again and
 * must not meet the old ones. A generation has the same number in every repository of a set.
 *
 * Format: repo/FORMAT.md, "The cluster object".
 */
#pragma once

#include "base/arena.h"
#include "base/ids.h"
#include "repo/repo.h"

typedef struct Generation {
    KeyRoot root; /* cluster name and number */
    SystemId system_id;
    unsigned major; /* 13..18 */
    uint32_t catalog_version;
    uint32_t segment_bytes;           /* WAL segment: 1 MiB .. 1 GiB */
    uint32_t block_bytes;             /* PAGE_BYTES */
    uint32_t relation_segment_blocks; /* 131072 */
    bool has_checksums;               /* when the generation began; pg_control knows today's state */
    Instant created;
} Generation;

/* One generation by its number. NOT_FOUND, CORRUPT, UNSUPPORTED. */
MUST Err *generation_load(Generation *out, Repo *repo, const KeyRoot *root);

/* All generations of `cluster` in one repository, by number. `*out` lives in the arena. None is a count of zero. */
MUST Err *generation_list(const Generation **out, size_t *count, Repo *repo, const char *cluster,
                          Arena *arena);

/* The one with this system id, in the first repository that has it. NOT_FOUND (its detail lists the system ids that are
 * there) only when every repository answered. */
MUST Err *generation_find(Generation *out, RepoSet *set, const char *cluster, SystemId system_id);
/* The newest. NOT_FOUND when the cluster is unknown to every repository. */
MUST Err *generation_latest(Generation *out, RepoSet *set, const char *cluster);

/* Makes sure that every repository has a generation for the system id of `wanted`: finds it, or creates it (`wanted`'s
 * number and creation time are chosen here), and copies it to those that lack it. Of two creators one wins; the other
 * finds the winner's. REFUSED: the same system id is there with other facts, or the repositories have different
 * generations under the number. */
MUST Err *generation_create(Generation *out, RepoSet *set, const Generation *wanted);
