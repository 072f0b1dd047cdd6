/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "pg/backup_label.h"
#include "pg/fixture.h"

#define START "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
#define REST                                                                                                 \
    "CHECKPOINT LOCATION: 0/2000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n"                        \
    "START TIME: now\nLABEL: x\nSTART TIMELINE: 1\n"

static void test_backup_label__is_read_from_every_major(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(buf_done) Buf text = {0};
        fixture_read(&text, major, "backup_label");
        BackupLabelFile label;
        ASSERT_OK(backup_label_parse(&label, buf_span(&text), arena));
        assert_true(label.start.at > 1 << 20);
        assert_int_equal(strlen(label.start_file), 24);
        assert_true(label.checkpoint.at >= label.start.at);
        assert_int_equal(label.method, BACKUP_STREAMED);
        assert_false(label.is_from_standby);
        assert_non_null(strstr(label.start_time, "UTC"));
        assert_string_equal(label.label, "label with \\ and \xc3\xbc");
        assert_int_equal(label.start_timeline.id, 1);
        assert_int_equal(label.stop.at, 0);
        assert_null(label.stop_time);
        ASSERT_ERR_TEXT(CORRUPT, "STOP", backup_history_parse(&label, buf_span(&text), arena));
    }
}

static void test_backup_history__tells_the_stop_too(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(buf_done) Buf text = {0};
        fixture_read(&text, major, "history.backup");
        BackupLabelFile label;
        ASSERT_OK(backup_history_parse(&label, buf_span(&text), arena));
        assert_true(label.stop.at > label.start.at);
        assert_int_equal(strlen(label.stop_file), 24);
        assert_non_null(strstr(label.stop_time, "UTC"));
        assert_int_equal(label.stop_timeline.id, 1);
    }
}

static void test_backup_label__knows_the_rarer_lines(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    BackupLabelFile label;
    ASSERT_OK(backup_label_parse(
        &label,
        fixture_text(START
                     "CHECKPOINT LOCATION: 0/2000060\nBACKUP METHOD: pg_start_backup\nBACKUP FROM: standby\n"
                     "LABEL: a: b\nSTART TIMELINE: 12\nINCREMENTAL FROM LSN: 1/0\nINCREMENTAL FROM TLI: 3\n"
                     "A LINE OF THE FUTURE: 7\nno colon\n"),
        arena));
    assert_int_equal(label.method, BACKUP_EXCLUSIVE);
    assert_true(label.is_from_standby);
    assert_string_equal(label.label, "a: b");
    assert_int_equal(label.start_timeline.id, 12);
    assert_int_equal(label.incremental_from.at, UINT64_C(1) << 32);
    assert_int_equal(label.incremental_from_timeline.id, 3);
    assert_string_equal(label.start_file, "000000010000000000000002");
    assert_null(label.start_time);
}

static void test_backup_label__refuses_what_cannot_be(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        REST,
        START,
        START START REST,
        START REST "START TIMELINE: 9\n", /* as a label text with a newline could bring in */
        "START WAL LOCATION: 0/2000028\n" REST,
        "START WAL LOCATION: 0/0 (file 000000010000000000000002)\n" REST,
        "START WAL LOCATION: 0/2000028 (file 00000001000000000000002)\n" REST,
        "START WAL LOCATION: 0/2000028 (file 00000001000000000000000G)\n" REST,
        "START WAL LOCATION: 0/2000028 (file 000000010000000000000002\n" REST,
        "START WAL LOCATION: 0/2000028 (file 000000010000000000000002) \n" REST,
        START "CHECKPOINT LOCATION: zero\nBACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIMELINE: 1\n",
        START
        "CHECKPOINT LOCATION: 0/2000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIMELINE: 0\n",
    };
    AUTO(arena_free) Arena *arena = arena_new();
    BackupLabelFile label = {.start = {77}};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(CORRUPT, backup_label_parse(&label, fixture_text(bad[i]), arena));
    ASSERT_ERR(CORRUPT,
               backup_label_parse(&label, span_of(START "\0" REST, sizeof(START "\0" REST) - 1), arena));
    ASSERT_ERR_TEXT(UNSUPPORTED, "teleported",
                    backup_label_parse(&label, fixture_text(START "BACKUP METHOD: teleported\n"), arena));
    ASSERT_ERR_TEXT(UNSUPPORTED, "moon",
                    backup_label_parse(&label, fixture_text("BACKUP FROM: moon\n"), arena));
    assert_int_equal(label.start.at, 77);
    ASSERT_OK(backup_label_parse(&label, fixture_text(START REST), arena));
}

static void test_backup_label__has_a_bound(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    buf_add_text(&text, START REST);
    memset(buf_reserve(&text, BACKUP_LABEL_BYTES_MAX), 'x', BACKUP_LABEL_BYTES_MAX);
    buf_grown(&text, BACKUP_LABEL_BYTES_MAX);
    BackupLabelFile label;
    ASSERT_ERR(LIMIT, backup_label_parse(&label, buf_span(&text), arena));
}

UNIT_MAIN(cmocka_unit_test(test_backup_label__is_read_from_every_major),
          cmocka_unit_test(test_backup_history__tells_the_stop_too),
          cmocka_unit_test(test_backup_label__knows_the_rarer_lines),
          cmocka_unit_test(test_backup_label__refuses_what_cannot_be),
          cmocka_unit_test(test_backup_label__has_a_bound))
