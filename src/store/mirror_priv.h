/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* store/mirror_priv.h - the inside of a mirror, for its own files */
#pragma once

#include "flow/lock.h"
#include "store/mirror.h"

typedef struct MirrorFault {
    size_t member;
    char *key;
    Err *err; /* NULL once it was told */
} MirrorFault;

typedef struct MirrorStore {
    Store base;
    MirrorMember *members;
    size_t count;
    Lock lock;     /* guards all that follows */
    Err **silence; /* of each member that is away; NULL: it answers */
    MirrorFault *faults;
    size_t fault_count, fault_next; /* fault_next: the first that was not told */
    uint64_t dropped;
} MirrorStore;

/* NULL when it is none. */
MUST MirrorStore *mirror_of(Store *store);

/* A copy of the error with which the member went away; NULL when it answers. */
MUST Err *mirror_silence(MirrorStore *mirror, size_t member);
/* Keeps a copy of `err`, which is about `key` in the member. */
void mirror_blame(MirrorStore *mirror, size_t member, const char *key, const Err *err);
/* Forgets what was kept about `key`, because `told` says it all in one piece: no copy is good. Where that is an absence,
 * which may be an answer like any other, only absences are forgotten. */
void mirror_forget(MirrorStore *mirror, const char *key, const Err *told);
/* The graver of two errors with the other as its detail; either may be NULL. */
MUST Err *mirror_join(Err *a, Err *b);

MUST Err *mirror_list(Store *store, const char *prefix, ListOpts opts, ListFn *each, void *arg);
