/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "fake/wal.h"
#include "pg/wal_activity.h"

#include <string.h>

static const RelFile table = {{1663}, {5}, {16384}}, other = {{1663}, {5}, {16390}};

/* Of the gatherer that was begun last. */
static const PgVersion *version;

static ActivityGather *begin(uint32_t major)
{
    ASSERT_OK(pg_version_of_major(&version, major));
    return activity_gather_new(version);
}

static void take(ActivityGather *gather, WalManager manager, uint8_t info, uint32_t xid, const Buf *main)
{
    WalRecord record;
    memset(&record, 0, sizeof record);
    record.head = (WalRecordHead){.manager = (uint8_t)manager, .info = info, .xid = {xid}};
    record.main = buf_span(main);
    XactEnd end;
    const bool is_end = xact_is_end(&record.head);
    if (is_end)
        ASSERT_OK(xact_end_decode(&end, version, &record));
    activity_gather_record(gather, (Lsn){0x3000100}, &record, is_end ? &end : NULL);
}

static void take_rows(ActivityGather *gather, uint8_t info, uint32_t xid, RelFile file, unsigned times)
{
    WalRecord record;
    memset(&record, 0, sizeof record);
    record.head = (WalRecordHead){.manager = WAL_HEAP, .info = info, .xid = {xid}};
    record.block_count = 2; /* an update names the old page too, and is one row */
    record.blocks[0].file = record.blocks[1].file = file;
    for (unsigned i = 0; i < times; i++)
        activity_gather_record(gather, (Lsn){0x3000028}, &record, NULL);
}

enum { INSERT = 0x00, DELETE = 0x10, UPDATE = 0x20, HOT_UPDATE = 0x40, INIT_PAGE = 0x80 };

static void add_file(Buf *main, RelFile file)
{
    buf_add_u32(main, file.tablespace.id);
    buf_add_u32(main, file.database.id);
    buf_add_u32(main, file.number.id);
}

/* A commit (0x00) or abort (0x20) with its subtransactions and files; NULL for none. */
static void take_end(ActivityGather *gather, uint8_t op, uint32_t xid, const uint32_t *sub,
                     const RelFile *file)
{
    AUTO(buf_done) Buf main = {0};
    buf_add_u64(&main, 1000000);
    buf_add_u32(&main, (sub ? 2U : 0U) | (file ? 4U : 0U));
    if (sub) {
        buf_add_u32(&main, 1);
        buf_add_u32(&main, *sub);
    }
    if (file) {
        buf_add_u32(&main, 1);
        add_file(&main, *file);
    }
    take(gather, WAL_XACT, op | 0x80, xid, &main);
}

static const WalAct *act_of(const WalXactNote *note, WalActKind kind)
{
    for (uint32_t i = 0; i < note->act_count; i++) {
        if (note->acts[i].kind == kind)
            return &note->acts[i];
    }
    return NULL;
}

static void test_rows__are_counted_by_record(void **state)
{
    (void)state;
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    take_rows(g, UPDATE, 700, other, 2);
    take_rows(g, HOT_UPDATE, 700, other, 1);
    take_rows(g, INSERT | INIT_PAGE, 701, table, 4);
    take_rows(g, DELETE, 702, table, 3);
    take_rows(g, 0x60, 703, table, 9); /* locks */
    AUTO(buf_done) Buf main = {0};
    buf_add_u16(&main, 0);
    buf_add_u16(&main, 50);
    WalRecord many;
    memset(&many, 0, sizeof many);
    many.head = (WalRecordHead){.manager = WAL_HEAP2, .info = 0x50, .xid = {700}};
    many.main = buf_span(&main);
    many.block_count = 1;
    many.blocks[0].file = table;
    activity_gather_record(g, (Lsn){0x3000028}, &many, NULL);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    const WalRows *const rows = a.rows;
    assert_int_equal(a.row_count, 2);
    assert_int_equal(rows[0].file.number.id, table.number.id);
    assert_int_equal(rows[0].inserts, 54);
    assert_int_equal(rows[0].deletes, 3);
    assert_int_equal(rows[1].updates, 3);
}

static void test_commit__is_of_note_when_it_changed_much(void **state)
{
    (void)state;
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    take_rows(g, DELETE, 700, table, WAL_NOTE_ROWS);
    take_rows(g, INSERT, 701, table, 5000);
    take_rows(g, UPDATE, 702, table, WAL_NOTE_ROWS - 1);
    take_rows(g, UPDATE, 703, table, WAL_NOTE_ROWS);
    take_end(g, 0x00, 700, NULL, NULL);
    take_end(g, 0x00, 701, NULL, NULL);
    take_end(g, 0x00, 702, NULL, NULL);
    take_end(g, 0x20, 703, NULL, NULL); /* rolled back */
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.note_count, 1);
    const WalXactNote note = a.notes[0];
    assert_int_equal(note.xid.id, 700);
    assert_int_equal(note.state, WAL_XACT_COMMITTED);
    assert_int_equal(note.end.at, 0x3000100);
    assert_int_equal(note.time.us, instant_from_pg(1000000).us);
    assert_int_equal(note.database.id, 5);
    assert_int_equal(note.acts[0].deletes, WAL_NOTE_ROWS);
    for (uint32_t xid = 700; xid < 704; xid++) {
        assert_int_equal(number_set_has(&a.committed, xid), xid < 703);
        assert_int_equal(number_set_has(&a.aborted, xid), xid == 703);
    }
}

/* Numbers wrap around: the highest one is a transaction like any other, but no set holds it. */
static void test_last_number_before_the_wrap__ends_no_list(void **state)
{
    (void)state;
    const uint32_t last = UINT32_MAX;
    const struct {
        uint8_t op;
        uint32_t xid;
        const uint32_t *sub;
    } cases[] = {{0x00, last, NULL}, {0x00, last - 1, &last}, {0x20, last, NULL}, {0x20, last - 1, &last}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(activity_gather_free) ActivityGather *g = begin(15);
        take_rows(g, DELETE, last, table, WAL_NOTE_ROWS);
        take_end(g, cases[i].op, last - 2, NULL, NULL);
        take_end(g, cases[i].op, cases[i].xid, cases[i].sub, NULL);
        AUTO(wal_activity_done) WalActivity a;
        activity_gather_finish(&a, g);
        const NumberSet *const ended = cases[i].op ? &a.aborted : &a.committed;
        NumberRun run = {0, 0};
        assert_true(number_set_next(&run, ended, 0));
        assert_int_equal(run.first, last - 2);
        assert_int_equal(run.count, cases[i].sub ? 2 : 1);
        assert_false(number_set_next(&run, ended, run.first + run.count));
        assert_int_equal(a.note_count, cases[i].op ? 0 : 1);
        if (a.note_count)
            assert_int_equal(a.notes[0].xid.id, cases[i].xid);
    }
}

static void test_drop__tells_oid_and_file(void **state)
{
    (void)state;
    const struct {
        uint32_t major;
        size_t item_bytes; /* of dropped statistics; 0: there are none */
    } cases[] = {{13, 0}, {15, 12}, {18, 16}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(activity_gather_free) ActivityGather *g = begin(cases[i].major);
        AUTO(buf_done) Buf lock = {0};
        buf_add_u32(&lock, 1);
        buf_add_u32(&lock, 700);
        buf_add_u32(&lock, 5);
        buf_add_u32(&lock, 24576);
        take(g, WAL_STANDBY, 0x00, 0, &lock);
        take(g, WAL_STANDBY, 0x00, 0, &lock); /* written again with the running transactions */
        AUTO(buf_done) Buf main = {0};
        buf_add_u64(&main, 1000000);
        buf_add_u32(&main, cases[i].item_bytes ? 0x105 : 0x005);
        buf_add_u32(&main, 5);
        buf_add_u32(&main, 1663);
        buf_add_u32(&main, 1);
        add_file(&main, table);
        if (cases[i].item_bytes) {
            buf_add_u32(&main, 1);
            buf_add_u32(&main, 2);
            buf_add_u32(&main, 5);
            buf_add_u32(&main, 24576);
            for (size_t k = 12; k < cases[i].item_bytes; k++)
                buf_add_u8(&main, 0);
        }
        take(g, WAL_XACT, 0x80, 700, &main);
        AUTO(wal_activity_done) WalActivity a;
        activity_gather_finish(&a, g);
        assert_int_equal(a.unread, 0);
        assert_int_equal(a.note_count, 1);
        const WalXactNote note = a.notes[0];
        assert_int_equal(note.act_count, cases[i].item_bytes ? 3 : 2);
        assert_int_equal(act_of(&note, WAL_ACT_LOCK)->file.number.id, 24576);
        assert_int_equal(act_of(&note, WAL_ACT_DROP)->file.number.id, table.number.id);
        if (cases[i].item_bytes)
            assert_int_equal(act_of(&note, WAL_ACT_DROP_RELATION)->file.number.id, 24576);
    }
}

static void test_subtransaction__counts_for_its_top(void **state)
{
    (void)state;
    const uint32_t sub = 701;
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    take_rows(g, DELETE, 700, table, WAL_NOTE_ROWS / 2);
    take_rows(g, DELETE, sub, table, WAL_NOTE_ROWS / 2);
    take_end(g, 0x00, 700, &sub, NULL);
    take_rows(g, DELETE, 702, table, WAL_NOTE_ROWS / 2);
    take_rows(g, DELETE, 703, table, WAL_NOTE_ROWS);
    take_end(g, 0x20, 703, NULL, NULL); /* a subtransaction rolled back alone */
    take_end(g, 0x00, 702, NULL, NULL);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.note_count, 1);
    assert_int_equal(a.notes[0].xid.id, 700);
    assert_int_equal(a.notes[0].acts[0].deletes, WAL_NOTE_ROWS);
    assert_true(number_set_has(&a.committed, sub));
}

static void test_open__is_kept_with_little(void **state)
{
    (void)state;
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    take_rows(g, DELETE, 710, table, 1);
    take_rows(g, INSERT, 709, table, 100);
    take_rows(g, UPDATE, 705, other, 2);
    AUTO(buf_done) Buf assignment = {0};
    buf_add_u32(&assignment, 704);
    buf_add_u32(&assignment, 1);
    buf_add_u32(&assignment, 705);
    take(g, WAL_XACT, 0x50, 704, &assignment);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.note_count, 2);
    assert_int_equal(a.notes[0].xid.id, 705);
    assert_int_equal(a.notes[0].top.id, 704);
    assert_int_equal(a.notes[1].xid.id, 710);
    assert_int_equal(a.notes[1].state, WAL_XACT_OPEN);
    assert_int_equal(a.notes[1].top.id, 0);
}

static void test_files_and_databases__are_of_note(void **state)
{
    (void)state;
    AUTO(activity_gather_free) ActivityGather *g = begin(14);
    AUTO(buf_done) Buf created = {0};
    add_file(&created, other);
    buf_add_u32(&created, 0);
    take(g, WAL_SMGR, 0x11, 700, &created); /* alone it is a new table, no accident */
    take_end(g, 0x00, 700, NULL, NULL);
    take(g, WAL_SMGR, 0x11, 701, &created); /* with the old file's end a TRUNCATE or rewrite */
    take_end(g, 0x00, 701, NULL, &table);
    AUTO(buf_done) Buf cut = {0};
    buf_add_u32(&cut, 0);
    add_file(&cut, table);
    buf_add_u32(&cut, 7);
    take(g, WAL_SMGR, 0x21, 702, &cut);
    take_end(g, 0x00, 702, NULL, NULL);
    AUTO(buf_done) Buf dropped = {0};
    buf_add_u32(&dropped, 16400);
    buf_add_u32(&dropped, 1);
    buf_add_u32(&dropped, 1663);
    take(g, WAL_DBASE, 0x11, 703, &dropped);
    take_end(g, 0x00, 703, NULL, NULL);
    AUTO(buf_done) Buf truncated = {0};
    buf_add_u32(&truncated, 5);
    buf_add_u32(&truncated, 1);
    buf_add_u32(&truncated, 0);
    buf_add_u32(&truncated, 24576);
    take(g, WAL_HEAP, 0x30, 704, &truncated);
    take_end(g, 0x00, 704, NULL, NULL);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.unread, 0);
    assert_int_equal(a.note_count, 4);
    const WalXactNote rewritten = a.notes[0], cut_note = a.notes[1], database = a.notes[2],
                      named = a.notes[3];
    assert_int_equal(act_of(&rewritten, WAL_ACT_CREATE)->file.number.id, other.number.id);
    assert_int_equal(act_of(&rewritten, WAL_ACT_DROP)->file.number.id, table.number.id);
    assert_non_null(act_of(&cut_note, WAL_ACT_CUT));
    assert_int_equal(act_of(&database, WAL_ACT_DROP_DATABASE)->file.database.id, 16400);
    assert_int_equal(act_of(&named, WAL_ACT_TRUNCATE)->file.number.id, 24576);
}

static void test_broken_record__is_counted(void **state)
{
    (void)state;
    const struct {
        WalManager manager;
        uint8_t info;
    } cases[] = {
        {WAL_XACT, 0x50}, {WAL_SMGR, 0x11}, {WAL_DBASE, 0x20}, {WAL_HEAP, 0x30}, {WAL_STANDBY, 0x00}};
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    AUTO(buf_done) Buf main = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        take(g, cases[i].manager, cases[i].info, 700, &main);
    }
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.unread, COUNT_OF(cases));
}

static void test_many_at_once__are_kept_apart(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t xid = 1000; xid < 1000 + MANY; xid++)
            take_rows(g, DELETE, xid, (RelFile){{1663}, {5}, {xid}}, WAL_NOTE_ROWS / 2);
    }
    for (uint32_t xid = 1000; xid < 1000 + MANY; xid += 2)
        take_end(g, 0x00, xid, NULL, NULL);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.note_count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        const WalXactNote note = a.notes[i];
        assert_int_equal(note.xid.id, i < MANY / 2 ? 1000 + i * 2 : 1001 + (i - MANY / 2) * 2);
        assert_int_equal(note.acts[0].file.number.id, note.xid.id);
        assert_int_equal(note.acts[0].deletes, WAL_NOTE_ROWS / 2 * 3);
    }
}

/* A loop with an exception block is hundreds of thousands of subtransactions. Rows and ends are counted all the same. */
static void test_too_many_open__are_counted(void **state)
{
    (void)state;
    enum { EXTRA = 10 };
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    for (uint32_t i = 0; i < WAL_XACTS_OPEN_MAX + EXTRA; i++)
        take_rows(g, INSERT, 1000 + i, table, 1);
    const uint32_t refused = 1000 + WAL_XACTS_OPEN_MAX + 5;
    take_end(g, 0x00, refused, NULL, &other);
    take_end(g, 0x00, 1000, NULL, NULL);
    take_rows(g, DELETE, 999, table, 1);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.notes_dropped, EXTRA);
    assert_int_equal(a.rows[0].inserts, WAL_XACTS_OPEN_MAX + EXTRA);
    assert_true(number_set_has(&a.committed, refused));
    assert_int_equal(a.note_count,
                     2); /* the drop, and the one that found the room of the transaction that ended */
    assert_int_equal(a.notes[0].xid.id, refused);
    assert_int_equal(a.notes[1].xid.id, 999);
}

static void test_acts_beyond_the_limit__are_counted(void **state)
{
    (void)state;
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    for (uint32_t i = 0; i < WAL_ACTS_MAX + 10; i++)
        take_rows(g, DELETE, 700, (RelFile){{1663}, {5}, {20000 + i}}, 1);
    take_end(g, 0x00, 700, NULL, &table);
    for (uint32_t i = 0; i < WAL_ACTS_MAX + 10; i++)
        take_rows(g, DELETE, 701, (RelFile){{1663}, {5}, {20000 + i}}, 1);
    take_end(g, 0x00, 701, NULL, NULL);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.note_count, 2);
    const WalXactNote first = a.notes[0], second = a.notes[1];
    assert_int_equal(first.act_count, WAL_ACTS_MAX + 1);
    assert_int_equal(first.acts_dropped, 10);
    assert_non_null(act_of(&first, WAL_ACT_DROP));
    assert_int_equal(second.act_count, WAL_ACTS_MAX);
}

/* ---- WAL of real servers */

typedef struct Reading {
    const PgVersion *version;
    ActivityGather *gather;
} Reading;

static Err *take_entry(void *arg, const WalEntry *entry)
{
    const Reading *const to = arg;
    WalRecord record;
    TRY(wal_record_decode(&record, to->version, entry->bytes));
    XactEnd end;
    const bool is_end = xact_is_end(&record.head);
    if (is_end)
        TRY(xact_end_decode(&end, to->version, &record));
    activity_gather_record(to->gather, entry->start, &record, is_end ? &end : NULL);
    return NULL;
}

static void test_servers__are_understood(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        fake_wal_fixture(&wal, major);
        WalSegmentHead head;
        ASSERT_OK(wal_segment_head_decode(&head, buf_span(&wal)));
        AUTO(activity_gather_free) ActivityGather *g = activity_gather_new(head.version);
        Reading to = {head.version, g};
        AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, take_entry, &to);
        ASSERT_OK(wal_reader_push(reader, span_of(wal.data, wal.len - FAKE_WAL_SEGMENT)));
        AUTO(wal_activity_done) WalActivity a;
        activity_gather_finish(&a, g);
        assert_int_equal(a.unread, 0);
        assert_true(number_set_count(&a.committed) > 50);
        assert_true(number_set_count(&a.aborted) >= 3);
        unsigned drops = 0, truncates = 0, rewrites = 0;
        for (size_t i = 0; i < a.note_count; i++) {
            const WalXactNote note = a.notes[i];
            drops += act_of(&note, WAL_ACT_DROP) && !act_of(&note, WAL_ACT_CREATE);
            truncates += act_of(&note, WAL_ACT_TRUNCATE) != NULL;
            rewrites += act_of(&note, WAL_ACT_DROP) && act_of(&note, WAL_ACT_CREATE);
        }
        /* DROP TABLE of copied, held, away and many1 to many12, which is one; TRUNCATE; CLUSTER, ALTER, REINDEX. */
        assert_true(drops >= 4);
        assert_true(truncates >= 1);
        assert_true(rewrites >= 4);
    }
}

/* Rows are noted before they are counted: what comes between them must not change order or counts. */
static void test_acts__stand_in_the_order_they_were_done(void **state)
{
    (void)state;
    const RelFile third = {{1663}, {5}, {16396}};
    AUTO(activity_gather_free) ActivityGather *g = begin(15);
    take_rows(g, INSERT, 700, other, 1);
    take_rows(g, UPDATE, 700, table, 15);
    take_rows(g, DELETE, 700, other, 20);
    take_rows(g, UPDATE, 700, third, 1);
    AUTO(buf_done) Buf created = {0};
    add_file(&created, (RelFile){{1663}, {5}, {30000}});
    buf_add_u32(&created, PG_FORK_MAIN);
    take(g, WAL_SMGR, 0x10, 700, &created);
    take_rows(g, UPDATE, 700, table, 3);
    AUTO(wal_activity_done) WalActivity a;
    activity_gather_finish(&a, g);
    assert_int_equal(a.note_count, 1);
    const WalAct *const acts = a.notes[0].acts;
    assert_int_equal(a.notes[0].act_count, 4);
    assert_true(rel_file_equal(acts[0].file, other) && rel_file_equal(acts[1].file, table));
    assert_true(rel_file_equal(acts[2].file, third));
    assert_int_equal(acts[3].kind, WAL_ACT_CREATE);
    assert_int_equal(acts[0].inserts, 1);
    assert_int_equal(acts[0].deletes, 20);
    assert_int_equal(acts[1].updates, 18);
}

/* The last row of one relation comes behind many of another, and is noted only when the transaction ends. */
static void test_last_row__makes_a_transaction_one_of_note(void **state)
{
    (void)state;
    for (unsigned rows = WAL_NOTE_ROWS - 1; rows <= WAL_NOTE_ROWS; rows++) {
        AUTO(activity_gather_free) ActivityGather *g = begin(15);
        take_rows(g, DELETE, 700, table, rows - 1);
        take_rows(g, INSERT, 700, other, 100);
        take_rows(g, DELETE, 700, table, 1);
        take_end(g, 0x00, 700, NULL, NULL);
        AUTO(wal_activity_done) WalActivity a;
        activity_gather_finish(&a, g);
        assert_int_equal(a.note_count, rows == WAL_NOTE_ROWS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows__are_counted_by_record),
        cmocka_unit_test(test_commit__is_of_note_when_it_changed_much),
        cmocka_unit_test(test_last_number_before_the_wrap__ends_no_list),
        cmocka_unit_test(test_drop__tells_oid_and_file),
        cmocka_unit_test(test_subtransaction__counts_for_its_top),
        cmocka_unit_test(test_open__is_kept_with_little),
        cmocka_unit_test(test_files_and_databases__are_of_note),
        cmocka_unit_test(test_broken_record__is_counted),
        cmocka_unit_test(test_many_at_once__are_kept_apart),
        cmocka_unit_test(test_too_many_open__are_counted),
        cmocka_unit_test(test_acts_beyond_the_limit__are_counted),
        cmocka_unit_test(test_acts__stand_in_the_order_they_were_done),
        cmocka_unit_test(test_last_row__makes_a_transaction_one_of_note),
        cmocka_unit_test(test_servers__are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
