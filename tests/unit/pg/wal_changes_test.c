/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "fake/wal.h"
#include "pg/wal_changes.h"

#include <limits.h>
#include <string.h>

static const RelFile table = {{1663}, {5}, {16384}};

static const PgVersion *version_of(uint32_t major)
{
    const PgVersion *version = NULL;
    ASSERT_OK(pg_version_of_major(&version, major));
    return version;
}

static void add_file(Buf *main, RelFile file)
{
    buf_add_u32(main, file.tablespace.id);
    buf_add_u32(main, file.database.id);
    buf_add_u32(main, file.number.id);
}

/* A record of main data alone. */
static void take(WalChanges *changes, uint32_t major, uint8_t manager, uint8_t info, const Buf *main)
{
    WalRecord record;
    memset(&record, 0, sizeof record);
    record.head = (WalRecordHead){.manager = manager, .info = info, .xid = {700}};
    record.main = buf_span(main);
    XactEnd end;
    const bool is_end = xact_is_end(&record.head);
    if (is_end)
        ASSERT_OK(xact_end_decode(&end, version_of(major), &record));
    wal_changes_record(changes, version_of(major), (Lsn){0x1000028}, &record, is_end ? &end : NULL);
}

static void take_block(WalChanges *changes, PgFork fork, uint32_t block)
{
    WalRecord record;
    memset(&record, 0, sizeof record);
    record.head = (WalRecordHead){.manager = WAL_HEAP, .xid = {700}};
    record.block_count = 1;
    record.blocks[0] = (WalBlock){.fork = fork, .file = table, .block = block};
    wal_changes_record(changes, version_of(15), (Lsn){0x1000028}, &record, NULL);
}

static void expect_blocks(const WalChanges *changes, const uint32_t *blocks, size_t count)
{
    const WalChange *const change = wal_changes_find(changes, table);
    assert_non_null(change);
    assert_int_equal(number_set_count(&change->blocks), count);
    for (size_t i = 0; i < count; i++)
        assert_true(number_set_has(&change->blocks, blocks[i]));
}

static void test_block__is_marked_in_the_main_fork_only(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
    assert_null(wal_changes_find(changes, table));
    take_block(changes, PG_FORK_VM, 0);
    expect_blocks(changes, NULL, 0); /* known as touched */
    take_block(changes, PG_FORK_MAIN, 7);
    take_block(changes, PG_FORK_MAIN, 7);
    take_block(changes, PG_FORK_FSM, 3);
    expect_blocks(changes, (const uint32_t[]){7}, 1);
    assert_int_equal(wal_changes_find(changes, table)->limit, WAL_NO_LIMIT);
    assert_null(wal_changes_fault(changes));
}

static void truncate(WalChanges *changes, uint32_t blocks, uint32_t flags)
{
    AUTO(buf_done) Buf main = {0};
    buf_add_u32(&main, blocks);
    add_file(&main, table);
    buf_add_u32(&main, flags);
    take(changes, 15, WAL_SMGR, 0x21, &main);
}

static void test_truncation__forgets_what_was_cut_and_keeps_the_shortest_length(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
    for (uint32_t block = 1; block < 10; block++)
        take_block(changes, PG_FORK_MAIN, block);
    truncate(changes, 3, 7);
    take_block(changes, PG_FORK_MAIN, 8);
    truncate(changes, 9, 7);
    truncate(changes, 0, 2); /* the visibility map alone */
    assert_int_equal(wal_changes_find(changes, table)->limit, 3);
    expect_blocks(changes, (const uint32_t[]){1, 2, 8}, 3);
}

static void test_creation__makes_whole(void **state)
{
    (void)state;
    for (uint32_t fork = PG_FORK_MAIN; fork < PG_FORK_COUNT; fork++) {
        AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
        AUTO(buf_done) Buf main = {0};
        add_file(&main, table);
        buf_add_u32(&main, fork);
        take(changes, 13, WAL_SMGR, 0x11, &main);
        assert_int_equal(wal_changes_find(changes, table)->limit, fork == PG_FORK_MAIN ? 0 : WAL_NO_LIMIT);
    }
}

static void test_transaction_end__makes_its_dropped_files_whole(void **state)
{
    (void)state;
    const uint8_t ends[] = {0x00, 0x20, 0x30, 0x40}; /* commit, abort, and both of prepared ones */
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
        AUTO(buf_done) Buf main = {0};
        const bool is_prepared = ends[i] >= 0x30;
        buf_add_u64(&main, 1000000);
        buf_add_u32(&main, is_prepared ? 0x14 : 0x04);
        buf_add_u32(&main, 1);
        add_file(&main, table);
        if (is_prepared)
            buf_add_u32(&main, 800);
        take(changes, 13, WAL_XACT, ends[i] | 0x80, &main); /* 13 does not flag it as special */
        assert_null(wal_changes_fault(changes));
        assert_int_equal(wal_changes_find(changes, table)->limit, 0);
    }
}

static void test_database__is_whole_from_its_creation_or_end(void **state)
{
    (void)state;
    const struct {
        uint32_t major;
        uint8_t info;
        bool is_drop;
    } cases[] = {{13, 0x00, false}, {14, 0x10, true}, {15, 0x00, false},
                 {15, 0x10, false}, {15, 0x20, true}, {18, 0x20, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
        AUTO(buf_done) Buf main = {0};
        buf_add_u32(&main, 16400);
        if (cases[i].is_drop)
            buf_add_u32(&main, 2);
        buf_add_u32(&main, 1663);
        buf_add_u32(&main, 16401); /* of a copy: the source's database; of an end: the second tablespace */
        if (!cases[i].is_drop)
            buf_add_u32(&main, 1663);
        take(changes, cases[i].major, WAL_DBASE, cases[i].info | 0x01, &main);
        assert_null(wal_changes_fault(changes));
        assert_true(wal_changes_has_database(changes, (WalDatabase){{1663}, {16400}}));
        assert_int_equal(wal_changes_has_database(changes, (WalDatabase){{16401}, {16400}}),
                         cases[i].is_drop);
        assert_false(wal_changes_has_database(changes, (WalDatabase){{1663}, {16401}}));
    }
}

static void test_unknown_change_of_files__is_not_trusted(void **state)
{
    (void)state;
    AUTO(buf_done) Buf main = {0};
    AUTO(wal_changes_free) WalChanges *unknown = wal_changes_new();
    take(unknown, 15, 130, 0x01, &main);
    assert_non_null(strstr(wal_changes_fault(unknown), "0/1000028"));
    AUTO(wal_changes_free) WalChanges *harmless = wal_changes_new();
    take(harmless, 15, 130, 0x02, &main);
    assert_null(wal_changes_fault(harmless));
    AUTO(wal_changes_free) WalChanges *cut_off = wal_changes_new();
    take(cut_off, 15, WAL_SMGR, 0x11, &main);
    assert_non_null(wal_changes_fault(cut_off));
    AUTO(wal_changes_free) WalChanges *joined = wal_changes_new();
    wal_changes_join(joined, unknown);
    assert_string_equal(wal_changes_fault(joined), wal_changes_fault(unknown));
}

static void test_join__lets_the_later_limit_cut_the_earlier_marks(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *first = wal_changes_new();
    AUTO(wal_changes_free) WalChanges *second = wal_changes_new();
    for (uint32_t block = 0; block < 6; block++)
        take_block(first, PG_FORK_MAIN, block);
    truncate(first, 5, 1);
    truncate(second, 2, 1);
    take_block(second, PG_FORK_MAIN, 4);
    wal_changes_database(second, (WalDatabase){{1663}, {9}});
    wal_changes_join(first, second);
    expect_blocks(first, (const uint32_t[]){0, 1, 4}, 3);
    assert_int_equal(wal_changes_find(first, table)->limit, 2);
    assert_true(wal_changes_has_database(first, (WalDatabase){{1663}, {9}}));
}

static void test_too_many_databases__are_no_list_any_more(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < WAL_CHANGES_DATABASES_MAX; i++)
            wal_changes_database(changes, (WalDatabase){{1663}, {i}});
    }
    assert_null(wal_changes_fault(changes));
    wal_changes_database(changes, (WalDatabase){{1664}, {0}});
    assert_string_equal(wal_changes_fault(changes), "more than 16384 databases were made");
}

static void test_many_relations__are_found_and_sorted(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
    for (uint32_t i = 0; i < MANY; i++)
        wal_changes_mark(changes, (RelFile){{1663}, {i % 3}, {MANY - i}}, (NumberRun){i, 2});
    wal_changes_sort(changes);
    assert_int_equal(wal_changes_count(changes), MANY);
    for (size_t i = 1; i < MANY; i++) {
        const RelFile a = wal_changes_at(changes, i - 1)->file, b = wal_changes_at(changes, i)->file;
        assert_true(a.database.id < b.database.id ||
                    (a.database.id == b.database.id && a.number.id < b.number.id));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const WalChange *const change = wal_changes_find(changes, (RelFile){{1663}, {i % 3}, {MANY - i}});
        assert_non_null(change);
        assert_true(number_set_has(&change->blocks, i) && number_set_has(&change->blocks, i + 1));
    }
    assert_null(wal_changes_find(changes, (RelFile){{1663}, {1}, {MANY + 1}}));
}

static void test_too_many_blocks__make_the_largest_relation_whole(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
    const RelFile huge = {{1663}, {5}, {16390}};
    wal_changes_mark(changes, table, (NumberRun){1, 1});
    /* 1,024 scattered blocks make a bitmap of 8 KiB. */
    for (uint32_t stretch = 0; stretch <= WAL_CHANGES_BYTES_MAX / 8192; stretch++) {
        for (uint32_t i = 0; i < 1025; i++)
            wal_changes_mark(changes, huge, (NumberRun){(stretch << 16) + i * 2, 1});
    }
    assert_int_equal(wal_changes_find(changes, huge)->limit, 0);
    assert_int_equal(number_set_count(&wal_changes_find(changes, huge)->blocks), 0);
    expect_blocks(changes, (const uint32_t[]){1}, 1);
}

/* ---- WAL of real servers */

/* The first `split` records go to `first`, the others to `second`. */
typedef struct Gather {
    const PgVersion *version;
    WalChanges *first, *second;
    unsigned split, seen;
} Gather;

static Err *gather(void *arg, const WalEntry *entry)
{
    Gather *const to = arg;
    WalRecord record;
    TRY(wal_record_decode(&record, to->version, entry->bytes));
    XactEnd end;
    const bool is_end = xact_is_end(&record.head);
    if (is_end)
        TRY(xact_end_decode(&end, to->version, &record));
    WalChanges *const changes = to->seen++ < to->split ? to->first : to->second;
    wal_changes_record(changes, to->version, entry->start, &record, is_end ? &end : NULL);
    return NULL;
}

static void gather_from(Gather *to, Span bytes)
{
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, bytes));
    to->version = head.version;
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, gather, to);
    ASSERT_OK(wal_reader_push(reader, bytes));
}

static void expect_same(WalChanges *a, WalChanges *b)
{
    wal_changes_sort(a);
    wal_changes_sort(b);
    assert_int_equal(wal_changes_count(a), wal_changes_count(b));
    for (size_t i = 0; i < wal_changes_count(a); i++) {
        const WalChange *const x = wal_changes_at(a, i), *const y = wal_changes_at(b, i);
        assert_memory_equal(&x->file, &y->file, sizeof x->file);
        assert_int_equal(x->limit, y->limit);
        NumberRun p = {0, 0}, q = {0, 0};
        for (;;) {
            const bool more = number_set_next(&p, &x->blocks, p.first + p.count);
            assert_int_equal(more, number_set_next(&q, &y->blocks, q.first + q.count));
            if (!more)
                break;
            assert_memory_equal(&p, &q, sizeof p);
        }
    }
}

static void test_servers__are_understood_whole_and_in_parts(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        fake_wal_fixture(&wal, major);
        const Span bytes = span_of(wal.data, wal.len - FAKE_WAL_SEGMENT);
        AUTO(wal_changes_free) WalChanges *whole = wal_changes_new();
        Gather all = {.first = whole, .split = UINT_MAX};
        gather_from(&all, bytes);
        assert_null(wal_changes_fault(whole));
        assert_true(wal_changes_count(whole) > 50);
        for (unsigned parts = 2; parts < 9; parts++) {
            AUTO(wal_changes_free) WalChanges *first = wal_changes_new();
            AUTO(wal_changes_free) WalChanges *second = wal_changes_new();
            gather_from(&(Gather){.first = first, .second = second, .split = all.seen / parts}, bytes);
            wal_changes_join(first, second);
            expect_same(first, whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block__is_marked_in_the_main_fork_only),
        cmocka_unit_test(test_truncation__forgets_what_was_cut_and_keeps_the_shortest_length),
        cmocka_unit_test(test_creation__makes_whole),
        cmocka_unit_test(test_transaction_end__makes_its_dropped_files_whole),
        cmocka_unit_test(test_database__is_whole_from_its_creation_or_end),
        cmocka_unit_test(test_unknown_change_of_files__is_not_trusted),
        cmocka_unit_test(test_join__lets_the_later_limit_cut_the_earlier_marks),
        cmocka_unit_test(test_too_many_databases__are_no_list_any_more),
        cmocka_unit_test(test_many_relations__are_found_and_sorted),
        cmocka_unit_test(test_too_many_blocks__make_the_largest_relation_whole),
        cmocka_unit_test(test_servers__are_understood_whole_and_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
