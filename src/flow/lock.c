/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/lock.h"

#include <assert.h>

/* A default mutex fails only on misuse. */
void lock_init(Lock *lock)
{
    const int code = pthread_mutex_init(&lock->mutex, NULL);
    assert(code == 0);
    (void)code;
}

void lock_done(Lock *lock)
{
    const int code = pthread_mutex_destroy(&lock->mutex);
    assert(code == 0);
    (void)code;
}

void lock_take(Lock *lock)
{
    const int code = pthread_mutex_lock(&lock->mutex);
    assert(code == 0);
    (void)code;
}

void lock_release(Lock *lock)
{
    const int code = pthread_mutex_unlock(&lock->mutex);
    assert(code == 0);
    (void)code;
}
