/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/pool.h"

#include "base/limits.h"
#include "flow/lock.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/*
 * The queue is a ring of `room` places. All fields below `mutex` are read and written under it, `cancel` alone may be
 * read without.
 */
struct Pool {
    const PoolSpec *spec;
    Flag cancel;
    pthread_mutex_t mutex;
    pthread_cond_t not_full, not_empty;
    void **units;
    size_t room, first, count;
    bool is_closed; /* nothing more will be pushed */
    Err *error;     /* the first one */
};

static void pool_lock(Pool *pool)
{
    const int code = pthread_mutex_lock(&pool->mutex);
    assert(code == 0);
    (void)code;
}

static void pool_unlock(Pool *pool)
{
    const int code = pthread_mutex_unlock(&pool->mutex);
    assert(code == 0);
    (void)code;
}

static void unit_drop(const Pool *pool, void *unit)
{
    if (unit && pool->spec->unit_free)
        pool->spec->unit_free(unit);
}

/* The oldest unit, taken out of the queue; the mutex is held. */
static void *unit_pop(Pool *pool)
{
    void *const unit = pool->units[pool->first];
    pool->first = (pool->first + 1) % pool->room;
    pool->count--;
    return unit;
}

/* Drops what nobody will work on any more. After the cancel flag nothing is pushed. */
static void pool_drain(Pool *pool)
{
    for (;;) {
        pool_lock(pool);
        void *const unit = pool->count > 0 ? unit_pop(pool) : NULL;
        pool_unlock(pool);
        if (!unit)
            return;
        unit_drop(pool, unit);
    }
}

/* Keeps the first error, wakes everybody, and lets those go on who wait for a unit in the queue. NULL is fine. */
static void pool_fail(Pool *pool, Err *error)
{
    if (!error)
        return;
    pool_lock(pool);
    pool->error = err_first(pool->error, error);
    flag_raise(&pool->cancel);
    pthread_cond_broadcast(&pool->not_full);
    pthread_cond_broadcast(&pool->not_empty);
    pool_unlock(pool);
    pool_drain(pool);
}

Err *pool_check(const Pool *pool)
{
    if (flag_is_up(&pool->cancel))
        return ERR(CANCELED, "stopped because another part of the work did not succeed");
    return pool->spec->stop_check ? pool->spec->stop_check() : NULL;
}

Err *pool_push(Pool *pool, void *unit)
{
    assert(unit);
    pool_lock(pool);
    while (pool->count == pool->room && !flag_is_up(&pool->cancel))
        pthread_cond_wait(&pool->not_full, &pool->mutex);
    const bool is_canceled = flag_is_up(&pool->cancel);
    if (!is_canceled) {
        pool->units[(pool->first + pool->count) % pool->room] = unit;
        pool->count++;
        pthread_cond_signal(&pool->not_empty);
    }
    pool_unlock(pool);
    if (is_canceled)
        unit_drop(pool, unit);
    return pool_check(pool);
}

/* The next unit; NULL when there will be none, because all is done or the run is canceled. */
static void *pool_take(Pool *pool)
{
    void *unit = NULL;
    pool_lock(pool);
    while (pool->count == 0 && !pool->is_closed && !flag_is_up(&pool->cancel))
        pthread_cond_wait(&pool->not_empty, &pool->mutex);
    if (pool->count > 0 && !flag_is_up(&pool->cancel)) {
        unit = unit_pop(pool);
        pthread_cond_signal(&pool->not_full);
    }
    pool_unlock(pool);
    return unit;
}

static Err *worker_units(Pool *pool, void *state)
{
    for (void *unit; (unit = pool_take(pool)) != NULL;) {
        Err *err = pool_check(pool);
        if (!err)
            err = pool->spec->work(pool->spec->arg, pool, state, unit);
        pool_fail(pool, err); /* before the drop: who waits for the unit must find the failure */
        unit_drop(pool, unit);
    }
    TRY(pool_check(pool));
    return pool->spec->end ? pool->spec->end(state) : NULL;
}

static void *worker_main(void *arg)
{
    Pool *const pool = arg;
    void *state = NULL;
    Err *err = pool->spec->begin ? pool->spec->begin(&state, pool->spec->arg) : NULL;
    if (!err) {
        err = worker_units(pool, state);
        if (pool->spec->free)
            pool->spec->free(state);
    }
    pool_fail(pool, err);
    return NULL;
}

/* Starts workers until all run or the system gives no more. `*started` counts them. */
static Err *workers_start(size_t *started, pthread_t *threads, Pool *pool)
{
    /* Workers inherit the mask of their creator. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = 0;
    for (*started = 0; *started < pool->spec->workers; ++*started) {
        code = pthread_create(&threads[*started], NULL, worker_main, pool);
        if (code != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        return NULL;
    return err_hint(ERR(LIMIT, "the system refused thread %zu of %zu: %s", *started + 1, pool->spec->workers,
                        strerror(code)),
                    "lower jobs, or raise the limit on tasks (ulimit -u, TasksMax)");
}

static void queue_close(Pool *pool)
{
    pool_lock(pool);
    pool->is_closed = true;
    pthread_cond_broadcast(&pool->not_empty);
    pool_unlock(pool);
}

static void spec_check(const PoolSpec *spec)
{
    assert(spec->produce && spec->work);
    assert(spec->workers >= 1 && spec->workers <= JOBS_MAX);
    assert(!spec->begin == !spec->end && !spec->begin == !spec->free);
}

Err *pool_run(const PoolSpec *spec)
{
    spec_check(spec);
    Pool pool = {.spec = spec, .room = spec->queue_units ? spec->queue_units : 2 * spec->workers};
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.not_full, NULL);
    pthread_cond_init(&pool.not_empty, NULL);
    AUTO(mem_free) void **units = mem_new(pool.room * sizeof *units);
    AUTO(mem_free) pthread_t *threads = mem_new(spec->workers * sizeof *threads);
    pool.units = units;

    size_t started;
    Err *const start_error = workers_start(&started, threads, &pool);
    pool_fail(&pool, start_error ? start_error : spec->produce(spec->arg, &pool));
    queue_close(&pool);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);

    pthread_cond_destroy(&pool.not_empty);
    pthread_cond_destroy(&pool.not_full);
    pthread_mutex_destroy(&pool.mutex);
    return pool.error;
}
