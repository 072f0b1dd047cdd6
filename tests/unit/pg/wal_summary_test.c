/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_summary.h"
#include "pg/xact.h"

#include <stdio.h>
#include <string.h>

static void summarise(WalSummary *summary, Span bytes)
{
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, bytes));
    wal_summary_init(summary, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_summary_entry, summary);
    ASSERT_OK(wal_reader_push(reader, bytes));
    wal_summary_finish(summary, reader);
}

/* The nth event of a kind, from 0; NULL when there are fewer. */
static const WalEvent *event_of(const WalSummary *summary, WalEventKind kind, unsigned nth)
{
    for (uint32_t i = 0; i < summary->event_count; i++) {
        const WalEvent *const event = wal_summary_event(summary, i);
        if (event->kind == kind && nth-- == 0)
            return event;
    }
    return NULL;
}

/* What scripts/make-wal-fixtures.py wrote into facts.json when it made the fixtures. */
typedef struct Facts {
    uint32_t major;
    uint64_t restore_point_end; /* pg_create_restore_point() gives the end */
    uint64_t backup_start;
    uint32_t tablespace;
    uint32_t last_xid;
    uint64_t promoted_at; /* the insert position right after */
    uint32_t second_timeline_xid;
} Facts;

static const Facts facts_of[] = {
    {13, 0xA00140, 0xD00028, 16556, 687, 0x1300180, 690},
    {14, 0xB00140, 0xE00028, 16538, 935, 0x1400180, 938},
    {15, 0x900140, 0xB00028, 16538, 930, 0x1100180, 933},
    {16, 0x900140, 0xB00028, 16538, 932, 0x1100180, 935},
    {17, 0x900160, 0xB00028, 16538, 944, 0x11001A8, 947},
    {18, 0x900160, 0xB00028, 16552, 958, 0x11001A8, 961},
};

static void check_parameters(const WalSummary *s)
{
    const WalEvent *const e = event_of(s, WAL_EVENT_PARAMETERS, 0);
    assert_non_null(e);
    assert_int_equal(e->parameters.max_connections, 60);
    assert_int_equal(e->parameters.max_worker_processes, 8);
    assert_int_equal(e->parameters.max_wal_senders, 4);
    assert_int_equal(e->parameters.max_prepared_transactions, 8);
    assert_int_equal(e->parameters.max_locks_per_transaction, 64);
    assert_int_equal(e->parameters.wal_level, WAL_LEVEL_REPLICA);
    assert_true(e->parameters.wal_log_hints && e->parameters.track_commit_timestamp);
    assert_int_equal(s->wal_level_min, WAL_LEVEL_REPLICA);
}

static void check_work(const WalSummary *s, const Facts *f)
{
    char path[64];
    assert_int_equal(s->progress.end, WAL_END_NONE);
    assert_int_equal(s->unread, 0);
    assert_true(s->commits.count >= 30 && s->aborts.count >= 3);
    assert_true(s->commits.min.us <= s->commits.last.us && s->commits.last.us <= s->commits.max.us);
    assert_int_equal(s->xid_max.id, f->last_xid);
    const WalEvent *e = event_of(s, WAL_EVENT_RESTORE_POINT, 0);
    assert_non_null(e);
    assert_string_equal(e->text, "before the work");
    assert_int_equal(e->end.at, f->restore_point_end);
    assert_string_equal(event_of(s, WAL_EVENT_RESTORE_POINT, 1)->text, "after the work");
    assert_int_equal(event_of(s, WAL_EVENT_BACKUP_END, 0)->lsn.at, f->backup_start);
    e = event_of(s, WAL_EVENT_TABLESPACE_CREATE, 0);
    assert_int_equal(e->tablespace.id, f->tablespace);
    (void)snprintf(path, sizeof path, "/tmp/wal-fixtures/pg%u/space", f->major);
    assert_string_equal(e->text, path);
    assert_int_equal(event_of(s, WAL_EVENT_TABLESPACE_DROP, 0)->tablespace.id, f->tablespace);
    e = event_of(s, WAL_EVENT_OVERWRITE, 0);
    assert_true(e->lsn.at < e->start.at &&
                e->lsn.at / FAKE_WAL_SEGMENT + 1 == e->start.at / FAKE_WAL_SEGMENT);
    assert_true(event_of(s, WAL_EVENT_FULL_PAGE_WRITES, 0)->is_on);
    assert_false(event_of(s, WAL_EVENT_FULL_PAGE_WRITES, 1)->is_on);
    check_parameters(s);
    e = event_of(s, WAL_EVENT_CHECKPOINT, 0);
    assert_int_equal(e->timeline.id, 1);
    assert_int_equal(e->wal_level, f->major >= 17 ? WAL_LEVEL_LOGICAL : WAL_LEVEL_UNKNOWN);
    if (f->major >= 17)
        assert_int_equal(event_of(s, WAL_EVENT_CHECKPOINT_REDO, 0)->start.at, e->lsn.at);
}

static void test_wal_summary__tells_what_servers_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(facts_of); i++) {
        AUTO(buf_done) Buf wal = {0};
        AUTO(wal_summary_done) WalSummary summary;
        fake_wal_fixture(&wal, facts_of[i].major);
        summarise(&summary, span_of(wal.data, wal.len - FAKE_WAL_SEGMENT));
        check_work(&summary, &facts_of[i]);
    }
}

static void test_wal_summary__tells_the_promotion(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(facts_of); i++) {
        AUTO(buf_done) Buf wal = {0};
        AUTO(wal_summary_done) WalSummary s;
        fake_wal_fixture(&wal, facts_of[i].major);
        summarise(&s, span_of(wal.data + wal.len - FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT));
        const WalEvent *const e = event_of(&s, WAL_EVENT_END_OF_RECOVERY, 0);
        assert_non_null(e);
        assert_int_equal(e->timeline.id, 2);
        assert_int_equal(e->previous.id, 1);
        assert_true(e->start.at < facts_of[i].promoted_at);
        assert_false(instant_is_none(e->time));
        assert_int_equal(s.xid_max.id, facts_of[i].second_timeline_xid);
        assert_int_equal(event_of(&s, WAL_EVENT_SWITCH, 0)->end.at % FAKE_WAL_SEGMENT, 0);
    }
}

static void add_commit(FakeWal *wal, uint8_t op, uint32_t xid, uint64_t us)
{
    uint8_t main[8];
    put_u64(main, us);
    (void)fake_wal_main(wal, WAL_XACT, op, (Xid){xid}, span_of(main, sizeof main));
}

static void test_wal_summary__bounds_times_that_are_not_in_order(void **state)
{
    (void)state;
    FakeWal wal;
    AUTO(wal_summary_done) WalSummary s;
    fake_wal_begin(&wal, 16);
    add_commit(&wal, XACT_COMMIT, 4294967290, 3000000);
    add_commit(&wal, XACT_COMMIT, 5, 1000000);
    add_commit(&wal, XACT_ABORT, 6, 9000000);
    add_commit(&wal, XACT_COMMIT, 4, 2000000);
    fake_wal_pad_page(&wal);
    summarise(&s, buf_span(&wal.bytes));
    assert_int_equal(s.commits.count, 3);
    assert_int_equal(instant_to_pg(s.commits.min), 1000000);
    assert_int_equal(instant_to_pg(s.commits.max), 3000000);
    assert_int_equal(instant_to_pg(s.commits.last), 2000000);
    assert_int_equal(s.aborts.count, 1);
    assert_int_equal(instant_to_pg(s.aborts.last), 9000000);
    /* Transaction numbers went around. */
    assert_int_equal(s.xid_min.id, UINT32_C(4294967290));
    assert_int_equal(s.xid_max.id, 6);
    assert_int_equal(s.progress.end, WAL_END_ZERO);
    fake_wal_done(&wal);
}

static void test_wal_summary__counts_what_it_cannot_take_apart(void **state)
{
    (void)state;
    FakeWal wal;
    AUTO(wal_summary_done) WalSummary s;
    fake_wal_begin(&wal, 16);
    (void)fake_wal_main(&wal, WAL_XACT, XACT_COMMIT, (Xid){700}, span_of("short", 5));
    (void)fake_wal_main(&wal, WAL_XLOG, WAL_XLOG_RESTORE_POINT, (Xid){0}, span_of("shorter", 7));
    add_commit(&wal, XACT_COMMIT, 701, 1000000);
    fake_wal_pad_page(&wal);
    summarise(&s, buf_span(&wal.bytes));
    assert_int_equal(s.records, 3);
    assert_int_equal(s.commits.count, 1);
    assert_int_equal(s.unread, 2);
    assert_int_equal(s.event_count, 0);
    assert_non_null(strstr(s.unread_text, "0/500028"));
    fake_wal_done(&wal);
}

static void test_wal_summary__flags_events_beyond_the_limit(void **state)
{
    (void)state;
    FakeWal wal;
    AUTO(wal_summary_done) WalSummary s;
    uint8_t point[72] = {0};
    memset(point + 8, 'n', 64); /* no closing NUL: the name ends with its place */
    fake_wal_begin(&wal, 16);
    for (unsigned i = 0; i < WAL_EVENTS_MAX + 3; i++)
        (void)fake_wal_main(&wal, WAL_XLOG, WAL_XLOG_RESTORE_POINT, (Xid){0}, span_of(point, sizeof point));
    fake_wal_pad_page(&wal);
    summarise(&s, buf_span(&wal.bytes));
    assert_int_equal(s.event_count, WAL_EVENTS_MAX);
    assert_int_equal(s.events_dropped, 3);
    assert_int_equal(strlen(wal_summary_event(&s, 0)->text), 64);
    fake_wal_done(&wal);
}

UNIT_MAIN(cmocka_unit_test(test_wal_summary__tells_what_servers_did),
          cmocka_unit_test(test_wal_summary__tells_the_promotion),
          cmocka_unit_test(test_wal_summary__bounds_times_that_are_not_in_order),
          cmocka_unit_test(test_wal_summary__counts_what_it_cannot_take_apart),
          cmocka_unit_test(test_wal_summary__flags_events_beyond_the_limit))
