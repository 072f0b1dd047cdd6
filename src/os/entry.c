/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/entry.h"

#include "os/errno.h"
#include "os/fault.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

EntryKind entry_kind_of(mode_t st_mode)
{
    if (S_ISREG(st_mode))
        return ENTRY_FILE;
    if (S_ISDIR(st_mode))
        return ENTRY_FOLDER;
    return S_ISLNK(st_mode) ? ENTRY_LINK : ENTRY_OTHER;
}

/* Some file systems take any number of seconds. */
static Instant instant_of(const struct timespec *at)
{
    int64_t us;
    if (__builtin_mul_overflow((int64_t)at->tv_sec, 1000000, &us) ||
        __builtin_add_overflow(us, at->tv_nsec / 1000, &us))
        return INSTANT_NONE;
    return (Instant){us};
}

EntryInfo entry_info_of(const struct stat *st)
{
    return (EntryInfo){
        .kind = entry_kind_of(st->st_mode),
        .size_bytes = (uint64_t)st->st_size,
        .modified = instant_of(&st->st_mtim),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .device = st->st_dev,
        .inode = st->st_ino,
        .links = st->st_nlink,
    };
}

static Err *outcome_of(EntryInfo *out, int result, const struct stat *st, const char *path)
{
    if (result == 0)
        *out = entry_info_of(st);
    else if (errno == ENOENT || errno == ENOTDIR)
        *out = (EntryInfo){.kind = ENTRY_ABSENT, .modified = INSTANT_NONE};
    else
        return ERR_OS("looking at %s", path);
    return NULL;
}

Err *entry_stat(EntryInfo *out, const char *path)
{
    TRY(fault_check("stat", path));
    struct stat st;
    const int result = lstat(path, &st);
    return outcome_of(out, result, &st, path);
}

Err *entry_stat_follow(EntryInfo *out, const char *path)
{
    TRY(fault_check("stat", path));
    struct stat st;
    const int result = stat(path, &st);
    return outcome_of(out, result, &st, path);
}

const char *entry_kind_name(EntryKind kind)
{
    static const char *const names[] = {
        [ENTRY_ABSENT] = "absent",      [ENTRY_FILE] = "file",          [ENTRY_FOLDER] = "folder",
        [ENTRY_LINK] = "symbolic link", [ENTRY_OTHER] = "special file",
    };
    return names[kind];
}

Err *entry_set_mode(const char *path, mode_t mode)
{
    TRY(fault_check("create", path));
    if (chmod(path, mode) != 0)
        return ERR_OS("setting the mode of %s to %04o", path, (unsigned)mode);
    return NULL;
}

Err *entry_set_folder_owner(const char *path, uid_t uid, gid_t gid)
{
    TRY(fault_check("create", path));
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return ERR_OS("opening %s", path);
    Err *const err =
        fchown(folder, uid, gid) == 0 ? NULL : ERR_OS("giving %s to user %u", path, (unsigned)uid);
    close(folder);
    return err;
}
