/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/lock.h - one process at a time
 *
 * A Lock is flock(2) on a file of its own. It ends with its holder, however that dies, so a lock file that is left
 * behind locks nothing; the file stays and is used again. It says who holds it, for messages.
 */
#pragma once

#include "base/err.h"

typedef struct Lock Lock;

/* BUSY, naming the holder's process id, when another process (or another Lock of this one) has it. The folder of
 * `path` must exist. Does not wait. */
MUST Err *lock_take(Lock **out, const char *path);
void lock_free(Lock **lock);
