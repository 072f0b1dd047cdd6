/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/repo/repo_unit.h - repositories in memory for the tests of this room. Included after unit.h. */
#pragma once

#include "repo/repo.h"
#include "store/mem.h"

#include <string.h>

static inline Repo *new_repo(const char *name)
{
    Repo *repo = NULL;
    ASSERT_OK(repo_init_store(&repo, name, mem_store_new()));
    return repo;
}

static inline RepoSet *new_set(Repo **a, Repo **b)
{
    *a = new_repo("a");
    *b = new_repo("b");
    return repo_set_of((Repo *[]){*a, *b}, 2);
}

static inline Span text_span(const char *text)
{
    return span_of(text, strlen(text));
}
