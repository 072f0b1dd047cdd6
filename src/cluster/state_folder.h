/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cluster/state_folder.h - where this host keeps what it remembers of a repository: STATE-DIR/<what>/<repository id> */
#pragma once

#include "base/arena.h"
#include "repo/repo.h"

/* In the arena; nothing is made. REFUSED when the repository's id, which comes from outside, cannot be a folder's
 * name. */
MUST Err *state_folder_of(const char **out, const char *state_dir, const char *what, const Repo *repo,
                          Arena *arena);
