/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/repo.h"

#include "base/text.h"
#include "base/version.h"
#include "os/clock.h"
#include "os/random.h"
#include "repo/json_object.h"
#include "store/mirror.h"
#include "store/retry.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { REPOSITORY_FORMAT = 1 };

void repo_free(Repo **repo)
{
    if (!*repo)
        return;
    store_free(&(*repo)->store);
    mem_free(repo);
}

/* Does a folder of the root look like a cluster's? */
static Err *root_entry(void *arg, const ObjectEntry *entry)
{
    bool *const has_cluster = arg;
    char name[KEY_NAME_MAX + 2] = {0};
    const size_t len = strlen(entry->key);
    if (len < 2 || len >= sizeof name || entry->key[len - 1] != '/')
        return NULL;
    memcpy(name, entry->key, len - 1);
    Err *err = key_name_check("cluster", name);
    *has_cluster |= !err;
    err_free(&err);
    return NULL;
}

static Err *repository_missing(Store *store)
{
    bool has_cluster = false;
    TRY(store_list(store, "", (ListOpts){.one_level = true}, root_entry, &has_cluster));
    if (has_cluster)
        return err_hint(ERR(CORRUPT, "%s has lost its object " KEY_REPOSITORY, store->name),
                        "\"pgstrata repo repair\" writes it anew");
    return err_hint(ERR(NOT_FOUND, "%s holds no repository", store->name),
                    "if there was one, look whether the right folder is mounted; if not, \"pgstrata "
                    "setup\" makes one");
}

/* What `reader` goes on with. Consumes its fault. */
static Err *repository_object_decode(Repo *repo, JsonReader *reader, const char *name)
{
    const int64_t format = json_read_int(reader, "format", 1, INT64_MAX);
    json_read_copy(repo->id, sizeof repo->id, reader, "id");
    repo->created = json_read_instant(reader, "created");
    TRY(json_read_end(reader));
    if (format != REPOSITORY_FORMAT)
        return err_hint(
            ERR(UNSUPPORTED,
                "the repository %s was written by a newer pgstrata: format %lld; this program reads %d", name,
                (long long)format, REPOSITORY_FORMAT),
            "use a newer pgstrata for this repository");
    return NULL;
}

static Err *repository_object_read(Repo *repo)
{
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    Err *err = json_object_load(&json, &reader, repo->store, KEY_REPOSITORY, CONTAINER_REPOSITORY);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return repository_missing(repo->store);
    }
    TRY(err);
    return repository_object_decode(repo, &reader, repo->name);
}

static Repo *repo_on(const char *name, Store *store)
{
    Repo *repo = mem_new(sizeof *repo);
    assert(strlen(name) < sizeof repo->name);
    memcpy(repo->name, name, strlen(name) + 1);
    repo->store = store;
    return repo;
}

Err *repo_open_store(Repo **out, const char *name, Store *store)
{
    AUTO(store_free) Store *owned = store;
    TRY(key_name_check("repository", name));
    AUTO(repo_free) Repo *repo = repo_on(name, TAKE(owned));
    TRY_AS(repository_object_read(repo), "opening the repository %s", name);
    *out = TAKE(repo);
    return NULL;
}

static Err *refuse_any(void *arg, const ObjectEntry *entry)
{
    const Store *const store = arg;
    return err_hint(ERR(REFUSED, "%s holds \"%s\" but no repository", store->name, entry->key),
                    "Take an empty or a new folder.");
}

Err *repo_object_write(Store *store, const char *id, Instant created)
{
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_int(json, "format", REPOSITORY_FORMAT);
    json_set_text(json, "id", id);
    json_set_instant(json, "created", created);
    json_set_text(json, "program", "pgstrata " PGSTRATA_VERSION);
    AUTO(buf_done) Buf bytes = {0};
    TRY(json_object_encode(&bytes, json, KEY_REPOSITORY, CONTAINER_REPOSITORY));
    return store_put_all(store, KEY_REPOSITORY, buf_span(&bytes));
}

static Err *repository_object_make(Store *store)
{
    TRY(store_list(store, "", (ListOpts){.one_level = true}, refuse_any, store));
    UuidText id;
    TRY(random_uuid(&id));
    Err *err = repo_object_write(store, id.text, clock_now());
    if (err_is(err, ERR_EXISTS)) /* somebody else made it just now: theirs is as good */
        err_free(&err);
    return err;
}

Err *repo_init_store(Repo **out, const char *name, Store *store)
{
    AUTO(store_free) Store *owned = store;
    ObjectInfo info;
    Err *err = store_stat(&info, owned, KEY_REPOSITORY);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        err = repository_object_make(owned);
    }
    TRY_AS(err, "making the repository %s", name);
    TRY(store_settle(owned, KEY_REPOSITORY));
    return repo_open_store(out, name, TAKE(owned));
}

static Err *spec_open(Store **out, const RepoSpec *spec, const StoreOptions *options)
{
    TRY(key_name_check("repository", spec->name));
    Store *store = NULL;
    TRY_AS(store_open(&store, spec->drivers ? spec->drivers : store_drivers, options),
           "opening the repository %s", spec->name);
    *out = retry_store_new(store, spec->retry_timeout_ms);
    return NULL;
}

Repo *repo_headless(const char *name, Store *store)
{
    return repo_on(name, store);
}

Err *repo_open_headless(Repo **out, const RepoSpec *spec)
{
    Store *store = NULL;
    TRY(spec_open(&store, spec, &(StoreOptions){.url = spec->url}));
    *out = repo_on(spec->name, store);
    (*out)->retry_timeout_ms = spec->retry_timeout_ms;
    return NULL;
}

Err *repo_open(Repo **out, const RepoSpec *spec)
{
    Store *store = NULL;
    TRY(spec_open(&store, spec, &(StoreOptions){.url = spec->url}));
    TRY(repo_open_store(out, spec->name, store));
    (*out)->retry_timeout_ms = spec->retry_timeout_ms;
    return NULL;
}

Err *repo_init(Repo **out, const RepoSpec *spec)
{
    Store *store = NULL;
    TRY(spec_open(&store, spec, &(StoreOptions){.url = spec->url, .create = true}));
    TRY(repo_init_store(out, spec->name, store));
    (*out)->retry_timeout_ms = spec->retry_timeout_ms;
    return NULL;
}

RepoSet *repo_set_of(Repo *const *repos, size_t count)
{
    assert(count >= 1);
    RepoSet *set = mem_new(sizeof *set);
    set->repos = mem_new(count * sizeof(Repo *));
    set->stores = mem_new(count * sizeof(Store *));
    set->count = count;
    for (size_t i = 0; i < count; i++) {
        set->repos[i] = repos[i];
        set->stores[i] = repos[i]->store;
    }
    return set;
}

void repo_set_free(RepoSet **set)
{
    if (!*set)
        return;
    for (size_t i = 0; i < (*set)->count; i++)
        repo_free(&(*set)->repos[i]);
    mem_free(&(*set)->repos);
    mem_free(&(*set)->stores);
    mem_free(set);
}

Repo *repo_mirror(const RepoSet *set)
{
    AUTO(buf_done) Buf names = {0};
    MirrorMember *members = mem_new(set->count * sizeof *members);
    for (size_t i = 0; i < set->count; i++) {
        members[i] = (MirrorMember){set->stores[i], set->repos[i]->name};
        buf_addf(&names, "%s%s", i ? " and " : "", set->repos[i]->name);
    }
    Repo *const repo = repo_on("", mirror_store_new(members, set->count));
    (void)snprintf(repo->name, sizeof repo->name, "%s", buf_text(&names));
    mem_free(&members);
    return repo;
}

Err *repo_set_open(RepoSet **out, const RepoSpec *specs, size_t count)
{
    assert(count >= 1);
    AUTO(repo_set_free) RepoSet *set = mem_new(sizeof *set);
    set->repos = mem_new(count * sizeof(Repo *));
    set->stores = mem_new(count * sizeof(Store *));
    for (; set->count < count; set->count++) {
        TRY(repo_open(&set->repos[set->count], &specs[set->count]));
        set->stores[set->count] = set->repos[set->count]->store;
    }
    *out = TAKE(set);
    return NULL;
}

/* What to make of an object that is there already. A failed read is not "other bytes". */
static Err *existing_compare(Repo *repo, const char *key, Span bytes)
{
    AUTO(buf_done) Buf there = {0};
    Err *err = store_get_all(&there, repo->store, key, RANGE_ALL, bytes.len);
    if (err && !err_is(err, ERR_LIMIT))
        return err;
    const bool is_same = !err && span_equal(buf_span(&there), bytes);
    err_free(&err);
    if (!is_same)
        return ERR(EXISTS, "%s is in the repository %s with other content", key, repo->name);
    return store_settle(repo->store, key);
}

Err *repo_put(Repo *repo, const char *key, Span bytes)
{
    Retry retry = retry_begin(repo->retry_timeout_ms);
    for (;;) {
        Err *err = store_put_all(repo->store, key, bytes);
        if (err_is(err, ERR_EXISTS)) {
            err_free(&err);
            return existing_compare(repo, key, bytes);
        }
        if (!err)
            return NULL;
        /* The answer to a commit may have got lost: then the next try meets our own bytes. */
        TRY_AS(retry_wait(&retry, err), "storing %s in the repository %s", key, repo->name);
    }
}

Err *repo_set_put(RepoSet *set, const char *key, Span bytes)
{
    for (size_t i = 0; i < set->count; i++)
        TRY(repo_put(set->repos[i], key, bytes));
    return NULL;
}
