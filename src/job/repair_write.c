/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* How a good object takes the place of a damaged one: nothing is changed, nothing is overwritten. */
#include "job/repair_priv.h"

#include "base/text.h"

RepairSite *repair_site(const RepairTask *task)
{
    return &task->repair->sites[task->site];
}

Err *repair_read(bool *is_good, ContainerSummary *out, Repo *repo, const RepairTask *task)
{
    const ContainerExpect expect = {task->object.kind, key_object_name(task->key)};
    Err *err = container_verify(out, repo->store, task->key, &expect);
    *is_good = !err;
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return err;
    err_free(&err);
    return NULL;
}

/* Hashes what passes and keeps nothing. */
typedef struct HashSink {
    Sink sink;
    Hash128Stream *stream;
} HashSink;

static Err *hash_sink_write(Sink *base, Span bytes)
{
    hash128_stream_add(((HashSink *)base)->stream, bytes);
    return NULL;
}

static Err *hash_sink_finish(Sink *base)
{
    (void)base;
    return NULL;
}

static void hash_sink_free(Sink *base)
{
    (void)base;
}

static Err *object_hash(Hash128 *out, Store *store, const char *key)
{
    static const SinkOps ops = {hash_sink_write, hash_sink_finish, hash_sink_free};
    AUTO(hash128_stream_free) Hash128Stream *stream = hash128_stream_new();
    HashSink sink = {.sink = {.ops = &ops}, .stream = stream};
    TRY(store_get(store, key, RANGE_ALL, &sink.sink));
    *out = hash128_stream_end(stream);
    return NULL;
}

static Err *stream_copy(Store *to, const char *to_key, Store *from, const char *from_key)
{
    AUTO(store_put_abort) StorePut *put = NULL;
    TRY(store_put(&put, to, to_key, (PutOpts){0}));
    TRY(store_get(from, from_key, RANGE_ALL, &put->sink));
    return store_put_commit(TAKE(put));
}

/* The same bytes set aside before are enough. */
static Err *set_aside(Key *out, const RepairTask *task)
{
    Store *const store = repair_site(task)->repo->store;
    Hash128 hash;
    TRY(object_hash(&hash, store, task->key));
    const Key aside = key_quarantine(&task->root, task->key, &hash);
    Err *err = stream_copy(store, aside.text, store, task->key);
    if (err_is(err, ERR_EXISTS))
        err_free(&err);
    TRY_AS(err, "setting %s aside", task->key);
    TRY(store_settle(store, aside.text));
    TRY(store_remove(store, task->key));
    *out = aside;
    return NULL;
}

/* What could be made good is on its place now, and is looked at there. */
static Err *replaced_check(const RepairTask *task)
{
    ContainerSummary written;
    bool is_good;
    TRY(repair_read(&is_good, &written, repair_site(task)->repo, task));
    return is_good ? NULL
                   : ERR(CORRUPT, "%s was written anew and does not read back as it should", task->key);
}

Err *repair_write(const RepairTask *task, Span bytes)
{
    if (task->repair->work->options.dry_run)
        return NULL;
    Key aside;
    if (!task->is_missing)
        TRY(set_aside(&aside, task));
    TRY(repo_put(repair_site(task)->repo, task->key, bytes));
    TRY(replaced_check(task));
    /* What was sound lacked nothing but the index: the new one has all of it. */
    return task->has_no_index ? store_remove(repair_site(task)->repo->store, aside.text) : NULL;
}

Err *repair_write_copy(const RepairTask *task, const RepairSite *from)
{
    if (task->repair->work->options.dry_run)
        return NULL;
    Key aside;
    if (!task->is_missing)
        TRY(set_aside(&aside, task));
    TRY(stream_copy(repair_site(task)->repo->store, task->key, from->repo->store, task->key));
    return replaced_check(task);
}
