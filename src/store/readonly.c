/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/readonly.h"

typedef struct ReadonlyStore {
    Store base;
    Store *next;
} ReadonlyStore;

static Store *next_of(Store *store)
{
    return ((ReadonlyStore *)store)->next;
}

static Err *readonly_get(Store *store, const char *key, Range range, Sink *to)
{
    return store_get(next_of(store), key, range, to);
}

static Err *readonly_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    (void)out;
    (void)opts;
    return ERR(REFUSED, "storing object %s: %s is open for reading only", key, store->name);
}

static Err *readonly_stat(ObjectInfo *out, Store *store, const char *key)
{
    return store_stat(out, next_of(store), key);
}

static Err *readonly_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    return store_list(next_of(store), prefix, opts, each, arg);
}

static Err *readonly_remove(Store *store, const char *key)
{
    return ERR(REFUSED, "removing object %s: %s is open for reading only", key, store->name);
}

static Err *readonly_settle(Store *store, const char *key)
{
    return ERR(REFUSED, "settling object %s: %s is open for reading only", key, store->name);
}

static Err *readonly_leftovers(StoreLeftovers *out, Store *store)
{
    return store_leftovers(out, ((ReadonlyStore *)store)->next);
}

static void readonly_free(Store *store)
{
    ReadonlyStore *self = (ReadonlyStore *)store;
    store_free(&self->next);
    mem_free(&self);
}

Store *readonly_store_new(Store *next)
{
    static const StoreOps ops = {
        .scheme = "readonly",
        .get = readonly_get,
        .put = readonly_put,
        .stat = readonly_stat,
        .list = readonly_list,
        .remove = readonly_remove,
        .settle = readonly_settle,
        .leftovers = readonly_leftovers,
        .free = readonly_free,
    };
    ReadonlyStore *const self = mem_new(sizeof *self);
    self->base = (Store){.ops = &ops, .caps = next->caps, .name = next->name};
    self->next = next;
    return &self->base;
}
