/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/fan.h"

#include "base/buf.h"

#include <assert.h>

typedef struct FanPut {
    StorePut base;
    size_t count;
    Store **stores;
    StorePut **puts; /* NULL where it has ended */
} FanPut;

static Err *fan_write(Sink *sink, Span bytes)
{
    FanPut *const self = (FanPut *)sink;
    for (size_t i = 0; i < self->count; i++)
        TRY_AS(store_put_write(self->puts[i], bytes), "%s", self->stores[i]->name);
    return NULL;
}

static Err *fan_finish(Sink *sink)
{
    (void)sink;
    return NULL;
}

static void fan_free(Sink *sink)
{
    FanPut *self = (FanPut *)sink;
    for (size_t i = 0; i < self->count; i++)
        store_put_abort(&self->puts[i]);
    mem_free(&self->puts);
    mem_free(&self->stores);
    mem_free(&self);
}

static Err *commit_failed(const FanPut *self, size_t failed, Err *err)
{
    err = err_doing(err, "%s", self->stores[failed]->name);
    AUTO(buf_done) Buf done = {0};
    for (size_t i = 0; i < failed; i++)
        buf_addf(&done, "%s%s", i ? ", " : "", self->stores[i]->name);
    return done.len ? err_detail(err, "already stored in %s", buf_text(&done)) : err;
}

static Err *fan_commit(StorePut *base)
{
    FanPut *const self = (FanPut *)base;
    for (size_t i = 0; i < self->count; i++) {
        Err *const err = store_put_commit(TAKE(self->puts[i]));
        if (err)
            return commit_failed(self, i, err);
    }
    return NULL;
}

Err *store_put_fan(StorePut **out, Store *const *stores, size_t count, const char *key, PutOpts opts)
{
    static const SinkOps sink_ops = {fan_write, fan_finish, fan_free};
    static const StorePutOps put_ops = {fan_commit};
    assert(count > 0);
    FanPut *const self = mem_new(sizeof *self);
    self->base = (StorePut){.sink = {.ops = &sink_ops}, .ops = &put_ops};
    self->count = count;
    self->stores = mem_new(count * sizeof(Store *));
    self->puts = mem_new(count * sizeof(StorePut *));
    AUTO(store_put_abort) StorePut *put = &self->base;
    for (size_t i = 0; i < count; i++) {
        self->stores[i] = stores[i];
        TRY_AS(store_put(&self->puts[i], stores[i], key, opts), "%s", stores[i]->name);
    }
    *out = TAKE(put);
    return NULL;
}

Err *store_fan_missing(Store **missing, size_t *missing_count, Store *const *stores, size_t count,
                       const char *key)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        AUTO(err_free) Err *err = store_settle(stores[i], key);
        if (err && !err_is(err, ERR_NOT_FOUND))
            return err_doing(TAKE(err), "%s", stores[i]->name);
        if (err)
            missing[found++] = stores[i];
    }
    *missing_count = found;
    return NULL;
}
