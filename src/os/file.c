/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/file.h"

#include "base/arena.h"
#include "os/errno.h"
#include "os/fault.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/random.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_ALL_STEP = 64 * 1024 };

struct File {
    int fd;
    char *path;
};

/* Takes over the descriptor. */
static File *file_new(int fd, const char *path)
{
    File *const file = mem_new(sizeof *file);
    file->fd = fd;
    file->path = mem_text(path);
    return file;
}

static int open_again(const char *path, int flags, mode_t mode)
{
    return (int)TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC, mode));
}

static Err *regular_check(const File *file)
{
    EntryInfo info;
    TRY(file_info(&info, file));
    if (info.kind != ENTRY_FILE)
        return ERR(REFUSED, "%s is a %s, not a regular file", file->path, entry_kind_name(info.kind));
    return NULL;
}

/* O_NONBLOCK keeps open() from waiting for the other end of a pipe; it means nothing for regular files. */
static Err *open_regular(File **out, const char *path, int flags)
{
    TRY(fault_check("open", path));
    const int fd = open_again(path, flags | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return ERR_OS("opening %s", path);
    AUTO(file_close) File *file = file_new(fd, path);
    TRY(regular_check(file));
    *out = TAKE(file);
    return NULL;
}

Err *file_open_read(File **out, const char *path)
{
    return file_open_read_opts(out, path, (FileReadOpts){0});
}

Err *file_open_read_opts(File **out, const char *path, FileReadOpts opts)
{
    TRY(open_regular(out, path, O_RDONLY | (opts.no_follow ? O_NOFOLLOW : 0)));
    if (opts.is_sequential)
        posix_fadvise((*out)->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return NULL;
}

Err *file_open_write(File **out, const char *path)
{
    return open_regular(out, path, O_RDWR | O_NOFOLLOW);
}

Err *file_create(File **out, const char *path, mode_t mode)
{
    TRY(fault_check("create", path));
    const int fd = open_again(path, O_RDWR | O_CREAT | O_EXCL, mode);
    if (fd < 0)
        return ERR_OS("creating %s", path);
    /* Where modes cannot be set (vfat, some network mounts) the file system's own rule holds. */
    if ((mode & 077) && fchmod(fd, mode) != 0 && errno != EPERM && errno != ENOTSUP) {
        Err *const err = ERR_OS("setting the mode of %s to %04o", path, (unsigned)mode);
        close(fd);
        unlink(path);
        return err;
    }
    *out = file_new(fd, path);
    return NULL;
}

void file_close(File **file)
{
    if (!*file)
        return;
    close((*file)->fd);
    mem_free(&(*file)->path);
    mem_free(file);
}

const char *file_path(const File *file)
{
    return file->path;
}

Err *file_info(EntryInfo *out, const File *file)
{
    TRY(fault_check("stat", file->path));
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        return ERR_OS("looking at %s", file->path);
    *out = entry_info_of(&st);
    return NULL;
}

Err *file_size(uint64_t *out_bytes, const File *file)
{
    EntryInfo info;
    TRY(file_info(&info, file));
    *out_bytes = info.size_bytes;
    return NULL;
}

Err *file_read_at(size_t *out_bytes, const File *file, void *to, size_t size, uint64_t offset)
{
    TRY(fault_check("read", file->path));
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(file->fd, (char *)to + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERR_OS("reading %s at offset %llu", file->path, (unsigned long long)(offset + done));
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *out_bytes = done;
    return NULL;
}

void file_read_begin(const File *file, uint64_t offset, uint64_t size_bytes)
{
    (void)posix_fadvise(file->fd, (off_t)offset, (off_t)size_bytes, POSIX_FADV_WILLNEED);
}

Err *file_write(File *file, Span bytes)
{
    TRY(fault_check("write", file->path));
    while (bytes.len) {
        const ssize_t put = write(file->fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return ERR_OS("writing %s", file->path);
        bytes = span_cut(bytes, (size_t)put, bytes.len);
    }
    return NULL;
}

Err *file_write_at(File *file, Span bytes, uint64_t offset)
{
    TRY(fault_check("write", file->path));
    while (bytes.len) {
        const ssize_t put = pwrite(file->fd, bytes.ptr, bytes.len, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return ERR_OS("writing %s at offset %llu", file->path, (unsigned long long)offset);
        bytes = span_cut(bytes, (size_t)put, bytes.len);
        offset += (uint64_t)put;
    }
    return NULL;
}

Err *file_set_size(File *file, uint64_t size_bytes)
{
    TRY(fault_check("write", file->path));
    if (TEMP_FAILURE_RETRY(ftruncate(file->fd, (off_t)size_bytes)) != 0)
        return ERR_OS("setting the size of %s to %llu bytes", file->path, (unsigned long long)size_bytes);
    return NULL;
}

Err *file_sync(File *file)
{
    TRY(fault_check("sync", file->path));
    if (TEMP_FAILURE_RETRY(fsync(file->fd)) != 0)
        return ERR_OS("syncing %s", file->path);
    return NULL;
}

void file_sync_begin(const File *file, uint64_t offset, uint64_t size_bytes)
{
    (void)sync_file_range(file->fd, (off_t)offset, (off_t)size_bytes, SYNC_FILE_RANGE_WRITE);
}

static Err *read_to_end(Buf *to, int fd, const char *path, size_t limit_bytes)
{
    const size_t begin = to->len;
    for (;;) {
        uint8_t *const at = buf_reserve(to, READ_ALL_STEP);
        const ssize_t got = TEMP_FAILURE_RETRY(read(fd, at, READ_ALL_STEP));
        if (got < 0)
            return ERR_OS("reading %s", path);
        if (got == 0)
            return NULL;
        buf_grown(to, (size_t)got);
        if (to->len - begin > limit_bytes)
            return ERR(LIMIT, "%s is larger than the %zu bytes allowed here", path, limit_bytes);
    }
}

Err *file_read_all(Buf *to, const char *path, size_t limit_bytes)
{
    TRY(fault_check("open", path));
    const int fd = open_again(path, O_RDONLY | O_NOCTTY, 0);
    if (fd < 0)
        return ERR_OS("opening %s", path);
    AUTO(file_close) File *file = file_new(fd, path);
    TRY(fault_check("read", path));
    return read_to_end(to, fd, path, limit_bytes);
}

static Err *write_and_rename(const char *temp, const char *path, Span bytes, mode_t mode)
{
    AUTO(file_close) File *file = NULL;
    TRY(file_create(&file, temp, mode));
    TRY(file_write(file, bytes));
    TRY(file_sync(file));
    return file_rename(temp, path);
}

Err *file_write_durable(const char *path, Span bytes, mode_t mode)
{
    AUTO(arena_free) Arena *arena = arena_new();
    uint32_t tag;
    TRY(random_bytes(&tag, sizeof tag));
    const char *const folder = path_parent(path, arena);
    const char *const temp =
        path_join(folder, arena_textf(arena, ".%.200s.%08x.tmp", path_name(path), tag), arena);
    Err *const err = write_and_rename(temp, path, bytes, mode);
    if (err) {
        unlink(temp); /* most often it is there; when not, there is nothing to undo */
        return err;
    }
    return folder_sync(folder);
}

/* A repeated request over NFS can say EEXIST although the first one made the link; the count of links tells. */
Err *file_publish_by_link(const char *temp, const char *path)
{
    if (link(temp, path) != 0) {
        Err *err = ERR_OS("linking %s to %s", temp, path);
        EntryInfo info;
        Err *stat_err = entry_stat(&info, temp);
        const bool is_ours = !stat_err && err_is(err, ERR_EXISTS) && info.links == 2;
        err_free(&stat_err);
        if (!is_ours)
            return err;
        err_free(&err);
    }
    return file_remove(temp);
}

Err *file_publish(const char *temp, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    TRY(fault_check("rename", path));
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) != 0) {
        if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
            return ERR_OS("renaming %s to %s", temp, path);
        TRY(file_publish_by_link(temp, path));
    }
    return folder_sync(path_parent(path, arena));
}

Err *file_rename(const char *from, const char *to)
{
    TRY(fault_check("rename", to));
    if (rename(from, to) != 0)
        return ERR_OS("renaming %s to %s", from, to);
    return NULL;
}

Err *file_remove(const char *path)
{
    TRY(fault_check("unlink", path));
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        return ERR_OS("removing %s", path);
    return NULL;
}
