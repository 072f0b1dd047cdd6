/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/latch.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>

struct Latch {
    pthread_mutex_t mutex;
    pthread_cond_t is_open;
    size_t parts;
};

Latch *latch_new(size_t parts)
{
    Latch *const latch = mem_new(sizeof *latch);
    pthread_mutex_init(&latch->mutex, NULL);
    pthread_cond_init(&latch->is_open, NULL);
    latch->parts = parts;
    return latch;
}

void latch_count_down(Latch *latch)
{
    pthread_mutex_lock(&latch->mutex);
    assert(latch->parts > 0);
    if (--latch->parts == 0)
        pthread_cond_broadcast(&latch->is_open);
    pthread_mutex_unlock(&latch->mutex);
}

void latch_wait(Latch *latch)
{
    pthread_mutex_lock(&latch->mutex);
    while (latch->parts > 0)
        pthread_cond_wait(&latch->is_open, &latch->mutex);
    pthread_mutex_unlock(&latch->mutex);
}

void latch_free(Latch **latch)
{
    if (!*latch)
        return;
    pthread_cond_destroy(&(*latch)->is_open);
    pthread_mutex_destroy(&(*latch)->mutex);
    mem_free(latch);
}
