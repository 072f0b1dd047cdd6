/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/mirror.h"

#include "base/limits.h"
#include "base/text.h"
#include "store/mirror_priv.h"

#include <assert.h>

/* ---- what is known of the members */

Err *mirror_silence(MirrorStore *mirror, size_t member)
{
    lock_take(&mirror->lock);
    Err *const silence = mirror->silence[member] ? err_copy(mirror->silence[member]) : NULL;
    lock_release(&mirror->lock);
    return silence;
}

/* The lock is held. */
static bool is_known(const MirrorStore *mirror, size_t member, const char *key)
{
    for (size_t i = 0; i < mirror->fault_count; i++) {
        if (mirror->faults[i].member == member && text_equal(mirror->faults[i].key, key))
            return true;
    }
    return false;
}

void mirror_blame(MirrorStore *mirror, size_t member, const char *key, const Err *err)
{
    lock_take(&mirror->lock);
    if (err_is(err, ERR_AWAY) && !mirror->silence[member])
        mirror->silence[member] = err_copy(err);
    if (!is_known(mirror, member, key)) {
        if (mirror->fault_count < MIRROR_FAULTS_MAX)
            mirror->faults[mirror->fault_count++] = (MirrorFault){member, mem_text(key), err_copy(err)};
        else
            mirror->dropped++;
    }
    lock_release(&mirror->lock);
}

void mirror_forget(MirrorStore *mirror, const char *key, const Err *told)
{
    lock_take(&mirror->lock);
    for (size_t i = mirror->fault_next; i < mirror->fault_count; i++) {
        MirrorFault *const fault = &mirror->faults[i];
        if (text_equal(fault->key, key) &&
            (!err_is(told, ERR_NOT_FOUND) || err_is(fault->err, ERR_NOT_FOUND)))
            err_free(&fault->err);
    }
    lock_release(&mirror->lock);
}

Err *mirror_fault_take(Store *store)
{
    MirrorStore *const mirror = mirror_of(store);
    Err *fault = NULL;
    lock_take(&mirror->lock);
    for (; !fault && mirror->fault_next < mirror->fault_count; mirror->fault_next++)
        fault = TAKE(mirror->faults[mirror->fault_next].err);
    const uint64_t dropped = fault ? 0 : mirror->dropped;
    mirror->dropped -= dropped;
    lock_release(&mirror->lock);
    return dropped ? ERR(CORRUPT, "%llu more bad copies were met", (unsigned long long)dropped) : fault;
}

/* ---- copies */

/* What to tell first: what is there and wrong, what is not there, what did not answer. */
static int gravity(const Err *err)
{
    return err_is(err, ERR_AWAY) ? 0 : err_is(err, ERR_NOT_FOUND) ? 1 : 2;
}

Err *mirror_join(Err *a, Err *b)
{
    if (!a || !b)
        return a ? a : b;
    AUTO(err_free) Err *lesser = gravity(b) > gravity(a) ? a : b;
    Err *const graver = lesser == a ? b : a;
    Err *const joined = err_detail(graver, "%s", err_text(lesser));
    return *err_detail_text(lesser) ? err_detail(joined, "%s", err_detail_text(lesser)) : joined;
}

Copies copies_of(Store *store, const char *key)
{
    return (Copies){.store = store, .key = key};
}

bool copies_next(Store **out, Copies *copies)
{
    if (copies->is_over)
        return false;
    MirrorStore *const mirror = mirror_of(copies->store);
    if (!mirror) {
        *out = copies->store;
        return copies->next++ == 0;
    }
    for (; copies->next < mirror->count; copies->next++) {
        Err *const silence = mirror_silence(mirror, copies->next);
        if (!silence) {
            *out = mirror->members[copies->next++].store;
            return true;
        }
        copies->silence = mirror_join(TAKE(copies->silence), silence);
    }
    return false;
}

void copies_bad(Copies *copies, Err *err)
{
    copies->is_over = err_is(err, ERR_CANCELED);
    MirrorStore *const mirror = mirror_of(copies->store);
    if (mirror && !copies->is_over) {
        const size_t member = copies->next - 1;
        if (mirror->count > 1)
            err = err_doing(err, "repository %s", mirror->members[member].name);
        mirror_blame(mirror, member, copies->key, err);
    }
    Err **const kept = err_is(err, ERR_AWAY) ? &copies->silence : &copies->fault;
    *kept = copies->is_over ? err_first(err, TAKE(*kept)) : mirror_join(TAKE(*kept), err);
}

Err *copies_none(Copies *copies)
{
    assert(copies->fault || copies->silence);
    Err *const none = mirror_join(TAKE(copies->fault), TAKE(copies->silence));
    MirrorStore *const mirror = mirror_of(copies->store);
    if (mirror)
        mirror_forget(mirror, copies->key, none);
    return none;
}

void copies_done(Copies *copies)
{
    err_free(&copies->fault);
    err_free(&copies->silence);
}

/* ---- as a store */

static Err *mirror_get(Store *store, const char *key, Range range, Sink *to)
{
    AUTO(copies_done) Copies copies = copies_of(store, key);
    CountSink first = count_sink(to);
    Store *copy;
    while (copies_next(&copy, &copies)) {
        Err *const err = store_get(copy, key, range, &first.sink);
        if (!err || first.has_failed || first.passed)
            return err;
        copies_bad(&copies, err);
    }
    return copies_none(&copies);
}

static Err *mirror_stat(ObjectInfo *out, Store *store, const char *key)
{
    AUTO(copies_done) Copies copies = copies_of(store, key);
    Store *copy;
    while (copies_next(&copy, &copies)) {
        Err *const err = store_stat(out, copy, key);
        if (!err)
            return NULL;
        copies_bad(&copies, err);
    }
    return copies_none(&copies);
}

static Err *refuse(const char *what, const char *key)
{
    return ERR(REFUSED, "%s object %s: several stores are open as one, for reading only", what, key);
}

static Err *mirror_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    (void)out, (void)store, (void)opts;
    return refuse("storing", key);
}

static Err *mirror_remove(Store *store, const char *key)
{
    (void)store;
    return refuse("removing", key);
}

static Err *mirror_settle(Store *store, const char *key)
{
    (void)store;
    return refuse("settling", key);
}

static Err *mirror_leftovers(StoreLeftovers *out, Store *store)
{
    const MirrorStore *const mirror = mirror_of(store);
    StoreLeftovers all = {.oldest = INSTANT_NONE};
    for (size_t i = 0; i < mirror->count; i++) {
        StoreLeftovers one;
        TRY(store_leftovers(&one, mirror->members[i].store));
        all.count += one.count;
        all.bytes += one.bytes;
        if (one.count && (instant_is_none(all.oldest) || one.oldest.us < all.oldest.us))
            all.oldest = one.oldest;
    }
    *out = all;
    return NULL;
}

static void mirror_free(Store *store)
{
    MirrorStore *mirror = mirror_of(store);
    for (size_t i = 0; i < mirror->count; i++)
        err_free(&mirror->silence[i]);
    for (size_t i = 0; i < mirror->fault_count; i++) {
        mem_free(&mirror->faults[i].key);
        err_free(&mirror->faults[i].err);
    }
    mem_free(&mirror->members);
    mem_free(&mirror->silence);
    mem_free(&mirror->faults);
    lock_done(&mirror->lock);
    mem_free(&mirror);
}

static const StoreOps mirror_ops = {
    .scheme = "mirror",
    .get = mirror_get,
    .put = mirror_put,
    .stat = mirror_stat,
    .list = mirror_list,
    .remove = mirror_remove,
    .settle = mirror_settle,
    .leftovers = mirror_leftovers,
    .free = mirror_free,
};

MirrorStore *mirror_of(Store *store)
{
    return store->ops == &mirror_ops ? (MirrorStore *)store : NULL;
}

Store *mirror_store_new(const MirrorMember *members, size_t count)
{
    assert(count > 0);
    MirrorStore *const mirror = mem_new(sizeof *mirror);
    mirror->base = (Store){.ops = &mirror_ops, .name = members[0].store->name};
    mirror->members = mem_new(count * sizeof *mirror->members);
    for (size_t i = 0; i < count; i++)
        mirror->members[i] = members[i];
    mirror->count = count;
    lock_init(&mirror->lock);
    mirror->silence = mem_new(count * sizeof *mirror->silence);
    mirror->faults = mem_new(MIRROR_FAULTS_MAX * sizeof *mirror->faults);
    return &mirror->base;
}
