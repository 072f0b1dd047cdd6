/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/retry.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/signal.h"

#include <stdio.h>

Retry retry_begin(int64_t timeout_ms)
{
    return (Retry){.timeout_ms = timeout_ms, .wait_ms = RETRY_WAIT_FIRST_MS};
}

void retry_progress(Retry *retry)
{
    *retry = retry_begin(retry->timeout_ms);
}

static Err *give_up(const Retry *retry, Err *err)
{
    if (retry->tries == 0)
        return err;
    return err_detail(err, "gave up after %u tries within %s", retry->tries + 1,
                      duration_text(retry->timeout_ms * 1000).text);
}

Err *retry_wait(Retry *retry, Err *err)
{
    if (!err_is(err, ERR_AWAY))
        return err;
    const int64_t now_us = clock_monotonic_us();
    if (retry->tries == 0)
        retry->since_us = now_us;
    const int64_t left_ms = retry->timeout_ms - (now_us - retry->since_us) / 1000;
    if (left_ms <= 0)
        return give_up(retry, err);

    const int64_t wait_ms = retry->wait_ms < left_ms ? retry->wait_ms : left_ms;
    if (retry->tries == 0)
        log_warning("%s; trying again for up to %s", err_text(err),
                    duration_text(retry->timeout_ms * 1000).text);
    else
        log_debug("%s; try %u in %s", err_text(err), retry->tries + 1, duration_text(wait_ms * 1000).text);
    err_free(&err);
    retry->tries++;
    retry->wait_ms = retry->wait_ms * 2 < RETRY_WAIT_LAST_MS ? retry->wait_ms * 2 : RETRY_WAIT_LAST_MS;
    clock_sleep_ms(wait_ms);
    return signal_check();
}

typedef struct RetryStore {
    Store base;
    Store *next;
    int64_t timeout_ms;
} RetryStore;

static RetryStore *self_of(Store *store)
{
    return (RetryStore *)store;
}

static Err *retry_get(Store *store, const char *key, Range range, Sink *to)
{
    RetryStore *const self = self_of(store);
    Retry retry = retry_begin(self->timeout_ms);
    for (;;) {
        CountSink counter = count_sink(to); /* what the receiver did not take is nothing to repeat */
        Err *const err = store_get(self->next, key, range, &counter.sink);
        if (!err || counter.has_failed)
            return err;
        if (counter.passed)
            retry_progress(&retry);
        range.offset += counter.passed;
        if (range.size != RANGE_TO_END)
            range.size -= counter.passed;
        TRY(retry_wait(&retry, err));
    }
}

static Err *retry_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    RetryStore *const self = self_of(store);
    Retry retry = retry_begin(self->timeout_ms);
    for (;;) {
        Err *const err = store_put(out, self->next, key, opts);
        if (!err)
            return NULL;
        TRY(retry_wait(&retry, err));
    }
}

static Err *retry_stat(ObjectInfo *out, Store *store, const char *key)
{
    RetryStore *const self = self_of(store);
    Retry retry = retry_begin(self->timeout_ms);
    for (;;) {
        Err *const err = store_stat(out, self->next, key);
        if (!err)
            return NULL;
        TRY(retry_wait(&retry, err));
    }
}

typedef struct Listing {
    ListFn *each;
    void *arg;
    char last[STORE_KEY_MAX +
              2]; /* the last key reported; a common prefix may be one byte longer than a key */
    bool has_moved;
    bool has_failed; /* the receiver did */
} Listing;

static Err *listing_each(void *arg, const ObjectEntry *entry)
{
    Listing *const self = arg;
    snprintf(self->last, sizeof self->last, "%s", entry->key);
    self->has_moved = true;
    Err *const err = self->each(self->arg, entry);
    self->has_failed = err != NULL;
    return err;
}

static Err *retry_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    RetryStore *const self = self_of(store);
    Retry retry = retry_begin(self->timeout_ms);
    Listing listing = {.each = each, .arg = arg};
    for (;;) {
        listing.has_moved = false;
        Err *const err = store_list(self->next, prefix, opts, listing_each, &listing);
        if (!err || listing.has_failed)
            return err;
        if (listing.has_moved) {
            opts.after = listing.last;
            retry_progress(&retry);
        }
        TRY(retry_wait(&retry, err));
    }
}

static Err *repeat(Store *store, const char *key, Err *(*call)(Store *, const char *))
{
    RetryStore *const self = self_of(store);
    Retry retry = retry_begin(self->timeout_ms);
    for (;;) {
        Err *const err = call(self->next, key);
        if (!err)
            return NULL;
        TRY(retry_wait(&retry, err));
    }
}

static Err *retry_remove(Store *store, const char *key)
{
    return repeat(store, key, store_remove);
}

static Err *retry_settle(Store *store, const char *key)
{
    return repeat(store, key, store_settle);
}

static Err *retry_leftovers(StoreLeftovers *out, Store *store)
{
    RetryStore *const self = self_of(store);
    Retry retry = retry_begin(self->timeout_ms);
    for (;;) {
        Err *const err = store_leftovers(out, self->next);
        if (!err)
            return NULL;
        TRY(retry_wait(&retry, err));
    }
}

static void retry_free(Store *store)
{
    RetryStore *self = self_of(store);
    store_free(&self->next);
    mem_free(&self);
}

Store *retry_store_new(Store *next, int64_t timeout_ms)
{
    static const StoreOps ops = {
        .scheme = "retry",
        .get = retry_get,
        .put = retry_put,
        .stat = retry_stat,
        .list = retry_list,
        .remove = retry_remove,
        .settle = retry_settle,
        .leftovers = retry_leftovers,
        .free = retry_free,
    };
    RetryStore *const self = mem_new(sizeof *self);
    self->base = (Store){.ops = &ops, .caps = next->caps, .name = next->name};
    self->next = next;
    self->timeout_ms = timeout_ms;
    return &self->base;
}
