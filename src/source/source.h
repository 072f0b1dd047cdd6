/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * source/source.h - where the files of a cluster are read from
 *
 * The same backup reads a local data directory or a server over connections. A source answers three questions: what
 * is in this folder, what are the bytes of this range, and "it has vanished", which is an outcome and no error: files
 * come and go while a server runs. Paths are relative to the data directory and '/'-separated ("base/5/1259"); a
 * tablespace's files are below "pg_tblspc/OID", wherever they really lie.
 *
 * A source shows folders one at a time; walk.h goes through all of them in order, filter.h says what a backup leaves
 * out. Both work alike on every source.
 *
 * Errors: DENIED names the file and the user; AWAY when the whole place is gone (an unmounted disk must not look like
 * vanished files); REFUSED for a layout that cannot be read safely (links that lead in circles).
 *
 * Threads: calls on one Source may run in parallel; a SourceFile belongs to one thread.
 */
#pragma once

#include "base/arena.h"
#include "base/instant.h"

typedef struct Source Source;
typedef struct SourceFile SourceFile;

typedef enum SourceKind {
    SOURCE_FILE,
    SOURCE_FOLDER, /* also one behind a link that is followed: pg_wal, pg_tblspc/OID; then it has a target */
    SOURCE_LINK,   /* any other symbolic link; it is not followed */
    SOURCE_OTHER,  /* socket, pipe, device */
} SourceKind;

/* What a backup does with an entry (filter.h). */
typedef enum SourceVerdict {
    SOURCE_TAKE,
    SOURCE_EMPTY, /* a folder that is kept without its contents */
    SOURCE_SKIP,
} SourceVerdict;

typedef struct SourceItem {
    const char *name;
    const char *target; /* what the link says; NULL when it is none */
    uint64_t size_bytes;
    Instant modified;
    uint32_t mode; /* permission bits; behind a link that is followed, the folder's */
    SourceKind kind;
    SourceVerdict verdict; /* SOURCE_TAKE from the source */
} SourceItem;

typedef struct SourceFolder {
    SourceItem *items; /* sorted bytewise by name */
    size_t count;
    bool is_there; /* false: it has vanished */
} SourceFolder;

typedef struct SourceOps {
    const char *name; /* "local" */
    Err *(*list)(SourceFolder *out, Source *, const char *path, Arena *arena);
    Err *(*open)(SourceFile **out, Source *, const char *path);
    Err *(*read)(size_t *out_bytes, SourceFile *, void *to, size_t size, uint64_t offset);
    void (*close)(SourceFile *);
    Err *(*check)(Source *);
    void (*free)(Source *);
} SourceOps;

/* The first member of every source's own struct. */
struct Source {
    const SourceOps *ops;
    const char *const *inner; /* folders of the data directory that are tablespaces as well; ends in NULL */
};

struct SourceFile {
    Source *source;
};

/* One folder; "" is the data directory. All that belongs to the answer lives in the arena. */
MUST Err *source_list(SourceFolder *out, Source *source, const char *path, Arena *arena);
/* NULL when the file has vanished. REFUSED when it is no longer a regular file. */
MUST Err *source_open(SourceFile **out, Source *source, const char *path);
/* Fills `to` from `offset`; fewer bytes mean that the file ends there now, whatever its size was before. */
MUST Err *source_read(size_t *out_bytes, SourceFile *file, void *to, size_t size, uint64_t offset);
void source_close(SourceFile **file);
/* The data directory and every tablespace are still the ones that were there when the source was opened: to be asked
 * after the last file, before "vanished" is believed. AWAY. */
MUST Err *source_check(Source *source);
void source_free(Source **source);
