/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/lock_file.h"

#include "os/errno.h"
#include "os/fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct LockFile {
    int fd;
};

static void fd_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static Err *busy(int fd, const char *path)
{
    char text[24] = {0};
    const ssize_t got = pread(fd, text, sizeof text - 1, 0);
    const long pid = got > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return ERR(BUSY, "%s is locked by process %ld", path, pid);
    return ERR(BUSY, "%s is locked by another process", path);
}

/* The process id is for people only; a full disk must not keep anybody from working. */
static void holder_write(int fd)
{
    char text[24];
    const int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        return;
}

Err *lock_file_take(LockFile **out, const char *path)
{
    TRY(fault_check("open", path));
    AUTO(fd_close)
    int fd = (int)TEMP_FAILURE_RETRY(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (fd < 0)
        return ERR_OS("opening lock file %s", path);
    if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | LOCK_NB)) != 0) {
        if (errno == EWOULDBLOCK)
            return busy(fd, path);
        return ERR_OS("locking %s", path);
    }
    holder_write(fd);
    LockFile *const lock = mem_new(sizeof *lock);
    lock->fd = fd;
    fd = -1;
    *out = lock;
    return NULL;
}

void lock_file_free(LockFile **lock)
{
    if (!*lock)
        return;
    close((*lock)->fd);
    mem_free(lock);
}
