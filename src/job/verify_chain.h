/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * job/verify_chain.h - does every segment go on where the one before it ends?
 *
 * The workers leave what each sound segment says of its borders; when all objects are done, neighbours are compared, on one
 * timeline and where one branched off another (repo/wal_joint.h).
 */
#pragma once

#include "job/info.h"
#include "job/verify_priv.h"
#include "repo/wal_object.h"

/* A sound segment, or a tail that begins one, as its neighbours must know it. */
typedef struct SegmentSeen {
    uint32_t generation;
    WalName name;
    bool is_tail;
    bool is_fresh; /* read by this run; else a run before has joined it with what was there then, */
    bool is_known; /* and `joint` is not set before it is asked for */
    bool has_no_index;
    WalJoint joint;
} SegmentSeen;

/* Two neighbours that do not belong together. */
typedef struct SegmentBreak {
    uint32_t generation;
    WalName before, name;
    WalBreak broken;
} SegmentBreak;

/* From any thread: `checked` of a segment, NULL for one that a run before has read. Reads it once more where it has no index. */
MUST Err *verify_segment_seen(VerifyRun *run, const VerifyObject *object, const WalChecked *checked);
MUST Err *verify_tail_seen(VerifyRun *run, const KeyRoot *root, const WalTail *tail);
void verify_segments_sort(VerifyRun *run);
/* Those without index. */
void verify_unindexed_tell(VerifyRun *run);
/* Holds the segments of a generation against their neighbours; fills run->breaks. */
MUST Err *verify_chain(VerifyRun *run, const VerifyGeneration *generation);
/* And tells of it. */
MUST Err *verify_breaks_tell(VerifyRun *run, const VerifyGeneration *generation, const Info *info);
