/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/path.h"

#include "base/buf.h"
#include "base/text.h"
#include "os/errno.h"
#include "os/fault.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *path_join(const char *folder, const char *name, Arena *arena)
{
    const char *const between = !folder[0] || text_ends(folder, "/") ? "" : "/";
    return arena_textf(arena, "%s%s%s", folder, between, name);
}

char *path_parent(const char *path, Arena *arena)
{
    const char *const slash = strrchr(path, '/');
    if (!slash)
        return arena_text(arena, ".");
    if (slash == path)
        return arena_text(arena, "/");
    return arena_textf(arena, "%.*s", (int)(slash - path), path);
}

const char *path_name(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_is_absolute(const char *path)
{
    return path[0] == '/';
}

bool path_is_inner(const char *path)
{
    for (const char *at = path;; at++) {
        const size_t len = strcspn(at, "/");
        const bool is_dots = (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.');
        if (len == 0 || is_dots)
            return false;
        at += len;
        if (!*at)
            return true;
    }
}

bool path_is_below(const char *path, const char *folder)
{
    const size_t len = strlen(folder);
    if (strncmp(path, folder, len) != 0)
        return false;
    return path[len] == 0 || path[len] == '/' || (len && folder[len - 1] == '/');
}

char *path_clean(const char *path, Arena *arena)
{
    AUTO(buf_done) Buf clean = {0};
    for (const char *at = path; *at;) {
        const size_t len = strcspn(at, "/");
        const bool is_up = len == 2 && at[0] == '.' && at[1] == '.';
        if (is_up) {
            const char *const slash = strrchr(buf_text(&clean), '/');
            buf_cut(&clean, slash ? (size_t)(slash - buf_text(&clean)) : 0);
        } else if (len && !(len == 1 && at[0] == '.')) {
            buf_addf(&clean, "/%.*s", (int)len, at);
        }
        at += len + (at[len] == '/');
    }
    return arena_text(arena, clean.len ? buf_text(&clean) : "/");
}

Err *path_real(char **out, const char *path, Arena *arena)
{
    char resolved[PATH_MAX];
    TRY(fault_check("stat", path));
    if (!realpath(path, resolved))
        return ERR_OS("resolving %s", path);
    *out = arena_text(arena, resolved);
    return NULL;
}

Err *path_read_link(char **out, const char *path, Arena *arena)
{
    char target[PATH_MAX];
    TRY(fault_check("stat", path));
    const ssize_t len = readlink(path, target, sizeof target);
    if (len < 0)
        return ERR_OS("reading the symbolic link %s", path);
    if ((size_t)len == sizeof target)
        return ERR(LIMIT, "symbolic link %s is longer than %zu bytes", path, sizeof target - 1);
    *out = arena_textf(arena, "%.*s", (int)len, target);
    return NULL;
}

Err *path_make_link(const char *path, const char *target)
{
    TRY(fault_check("create", path));
    if (symlink(target, path) != 0)
        return ERR_OS("making the symbolic link %s to %s", path, target);
    return NULL;
}
