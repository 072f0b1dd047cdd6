/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "repo/format_example.h"
#include "repo/wal_index.h"

/* One commit, one restore point "before", a record that goes on in the next segment. */
static void example_summary(WalSummary *summary)
{
    const PgVersion *version = NULL;
    ASSERT_OK(pg_version_of_major(&version, 15));
    wal_summary_init(summary, version);
    const Instant time = {1795249992000000}; /* 2026-11-21T08:33:12Z */
    summary->records = 2;
    summary->commits = (WalXactTimes){.count = 1, .min = time, .max = time, .last = time};
    summary->xid_min = summary->xid_max = (Xid){731};
    summary->progress = (WalProgress){.first = {0x3000028},
                                      .next = {0x4000020},
                                      .timeline = {1},
                                      .open_start = {0x3ffffe0},
                                      .open_total_bytes = 80};
    const WalEvent event = {.kind = WAL_EVENT_RESTORE_POINT,
                            .start = {0x3000028},
                            .end = {0x3000090},
                            .time = time,
                            .wal_level = WAL_LEVEL_UNKNOWN,
                            .text = "before"};
    buf_add(&summary->events, &event, sizeof event);
    summary->event_count = 1;
}

static void test_wal_index_summary__is_encoded_as_the_format_shows(void **state)
{
    (void)state;
    AUTO(wal_summary_done) WalSummary summary;
    example_summary(&summary);
    AUTO(buf_done) Buf section = {0};
    AUTO(buf_done) Buf shown = {0};
    wal_index_summary_encode(&section, &summary);
    format_example(&shown, "## WAL index");
    assert_true(span_equal(buf_span(&section), buf_span(&shown)));
}

static void test_wal_index_summary_decode__refuses_every_cut(void **state)
{
    (void)state;
    AUTO(wal_summary_done) WalSummary summary;
    example_summary(&summary);
    AUTO(buf_done) Buf section = {0};
    wal_index_summary_encode(&section, &summary);
    WalSummary out;
    for (size_t len = 0; len < section.len; len++)
        ASSERT_ERR(CORRUPT, wal_index_summary_decode(&out, span_of(section.data, len)));
    buf_add_u8(&section, 0);
    ASSERT_ERR(CORRUPT, wal_index_summary_decode(&out, buf_span(&section)));
}

static void test_wal_index_summary_decode__refuses_what_cannot_be(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        ErrClass class;
    } bends[] = {{0, 2, ERR_UNSUPPORTED}, {2, 12, ERR_UNSUPPORTED}, {6, 1, ERR_CORRUPT},
                 {52, 7, ERR_CORRUPT},    {53, 3, ERR_CORRUPT},     {144, 9, ERR_CORRUPT}};
    AUTO(wal_summary_done) WalSummary summary;
    example_summary(&summary);
    for (size_t i = 0; i < COUNT_OF(bends); i++) {
        AUTO(buf_done) Buf section = {0};
        wal_index_summary_encode(&section, &summary);
        section.data[bends[i].at] = bends[i].value;
        WalSummary out;
        Err *err = wal_index_summary_decode(&out, buf_span(&section));
        assert_true(err_is(err, bends[i].class));
        err_free(&err);
    }
}

static void test_wal_index_summary_decode__counts_unknown_events_as_dropped(void **state)
{
    (void)state;
    AUTO(wal_summary_done) WalSummary summary;
    example_summary(&summary);
    const WalEvent event = {.kind = (WalEventKind)200, .text = "from the future"};
    buf_add(&summary.events, &event, sizeof event);
    summary.event_count++;
    AUTO(buf_done) Buf section = {0};
    wal_index_summary_encode(&section, &summary);
    AUTO(wal_summary_done) WalSummary out;
    ASSERT_OK(wal_index_summary_decode(&out, buf_span(&section)));
    assert_int_equal(out.event_count, 1);
    assert_int_equal(out.events_dropped, 1);
    assert_string_equal(wal_summary_event(&out, 0)->text, "before");
}

/* ---- blocks */

static const RelFile first_table = {{1663}, {5}, {16384}}, second_table = {{1663}, {5}, {16390}};

static WalChanges *example_changes(void)
{
    WalChanges *const changes = wal_changes_new();
    wal_changes_database(changes, (WalDatabase){{1663}, {16400}});
    wal_changes_limit(changes, second_table, 3);
    wal_changes_mark(changes, second_table, (NumberRun){5, 2});
    wal_changes_mark(changes, second_table, (NumberRun){0, 1});
    wal_changes_mark(changes, first_table, (NumberRun){7, 1});
    return changes;
}

static void test_wal_index_blocks__are_encoded_as_the_format_shows(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = example_changes();
    AUTO(buf_done) Buf section = {0};
    AUTO(buf_done) Buf shown = {0};
    wal_index_blocks_encode(&section, changes);
    format_example(&shown, "### Blocks (type 17)");
    assert_true(span_equal(buf_span(&section), buf_span(&shown)));
}

static void test_wal_index_blocks__come_back(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = example_changes();
    AUTO(wal_changes_free) WalChanges *back = NULL;
    AUTO(buf_done) Buf section = {0};
    AUTO(buf_done) Buf again = {0};
    wal_changes_touch(changes, (RelFile){{1664}, {0}, {1262}});
    wal_changes_mark(changes, (RelFile){{1664}, {0}, {1260}}, (NumberRun){65530, 200000});
    wal_changes_mark(changes, (RelFile){{1664}, {0}, {1260}}, (NumberRun){UINT32_MAX - 1, 1});
    wal_changes_give_up(changes, "a reason");
    wal_index_blocks_encode(&section, changes);
    ASSERT_OK(wal_index_blocks_decode(&back, buf_span(&section)));
    assert_string_equal(wal_changes_fault(back), "a reason");
    assert_int_equal(wal_changes_find(back, second_table)->limit, 3);
    assert_true(number_set_has(&wal_changes_find(back, second_table)->blocks, 6));
    assert_true(wal_changes_has_database(back, (WalDatabase){{1663}, {16400}}));
    wal_index_blocks_encode(&again, back);
    assert_true(span_equal(buf_span(&section), buf_span(&again)));
}

static void test_wal_index_blocks_decode__refuses_what_cannot_be(void **state)
{
    (void)state;
    AUTO(wal_changes_free) WalChanges *changes = example_changes();
    AUTO(wal_changes_free) WalChanges *out = NULL;
    AUTO(buf_done) Buf section = {0};
    wal_index_blocks_encode(&section, changes);
    for (size_t len = 0; len < section.len; len++)
        ASSERT_ERR(CORRUPT, wal_index_blocks_decode(&out, span_of(section.data, len)));
    buf_add_u8(&section, 0);
    ASSERT_ERR(CORRUPT, wal_index_blocks_decode(&out, buf_span(&section)));
    buf_cut(&section, section.len - 1);
    section.data[0] = 2;
    ASSERT_ERR(UNSUPPORTED, wal_index_blocks_decode(&out, buf_span(&section)));

    /* One relation whose second run ends behind the last block there can be. */
    const uint8_t beyond[] = {1, 0, 0, 0, 1, 0, 1, 1, 1, 2, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 1, 0, 0x00};
    ASSERT_ERR(CORRUPT, wal_index_blocks_decode(&out, span_of(beyond, sizeof beyond)));
    /* More blocks than a segment can name. */
    const uint8_t many[] = {1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0x80, 0x80, 0x80, 0x40};
    ASSERT_ERR(CORRUPT, wal_index_blocks_decode(&out, span_of(many, sizeof many)));
    /* 16385 databases: refused before they are looked for. */
    const uint8_t databases[] = {1, 0, 0, 0, 0x81, 0x80, 0x01, 1, 1};
    ASSERT_ERR_TEXT(CORRUPT, "16385 databases",
                    wal_index_blocks_decode(&out, span_of(databases, sizeof databases)));
    assert_null(out);
}

/* ---- activity */

static const WalAct deleted = {.kind = WAL_ACT_ROWS, .file = {{1663}, {5}, {16384}}, .deletes = 1000};
static const WalAct locked = {.kind = WAL_ACT_LOCK, .file = {{0}, {5}, {24576}}};

/* One transaction deleted 1,000 rows and committed, another one holds a lock. */
static WalActivity example_activity(void)
{
    WalActivity activity = {.row_count = 2, .note_count = 2, .arena = arena_new()};
    activity.rows = arena_alloc(activity.arena, 2 * sizeof *activity.rows);
    activity.rows[0] = (WalRows){.file = first_table, .deletes = 1000};
    activity.rows[1] = (WalRows){.file = second_table, .inserts = 3, .updates = 300};
    number_set_add_run(&activity.committed, (NumberRun){700, 3});
    number_set_add(&activity.aborted, 703);
    activity.notes = arena_alloc(activity.arena, 2 * sizeof *activity.notes);
    activity.notes[0] = (WalXactNote){.xid = {700},
                                      .state = WAL_XACT_COMMITTED,
                                      .database = {5},
                                      .end = {0x3000100},
                                      .time = {1795249992000000},
                                      .act_count = 1,
                                      .acts = &deleted};
    activity.notes[1] = (WalXactNote){
        .xid = {705}, .top = {704}, .database = {5}, .time = INSTANT_NONE, .act_count = 1, .acts = &locked};
    return activity;
}

static void test_wal_index_activity__is_encoded_as_the_format_shows(void **state)
{
    (void)state;
    AUTO(wal_activity_done) WalActivity activity = example_activity();
    AUTO(buf_done) Buf section = {0};
    AUTO(buf_done) Buf shown = {0};
    wal_index_activity_encode(&section, &activity);
    format_example(&shown, "### Activity (type 18)");
    assert_true(span_equal(buf_span(&section), buf_span(&shown)));
}

static void test_wal_index_activity__comes_back(void **state)
{
    (void)state;
    AUTO(wal_activity_done) WalActivity activity = example_activity();
    AUTO(buf_done) Buf section = {0};
    AUTO(buf_done) Buf again = {0};
    wal_index_activity_encode(&section, &activity);
    AUTO(wal_activity_done) WalActivity back = {.arena = NULL};
    ASSERT_OK(wal_index_activity_decode(&back, buf_span(&section)));
    assert_int_equal(back.rows[1].file.number.id, second_table.number.id);
    assert_int_equal(back.rows[1].updates, 300);
    assert_int_equal(back.notes[0].acts[0].deletes, 1000);
    assert_int_equal(back.notes[0].time.us, 1795249992000000);
    assert_int_equal(back.notes[1].top.id, 704);
    assert_int_equal(back.notes[1].state, WAL_XACT_OPEN);
    assert_true(number_set_has(&back.committed, 702) && number_set_has(&back.aborted, 703));
    wal_index_activity_encode(&again, &back);
    assert_true(span_equal(buf_span(&section), buf_span(&again)));
}

static void test_wal_index_activity_decode__refuses_what_cannot_be(void **state)
{
    (void)state;
    AUTO(wal_activity_done) WalActivity activity = example_activity();
    AUTO(buf_done) Buf section = {0};
    wal_index_activity_encode(&section, &activity);
    WalActivity out;
    for (size_t len = 0; len < section.len; len++)
        ASSERT_ERR(CORRUPT, wal_index_activity_decode(&out, span_of(section.data, len)));
    buf_add_u8(&section, 0);
    ASSERT_ERR(CORRUPT, wal_index_activity_decode(&out, buf_span(&section)));
    section.data[0] = 2;
    ASSERT_ERR(UNSUPPORTED, wal_index_activity_decode(&out, buf_span(&section)));
    /* More relations than bytes. */
    const uint8_t many[] = {1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F};
    ASSERT_ERR(CORRUPT, wal_index_activity_decode(&out, span_of(many, sizeof many)));
}

/* ---- seams */

static void test_wal_index_seams__are_encoded_as_the_format_shows(void **state)
{
    (void)state;
    const WalSeams seams = {.first_prev = {0x3FFFF98},
                            .last = {0x4FFFE60},
                            .head_total_bytes = 3,
                            .head = span_of("end", 3),
                            .tail_total_bytes = 80,
                            .tail_bytes = 5,
                            .tail = span_of("begin", 5)};
    AUTO(buf_done) Buf section = {0};
    AUTO(buf_done) Buf shown = {0};
    wal_index_seams_encode(&section, &seams);
    format_example(&shown, "### Seams (type 19)");
    assert_true(span_equal(buf_span(&section), buf_span(&shown)));
    WalSeams back;
    ASSERT_OK(wal_index_seams_decode(&back, buf_span(&section)));
    assert_true(span_equal(back.head, seams.head) && span_equal(back.tail, seams.tail));
    assert_int_equal(back.head_total_bytes, 3);
    assert_int_equal(back.tail_total_bytes, 80);
    assert_int_equal(back.tail_bytes, 5);
    assert_int_equal(back.first_prev.at, seams.first_prev.at);
    assert_int_equal(back.last.at, seams.last.at);
    for (size_t len = 0; len < section.len; len++)
        ASSERT_ERR(CORRUPT, wal_index_seams_decode(&back, span_of(section.data, len)));
    section.data[20] = 2; /* more bytes than there can be */
    ASSERT_ERR(CORRUPT, wal_index_seams_decode(&back, buf_span(&section)));
    section.data[0] = 2;
    ASSERT_ERR(UNSUPPORTED, wal_index_seams_decode(&back, buf_span(&section)));
}

/* ---- all of it, from WAL of real servers */

static Span segment_of(const Buf *wal, size_t index)
{
    return span_of(wal->data + index * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT);
}

/* The tail of each segment and the head of the next are a whole record with a right checksum. */
static void test_wal_sections__join_over_borders(void **state)
{
    (void)state;
    for (uint32_t major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        AUTO(buf_done) Buf wal = {0};
        fake_wal_fixture(&wal, major);
        AUTO(buf_done) Buf record = {0};
        unsigned joined = 0;
        for (size_t i = 0; i + 1 < wal.len / FAKE_WAL_SEGMENT; i++) {
            AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
            WalSeams seams;
            AUTO(wal_indexer_free) WalIndexer *indexer = NULL;
            ASSERT_OK(wal_indexer_new(&indexer, segment_of(&wal, i)));
            ASSERT_OK(wal_indexer_push(indexer, segment_of(&wal, i)));
            wal_indexer_finish(&sections, indexer);
            ASSERT_OK(wal_index_seams_decode(&seams, buf_span(&sections.seams)));
            buf_add(&record, seams.head.ptr, seams.head.len);
            if (record.len && seams.head_total_bytes) {
                assert_int_equal(record.len, get_u32(record.data));
                assert_int_equal(wal_record_crc(buf_span(&record)), get_u32(record.data + 20));
                joined++;
            }
            buf_clear(&record);
            buf_add(&record, seams.tail.ptr, seams.tail.len);
        }
        assert_true(joined >= 1);
    }
}

UNIT_MAIN(cmocka_unit_test(test_wal_index_summary__is_encoded_as_the_format_shows),
          cmocka_unit_test(test_wal_index_summary_decode__refuses_every_cut),
          cmocka_unit_test(test_wal_index_summary_decode__refuses_what_cannot_be),
          cmocka_unit_test(test_wal_index_summary_decode__counts_unknown_events_as_dropped),
          cmocka_unit_test(test_wal_index_blocks__are_encoded_as_the_format_shows),
          cmocka_unit_test(test_wal_index_blocks__come_back),
          cmocka_unit_test(test_wal_index_blocks_decode__refuses_what_cannot_be),
          cmocka_unit_test(test_wal_index_activity__is_encoded_as_the_format_shows),
          cmocka_unit_test(test_wal_index_activity__comes_back),
          cmocka_unit_test(test_wal_index_activity_decode__refuses_what_cannot_be),
          cmocka_unit_test(test_wal_index_seams__are_encoded_as_the_format_shows),
          cmocka_unit_test(test_wal_sections__join_over_borders))
