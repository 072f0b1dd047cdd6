/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/container.h - the one file shape of every object
 *
 *   head    a skippable frame: magic, version, kind, codec, the object's own name, facts of its kind
 *   frames  the plain bytes, at most FRAME_PLAIN_MAX a frame, each compressed alone
 *   tail    a skippable frame: index, SHA-256 of everything before it, trailer
 *
 * So `zstd -d` (or `lz4 -d`) of any object gives its plain bytes, and a reader that knows the size finds index and head
 * from the end with a few range reads. FORMAT.md, "Container", has every byte.
 *
 * Invariants
 *   1. A reader hands out no byte that it has not checked: head and index against the trailer, frames against the index.
 *   2. An object under another object's key is CORRUPT: the head carries the name.
 *   3. container_load(), container_land() and container_verify() also compare the SHA-256 of all: no flipped bit passes.
 *   4. Of a store with several copies (store/mirror.h) container_open(), container_read() and container_load() take the
 *      first good one, and go on with the next where one is bad.
 *
 * Ownership: a writer borrows its sink, a reader its store. Threads: each writer and reader belongs to one thread.
 */
#pragma once

#include "flow/landing.h"
#include "repo/frame.h"
#include "store/store.h"

/* Format: these numbers stand in every head. */
typedef enum ContainerKind {
    CONTAINER_REPOSITORY = 1,
    CONTAINER_CLUSTER = 2,
    CONTAINER_BRANCH = 3,
    CONTAINER_HISTORY = 4,        /* a timeline history file */
    CONTAINER_WAL = 5,            /* a whole segment */
    CONTAINER_WAL_PARTIAL = 6,    /* NAME.partial */
    CONTAINER_BACKUP_HISTORY = 7, /* NAME.OFFSET.backup */
    CONTAINER_WAL_TAIL = 8,       /* newest bytes of an unfinished segment */
    CONTAINER_BEGIN = 9,
    CONTAINER_PACK = 10,
    CONTAINER_PACKS = 11,
    CONTAINER_BACKUP = 12,
    CONTAINER_HOLD = 13,
    CONTAINER_LOCK = 14,
    CONTAINER_KEY = 15,
    CONTAINER_KIND_END
} ContainerKind;

/* Format: sections of the index, each at most once. */
typedef enum SectionType {
    SECTION_FRAMES = 1, /* always there, the first */
    SECTION_FILES = 2,  /* pack */
    SECTION_PAGES = 3,  /* pack */
    SECTION_WAL_SUMMARY = 16,
    SECTION_WAL_BLOCKS = 17,
    SECTION_WAL_ACTIVITY = 18,
    SECTION_WAL_SEAMS = 19,
} SectionType;

const char *container_kind_name(ContainerKind kind); /* "pack" */

typedef struct ContainerSpec {
    ContainerKind kind;
    const char *name; /* the key below "<cluster>/"; of an object of the repository itself the whole key */
    CodecKind codec;
    int level;
    Span facts; /* at most CONTAINER_FACTS_MAX; what they mean depends on the kind */
} ContainerSpec;

typedef struct ContainerSummary {
    uint64_t stored_bytes; /* of the whole object */
    uint64_t plain_bytes;
    uint64_t frames;
    Sha256 sha256; /* of all bytes before the SHA-256 field */
} ContainerSummary;

typedef struct ContainerWriter ContainerWriter;

/* Writes the head into `to`. */
MUST Err *container_begin(ContainerWriter **out, const ContainerSpec *spec, Sink *to);
/* The next frame: 1 to FRAME_PLAIN_MAX bytes. */
MUST Err *container_frame(ContainerWriter *writer, Span plain);
/* The same, made before by frame_encode() with a codec of the same kind. */
MUST Err *container_frame_ready(ContainerWriter *writer, Span stored, const FrameInfo *info);
/* So far: the stored bytes up to the last frame and the plain bytes. */
uint64_t container_stored_bytes(const ContainerWriter *writer);
uint64_t container_plain_bytes(const ContainerWriter *writer);
/* Adds a section to the index; at any time, in ascending order of type. LIMIT: beyond CONTAINER_INDEX_MAX. */
MUST Err *container_section(ContainerWriter *writer, SectionType type, Span bytes);
/* Writes the tail. The caller then commits what `to` leads to. */
MUST Err *container_finish(ContainerSummary *out, ContainerWriter *writer);
void container_writer_free(ContainerWriter **writer);

/* What a reader takes for granted; anything else is CORRUPT and both are named. */
typedef struct ContainerExpect {
    ContainerKind kind;
    const char *name;
} ContainerExpect;

/* Lives as long as its reader. */
typedef struct ContainerInfo {
    ContainerKind kind;
    CodecKind codec;
    const char *name;
    Span facts;
    ContainerSummary summary; /* sha256 as the object states it, not computed */
} ContainerInfo;

typedef struct ContainerReader ContainerReader;

/* Reads trailer, index and head. NOT_FOUND, CORRUPT; UNSUPPORTED: made by a newer program. */
MUST Err *container_open(ContainerReader **out, Store *store, const char *key, const ContainerExpect *expect);
void container_close(ContainerReader **reader);
const ContainerInfo *container_info(const ContainerReader *reader);
/* The section's bytes, borrowed from the reader; false when there is none. */
bool container_section_find(Span *out, const ContainerReader *reader, SectionType type);

/* Pushes `size` plain bytes from `offset` on into `to`, checked, in one request; does not finish it. CORRUPT, also for
 * bytes that the object does not have. Bytes pushed before an error are good. */
MUST Err *container_read(ContainerReader *reader, uint64_t offset, uint64_t size, Sink *to);

/* The frame that holds the plain byte at `offset`: what reading it costs. False past the end. */
typedef struct FrameSpan {
    uint64_t plain_offset;
    uint32_t plain_bytes;
    uint32_t stored_bytes;
} FrameSpan;
bool container_frame_at(FrameSpan *out, const ContainerReader *reader, uint64_t offset);

/* Reads the whole object once, checks everything, and pushes whole frames' plain bytes, void unless all succeeds, into
 * `to` (NULL: nowhere); does not finish it. Of one store, not of a mirror. */
MUST Err *container_check(ContainerReader *reader, Sink *to);
MUST Err *container_verify(ContainerSummary *out, Store *store, const char *key,
                           const ContainerExpect *expect);
/* The same of an object in memory; appends its facts. */
MUST Err *container_verify_bytes(Buf *facts, Span object, const ContainerExpect *expect);
/* Appends all plain bytes of a small object to `plain`: one read, everything checked. LIMIT beyond `limit_bytes`. */
MUST Err *container_load(Buf *plain, Store *store, const char *key, const ContainerExpect *expect,
                         size_t limit_bytes);

typedef struct ContainerLandOpts {
    size_t limit_bytes; /* a larger object is LIMIT */
    int jobs;           /* threads that decode; 0: the calling one, which then lands the frames in order */
} ContainerLandOpts;

/* The same for an object of any size, its plain bytes to any place. Only success means that all was checked: after an
 * error what has landed is void. Of one store: who reads a mirror asks for its copies (store/mirror.h). */
MUST Err *container_land(Landing *to, Store *store, const char *key, const ContainerExpect *expect,
                         ContainerLandOpts opts);
