/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

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

UNIT_MAIN(cmocka_unit_test(test_wal_index_summary__is_encoded_as_the_format_shows),
          cmocka_unit_test(test_wal_index_summary_decode__refuses_every_cut),
          cmocka_unit_test(test_wal_index_summary_decode__refuses_what_cannot_be),
          cmocka_unit_test(test_wal_index_summary_decode__counts_unknown_events_as_dropped))
