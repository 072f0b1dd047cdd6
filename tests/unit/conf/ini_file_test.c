/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "conf/ini_file.h"

#include <stdio.h>
#include <string.h>

/* Writes down what it is told, one line each. */
static Err *write_down(void *arg, const IniLine *line)
{
    buf_addf(arg, "%d %d %s", line->line, (int)line->section, line->name);
    if (line->key)
        buf_addf(arg, " %s=%s", line->key, line->value);
    buf_addf(arg, "\n");
    return NULL;
}

static Err *read_bytes(Buf *seen, const void *bytes, size_t size)
{
    FILE *const stream = fmemopen((void *)(uintptr_t)bytes, size, "r");
    assert_non_null(stream);
    Err *const err = ini_file_read(stream, "x.conf", write_down, seen);
    fclose(stream);
    return err;
}

static Err *read_text(const char *text)
{
    AUTO(buf_done) Buf seen = {0};
    return read_bytes(&seen, text, strlen(text));
}

static void test_ini_file_read__knows_sections_keys_and_lines(void **state)
{
    (void)state;
    AUTO(buf_done) Buf seen = {0};
    static const char text[] = "\xef\xbb\xbf; ours\n[global]\njobs = 2 ; two\n\n[repo  a]\n  url=/srv/a\r\n"
                               "# more\n[cluster main] ; the one\n\tpgdata : /pg";
    ASSERT_OK(read_bytes(&seen, text, strlen(text)));
    assert_string_equal(buf_text(&seen),
                        "2 0 \n3 0  jobs=2\n5 2 a\n6 2 a url=/srv/a\n8 1 main\n9 1 main pgdata=/pg\n");
}

static void test_ini_file_read__indents_never_continue_a_value(void **state)
{
    (void)state;
    AUTO(buf_done) Buf seen = {0};
    static const char text[] = "[global]\nuser = me\n \v\f jobs = 4\n";
    ASSERT_OK(read_bytes(&seen, text, strlen(text)));
    assert_string_equal(buf_text(&seen), "1 0 \n2 0  user=me\n3 0  jobs=4\n");
}

static void test_ini_file_read__refuses_what_would_be_cut(void **state)
{
    (void)state;
    char text[400];
    snprintf(text, sizeof text, "[global]\nuser = %0190d\n", 7);
    ASSERT_OK(read_text(text));
    snprintf(text, sizeof text, "[global]\n\nuser = %0192d\n", 7);
    ASSERT_ERR_TEXT(USAGE, "x.conf:3: the line has 199 bytes, at most 198", read_text(text));
    snprintf(text, sizeof text, "[cluster %042d]\njobs = 1\n", 7);
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: the section's name has 50 bytes", read_text(text));
    snprintf(text, sizeof text, "[cluster %041d]\njobs = 1\n", 7);
    ASSERT_ERR_TEXT(USAGE, "is not a name for a cluster", read_text(text));
}

static void test_ini_file_read__refuses_nul_bytes_and_huge_files(void **state)
{
    (void)state;
    AUTO(buf_done) Buf seen = {0};
    ASSERT_ERR_TEXT(USAGE, "x.conf:2: the line holds a NUL byte",
                    read_bytes(&seen, "[global]\nuser = a\0b\n", 20));
    AUTO(buf_done) Buf huge = {0};
    while (huge.len <= CONF_FILE_BYTES_MAX)
        buf_addf(&huge, "; %0150d\n", 1);
    ASSERT_ERR_TEXT(LIMIT, "the file has more than 1048576 bytes", read_bytes(&seen, huge.data, huge.len));
}

static void test_ini_file_read__bad_lines_have_file_and_line(void **state)
{
    (void)state;
    ASSERT_ERR_TEXT(USAGE, "x.conf:2: the line is neither \"name = value\" nor",
                    read_text("[global]\njobs\njobs = 2\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: \"jobs\" stands before any section", read_text("jobs = 2\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: unknown section [clutser main]", read_text("[clutser main]\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: section [cluster] has no name", read_text("[cluster]\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: unknown section [global x]", read_text("[global x]\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: \"a b\" is not a name for a cluster", read_text("[cluster a b]\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: \"Main\" is not a name for a repo", read_text("[repo Main]\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: the section's name does not end", read_text("[repo main\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:1: after \"]\" the line must end", read_text("[global] jobs = 2\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:2: \"2 # two\" seems to end in a comment",
                    read_text("[global]\njobs = 2 # two\n"));
    /* The first of two bad lines is told, whoever found it. */
    ASSERT_ERR_TEXT(USAGE, "x.conf:2: the line is neither", read_text("[global]\njobs\n[bad]\n"));
    ASSERT_ERR_TEXT(USAGE, "x.conf:2: unknown section [bad]", read_text("[global]\n[bad]\njobs\n"));
}

static void test_ini_file_read__unknown_section_names_the_nearest(void **state)
{
    (void)state;
    Err *err = read_text("[clutser main]\n");
    assert_string_equal(err_hint_text(err), "did you mean [cluster NAME]?");
    err_free(&err);
    err = read_text("[stanza]\n");
    assert_string_equal(err_hint_text(err), "sections are [global], [cluster NAME] and [repo NAME]");
    err_free(&err);
}

UNIT_MAIN(cmocka_unit_test(test_ini_file_read__knows_sections_keys_and_lines),
          cmocka_unit_test(test_ini_file_read__indents_never_continue_a_value),
          cmocka_unit_test(test_ini_file_read__refuses_what_would_be_cut),
          cmocka_unit_test(test_ini_file_read__refuses_nul_bytes_and_huge_files),
          cmocka_unit_test(test_ini_file_read__bad_lines_have_file_and_line),
          cmocka_unit_test(test_ini_file_read__unknown_section_names_the_nearest))
