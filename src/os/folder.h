/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/folder.h - folders
 *
 * Syncing a folder makes the names in it durable: what was created, renamed or removed there before the call.
 */
#pragma once

#include "base/arena.h"
#include "os/entry.h"

/* With exactly this mode whatever the umask. EXISTS. Not durable before its parent is synced. */
MUST Err *folder_make(const char *path, mode_t mode);
/* Makes it and whatever is missing above it, durably; a folder that exists already (also a link to one) stays as it is.
 * EXISTS when something else is in the way. */
MUST Err *folder_make_all(const char *path, mode_t mode);
MUST Err *folder_sync(const char *path);
/* Makes everything durable that was written to the file system `path` lies on: one call instead of one a file. */
MUST Err *folder_sync_all(const char *path);

typedef struct FolderEntry {
    const char *name;
    EntryKind kind; /* never ENTRY_ABSENT */
} FolderEntry;

typedef struct FolderList {
    FolderEntry *entries; /* sorted bytewise by name, without "." and ".." */
    size_t count;
} FolderList;

/* NOT_FOUND; LIMIT above FOLDER_ENTRIES_MAX. A symbolic link as last component of `path` is followed. */
MUST Err *folder_list(FolderList *out, const char *path, Arena *arena);
MUST Err *folder_is_empty(bool *out, const char *path);

/* A folder held open: what is in it is looked at without the way there, which takes two thirds of the time. */
typedef struct Folder Folder;
/* NOT_FOUND. A symbolic link as last component of `path` is followed. */
MUST Err *folder_open(Folder **out, const char *path);
void folder_close(Folder **folder);
/* entry_stat() of `name` in it. */
MUST Err *folder_stat(EntryInfo *out, const Folder *folder, const char *name);

/* Removes an empty folder; absent is success. EXISTS when it is not empty. */
MUST Err *folder_remove(const char *path);
/* Removes the folder and all below it, without following symbolic links and without crossing into more than
 * FOLDER_DEPTH_MAX levels (LIMIT). Absent is success; a link at `path` itself is REFUSED. Not durable. */
MUST Err *folder_remove_all(const char *path);

typedef struct FolderRoom {
    uint64_t free_bytes; /* for users without privileges */
    uint64_t total_bytes;
    bool may_compress; /* it holds more bytes of files than that (btrfs, zfs, bcachefs) */
} FolderRoom;

/* Room on the file system that the folder is on. */
MUST Err *folder_room(FolderRoom *out, const char *path);
