/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/wal_object.h - one archived file of pg_wal; a segment with its index
 *
 * Any file of pg_wal becomes a container. That of a segment, .partial or tail carries facts in its head (system id,
 * timeline, major, segment size, length and XXH3-128 of the plain bytes), and a segment has a WAL index behind its
 * frames. Bytes are made in memory (a compressed segment is smaller than a segment), so that they can be prepared ahead
 * by a worker and made visible later, in order, in several repositories.
 *
 * A segment that its server did not finish is kept as a tail, up to the end of its last record: repo/wal_cover.h puts
 * tails together.
 *
 * Format: repo/FORMAT.md, "WAL objects".
 */
#pragma once

#include "repo/container.h"
#include "repo/generation.h"
#include "repo/wal_index.h"
#include "repo/wal_joint.h"

typedef struct WalFacts {
    SystemId system_id;
    Timeline timeline; /* of the name */
    unsigned major;
    uint32_t segment_bytes;
    uint64_t plain_bytes;
    Hash128 plain_hash;
} WalFacts;

typedef struct WalObjectSpec {
    const Generation *generation;
    WalName name;
    const WalTail *tail; /* the bytes are this part of the segment `name`; NULL: the whole file */
    CodecKind codec;
    int level;
    const char *key; /* where it will be stored; NULL: key_wal() or key_wal_tail() */
    int jobs;        /* threads that compress, the calling one included; 0: that alone */
} WalObjectSpec;

/* The plain bytes, read once in order while others are compressed. */
typedef struct WalPlain {
    uint64_t size_bytes;
    Err *(*read)(void *arg, uint8_t *to, size_t size); /* the next `size` of them */
    void *arg;
} WalPlain;

typedef struct WalMade {
    Hash128 plain_hash;
    Err *index_fault; /* yours; why there is no index, or NULL */
} WalMade;

ContainerKind wal_object_kind(WalNameKind kind);

/* Appends the container of the plain bytes to `out`: the bytes of the object at its key. For a whole segment, and a tail
 * that begins it, the records are read and the index is made; where they cannot be read, the object has no index, and
 * `index_fault` says why: an indexing bug never fills pg_wal. CORRUPT: a segment or tail of another size. */
MUST Err *wal_object_make(Buf *out, WalMade *made, const WalObjectSpec *spec, const WalPlain *from);
/* The same from memory. */
MUST Err *wal_object_encode(Buf *out, Err **index_fault, const WalObjectSpec *spec, Span plain);

/* Facts of a stored segment or .partial, from its head. NOT_FOUND, CORRUPT. */
MUST Err *wal_object_facts(WalFacts *out, Store *store, const KeyRoot *root, WalName name);

/* Facts and summary in one; `*has_summary` false when it was stored without index. Else end it with
 * wal_summary_done(). */
MUST Err *wal_object_summary(WalSummary *out, bool *has_summary, Store *store, const KeyRoot *root,
                             WalName name);

/* What the map of changes needs; `*has_index` false when a section of it is missing. Else end it with
 * wal_index_done(). */
MUST Err *wal_object_index(WalIndex *out, bool *has_index, Store *store, const KeyRoot *root, WalName name);

typedef struct WalChecked {
    WalFacts facts;
    ContainerSummary summary;
    bool has_index; /* no section of it is missing; then `joint` is set */
    WalJoint joint;
} WalChecked;

/* Reads a whole segment or .partial once and checks everything: what container_verify() does, the facts against the name,
 * and that each section of the index can be decoded. CORRUPT, UNSUPPORTED. */
MUST Err *wal_object_check(WalChecked *out, Store *store, const KeyRoot *root, WalName name);

/* All sections as bytes, for whoever shows them; `*has_sections` false when one is missing. Else end them with
 * wal_sections_done(). */
MUST Err *wal_object_sections(WalSections *out, bool *has_sections, Store *store, const KeyRoot *root,
                              WalName name);

/* The plain bytes to any place, decoded by `jobs` threads (0: the calling one, in order). Only success means that
 * everything was checked: hashes, the name in the head, a segment's size. NOT_FOUND, CORRUPT. Of one store, not of a
 * mirror: whether a copy or the landing is to blame its owner knows. */
MUST Err *wal_object_land(Landing *to, Store *store, const KeyRoot *root, WalName name, int jobs);
/* The same, appended to `plain`, which stays as it is on failure; of a mirror the first good copy. */
MUST Err *wal_object_read(Buf *plain, Store *store, const KeyRoot *root, WalName name);

/* The same of tails. */
MUST Err *wal_tail_facts(WalFacts *out, Store *store, const KeyRoot *root, const WalTail *tail);
MUST Err *wal_tail_summary(WalSummary *out, bool *has_summary, Store *store, const KeyRoot *root,
                           const WalTail *tail);
MUST Err *wal_tail_sections(WalSections *out, bool *has_sections, Store *store, const KeyRoot *root,
                            const WalTail *tail);
MUST Err *wal_tail_read(Buf *plain, Store *store, const KeyRoot *root, const WalTail *tail);
