/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/store.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

#define KEY_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/"

static bool has_good_parts(const char *key)
{
    for (const char *part = key; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (*part == '.' || *part == '/' || *part == 0)
            return false;
    }
    return true;
}

static Err *bytes_check(const char *what, const char *text)
{
    const size_t len = strlen(text);
    if (len > STORE_KEY_MAX)
        return ERR(REFUSED, "object %s of %zu bytes is longer than %d", what, len, STORE_KEY_MAX);
    if (strspn(text, KEY_BYTES) != len)
        return ERR(REFUSED, "object %s \"%s\" has characters other than letters, digits, \"._-/\"", what,
                   text);
    return NULL;
}

Err *store_key_check(const char *key)
{
    TRY(bytes_check("key", key));
    if (key[0] == '/' || !has_good_parts(key))
        return ERR(REFUSED, "object key \"%s\" has a part that is empty or begins with a dot", key);
    return NULL;
}

Err *store_get(Store *store, const char *key, Range range, Sink *to)
{
    assert(range.size == RANGE_TO_END || range.offset + range.size >= range.offset);
    TRY(store_key_check(key));
    return store->ops->get(store, key, range, to);
}

Err *store_get_all(struct Buf *to, Store *store, const char *key, Range range, size_t limit_bytes)
{
    const size_t before = to->len;
    BufSink sink = buf_sink(to, limit_bytes);
    Err *const err = store_get(store, key, range, &sink.sink);
    if (!err)
        return NULL;
    to->len = before;
    return err_is(err, ERR_LIMIT) ? err_doing(err, "reading object %s", key) : err;
}

Err *store_put(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    TRY(store_key_check(key));
    return store->ops->put(out, store, key, opts);
}

Err *store_put_write(StorePut *put, Span bytes)
{
    return sink_write(&put->sink, bytes);
}

Err *store_put_commit(StorePut *put)
{
    Err *const err = put->ops->commit(put);
    store_put_abort(&put);
    return err;
}

void store_put_abort(StorePut **put)
{
    if (!*put)
        return;
    (*put)->sink.ops->free(&(*put)->sink);
    *put = NULL;
}

Err *store_put_all(Store *store, const char *key, Span bytes)
{
    AUTO(store_put_abort) StorePut *put = NULL;
    TRY(store_put(&put, store, key, (PutOpts){.size_hint_bytes = bytes.len}));
    TRY(store_put_write(put, bytes));
    return store_put_commit(TAKE(put));
}

Err *store_stat(ObjectInfo *out, Store *store, const char *key)
{
    TRY(store_key_check(key));
    return store->ops->stat(out, store, key);
}

Err *store_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg)
{
    TRY(bytes_check("prefix", prefix));
    return store->ops->list(store, prefix, opts, each, arg);
}

Err *store_remove(Store *store, const char *key)
{
    TRY(store_key_check(key));
    return store->ops->remove(store, key);
}

Err *store_settle(Store *store, const char *key)
{
    TRY(store_key_check(key));
    return store->ops->settle(store, key);
}

Err *store_leftovers(StoreLeftovers *out, Store *store)
{
    return store->ops->leftovers(out, store);
}

void store_free(Store **store)
{
    if (!*store)
        return;
    (*store)->ops->free(*store);
    *store = NULL;
}

/* The scheme of "s3://bucket" is "s3"; a plain absolute path is a file's. */
static bool has_scheme(const char *url, const char *scheme)
{
    if (url[0] == '/')
        return text_equal(scheme, "file");
    const size_t len = strlen(scheme);
    return strncmp(url, scheme, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

Err *store_open(Store **out, const StoreDriver *const *drivers, const StoreOptions *options)
{
    AUTO(buf_done) Buf known = {0};
    for (const StoreDriver *const *at = drivers; *at; at++) {
        if (has_scheme(options->url, (*at)->scheme))
            return (*at)->open(out, options);
        buf_addf(&known, "%s%s://", known.len ? ", " : "", (*at)->scheme);
    }
    return err_hint(ERR(USAGE, "repository URL \"%s\" has no scheme that is known here", options->url),
                    "give an absolute path, or a URL that begins with one of: %s", buf_text(&known));
}
