/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * store/store.h - one object store: a folder, a bucket, a container
 *
 * Keys are relative, '/'-separated, at most STORE_KEY_MAX bytes, made of [A-Za-z0-9._-] and '/', with no part that is
 * empty or begins with '.'; a key is never also the folder of another ("a" and "a/b"). Objects are written once, whole:
 * they are invisible until their commit, and durable after it. Nothing is ever overwritten; a put on an existing key is
 * EXISTS and changes nothing (with STORE_ATOMIC_CREATE atomically, at the commit; without, by a look before). Callers
 * ask `caps`, never the driver's name.
 *
 * Errors a caller may test for: NOT_FOUND (this object), EXISTS; AWAY is worth a retry and is what the retry wrapper
 * repeats; DENIED, LIMIT (full, quota) and IO are final. A store whose root is missing answers AWAY with a hint, never
 * NOT_FOUND or an empty listing: an unmounted disk is not an empty repository.
 *
 * Threads: every call may run in parallel with any other on the same Store. A StorePut belongs to one thread.
 */
#pragma once

#include "base/instant.h"
#include "flow/sink.h"

typedef struct Store Store;
typedef struct StorePut StorePut;

enum {
    STORE_ATOMIC_CREATE = 1 << 0, /* of two puts of one key exactly one commits */
    STORE_LOCAL = 1 << 1,         /* calls cost no network round trip */
};

typedef struct Range {
    uint64_t offset;
    uint64_t size; /* RANGE_TO_END: all that follows */
} Range;
#define RANGE_TO_END UINT64_MAX
#define RANGE_ALL    ((Range){0, RANGE_TO_END})

typedef struct ObjectInfo {
    uint64_t size_bytes;
    Instant modified; /* the store's clock */
} ObjectInfo;

typedef struct ObjectEntry {
    const char
        *key; /* whole key; with .one_level a common prefix ends in '/', has no info, may hold nothing */
    ObjectInfo info;
} ObjectEntry;

typedef struct ListOpts {
    const char *after; /* only keys bytewise greater than this; NULL: all */
    bool one_level;    /* stop at the next '/' and report common prefixes */
} ListOpts;

/* Returning an error ends the listing with it. The entry lives until the call returns. */
typedef Err *ListFn(void *arg, const ObjectEntry *entry);

typedef struct StoreLeftovers {
    uint64_t count;
    uint64_t bytes;
    Instant oldest; /* INSTANT_NONE without any */
} StoreLeftovers;

typedef struct PutOpts {
    uint64_t size_hint_bytes; /* expected size, 0 when not known */
} PutOpts;

typedef struct StoreOps {
    const char *scheme; /* "s3" in s3://bucket/prefix */
    unsigned caps;
    /* Pushes the bytes of the range into `to` and does not finish it. NOT_FOUND; a range past the end is CORRUPT. */
    Err *(*get)(Store *, const char *key, Range range, Sink *to);
    /* Begins an object. EXISTS here or at the commit. */
    Err *(*put)(StorePut **out, Store *, const char *key, PutOpts opts);
    Err *(*stat)(ObjectInfo *out, Store *, const char *key); /* NOT_FOUND */
    /* All keys that begin with `prefix` (any text, not only a folder), sorted bytewise. */
    Err *(*list)(Store *, const char *prefix, ListOpts opts, ListFn *each, void *arg);
    Err *(*remove)(Store *, const char *key); /* absent is success; durable */
    /* Makes sure that an object which is already visible is durable too (it may come from a writer that died between
     * making it visible and syncing the folder). NOT_FOUND. */
    Err *(*settle)(Store *, const char *key);
    /* What writers have begun and not made visible: they are at work, or died. No key names it and no reader meets it. */
    Err *(*leftovers)(StoreLeftovers *out, Store *);
    void (*free)(Store *);
} StoreOps;

/* The first member of every driver's own struct. */
struct Store {
    const StoreOps *ops;
    unsigned caps;
    const char *name; /* where it is, for messages: its URL; borrowed from the driver's struct */
};

typedef struct StorePutOps {
    /* Durable and visible on success. EXISTS. Called once; free follows in any case. */
    Err *(*commit)(StorePut *);
} StorePutOps;

/* Bytes go into .sink; its finish does nothing, its free abandons the object. */
struct StorePut {
    Sink sink;
    const StorePutOps *ops;
};

/* REFUSED unless `key` is one. Every call below checks its key so, because keys may come from stored bytes. */
MUST Err *store_key_check(const char *key);

MUST Err *store_get(Store *store, const char *key, Range range, Sink *to);
/* The range into memory; larger than `limit_bytes` is LIMIT. Appends to `to`, which stays as it is on failure. */
MUST Err *store_get_all(struct Buf *to, Store *store, const char *key, Range range, size_t limit_bytes);
MUST Err *store_put(StorePut **out, Store *store, const char *key, PutOpts opts);
MUST Err *store_put_write(StorePut *put, Span bytes);
/* Consumes `put`: store_put_commit(TAKE(put)). */
MUST Err *store_put_commit(StorePut *put);
void store_put_abort(StorePut **put);
/* put, write, commit in one. */
MUST Err *store_put_all(Store *store, const char *key, Span bytes);
MUST Err *store_stat(ObjectInfo *out, Store *store, const char *key);
MUST Err *store_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg);
MUST Err *store_remove(Store *store, const char *key);
MUST Err *store_settle(Store *store, const char *key);
MUST Err *store_leftovers(StoreLeftovers *out, Store *store);
void store_free(Store **store);

/* How a store is opened. */
typedef struct StoreOptions {
    const char *url; /* "/srv/pgstrata", "file:///srv/…", "s3://…" */
    bool create;     /* make the root when it is missing (setup only) */
} StoreOptions;

typedef struct StoreDriver {
    const char *scheme;
    MUST Err *(*open)(Store **out, const StoreOptions *options);
} StoreDriver;

/* Opens by the URL's scheme; `drivers` ends in NULL. USAGE names the schemes there are. */
MUST Err *store_open(Store **out, const StoreDriver *const *drivers, const StoreOptions *options);
/* The drivers of the shipped program. */
extern const StoreDriver *const store_drivers[];
