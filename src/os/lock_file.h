/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/lock_file.h - one process at a time
 *
 * A LockFile is flock(2) on a file of its own. It ends with its holder, however that dies, so a lock file that is left
 * behind locks nothing; the file stays and is used again. It says who holds it, for messages.
 */
#pragma once

#include "base/err.h"

typedef struct LockFile LockFile;

/* BUSY, naming the holder's process id, when another process (or another LockFile of this one) has it. The folder of
 * `path` must exist. Does not wait. */
MUST Err *lock_file_take(LockFile **out, const char *path);
void lock_file_free(LockFile **lock);
