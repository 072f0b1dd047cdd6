/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* os/user.h - whose rights we work with */
#pragma once

#include "base/err.h"

#include <stdbool.h>
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

/*
 * Root's rights, given away for a while: the real and the effective user are the owner of a path, and root comes back at
 * the end. Only the saved user stays root, which exec() does not hand on: a program run meanwhile has no way back.
 */
typedef struct UserLoan {
    bool is_lent;
    uid_t user; /* the real ones of before */
    gid_t group;
    gid_t *groups; /* root's own */
    int group_count;
} UserLoan;

/* As user_become_owner(), until user_loan_end(). Nothing happens when we are that user already. */
MUST Err *user_loan_begin(UserLoan *out, const char *path);
void user_loan_end(UserLoan *loan);
