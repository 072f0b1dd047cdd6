/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* job/verify_object.h - which object a key names */
#pragma once

#include "repo/container.h"
#include "repo/keys.h"

typedef struct VerifyObject {
    ContainerKind kind;
    uint32_t generation; /* 0 for the repository's own object */
    WalName wal;         /* of the WAL kinds and history files */
    WalTail tail;        /* of a tail; `wal` is its segment */
    Timeline timeline;   /* of a branch record */
    BackupLabel label;   /* of a backup's objects */
    uint32_t pack;
} VerifyObject;

/* False when no object of `cluster` can have this key. Names of WAL are judged by `segment_bytes`. */
bool verify_object_of(VerifyObject *out, const char *key, const char *cluster, uint32_t segment_bytes);
