/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/keys.h - the tree of names in a repository
 *
 * One place makes and reads keys; FORMAT.md, "Tree of names", has them all. A container carries its object's name
 * below "<cluster>/" (for the repository object: the whole key), so that objects can be copied between repositories
 * and a swapped object is found.
 */
#pragma once

#include "base/limits.h"
#include "codec/hash.h"
#include "pg/wal_name.h"
#include "repo/label.h"

#define KEY_REPOSITORY "pgstrata"
#define KEY_NAME_MAX   CONF_NAME_MAX

/* A cluster name and its generation number: the folder all other keys live in. */
typedef struct KeyRoot {
    char cluster[KEY_NAME_MAX + 1];
    uint32_t generation; /* from 1 */
} KeyRoot;

typedef struct Key {
    char text[STORE_KEY_MAX + 1];
} Key;

/* Bytes [from, to) of a segment that was not finished, stored apart; from < to < segment size, multiples of 8. */
typedef struct WalTail {
    WalName name; /* of the segment */
    uint32_t from, to;
} WalTail;

/* `[a-z0-9_-]{1,40}`: names of clusters and repositories; `what` is "cluster" or "repository". "pgstrata" and "key"
 * are taken, because they are names at the root of a repository. USAGE names the fault. */
MUST Err *key_name_check(const char *what, const char *name);
/* A root of checked parts. USAGE as above; CORRUPT for generation 0. */
MUST Err *key_root_make(KeyRoot *out, const char *cluster, uint32_t generation);

/* The object's name as its container carries it: the part after "<cluster>/"; the whole of a key without '/'. */
const char *key_object_name(const char *key);

Key key_cluster_folder(const char *cluster);    /* "main/" */
Key key_cluster(const KeyRoot *root);           /* "main/g1/cluster" */
Key key_generation_prefix(const KeyRoot *root); /* "main/g1/" */

/* "…/wal/00000001/0000000100000000/000000010000000000000003.wal"; `.partial` and `.backup` files stand in the same
 * folder, history files one above. */
Key key_wal(const KeyRoot *root, WalName name);
/* A second .partial of that name with other content: ends in ".partial." and eight digits of its hash. */
Key key_wal_partial_other(const KeyRoot *root, WalName name, const Hash128 *hash);
/* "…/000000010000000000000003.00000000-0001A2F8.tail" */
Key key_wal_tail(const KeyRoot *root, const WalTail *tail);
/* "…/000000010000000000000003.": with it begins whatever is stored of a segment, its tails sorted by `from`, then
 * `to`. */
Key key_wal_stem(const KeyRoot *root, WalName name);
Key key_wal_prefix(const KeyRoot *root, Timeline timeline); /* "…/wal/00000001/" */
Key key_wal_root(const KeyRoot *root);                      /* "…/wal/" */
Key key_history(const KeyRoot *root, Timeline timeline);    /* "…/wal/00000002.history" */
Key key_branch(const KeyRoot *root, Timeline timeline);     /* "…/branch/00000002" */
Key key_branch_prefix(const KeyRoot *root);
Key key_backup_prefix(const KeyRoot *root);                                        /* "…/backup/" */
Key key_backup_object(const KeyRoot *root, BackupLabel label, const char *object); /* begin, packs, backup */
Key key_pack(const KeyRoot *root, BackupLabel label, uint32_t pack);               /* "…/pack-000001" */

/* What was decided about a backup, a timeline, the WAL: repo/hold.h. "…/hold/" */
Key key_hold_prefix(const KeyRoot *root);
/* "…/hold/pin/20261121-083000F.000001"; with a `name` of "" "…/hold/wal/000001". */
Key key_hold(const KeyRoot *root, const char *folder, const char *name, uint32_t number);
/* "…/hold/pin/20261121-083000F.", with which all numbers of a name begin; with a `name` of "" "…/hold/wal/". */
Key key_hold_stem(const KeyRoot *root, const char *folder, const char *name);
Key key_hold_clock(const KeyRoot *root, uint64_t random);  /* "…/hold/clock/0123456789abcdef" */
Key key_hold_gone(const KeyRoot *root, BackupLabel label); /* "…/hold/gone/20261121-083000F" */

/* Where the damaged object `key` of this generation is set aside: "…/quarantine/backup/…/pack-000001.01234567", the
 * digits those of the hash of its bytes. With a `hash` of NULL what all of that key begin with. */
Key key_quarantine(const KeyRoot *root, const char *key, const Hash128 *hash);
/* "…/quarantine/" */
Key key_quarantine_prefix(const KeyRoot *root);
/* The key that such an object had; false when `key` is none. */
bool key_quarantine_matches(Key *out, const KeyRoot *root, const char *key);

/* Generation number of "g12/…" or "g12", below the cluster's folder; false when `name` is none. */
bool key_generation_matches(uint32_t *out, const char *name);
/* The WAL file whose key ends in `name` (the part behind the last '/'): a second .partial gives the same WalName as
 * the first. False for anything else, tails included. */
bool key_wal_matches(WalName *out, const char *name, uint32_t segment_bytes);
bool key_wal_tail_matches(WalTail *out, const char *name, uint32_t segment_bytes);
/* "pack-000001". */
bool key_pack_matches(uint32_t *out, const char *name);
