/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/verify_seen.h - what a verify has read and found good, so that the next one need not read it again
 *
 * Objects never change, so one that was good, and of which the store still says the same size and time, is passed over
 * by `verify --since-last`. That trusts the medium: bytes that rot where they lie keep size and time. It finds what was
 * added, removed, cut or replaced; only a whole verify finds rot.
 *
 * One file a repository and cluster: STATE-DIR/verify/<repository id>/<cluster>. It is replaced as a whole by a verify
 * that came to its end, so one that was broken off leaves nothing. It is a cache: where it is absent or damaged,
 * everything is read.
 *
 * Memory: 80 bytes an object; beyond VERIFY_SEEN_MAX objects are not remembered. Threads: the caller sees to it that
 * nobody else adds.
 */
#pragma once

#include "codec/hash.h"
#include "cluster/report.h"
#include "repo/repo.h"

typedef struct SeenObject {
    Hash128 key; /* of its name */
    uint64_t size_bytes;
    Instant modified; /* the store's time */
    Instant read;     /* when every byte of it was read; this host's time */
    /* Of a pack, for the backups that draw on it. */
    uint64_t plain_bytes;
    Sha256 sha256;
} SeenObject;

typedef struct VerifySeen VerifySeen;

MUST VerifySeen *verify_seen_new(void);
void verify_seen_free(VerifySeen **seen);
void verify_seen_add(VerifySeen *seen, const char *key, const SeenObject *object);
/* To be called between the last add and the first find or forget. */
void verify_seen_sort(VerifySeen *seen);
/* False when it was not seen with this size and time. */
bool verify_seen_find(SeenObject *out, const VerifySeen *seen, const char *key, const ObjectInfo *info);

/* It must be read again: something is wrong that another object has to do with. */
void verify_seen_forget(VerifySeen *seen, const char *key);

/* What the last one left; empty when there is none. A file that cannot be used is a warning. */
MUST VerifySeen *verify_seen_load(const char *state_dir, const Repo *repo, const char *cluster,
                                  Report *report);
/* Durable on return. REFUSED when the repository's id cannot be a folder's name. */
MUST Err *verify_seen_save(const VerifySeen *seen, const char *state_dir, const Repo *repo,
                           const char *cluster);
