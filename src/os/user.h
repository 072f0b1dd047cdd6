/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* os/user.h - whose rights we work with */
#pragma once

#include "base/err.h"

#include <sys/types.h>

typedef struct UserName {
    char text[64];
} UserName;

/* "postgres", or "uid 1234" where the system knows no name. For messages. */
UserName user_name(uid_t uid);
/* Who we are (effective). */
UserName user_current(void);

/*
 * Works from now on as the owner of `path`, with that user's groups, for good. Nothing happens when we are that user
 * already. DENIED, with the command to use instead, when we are neither root nor the owner. Also sets HOME, USER and
 * LOGNAME, for the sake of libraries that look there (libpq's .pgpass). Before any thread starts.
 */
MUST Err *user_become_owner(const char *path);
