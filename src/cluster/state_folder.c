/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/state_folder.h"

#include <string.h>

Err *state_folder_of(const char **out, const char *state_dir, const char *what, const Repo *repo,
                     Arena *arena)
{
    if (!repo->id[0] || repo->id[strspn(repo->id, "0123456789abcdef-")])
        return ERR(REFUSED, "the repository %s has the id \"%s\", which is no UUID", repo->name, repo->id);
    *out = arena_textf(arena, "%s/%s/%s", state_dir, what, repo->id);
    return NULL;
}
