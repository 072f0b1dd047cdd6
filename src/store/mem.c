/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/mem.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "flow/lock.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>

/* A list sorted by key: plain, and quick enough for some thousand objects. */
typedef struct Object {
    struct Object *next;
    char *key;
    Buf bytes;
    Instant modified;
} Object;

typedef struct MemStore {
    Store base;
    Lock lock; /* guards the list; never held across a call that leaves this file */
    Object *first;
} MemStore;

static MemStore *self_of(Store *store)
{
    return (MemStore *)store;
}

static void object_free(Object *object)
{
    mem_free(&object->key);
    buf_done(&object->bytes);
    mem_free(&object);
}

/* The link that holds the first object whose key is not below `key`. The lock is held. */
static Object **place_of(MemStore *self, const char *key)
{
    Object **at = &self->first;
    while (*at && strcmp((*at)->key, key) < 0)
        at = &(*at)->next;
    return at;
}

static Object *object_find(MemStore *self, const char *key)
{
    Object *const object = *place_of(self, key);
    return object && text_equal(object->key, key) ? object : NULL;
}

static Err *not_found(const char *key)
{
    return ERR(NOT_FOUND, "no object %s in memory", key);
}

/* Copies out, so that the lock is not held while bytes are pushed on. */
static Err *copy_out(Buf *to, MemStore *self, const char *key, Range range)
{
    lock_take(&self->lock);
    const Object *const object = object_find(self, key);
    const uint64_t size = object ? object->bytes.len : 0;
    if (range.size == RANGE_TO_END && range.offset <= size)
        range.size = size - range.offset;
    const bool is_inside = range.size != RANGE_TO_END && range.offset + range.size <= size;
    if (object && is_inside && range.size)
        buf_add(to, object->bytes.data + range.offset, range.size);
    lock_release(&self->lock);
    if (!object)
        return not_found(key);
    return is_inside ? NULL : ERR(CORRUPT, "object %s ends before the range that is wanted", key);
}

static Err *mem_get(Store *store, const char *key, Range range, Sink *to)
{
    AUTO(buf_done) Buf bytes = {0};
    TRY(copy_out(&bytes, self_of(store), key, range));
    /* In pieces, so that receivers meet what they meet elsewhere. */
    for (size_t at = 0; at < bytes.len; at += FRAME_PLAIN_MAX)
        TRY(sink_write(to, span_cut(buf_span(&bytes), at, FRAME_PLAIN_MAX)));
    return NULL;
}

typedef struct MemPut {
    StorePut base;
    MemStore *store;
    Object *object; /* NULL once it has gone into the list */
} MemPut;

static Err *put_write(Sink *sink, Span bytes)
{
    buf_add(&((MemPut *)sink)->object->bytes, bytes.ptr, bytes.len);
    return NULL;
}

static Err *put_finish(Sink *sink)
{
    (void)sink;
    return NULL;
}

static void put_free(Sink *sink)
{
    MemPut *put = (MemPut *)sink;
    if (put->object)
        object_free(put->object);
    mem_free(&put);
}

static Err *exists(const char *key)
{
    return ERR(EXISTS, "object %s exists already in memory", key);
}

static Err *put_commit(StorePut *base)
{
    MemPut *const put = (MemPut *)base;
    MemStore *const self = put->store;
    put->object->modified = clock_now();
    lock_take(&self->lock);
    Object **const place = place_of(self, put->object->key);
    const bool is_taken = *place && text_equal((*place)->key, put->object->key);
    if (!is_taken) {
        put->object->next = *place;
        *place = TAKE(put->object);
    }
    lock_release(&self->lock);
    return is_taken ? exists(put->object->key) : NULL;
}

static Err *mem_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    static const SinkOps sink_ops = {put_write, put_finish, put_free};
    static const StorePutOps put_ops = {put_commit};
    (void)opts;
    MemStore *const self = self_of(store);
    lock_take(&self->lock);
    const bool is_taken = object_find(self, key) != NULL;
    lock_release(&self->lock);
    if (is_taken)
        return exists(key);
    MemPut *const put = mem_new(sizeof *put);
    put->base = (StorePut){.sink = {.ops = &sink_ops}, .ops = &put_ops};
    put->store = self;
    put->object = mem_new(sizeof *put->object);
    put->object->key = mem_text(key);
    *out = &put->base;
    return NULL;
}

static Err *mem_stat(ObjectInfo *out, Store *store, const char *key)
{
    MemStore *const self = self_of(store);
    lock_take(&self->lock);
    const Object *const object = object_find(self, key);
    if (object)
        *out = (ObjectInfo){object->bytes.len, object->modified};
    lock_release(&self->lock);
    return object ? NULL : not_found(key);
}

/* What comes after `entry` in a listing: with one level, everything below a common prefix is passed over. */
static bool comes_after(const char *key, const char *after, const char *last)
{
    if (after && strcmp(key, after) <= 0)
        return false;
    const size_t len = strlen(last);
    return len == 0 || (strcmp(key, last) > 0 && !(last[len - 1] == '/' && text_starts(key, last)));
}

/* The next key to report after `last` ("": the first). False at the end. */
static bool list_next(ObjectEntry *out, char *last, MemStore *self, const char *prefix, ListOpts opts)
{
    lock_take(&self->lock);
    bool is_found = false;
    for (const Object *at = self->first; at && !is_found; at = at->next) {
        if (strcmp(at->key, last) <= 0 || !text_starts(at->key, prefix))
            continue;
        const char *const slash = opts.one_level ? strchr(at->key + strlen(prefix), '/') : NULL;
        const int len = slash ? (int)(slash - at->key) + 1 : (int)strlen(at->key);
        char key[STORE_KEY_MAX + 1];
        snprintf(key, sizeof key, "%.*s", len, at->key);
        is_found = comes_after(key, opts.after, last);
        if (is_found) {
            snprintf(last, STORE_KEY_MAX + 1, "%s", key);
            *out = (ObjectEntry){last, {slash ? 0 : at->bytes.len, slash ? INSTANT_NONE : at->modified}};
        }
    }
    lock_release(&self->lock);
    return is_found;
}

static Err *mem_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    char last[STORE_KEY_MAX + 1] = "";
    ObjectEntry entry;
    while (list_next(&entry, last, self_of(store), prefix, opts))
        TRY(each(arg, &entry));
    return NULL;
}

static Err *mem_remove(Store *store, const char *key)
{
    MemStore *const self = self_of(store);
    lock_take(&self->lock);
    Object **const place = place_of(self, key);
    Object *const object = *place && text_equal((*place)->key, key) ? *place : NULL;
    if (object)
        *place = object->next;
    lock_release(&self->lock);
    if (object)
        object_free(object);
    return NULL;
}

static Err *mem_settle(Store *store, const char *key)
{
    ObjectInfo info;
    return mem_stat(&info, store, key);
}

static Err *mem_leftovers(StoreLeftovers *out, Store *store)
{
    (void)store; /* what is not committed is in its writer's hands */
    *out = (StoreLeftovers){.oldest = INSTANT_NONE};
    return NULL;
}

static void mem_store_free(Store *store)
{
    MemStore *self = self_of(store);
    while (self->first) {
        Object *const object = self->first;
        self->first = object->next;
        object_free(object);
    }
    lock_done(&self->lock);
    mem_free(&self);
}

Store *mem_store_new(void)
{
    static const StoreOps ops = {
        .scheme = "mem",
        .caps = STORE_ATOMIC_CREATE | STORE_LOCAL,
        .get = mem_get,
        .put = mem_put,
        .stat = mem_stat,
        .list = mem_list,
        .remove = mem_remove,
        .settle = mem_settle,
        .leftovers = mem_leftovers,
        .free = mem_store_free,
    };
    MemStore *const self = mem_new(sizeof *self);
    self->base = (Store){.ops = &ops, .caps = ops.caps, .name = "mem://"};
    lock_init(&self->lock);
    return &self->base;
}
