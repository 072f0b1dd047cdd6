/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/file.h - an open file, and whole files by their path
 *
 * A File is a descriptor with its path, for messages. It is closed on exec. Reads and writes are full: they repeat
 * what the kernel cut short or a signal interrupted. Errors have the classes of os/errno.h; messages name the path.
 *
 * Durable means: the bytes survive a power cut after the call returned. file_sync() does that for content, syncing the
 * folder (os/folder.h) for the name; calls that promise both say so.
 *
 * Threads: reads at an offset may run in parallel on one File; everything else belongs to one thread.
 */
#pragma once

#include "base/buf.h"
#include "os/entry.h"

typedef struct File File;

typedef struct FileReadOpts {
    bool no_follow;     /* a symbolic link as last component is REFUSED */
    bool is_sequential; /* hint: read once from begin to end */
} FileReadOpts;

/* Opens a regular file; anything else (folder, pipe, device) is REFUSED. NOT_FOUND. */
MUST Err *file_open_read(File **out, const char *path);
MUST Err *file_open_read_opts(File **out, const char *path, FileReadOpts opts);
/* An existing regular file, for reading and writing; never follows a symbolic link as last component. NOT_FOUND. */
MUST Err *file_open_write(File **out, const char *path);
/* A new file for reading and writing, with exactly this mode whatever the umask. EXISTS (also for a dangling link). */
MUST Err *file_create(File **out, const char *path, mode_t mode);
void file_close(File **file);

/* The path it was opened by, borrowed. */
const char *file_path(const File *file);
MUST Err *file_info(EntryInfo *out, const File *file);
MUST Err *file_size(uint64_t *out_bytes, const File *file);

/* Fills `to` from `offset`; `*out_bytes` is less than `size` only where the file ends. */
MUST Err *file_read_at(size_t *out_bytes, const File *file, void *to, size_t size, uint64_t offset);
/* Asks the kernel to begin reading this range, without waiting; a hint that cannot fail. `size_bytes` 0: to its end. */
void file_read_begin(const File *file, uint64_t offset, uint64_t size_bytes);
/* Writes all of `bytes` behind what was written before (from the begin of the file on). */
MUST Err *file_write(File *file, Span bytes);
MUST Err *file_write_at(File *file, Span bytes, uint64_t offset);
/* Cuts it, or grows it by a hole. */
MUST Err *file_set_size(File *file, uint64_t size_bytes);
/* Makes the content durable. After a failure the content is unknown: write the file anew, do not sync again. */
MUST Err *file_sync(File *file);
/* Asks the kernel to begin writing out this range, without waiting; a hint that cannot fail. */
void file_sync_begin(const File *file, uint64_t offset, uint64_t size_bytes);

/* Appends the whole content; works for pipes and devices too. LIMIT when larger than `limit_bytes`. NOT_FOUND. */
MUST Err *file_read_all(Buf *to, const char *path, size_t limit_bytes);
/* Replaces or makes `path` so that after a crash there is the old content or the new; durable on return. Leaves
 * nothing behind on failure. */
MUST Err *file_write_durable(const char *path, Span bytes, mode_t mode);
/* Gives the finished, synced file `temp` the name `path` on the same file system, durably. EXISTS when there is
 * anything at `path`, which stays as it is; `temp` remains then. Also works where the file system knows no rename
 * without overwriting (NFS). */
MUST Err *file_publish(const char *temp, const char *path);
/* The way file_publish() takes where rename cannot refuse to overwrite: link, then unlink. Does not sync the folder.
 * Here so that a test can try it anywhere. */
MUST Err *file_publish_by_link(const char *temp, const char *path);
/* Renames, replacing a file at `to`; not durable before both folders are synced. NOT_FOUND. */
MUST Err *file_rename(const char *from, const char *to);
/* Removes a file or link; absent is success. Not durable before its folder is synced. */
MUST Err *file_remove(const char *path);
