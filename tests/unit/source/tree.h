/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/source/tree.h - a small data directory below a test's own folder */
#pragma once

#include "unit.h"

#include "fake/folder.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "source/local.h"
#include "source/walk.h"

#include <string.h>

static inline void tree_folder(const TestFolder *top, const char *path)
{
    ASSERT_OK(folder_make_all(test_path(top, path), 0700));
}

static inline void tree_file(const TestFolder *top, const char *path, const char *content)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const full = test_path(top, path);
    ASSERT_OK(folder_make_all(path_parent(full, arena), 0700));
    AUTO(file_close) File *file = NULL;
    ASSERT_OK(file_create(&file, full, 0600));
    ASSERT_OK(file_write(file, span_of(content, strlen(content))));
}

static inline void tree_link(const TestFolder *top, const char *path, const char *target)
{
    AUTO(arena_free) Arena *arena = arena_new();
    ASSERT_OK(folder_make_all(path_parent(test_path(top, path), arena), 0700));
    ASSERT_OK(path_make_link(test_path(top, path), target));
}

/* All paths that a walk shows, one a line; a folder ends in '/', a link in '@', a folder behind a link in "/@". */
static inline Err *tree_walk(Buf *out, Source *source, const WalkOptions *options)
{
    AUTO(walk_free) Walk *walk = NULL;
    TRY(walk_new(&walk, source, options));
    for (;;) {
        bool is_entry = false;
        SourceEntry entry;
        TRY(walk_next(&is_entry, &entry, walk));
        if (!is_entry)
            return NULL;
        buf_addf(out, "%s%s%s\n", entry.path, entry.item->kind == SOURCE_FOLDER ? "/" : "",
                 entry.item->target ? "@" : "");
    }
}
