/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "fake/folder.h"
#include "cluster/postmaster.h"
#include "os/file.h"

#include <unistd.h>

static void pid_file_write(const TestFolder *folder, long pid, const char *rest)
{
    AUTO(buf_done) Buf text = {0};
    buf_addf(&text, "%ld\n%s\n1700000000\n%s", pid, folder->path, rest);
    ASSERT_OK(file_write_durable(test_path(folder, "postmaster.pid"), buf_span(&text), 0600));
}

/* This very process plays the server: it lives in the folder. */
static void test_postmaster_read__knows_a_server_by_its_process(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    AUTO(arena_free) Arena *arena = arena_new();
    Postmaster found;
    ASSERT_ERR(NOT_FOUND, postmaster_read(&found, folder.path, arena));
    pid_file_write(&folder, (long)getpid(), "5433\n/run/pg\nlocalhost\n 1 2\nready\n");
    ASSERT_ERR(NOT_FOUND, postmaster_read(&found, folder.path, arena)); /* a process of another place */
    assert_int_equal(chdir(folder.path), 0);
    ASSERT_OK(postmaster_read(&found, folder.path, arena));
    assert_int_equal(found.pid, getpid());
    assert_string_equal(found.data_directory, folder.path);
    assert_string_equal(found.port, "5433");
    assert_string_equal(found.host, "/run/pg");

    pid_file_write(&folder, (long)getpid(), "5433\n\n*\n 1 2\nready\n");
    ASSERT_OK(postmaster_find(&found, folder.path, NULL, NULL, arena));
    assert_string_equal(found.host, "localhost");

    pid_file_write(&folder, (long)getpid(), "5433\n"); /* only just starting */
    ASSERT_ERR(NOT_FOUND, postmaster_read(&found, folder.path, arena));
    assert_int_equal(chdir("/"), 0);
}

static PostmasterTrace trace_of(const TestFolder *folder, int64_t pid)
{
    PostmasterTrace trace;
    int64_t found;
    ASSERT_OK(postmaster_trace(&trace, &found, folder->path));
    assert_int_equal(found, pid);
    return trace;
}

static void test_postmaster_trace__tells_a_leftover_from_a_server(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    assert_int_equal(trace_of(&folder, 0), POSTMASTER_GONE);
    pid_file_write(&folder, 999999999, "");
    assert_int_equal(trace_of(&folder, 999999999), POSTMASTER_GONE);
    static const long none[] = {-7, 0, 1};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        pid_file_write(&folder, none[i], "");
        assert_int_equal(trace_of(&folder, none[i]), POSTMASTER_ALIEN);
    }
    pid_file_write(&folder, (long)getpid(), "5433\n");
    assert_int_equal(trace_of(&folder, getpid()), POSTMASTER_ALIEN);
    assert_int_equal(chdir(folder.path), 0);
    assert_int_equal(trace_of(&folder, getpid()), POSTMASTER_LIKELY);
    assert_int_equal(chdir("/"), 0);
}

UNIT_MAIN(cmocka_unit_test(test_postmaster_read__knows_a_server_by_its_process),
          cmocka_unit_test(test_postmaster_trace__tells_a_leftover_from_a_server))
