/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "fake/folder.h"

#include "os/folder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

TestFolder test_folder_fast(void)
{
    TestFolder folder = {"/dev/shm/pgstrata-test-XXXXXX"};
    return mkdtemp(folder.path) ? folder : test_folder();
}

TestFolder test_folder(void)
{
    TestFolder folder = {"/tmp/pgstrata-test-XXXXXX"};
    if (!mkdtemp(folder.path))
        abort();
    return folder;
}

void test_folder_done(TestFolder *folder)
{
    Err *err = folder_remove_all(folder->path);
    err_free(&err);
}

const char *test_path(const TestFolder *folder, const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *const path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
    return path;
}
