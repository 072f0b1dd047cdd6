/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "os/file.h"
#include "os/process.h"
#include "os/user.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_user_name__is_a_name_or_a_number(void **state)
{
    (void)state;
    assert_string_equal(user_name(0).text, "root");
    assert_string_equal(user_name(3999999999u).text, "uid 3999999999");
}

static void test_user_become_owner__is_content_with_who_we_are(void **state)
{
    (void)state;
    AUTO(test_folder_done) TestFolder folder = test_folder();
    const uid_t before = geteuid();
    ASSERT_OK(user_become_owner(folder.path));
    assert_int_equal(geteuid(), before);
    ASSERT_ERR(NOT_FOUND, user_become_owner(test_path(&folder, "absent")));
}

/* In a child, because there is no way back: 0 when all is as promised, else a number that says what is not. */
static int become_nobody(const char *folder, const char *others)
{
    AUTO(err_free) Err *err = user_become_owner(folder);
    if (err)
        return 1;
    if (geteuid() == 0 || getuid() == 0 || setuid(0) == 0)
        return 2;
    if (strcmp(getenv("USER"), "nobody") != 0)
        return 3;
    AUTO(err_free) Err *denied = user_become_owner(others);
    if (!err_is(denied, ERR_DENIED) || !strstr(err_hint_text(denied), "sudo -u root"))
        return 4;
    return 0;
}

static void test_user_become_owner__drops_root_for_good(void **state)
{
    (void)state;
    const struct passwd *const nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody) {
        print_message("only root can become somebody else: skipped\n");
        skip();
    }
    AUTO(test_folder_done) TestFolder folder = test_folder();
    assert_int_equal(chown(folder.path, nobody->pw_uid, nobody->pw_gid), 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(become_nobody(folder.path, "/etc/passwd"));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A shell that finds another real user would go back to it. */
static void program_has_no_way_back(uid_t uid)
{
    AUTO(buf_done) Buf output = {0}, expected = {0};
    ProcessEnd end;
    const char *const argv[] = {"/bin/sh", "-c", "grep ^Uid /proc/self/status", NULL};
    ASSERT_OK(process_run(&end, argv, &(ProcessOptions){.output = &output}));
    assert_true(process_succeeded(end));
    buf_addf(&expected, "Uid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
    assert_string_equal(buf_text(&output), buf_text(&expected));
}

static void test_user_loan__comes_back_at_the_end(void **state)
{
    (void)state;
    const struct passwd *const nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody) {
        print_message("only root can become somebody else: skipped\n");
        skip();
    }
    AUTO(test_folder_done) TestFolder folder = test_folder();
    assert_int_equal(chown(folder.path, nobody->pw_uid, nobody->pw_gid), 0);
    const gid_t group = getegid();
    UserLoan loan;
    ASSERT_OK(user_loan_begin(&loan, folder.path));
    assert_int_equal(geteuid(), nobody->pw_uid);
    assert_int_equal(getegid(), nobody->pw_gid);
    assert_int_equal(chown(folder.path, 0, 0), -1);
    assert_int_equal(access("/etc/shadow", W_OK), -1); /* asks for the real user */
    program_has_no_way_back(nobody->pw_uid);
    user_loan_end(&loan);
    assert_int_equal(geteuid(), 0);
    assert_int_equal(getuid(), 0);
    assert_int_equal(getegid(), group);
    assert_int_equal(chown(folder.path, 0, 0), 0);
    ASSERT_OK(user_loan_begin(&loan, folder.path)); /* ours already */
    assert_false(loan.is_lent);
    user_loan_end(&loan);
}

UNIT_MAIN(cmocka_unit_test(test_user_loan__comes_back_at_the_end),
          cmocka_unit_test(test_user_name__is_a_name_or_a_number),
          cmocka_unit_test(test_user_become_owner__is_content_with_who_we_are),
          cmocka_unit_test(test_user_become_owner__drops_root_for_good))
