/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/fake/folder.h - a folder of a test's own, gone when the test ends */
#pragma once

/* "/tmp/pgstrata-test-XXXXXX"; aborts the test when it cannot be made. Free with test_folder_done, as AUTO does. */
typedef struct TestFolder {
    char path[64];
} TestFolder;

TestFolder test_folder(void);
/* The same in memory where that can be had: for tests that sync thousands of times. */
TestFolder test_folder_fast(void);
void test_folder_done(TestFolder *folder);

/* "<folder>/<name>", valid until the 8th next call. */
const char *test_path(const TestFolder *folder, const char *name);
