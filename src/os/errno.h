/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/errno.h - what the system said, as an error
 *
 * ERR_OS("opening %s", path) reads errno and gives "opening /x: No such file or directory". The text is never
 * translated, so that messages can be searched for. Classes:
 *   NOT_FOUND  ENOENT, ENOTDIR           EXISTS   EEXIST, ENOTEMPTY
 *   DENIED     EACCES, EPERM, EROFS      LIMIT    ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE (with a hint)
 *   AWAY       ETIMEDOUT, ESTALE, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH, ENETDOWN, ENOTCONN, ECONN*
 *   REFUSED    ELOOP (a symbolic link where none is followed)       IO  everything else
 * EINTR never gets here: whoever makes a call repeats it.
 */
#pragma once

#include "base/err.h"

#include <errno.h>

#define ERR_OS(...) err_os(errno, __FILE__, __LINE__, __VA_ARGS__)

MUST Err *err_os(int errnum, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The system's own words for `errnum`, untranslated. */
const char *errno_text(int errnum);
