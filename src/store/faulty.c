/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/faulty.h"

#include "flow/lock.h"

#include <string.h>

typedef struct FaultyStore {
    Store base;
    Store *next;
    FaultyPlan plan;
    Counter total;
    Counter calls[FAULTY_CALL_COUNT];
    Flag is_hit;
    Flag is_broken; /* FAULTY_BREAK happens once */
} FaultyStore;

static FaultyStore *self_of(Store *store)
{
    return (FaultyStore *)store;
}

static Err *planned(const FaultyStore *self, const char *what, const char *key)
{
    return err_new(self->plan.fault_class, __FILE__, __LINE__, "planned fault: %s %s", what, key);
}

/* The nth get brings damaged bytes, instead of failing. */
static bool damages_nth(const FaultyPlan *plan)
{
    return plan->damage != FAULTY_NONE && !plan->damage_key;
}

/* Counts the call and says whether it is the nth. */
static bool is_nth(FaultyStore *self, FaultyCall call)
{
    counter_add(&self->calls[call], 1);
    return counter_add(&self->total, 1) + 1 == self->plan.nth;
}

static bool is_planned(FaultyStore *self, bool is_nth_call, FaultyCall call, const char *key)
{
    const FaultyPlan *const plan = &self->plan;
    if (!(is_nth_call && !damages_nth(plan)) && !(plan->matches && plan->matches(plan->arg, call, key)))
        return false;
    flag_raise(&self->is_hit);
    return true;
}

static bool shall_fail(FaultyStore *self, FaultyCall call, const char *key)
{
    return is_planned(self, is_nth(self, call), call, key);
}

/* What the caller gets in place of the result of a call that was made although it shall fail. */
static Err *lost(const FaultyStore *self, Err *result, const char *what, const char *key)
{
    err_free(&result);
    return planned(self, what, key);
}

typedef struct DamageSink {
    Sink sink;
    FaultyStore *store;
    const char *key;
    uint64_t at; /* byte of the object that comes next */
} DamageSink;

static Err *flipped_write(DamageSink *self, Span bytes, size_t where)
{
    const uint8_t flipped = (uint8_t)~bytes.ptr[where];
    TRY(sink_write(self->sink.next, span_cut(bytes, 0, where)));
    TRY(sink_write(self->sink.next, span_of(&flipped, 1)));
    return sink_write(self->sink.next, span_cut(bytes, where + 1, bytes.len));
}

static Err *damage_write(Sink *sink, Span bytes)
{
    DamageSink *const self = (DamageSink *)sink;
    FaultyStore *const store = self->store;
    const uint64_t begin = self->at, end = begin + bytes.len, where = store->plan.damage_at;
    const bool is_cut = store->plan.damage == FAULTY_CUT;
    self->at = end;
    if (where >= end || (where < begin && !is_cut) || flag_is_up(&store->is_broken))
        return sink_write(sink->next, bytes);
    flag_raise(&store->is_hit);
    const size_t good = where > begin ? (size_t)(where - begin) : 0;
    if (store->plan.damage == FAULTY_FLIP)
        return flipped_write(self, bytes, good);
    TRY(sink_write(sink->next, span_cut(bytes, 0, good)));
    if (is_cut)
        return NULL;
    flag_raise(&store->is_broken);
    return planned(store, "the connection broke in", self->key);
}

static Err *damage_finish(Sink *sink)
{
    return sink_finish(sink->next);
}

static void damage_free(Sink *sink)
{
    (void)sink;
}

static Err *faulty_get(Store *store, const char *key, Range range, Sink *to)
{
    static const SinkOps ops = {damage_write, damage_finish, damage_free};
    FaultyStore *const self = self_of(store);
    const FaultyPlan *const plan = &self->plan;
    const bool is_nth_get = is_nth(self, FAULTY_GET);
    if (is_planned(self, is_nth_get, FAULTY_GET, key))
        return planned(self, "get", key);
    const bool is_damaged = plan->damage_key ? strcmp(plan->damage_key, key) == 0 : is_nth_get;
    if (plan->damage == FAULTY_NONE || !is_damaged)
        return store_get(self->next, key, range, to);
    DamageSink sink = {{&ops, to}, self, key, plan->damage_key ? range.offset : 0};
    return store_get(self->next, key, range, &sink.sink);
}

typedef struct FaultyPut {
    StorePut base;
    FaultyStore *store;
    StorePut *next;
    char *key;
} FaultyPut;

static Err *put_write(Sink *sink, Span bytes)
{
    FaultyPut *const put = (FaultyPut *)sink;
    if (shall_fail(put->store, FAULTY_WRITE, put->key))
        return planned(put->store, "write", put->key);
    return store_put_write(put->next, bytes);
}

static Err *put_finish(Sink *sink)
{
    return sink_finish(&((FaultyPut *)sink)->next->sink);
}

static void put_free(Sink *sink)
{
    FaultyPut *put = (FaultyPut *)sink;
    store_put_abort(&put->next);
    mem_free(&put->key);
    mem_free(&put);
}

static Err *put_commit(StorePut *base)
{
    FaultyPut *const put = (FaultyPut *)base;
    if (!shall_fail(put->store, FAULTY_COMMIT, put->key))
        return store_put_commit(TAKE(put->next));
    if (!put->store->plan.is_late)
        return planned(put->store, "commit", put->key);
    return lost(put->store, store_put_commit(TAKE(put->next)), "answer to commit", put->key);
}

static Err *faulty_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    static const SinkOps sink_ops = {put_write, put_finish, put_free};
    static const StorePutOps put_ops = {put_commit};
    FaultyStore *const self = self_of(store);
    if (shall_fail(self, FAULTY_PUT, key))
        return planned(self, "put", key);
    StorePut *next = NULL;
    TRY(store_put(&next, self->next, key, opts));
    FaultyPut *const put = mem_new(sizeof *put);
    *put = (FaultyPut){{{.ops = &sink_ops}, &put_ops}, self, next, mem_text(key)};
    *out = &put->base;
    return NULL;
}

static Err *faulty_stat(ObjectInfo *out, Store *store, const char *key)
{
    FaultyStore *const self = self_of(store);
    if (shall_fail(self, FAULTY_STAT, key))
        return planned(self, "stat", key);
    return store_stat(out, self->next, key);
}

/* A failing list with is_late breaks off after its first entry. */
static Err *first_only(void *arg, const ObjectEntry *entry)
{
    void **const call = arg;
    ListFn *const each = *(ListFn **)call[0];
    TRY(each(call[1], entry));
    return planned(call[2], "rest of list", entry->key);
}

static Err *faulty_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    FaultyStore *const self = self_of(store);
    if (!shall_fail(self, FAULTY_LIST, prefix))
        return store_list(self->next, prefix, opts, each, arg);
    if (!self->plan.is_late)
        return planned(self, "list", prefix);
    void *call[] = {&each, arg, self};
    return store_list(self->next, prefix, opts, first_only, call);
}

static Err *faulty_remove(Store *store, const char *key)
{
    FaultyStore *const self = self_of(store);
    if (!shall_fail(self, FAULTY_REMOVE, key))
        return store_remove(self->next, key);
    if (!self->plan.is_late)
        return planned(self, "remove", key);
    return lost(self, store_remove(self->next, key), "answer to remove", key);
}

static Err *faulty_settle(Store *store, const char *key)
{
    FaultyStore *const self = self_of(store);
    if (shall_fail(self, FAULTY_SETTLE, key))
        return planned(self, "settle", key);
    return store_settle(self->next, key);
}

static Err *faulty_leftovers(StoreLeftovers *out, Store *store)
{
    return store_leftovers(out, self_of(store)->next); /* never a reason for anybody to fail */
}

static void faulty_free(Store *store)
{
    FaultyStore *self = self_of(store);
    store_free(&self->next);
    mem_free(&self);
}

Store *faulty_store_new(Store *next)
{
    static const StoreOps ops = {
        .scheme = "faulty",
        .get = faulty_get,
        .put = faulty_put,
        .stat = faulty_stat,
        .list = faulty_list,
        .remove = faulty_remove,
        .settle = faulty_settle,
        .leftovers = faulty_leftovers,
        .free = faulty_free,
    };
    FaultyStore *const self = mem_new(sizeof *self);
    self->base = (Store){.ops = &ops, .caps = next->caps, .name = next->name};
    self->next = next;
    return &self->base;
}

void faulty_plan(Store *faulty, FaultyPlan plan)
{
    FaultyStore *const self = self_of(faulty);
    const Store base = self->base;
    Store *const next = self->next;
    *self = (FaultyStore){.base = base, .next = next, .plan = plan};
}

uint64_t faulty_calls(const Store *faulty, FaultyCall call)
{
    return counter_get(&((const FaultyStore *)faulty)->calls[call]);
}

uint64_t faulty_total(const Store *faulty)
{
    return counter_get(&((const FaultyStore *)faulty)->total);
}

bool faulty_hit(const Store *faulty)
{
    return flag_is_up(&((const FaultyStore *)faulty)->is_hit);
}
