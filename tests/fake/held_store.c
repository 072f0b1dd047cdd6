/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "fake/held_store.h"

#include "base/text.h"
#include "store/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_MAX = 4 };

static struct Held {
    char *name;
    Store *store;
} held[HELD_MAX];

Store *held_store(const char *name)
{
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (!held[i].name)
            held[i] = (struct Held){mem_text(name), faulty_store_new(mem_store_new())};
        if (text_equal(held[i].name, name))
            return held[i].store;
    }
    abort();
}

void held_stores_done(void)
{
    for (size_t i = 0; i < HELD_MAX; i++) {
        mem_free(&held[i].name);
        store_free(&held[i].store);
    }
}

/* ---- what a job gets: all but the end */

typedef struct LentStore {
    Store base;
    Store *owned;
} LentStore;

static Store *owned_by(Store *store)
{
    return ((LentStore *)store)->owned;
}

static Err *lent_get(Store *store, const char *key, Range range, Sink *to)
{
    return store_get(owned_by(store), key, range, to);
}

static Err *lent_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    return store_put(out, owned_by(store), key, opts);
}

static Err *lent_stat(ObjectInfo *out, Store *store, const char *key)
{
    return store_stat(out, owned_by(store), key);
}

static Err *lent_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    return store_list(owned_by(store), prefix, opts, each, arg);
}

static Err *lent_remove(Store *store, const char *key)
{
    return store_remove(owned_by(store), key);
}

static Err *lent_settle(Store *store, const char *key)
{
    return store_settle(owned_by(store), key);
}

static Err *lent_leftovers(StoreLeftovers *out, Store *store)
{
    return store_leftovers(out, owned_by(store));
}

static void lent_free(Store *store)
{
    mem_free(&store);
}

static Err *held_open(Store **out, const StoreOptions *options)
{
    static const StoreOps ops = {.scheme = "held",
                                 .get = lent_get,
                                 .put = lent_put,
                                 .stat = lent_stat,
                                 .list = lent_list,
                                 .remove = lent_remove,
                                 .settle = lent_settle,
                                 .leftovers = lent_leftovers,
                                 .free = lent_free};
    Store *const owned = held_store(strstr(options->url, "://") + 3);
    LentStore *const lent = mem_new(sizeof *lent);
    *lent = (LentStore){{.ops = &ops, .caps = owned->caps, .name = owned->name}, owned};
    *out = &lent->base;
    return NULL;
}

static const StoreDriver held_driver = {"held", held_open};
const StoreDriver *const held_drivers[] = {&held_driver, NULL};

/* ---- there and back */

static void must(Err *err)
{
    if (err)
        abort();
}

static Err *key_keep(void *arg, const ObjectEntry *entry)
{
    buf_add(arg, entry->key, strlen(entry->key) + 1);
    return NULL;
}

void held_remember(HeldState *out, Store *store)
{
    faulty_plan(store, (FaultyPlan){.nth = 0});
    *out = (HeldState){.keys = {0}};
    must(store_list(store, "", (ListOpts){0}, key_keep, &out->keys));
}

/* Both lists are sorted. */
void held_go_back(const HeldState *state, Store *store)
{
    AUTO(held_state_done) HeldState now;
    held_remember(&now, store);
    const char *was = buf_text(&state->keys), *const was_end = was + state->keys.len;
    const char *const end = buf_text(&now.keys) + now.keys.len;
    for (const char *is = buf_text(&now.keys); is < end; is += strlen(is) + 1) {
        while (was < was_end && strcmp(was, is) < 0)
            was += strlen(was) + 1;
        if (was >= was_end || !text_equal(was, is))
            must(store_remove(store, is));
    }
}

void held_state_done(HeldState *state)
{
    buf_done(&state->keys);
}
