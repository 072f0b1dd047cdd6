/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/errno.h"

#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

/* budget: table */
static ErrClass class_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    case ETIMEDOUT:
    case ESTALE:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENOTCONN:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
        return ERR_AWAY;
    case ELOOP:
        return ERR_REFUSED;
    default:
        return ERR_IO;
    }
}

static const char *hint_of(int errnum)
{
    switch (errnum) {
    case ENOSPC:
        return "free space on that file system, then repeat";
    case EDQUOT:
        return "the quota of this user or project is used up; raise it or free space, then repeat";
    case EROFS:
        return "the file system is mounted read-only; see why (dmesg), then mount it read-write";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (ulimit -n)";
    default:
        return NULL;
    }
}

const char *errno_text(int errnum)
{
    const char *const text = strerrordesc_np(errnum);
    return text ? text : "unknown system condition";
}

Err *err_os(int errnum, const char *file, int line, const char *format, ...)
{
    AUTO(buf_done) Buf doing = {0};
    va_list args;
    va_start(args, format);
    buf_addv(&doing, format, args);
    va_end(args);
    Err *const err = err_new(class_of(errnum), file, line, "%s: %s", buf_text(&doing), errno_text(errnum));
    const char *const hint = hint_of(errnum);
    return hint ? err_hint(err, "%s", hint) : err;
}
