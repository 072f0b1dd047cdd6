/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/path.h - paths as text
 *
 * Nothing here looks at the file system but path_real(). Results live in the arena.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>

/* "a" and "b" give "a/b"; an empty `folder` gives `name`, a `folder` that ends in '/' gets no second one. */
MUST char *path_join(const char *folder, const char *name, Arena *arena);
/* "/a/b" -> "/a", "/a" -> "/", "a" -> ".". */
MUST char *path_parent(const char *path, Arena *arena);
/* The last component, borrowed: "/a/b" -> "b". "" when `path` ends in '/'. */
const char *path_name(const char *path);
bool path_is_absolute(const char *path);
/* Relative, no empty, "." or ".." component, nothing that could lead out of the folder it is joined to (symbolic links
 * apart). For names that come from outside. */
bool path_is_inner(const char *path);
/* `path` is `folder` itself or lies below it; both without "." and "..", as path_real() gives them. */
bool path_is_below(const char *path, const char *folder);

/* An absolute path without "." and empty components, each ".." taken together with the one before it: what it names as
 * long as no symbolic link is on the way. */
MUST char *path_clean(const char *path, Arena *arena);

/* The absolute path without symbolic links. NOT_FOUND. */
MUST Err *path_real(char **out, const char *path, Arena *arena);
/* What the symbolic link at `path` says. NOT_FOUND; IO when it is no link. */
MUST Err *path_read_link(char **out, const char *path, Arena *arena);
/* Makes a symbolic link at `path` that says `target`. EXISTS. */
MUST Err *path_make_link(const char *path, const char *target);
