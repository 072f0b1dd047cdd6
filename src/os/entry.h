/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* os/entry.h - what a folder's entry is: kind, size, owner. Looked at without following a symbolic link. */
#pragma once

#include "base/instant.h"

#include <sys/types.h>

typedef enum EntryKind { ENTRY_ABSENT, ENTRY_FILE, ENTRY_FOLDER, ENTRY_LINK, ENTRY_OTHER } EntryKind;

typedef struct EntryInfo {
    EntryKind kind;
    uint64_t size_bytes;
    Instant modified;
    mode_t mode; /* permission bits only */
    uid_t uid;
    gid_t gid;
    dev_t device; /* with inode: the same object or not */
    ino_t inode;
    nlink_t links;
} EntryInfo;

/* An absent entry (or absent folder above it) is an outcome: kind ENTRY_ABSENT. */
MUST Err *entry_stat(EntryInfo *out, const char *path);
/* Follows symbolic links; a dangling one is ENTRY_ABSENT. */
MUST Err *entry_stat_follow(EntryInfo *out, const char *path);
/* "file", "folder", "symbolic link", … for messages. */
const char *entry_kind_name(EntryKind kind);

MUST Err *entry_set_mode(const char *path, mode_t mode);
/* Of a folder, which must not be a symbolic link. */
MUST Err *entry_set_folder_owner(const char *path, uid_t uid, gid_t gid);

/* What stat(2) said, in our form. */
struct stat;
EntryInfo entry_info_of(const struct stat *st);
EntryKind entry_kind_of(mode_t st_mode);
