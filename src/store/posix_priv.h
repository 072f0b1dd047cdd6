/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* store/posix_priv.h - what the two files of the posix driver share */
#pragma once

#include "base/limits.h"
#include "flow/lock.h"
#include "os/entry.h"
#include "store/store.h"

#define POSIX_TEMP_FOLDER ".tmp"

typedef struct Posix {
    Store base;
    char *root;
    dev_t device; /* of the root when it was opened */
    ino_t inode;
    Flag has_marker; /* the repository's first object was seen */
    Flag is_swept;
    Lock lock;                      /* guards what follows */
    char synced[STORE_KEY_MAX + 1]; /* the folder whose way down from the root we synced last; "": none */
} Posix;

/* What lies at a key, and whether the way there is clear. */
typedef struct PosixWay {
    EntryInfo entry;
    bool is_blocked; /* something that is no folder stands where the key needs one */
} PosixWay;

/* REFUSED when a symbolic link is on the way. */
MUST Err *posix_look(PosixWay *out, const Posix *self, const char *key);
/* AWAY unless the root is still what was opened. */
MUST Err *posix_root_check(Posix *self);

MUST Err *posix_leftovers(StoreLeftovers *out, Store *store);
MUST Err *posix_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg);
