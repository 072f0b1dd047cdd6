/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/err.h - errors as returned objects
 *
 * Every function that can fail returns `Err *`: NULL is success, anything else is owned by the receiver, who passes it
 * up (TRY), adds what it was doing (TRY_AS), or says "I handled it" (err_free). Results go out through pointers, which
 * stay untouched on failure. An Err may travel through queues and between threads; it belongs to one holder at a time.
 *
 * A class answers one question: what may the caller do? The list is closed. The stable code that users see is
 * room/CLASS, such as "store/AWAY"; the room is the folder of the file that made the error.
 *
 * Texts are lower case, name the object and both values ("control file CRC is 1a2b, computed 3c4d"), end without a
 * newline and never say "error" or "failed to".
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>

typedef enum ErrClass {
    ERR_NOT_FOUND,   /* the named object does not exist */
    ERR_EXISTS,      /* it exists already, with other content */
    ERR_BUSY,        /* another process holds it */
    ERR_AWAY,        /* unreachable now; worth a retry */
    ERR_DENIED,      /* no permission */
    ERR_CORRUPT,     /* bytes are not what they must be */
    ERR_GAP,         /* WAL is missing: the target cannot be reached */
    ERR_REFUSED,     /* possible, but refused for safety */
    ERR_UNSUPPORTED, /* a version or feature this program does not know */
    ERR_LIMIT,       /* a bound of base/limits.h, or of the disk (full, quota) */
    ERR_CANCELED,    /* a signal or another worker's error asked us to stop */
    ERR_USAGE,       /* command line, configuration */
    ERR_IO,          /* the system said no in another way */
    ERR_BUG,         /* our own mistake, met where an assert cannot serve */
    ERR_CLASS_COUNT
} ErrClass;

typedef struct Err Err;

/* Makes an error here: return ERR(NOT_FOUND, "no object %s", key). */
#define ERR(class, ...) err_new(ERR_##class, __FILE__, __LINE__, __VA_ARGS__)

/* Returns the error of `call`, if any, from the calling function. */
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        Err *const try_err_ = (call);                                                                        \
        if (try_err_)                                                                                        \
            return try_err_;                                                                                 \
    } while (0)

/* TRY that says what we were doing: TRY_AS(store_get(…), "reading %s", key). Prefixes the text with "reading k: ". */
#define TRY_AS(call, ...)                                                                                    \
    do {                                                                                                     \
        Err *const try_err_ = (call);                                                                        \
        if (try_err_)                                                                                        \
            return err_doing(try_err_, __VA_ARGS__);                                                         \
    } while (0)

/* Cold: compilers lay the paths that come here out of the way of those that succeed. */
MUST Err *err_new(ErrClass class, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

/* Prefixes the text with what was being done. Returns `err`. */
MUST Err *err_doing(Err *err, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* Adds a line of detail (DETAIL:) or what the user can do (HINT:); a later call appends a line. Returns `err`. */
MUST Err *err_detail(Err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
MUST Err *err_hint(Err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same error in another class, where a caller knows better what it means. Returns `err`. */
MUST Err *err_become(Err *err, ErrClass class);

/* The same again, for a second holder. */
MUST Err *err_copy(const Err *err);

/* Keeps the first of two errors and frees the second; either may be NULL. */
MUST Err *err_first(Err *first, Err *second);

ErrClass err_class(const Err *err);
/* False for NULL. */
bool err_is(const Err *err, ErrClass class);
/* The object is gone, damaged, or of a kind or version that this program does not know: asking again gives the same, so
 * a caller may go on without it. False for NULL. */
bool err_is_unreadable(const Err *err);
const char *err_text(const Err *err);
const char *err_detail_text(const Err *err); /* "" when there is none; lines end in no newline */
const char *err_hint_text(const Err *err);   /* "" when there is none */
/* "store/AWAY" */
const char *err_code(const Err *err);
/* Where it was made: "src/store/posix.c:120" */
const char *err_origin(const Err *err);
/* "NOT_FOUND" for ERR_NOT_FOUND. */
const char *err_class_name(ErrClass class);

/* "I handled it." Takes the variable's address, so it also serves AUTO(err_free). NULL is fine. */
void err_free(Err **err);
