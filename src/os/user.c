/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/user.h"

#include "os/entry.h"
#include "os/errno.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PASSWD_BUFFER_SIZE = 16 * 1024 };

UserName user_name(uid_t uid)
{
    UserName name;
    char buffer[PASSWD_BUFFER_SIZE];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        snprintf(name.text, sizeof name.text, "%s", found->pw_name);
    else
        snprintf(name.text, sizeof name.text, "uid %u", (unsigned)uid);
    return name;
}

UserName user_current(void)
{
    return user_name(geteuid());
}

/* A user without an entry keeps the file's group and no other. */
static Err *groups_become(const struct passwd *user, gid_t file_group)
{
    const gid_t group = user ? user->pw_gid : file_group;
    const int result = user ? initgroups(user->pw_name, group) : setgroups(0, NULL);
    if (result != 0)
        return ERR_OS("taking on the groups of %s", user ? user->pw_name : "the owner");
    if (setresgid(group, group, group) != 0)
        return ERR_OS("taking on group %u", (unsigned)group);
    return NULL;
}

static Err *become(const EntryInfo *owned)
{
    char buffer[PASSWD_BUFFER_SIZE];
    struct passwd entry, *user = NULL;
    const int errnum = getpwuid_r(owned->uid, &entry, buffer, sizeof buffer, &user);
    if (errnum != 0)
        return err_os(errnum, __FILE__, __LINE__, "looking up user %u", (unsigned)owned->uid);
    TRY(groups_become(user, owned->gid));
    if (setresuid(owned->uid, owned->uid, owned->uid) != 0)
        return ERR_OS("becoming user %u", (unsigned)owned->uid);
    if (setuid(0) == 0)
        return ERR(BUG, "root's rights came back after becoming user %u", (unsigned)owned->uid);
    if (user) {
        setenv("HOME", user->pw_dir, 1);
        setenv("USER", user->pw_name, 1);
        setenv("LOGNAME", user->pw_name, 1);
    }
    return NULL;
}

/* May we act as the owner of `path`? *out_is_needed is false when we are the owner already. */
static Err *owner_look_up(EntryInfo *out, bool *out_is_needed, const char *path)
{
    TRY(entry_stat_follow(out, path));
    if (out->kind == ENTRY_ABSENT)
        return ERR(NOT_FOUND, "%s does not exist", path);
    *out_is_needed = out->uid != geteuid();
    if (*out_is_needed && geteuid() != 0) {
        const UserName owner = user_name(out->uid);
        return err_hint(
            ERR(DENIED, "%s belongs to %s, and we run as %s", path, owner.text, user_current().text),
            "run as root, or as that user: sudo -u %s pgstrata …", owner.text);
    }
    return NULL;
}

Err *user_become_owner(const char *path)
{
    EntryInfo info;
    bool is_needed;
    TRY(owner_look_up(&info, &is_needed, path));
    return is_needed ? become(&info) : NULL;
}

static Err *ids_save(UserLoan *loan)
{
    loan->user = getuid();
    loan->group = getgid();
    loan->group_count = getgroups(0, NULL);
    if (loan->group_count < 0)
        return ERR_OS("reading our groups");
    loan->groups = mem_new((size_t)loan->group_count * sizeof *loan->groups + 1);
    if (getgroups(loan->group_count, loan->groups) != loan->group_count)
        return ERR_OS("reading our groups");
    return NULL;
}

Err *user_loan_begin(UserLoan *out, const char *path)
{
    EntryInfo info;
    UserLoan loan = {0};
    TRY(owner_look_up(&info, &loan.is_lent, path));
    if (!loan.is_lent) {
        *out = loan;
        return NULL;
    }
    AUTO(mem_free) void *groups = NULL;
    TRY(ids_save(&loan));
    groups = loan.groups;
    char buffer[PASSWD_BUFFER_SIZE];
    struct passwd entry, *user = NULL;
    const int errnum = getpwuid_r(info.uid, &entry, buffer, sizeof buffer, &user);
    if (errnum != 0)
        return err_os(errnum, __FILE__, __LINE__, "looking up user %u", (unsigned)info.uid);
    const gid_t group = user ? user->pw_gid : info.gid;
    if ((user ? initgroups(user->pw_name, group) : setgroups(0, NULL)) != 0 ||
        setresgid(group, group, group) != 0 || setresuid(info.uid, info.uid, 0) != 0)
        return ERR_OS("taking on user %s", user_name(info.uid).text);
    if (user)
        setenv("HOME", user->pw_dir, 1);
    groups = NULL;
    *out = loan;
    return NULL;
}

/* With the wrong rights nothing may go on. */
void user_loan_end(UserLoan *loan)
{
    if (!loan->is_lent)
        return;
    if (setresuid(loan->user, 0, 0) != 0 || setresgid(loan->group, loan->group, loan->group) != 0 ||
        setgroups((size_t)loan->group_count, loan->groups) != 0)
        abort();
    mem_free(&loan->groups);
    *loan = (UserLoan){0};
}
