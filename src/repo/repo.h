/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/repo.h - one repository, and the set of repositories a cluster uses
 *
 * A Repo is a Store whose root holds the object "pgstrata" (repository id, format, creation time). Opening reads that
 * object: a folder without it is no repository (one that has clusters was, and lost it), an unknown format is UNSUPPORTED, a
 * store that does not answer is AWAY. Only repo_init() makes one.
 *
 * A RepoSet writes to all its members and reads from the first that has a good copy. All are required: a write is done
 * when it is durable in every one.
 *
 * Ownership: a Repo owns its Store; a RepoSet owns its Repos. Threads: as the Store.
 * Format:    repo/FORMAT.md, "The repository object".
 */
#pragma once

#include "repo/keys.h"
#include "store/store.h"

#define REPO_NAME_BYTES 256

typedef struct Repo {
    char name[REPO_NAME_BYTES]; /* as configured; of a mirror "a and b", as far as there is room */
    char id[37];                /* UUID */
    Instant created;
    Store *store;
    int64_t retry_timeout_ms;
} Repo;

typedef struct RepoSet {
    Repo **repos;
    Store **stores; /* of the members, in order, for store/fan.h; borrowed from them */
    size_t count;   /* at least 1 */
} RepoSet;

typedef struct RepoSpec {
    const char *name;
    const char *url;
    int64_t retry_timeout_ms;
    const StoreDriver *const *drivers; /* NULL: store_drivers */
} RepoSpec;

/* AWAY, DENIED; NOT_FOUND: the store is there but holds no repository; CORRUPT: it does, and its object is damaged or lost;
 * UNSUPPORTED: another format. */
MUST Err *repo_open(Repo **out, const RepoSpec *spec);
/* Creates the store's root and the repository object; one that is there already is opened and left as it is. REFUSED:
 * the store holds other things and no repository. */
MUST Err *repo_init(Repo **out, const RepoSpec *spec);
/* The same on a store that was opened before; takes it over, also on failure. */
MUST Err *repo_open_store(Repo **out, const char *name, Store *store);
MUST Err *repo_init_store(Repo **out, const char *name, Store *store);
void repo_free(Repo **repo);

/* A repository whose own object is lost or damaged, for who puts it right: it has no id, and nothing says that it is one. */
MUST Err *repo_open_headless(Repo **out, const RepoSpec *spec);
/* Takes over the store. */
Repo *repo_headless(const char *name, Store *store);
/* Writes the repository object, which is not there. EXISTS. */
MUST Err *repo_object_write(Store *store, const char *id, Instant created);

MUST Err *repo_set_open(RepoSet **out, const RepoSpec *specs, size_t count);
/* Of repositories opened before; takes them over. */
MUST RepoSet *repo_set_of(Repo *const *repos, size_t count);
void repo_set_free(RepoSet **set);
/* All members read as one (store/mirror.h), for reading only: the first good copy of each object wins, and
 * mirror_fault_take() of its store tells of the others. Borrows the set. It has no id. */
MUST Repo *repo_mirror(const RepoSet *set);

/* Stores an object, patient with what is away. One that is there with the same bytes counts as done and is settled;
 * with other bytes it is EXISTS. */
MUST Err *repo_put(Repo *repo, const char *key, Span bytes);
/* The same bytes into every member, in order. */
MUST Err *repo_set_put(RepoSet *set, const char *key, Span bytes);
