/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/folder.h"

#include "base/buf.h"
#include "base/limits.h"
#include "os/errno.h"
#include "os/fault.h"
#include "os/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

static void dir_close(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static void fd_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

Err *folder_make(const char *path, mode_t mode)
{
    TRY(fault_check("mkdir", path));
    if (mkdir(path, mode) != 0)
        return ERR_OS("making folder %s", path);
    /* Where modes cannot be set (vfat, some network mounts) the file system's own rule holds. */
    if ((mode & 077) && chmod(path, mode) != 0 && errno != EPERM && errno != ENOTSUP)
        return ERR_OS("setting the mode of %s to %04o", path, (unsigned)mode);
    return NULL;
}

/* Another process may have been faster, and may not have synced the parent yet. */
static Err *make_durable(const char *path, const char *parent, mode_t mode)
{
    AUTO(err_free) Err *err = folder_make(path, mode);
    if (err && !err_is(err, ERR_EXISTS))
        return TAKE(err);
    if (err) {
        EntryInfo info;
        TRY(entry_stat_follow(&info, path));
        if (info.kind != ENTRY_FOLDER)
            return TAKE(err);
    }
    return folder_sync(parent);
}

Err *folder_make_all(const char *path, mode_t mode)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf missing = {0}; /* const char *, the deepest first */
    for (const char *at = path;; at = path_parent(at, arena)) {
        EntryInfo info;
        TRY(entry_stat_follow(&info, at));
        if (info.kind == ENTRY_FOLDER)
            break;
        if (info.kind != ENTRY_ABSENT)
            return ERR(EXISTS, "%s is a %s, not a folder", at, entry_kind_name(info.kind));
        buf_add(&missing, &at, sizeof at);
    }
    for (size_t left = missing.len / sizeof path; left > 0; left--) {
        const char *folder;
        memcpy(&folder, missing.data + (left - 1) * sizeof folder, sizeof folder);
        TRY(make_durable(folder, path_parent(folder, arena), mode));
    }
    return NULL;
}

Err *folder_sync(const char *path)
{
    TRY(fault_check("sync", path));
    AUTO(fd_close) const int fd = (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return ERR_OS("opening folder %s", path);
    /* File systems that cannot sync a folder say EINVAL (some FUSE and SMB mounts): they have nothing to sync. */
    if (TEMP_FAILURE_RETRY(fsync(fd)) != 0 && errno != EINVAL)
        return ERR_OS("syncing folder %s", path);
    return NULL;
}

static Err *dir_open(DIR **out, const char *path)
{
    TRY(fault_check("list", path));
    DIR *const dir = opendir(path);
    if (!dir)
        return ERR_OS("opening folder %s", path);
    *out = dir;
    return NULL;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The next entry but "." and ".."; NULL at the end. */
static Err *entry_next(struct dirent **out, DIR *dir, const char *path)
{
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(dir);
    } while (entry && is_dots(entry->d_name));
    if (!entry && errno)
        return ERR_OS("listing folder %s", path);
    *out = entry;
    return NULL;
}

/* ENTRY_ABSENT when it vanished before we could look. */
static Err *entry_kind(EntryKind *out, DIR *dir, const struct dirent *entry, const char *path)
{
    if (entry->d_type != DT_UNKNOWN) {
        *out = entry_kind_of(DTTOIF((mode_t)entry->d_type));
        return NULL;
    }
    struct stat st;
    if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *out = entry_kind_of(st.st_mode);
    else if (errno == ENOENT)
        *out = ENTRY_ABSENT;
    else
        return ERR_OS("looking at %s/%s", path, entry->d_name);
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const FolderEntry *)a)->name, ((const FolderEntry *)b)->name);
}

Err *folder_list(FolderList *out, const char *path, Arena *arena)
{
    AUTO(dir_close) DIR *dir = NULL;
    AUTO(buf_done) Buf found = {0}; /* FolderEntry */
    TRY(dir_open(&dir, path));
    for (;;) {
        struct dirent *entry;
        TRY(entry_next(&entry, dir, path));
        if (!entry)
            break;
        FolderEntry item = {.kind = ENTRY_ABSENT};
        TRY(entry_kind(&item.kind, dir, entry, path));
        if (item.kind == ENTRY_ABSENT)
            continue;
        item.name = arena_text(arena, entry->d_name);
        buf_add(&found, &item, sizeof item);
        if (found.len / sizeof item > FOLDER_ENTRIES_MAX)
            return ERR(LIMIT, "folder %s has more than %d entries", path, FOLDER_ENTRIES_MAX);
    }
    const size_t count = found.len / sizeof(FolderEntry);
    FolderEntry *const entries = arena_alloc(arena, found.len);
    if (count) {
        memcpy(entries, found.data, found.len);
        qsort(entries, count, sizeof *entries, compare_names);
    }
    *out = (FolderList){entries, count};
    return NULL;
}

Err *folder_is_empty(bool *out, const char *path)
{
    AUTO(dir_close) DIR *dir = NULL;
    TRY(dir_open(&dir, path));
    struct dirent *entry;
    TRY(entry_next(&entry, dir, path));
    *out = !entry;
    return NULL;
}

struct Folder {
    int fd;
    char *path; /* for messages */
};

Err *folder_open(Folder **out, const char *path)
{
    TRY(fault_check("list", path));
    const int fd = (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return ERR_OS("opening folder %s", path);
    Folder *const folder = mem_new(sizeof *folder);
    *folder = (Folder){fd, mem_text(path)};
    *out = folder;
    return NULL;
}

void folder_close(Folder **folder)
{
    if (!*folder)
        return;
    close((*folder)->fd);
    mem_free(&(*folder)->path);
    mem_free(folder);
}

Err *folder_stat(EntryInfo *out, const Folder *folder, const char *name)
{
    struct stat st;
    TRY(fault_check("stat", folder->path));
    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *out = entry_info_of(&st);
    else if (errno == ENOENT || errno == ENOTDIR)
        *out = (EntryInfo){.kind = ENTRY_ABSENT, .modified = INSTANT_NONE};
    else
        return ERR_OS("looking at %s/%s", folder->path, name);
    return NULL;
}

Err *folder_remove(const char *path)
{
    TRY(fault_check("unlink", path));
    if (rmdir(path) != 0 && errno != ENOENT)
        return ERR_OS("removing folder %s", path);
    return NULL;
}

/* The way down to the folder being emptied: level 0 is the root of the removal. */
typedef struct Descent {
    DIR *dirs[FOLDER_DEPTH_MAX];
    char names[FOLDER_DEPTH_MAX][NAME_MAX + 1];
    size_t depth;
} Descent;

static void descent_free(Descent **descent)
{
    while ((*descent)->depth)
        closedir((*descent)->dirs[--(*descent)->depth]);
    mem_free(descent);
}

/* Opens `name` below `parent_fd`, never through a symbolic link. */
static Err *descend(Descent *to, int parent_fd, const char *name, const char *root)
{
    if (to->depth == FOLDER_DEPTH_MAX)
        return ERR(LIMIT, "folders below %s are nested more than %d deep", root, FOLDER_DEPTH_MAX);
    const int fd =
        (int)TEMP_FAILURE_RETRY(openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd < 0)
        return ERR_OS("opening folder %s%s%s", root, to->depth ? "/…/" : "", to->depth ? name : "");
    DIR *const dir = fdopendir(fd);
    if (!dir) {
        Err *const err = ERR_OS("listing folder %s", root);
        close(fd);
        return err;
    }
    to->dirs[to->depth] = dir;
    if (to->depth)
        strcpy(to->names[to->depth], name); /* a name of the system's: at most NAME_MAX */
    to->depth++;
    return NULL;
}

/* Removes the next entry of the deepest folder, or goes down into it, or, when there is none, goes up. */
static Err *remove_step(Descent *at, const char *root)
{
    DIR *const dir = at->dirs[at->depth - 1];
    struct dirent *entry;
    TRY(entry_next(&entry, dir, root));
    if (entry) {
        EntryKind kind;
        TRY(entry_kind(&kind, dir, entry, root));
        if (kind == ENTRY_FOLDER)
            return descend(at, dirfd(dir), entry->d_name, root);
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
            return ERR_OS("removing %s below %s", entry->d_name, root);
        return NULL;
    }
    closedir(dir);
    at->depth--;
    if (at->depth && unlinkat(dirfd(at->dirs[at->depth - 1]), at->names[at->depth], AT_REMOVEDIR) != 0)
        return ERR_OS("removing folder %s below %s", at->names[at->depth], root);
    return NULL;
}

Err *folder_remove_all(const char *path)
{
    TRY(fault_check("unlink", path));
    EntryInfo info;
    TRY(entry_stat(&info, path));
    if (info.kind == ENTRY_ABSENT)
        return NULL;
    if (info.kind != ENTRY_FOLDER)
        return ERR(REFUSED, "%s is a %s, not a folder", path, entry_kind_name(info.kind));

    AUTO(descent_free) Descent *at = mem_new(sizeof *at);
    TRY(descend(at, AT_FDCWD, path, path));
    while (at->depth)
        TRY(remove_step(at, path));
    return folder_remove(path);
}

/* The types of linux/magic.h, and of OpenZFS and bcachefs, which are not in it everywhere. */
static bool may_compress(const char *path)
{
    static const uint32_t types[] = {0x9123683e /* btrfs */, 0x2fc12fc1 /* zfs */, 0xca451a4e /* bcachefs */};
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return true; /* nothing is known of it */
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if ((uint32_t)fs.f_type == types[i])
            return true;
    }
    return false;
}

Err *folder_room(FolderRoom *out, const char *path)
{
    struct statvfs fs;
    TRY(fault_check("stat", path));
    if (statvfs(path, &fs) != 0)
        return ERR_OS("asking for the room at %s", path);
    *out = (FolderRoom){.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
                        .total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize,
                        .may_compress = may_compress(path)};
    return NULL;
}

Err *folder_sync_all(const char *path)
{
    TRY(fault_check("sync", path));
    AUTO(fd_close) const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_OS("opening %s", path);
    if (syncfs(fd) != 0)
        return ERR_OS("syncing the file system of %s", path);
    return NULL;
}
