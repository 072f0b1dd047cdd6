/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/ticker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

struct Ticker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool is_stopped;
    int every_ms;
    void (*fn)(void *arg);
    void *arg;
};

static struct timespec after_ms(int duration_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += duration_ms / 1000;
    at.tv_nsec += (long)(duration_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void *ticker_main(void *arg)
{
    Ticker *const ticker = arg;
    pthread_mutex_lock(&ticker->mutex);
    while (!ticker->is_stopped) {
        const struct timespec until = after_ms(ticker->every_ms);
        pthread_cond_timedwait(&ticker->stopped, &ticker->mutex, &until);
        if (!ticker->is_stopped)
            ticker->fn(ticker->arg);
    }
    pthread_mutex_unlock(&ticker->mutex);
    return NULL;
}

Err *ticker_start(Ticker **out, int every_ms, void (*fn)(void *arg), void *arg)
{
    Ticker *ticker = mem_new(sizeof *ticker);
    ticker->every_ms = every_ms;
    ticker->fn = fn;
    ticker->arg = arg;
    pthread_mutex_init(&ticker->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ticker->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&ticker->thread, NULL, ticker_main, ticker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        mem_free(&ticker);
        return ERR(LIMIT, "the system refused a thread: %s", strerror(code));
    }
    *out = ticker;
    return NULL;
}

void ticker_stop(Ticker **ticker)
{
    if (!*ticker)
        return;
    pthread_mutex_lock(&(*ticker)->mutex);
    (*ticker)->is_stopped = true;
    pthread_cond_signal(&(*ticker)->stopped);
    pthread_mutex_unlock(&(*ticker)->mutex);
    pthread_join((*ticker)->thread, NULL);
    pthread_cond_destroy(&(*ticker)->stopped);
    pthread_mutex_destroy(&(*ticker)->mutex);
    mem_free(ticker);
}
