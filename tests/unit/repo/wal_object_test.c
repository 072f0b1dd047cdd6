/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/wal.h"
#include "pg/wal_page.h"
#include "repo/repo_unit.h"
#include "repo/wal_object.h"

/* A fixture's segment `at`, with the generation and name it belongs to. */
typedef struct Sample {
    Buf stream;
    Span plain;
    Generation generation;
    WalName name;
} Sample;

static void sample_done(Sample *sample)
{
    buf_done(&sample->stream);
}

static Sample sample_of(unsigned major, size_t at)
{
    Sample sample = {0};
    fake_wal_fixture(&sample.stream, major);
    sample.plain = span_cut(buf_span(&sample.stream), at * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT);
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, sample.plain));
    sample.generation = (Generation){
        .root = {"main", 1}, .system_id = head.system_id, .major = major, .segment_bytes = FAKE_WAL_SEGMENT};
    sample.name = wal_name_of_lsn(head.timeline, head.address, FAKE_WAL_SEGMENT);
    return sample;
}

static void store_sample(Repo *repo, const Sample *sample, CodecKind codec)
{
    const WalObjectSpec spec = {.generation = &sample->generation,
                                .name = sample->name,
                                .codec = codec,
                                .level = codec_level_default(codec)};
    AUTO(buf_done) Buf object = {0};
    Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, sample->plain));
    ASSERT_OK(index_fault);
    ASSERT_OK(repo_put(repo, key_wal(&sample->generation.root, sample->name).text, buf_span(&object)));
}

static void test_wal_object__gives_back_the_segment_in_every_codec(void **state)
{
    (void)state;
    AUTO(sample_done) Sample sample = sample_of(15, 0);
    for (CodecKind codec = CODEC_NONE; codec <= CODEC_ZSTD; codec++) {
        AUTO(repo_free) Repo *repo = new_repo("main");
        store_sample(repo, &sample, codec);
        AUTO(buf_done) Buf plain = {0};
        buf_add_text(&plain, "before");
        ASSERT_OK(wal_object_read(&plain, repo->store, &sample.generation.root, sample.name));
        assert_true(span_equal(span_of(plain.data + 6, plain.len - 6), sample.plain));
        WalFacts facts;
        ASSERT_OK(wal_object_facts(&facts, repo->store, &sample.generation.root, sample.name));
        const Hash128 hash = hash128_of(sample.plain);
        assert_true(hash128_equal(&facts.plain_hash, &hash));
        assert_int_equal(facts.system_id.id, sample.generation.system_id.id);
        assert_int_equal(facts.major, 15);
        assert_int_equal(facts.timeline.id, 1);
        assert_int_equal(facts.plain_bytes, FAKE_WAL_SEGMENT);
    }
}

static void assert_events_equal(const WalSummary *a, const WalSummary *b)
{
    assert_int_equal(a->event_count, b->event_count);
    for (uint32_t i = 0; i < a->event_count; i++) {
        const WalEvent *const x = wal_summary_event(a, i), *const y = wal_summary_event(b, i);
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->start.at, y->start.at);
        assert_int_equal(x->end.at, y->end.at);
        assert_int_equal(x->lsn.at, y->lsn.at);
        assert_int_equal(x->time.us, y->time.us);
        assert_int_equal(x->timeline.id, y->timeline.id);
        assert_int_equal(x->previous.id, y->previous.id);
        assert_int_equal(x->tablespace.id, y->tablespace.id);
        assert_int_equal(x->wal_level, y->wal_level);
        assert_int_equal(x->is_shutdown, y->is_shutdown);
        assert_int_equal(x->is_on, y->is_on);
        assert_memory_equal(&x->parameters, &y->parameters, offsetof(WalParameters, wal_log_hints));
        assert_int_equal(x->parameters.wal_log_hints, y->parameters.wal_log_hints);
        assert_string_equal(x->text ? x->text : "", y->text ? y->text : "");
    }
}

static void assert_summary_equal(const WalSummary *a, const WalSummary *b)
{
    assert_int_equal(a->records, b->records);
    assert_memory_equal(&a->commits, &b->commits, sizeof a->commits);
    assert_memory_equal(&a->aborts, &b->aborts, sizeof a->aborts);
    assert_int_equal(a->xid_min.id, b->xid_min.id);
    assert_int_equal(a->xid_max.id, b->xid_max.id);
    assert_int_equal(a->wal_level_min, b->wal_level_min);
    assert_int_equal(a->events_dropped, b->events_dropped);
    assert_int_equal(a->unread, b->unread);
    assert_string_equal(a->unread_text, b->unread_text);
    assert_ptr_equal(a->version, b->version);
    assert_int_equal(a->progress.first.at, b->progress.first.at);
    assert_int_equal(a->progress.next.at, b->progress.next.at);
    assert_int_equal(a->progress.timeline.id, b->progress.timeline.id);
    assert_int_equal(a->progress.end, b->progress.end);
    assert_string_equal(a->progress.end_text, b->progress.end_text);
    assert_int_equal(a->progress.open_start.at, b->progress.open_start.at);
    assert_int_equal(a->progress.open_total_bytes, b->progress.open_total_bytes);
    assert_int_equal(a->progress.head_seam_total_bytes, b->progress.head_seam_total_bytes);
    assert_events_equal(a, b);
}

/* The summary of the sample's records. End with wal_summary_done(). */
static void summary_of(WalSummary *summary, const Sample *sample)
{
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, sample->plain));
    wal_summary_init(summary, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_summary_entry, summary);
    ASSERT_OK(wal_reader_push(reader, sample->plain));
    wal_summary_finish(summary, reader);
}

static void test_wal_object_summary__is_what_the_records_say(void **state)
{
    (void)state;
    unsigned events = 0;
    for (unsigned major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++) {
        for (size_t at = 0; at < 3; at++) {
            AUTO(sample_done) Sample sample = sample_of(major, at);
            AUTO(repo_free) Repo *repo = new_repo("main");
            store_sample(repo, &sample, CODEC_ZSTD);
            AUTO(wal_summary_done) WalSummary stored;
            AUTO(wal_summary_done) WalSummary fresh;
            bool has_summary = false;
            ASSERT_OK(
                wal_object_summary(&stored, &has_summary, repo->store, &sample.generation.root, sample.name));
            assert_true(has_summary);
            summary_of(&fresh, &sample);
            assert_summary_equal(&stored, &fresh);
            events += fresh.event_count;
        }
    }
    assert_true(events > 0);
}

static void test_wal_object__stores_what_it_cannot_index(void **state)
{
    (void)state;
    AUTO(sample_done) Sample sample = sample_of(15, 0);
    sample.stream.data[0] ^= 0xff; /* the magic of the first page */
    const WalObjectSpec spec = {
        .generation = &sample.generation, .name = sample.name, .codec = CODEC_LZ4, .level = 1};
    AUTO(buf_done) Buf object = {0};
    Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, sample.plain));
    assert_non_null(index_fault);
    err_free(&index_fault);
    AUTO(repo_free) Repo *repo = new_repo("main");
    ASSERT_OK(repo_put(repo, key_wal(&sample.generation.root, sample.name).text, buf_span(&object)));
    WalSummary summary;
    bool has_summary = true;
    ASSERT_OK(wal_object_summary(&summary, &has_summary, repo->store, &sample.generation.root, sample.name));
    assert_false(has_summary);
    AUTO(buf_done) Buf plain = {0};
    ASSERT_OK(wal_object_read(&plain, repo->store, &sample.generation.root, sample.name));
    assert_true(span_equal(buf_span(&plain), sample.plain));
}

static void test_wal_object_encode__refuses_a_segment_of_another_size(void **state)
{
    (void)state;
    AUTO(sample_done) Sample sample = sample_of(15, 0);
    const WalObjectSpec spec = {.generation = &sample.generation, .name = sample.name, .codec = CODEC_NONE};
    AUTO(buf_done) Buf object = {0};
    Err *index_fault = NULL;
    ASSERT_ERR_TEXT(
        CORRUPT, "1048575 bytes, expected 1048576",
        wal_object_encode(&object, &index_fault, &spec, span_cut(sample.plain, 1, FAKE_WAL_SEGMENT)));
}

static void test_wal_object_read__refuses_another_segments_object(void **state)
{
    (void)state;
    AUTO(sample_done) Sample sample = sample_of(15, 0);
    AUTO(repo_free) Repo *repo = new_repo("main");
    store_sample(repo, &sample, CODEC_ZSTD);
    const WalName next = wal_name_next(sample.name);
    AUTO(buf_done) Buf object = {0};
    ASSERT_OK(store_get_all(&object, repo->store, key_wal(&sample.generation.root, sample.name).text,
                            RANGE_ALL, 1 << 24));
    ASSERT_OK(store_put_all(repo->store, key_wal(&sample.generation.root, next).text, buf_span(&object)));
    AUTO(buf_done) Buf plain = {0};
    WalFacts facts;
    ASSERT_ERR(CORRUPT, wal_object_read(&plain, repo->store, &sample.generation.root, next));
    ASSERT_ERR(CORRUPT, wal_object_facts(&facts, repo->store, &sample.generation.root, next));
    assert_int_equal(plain.len, 0);
    ASSERT_ERR(NOT_FOUND, wal_object_read(&plain, repo->store, &sample.generation.root, wal_name_next(next)));
}

static void test_wal_object__carries_history_files(void **state)
{
    (void)state;
    static const char text[] = "1\t0/3000060\tno recovery target specified\n";
    AUTO(repo_free) Repo *repo = new_repo("main");
    const Generation generation = {.root = {"main", 1}, .segment_bytes = FAKE_WAL_SEGMENT, .major = 15};
    const WalName name = wal_name_of_history((Timeline){2}, FAKE_WAL_SEGMENT);
    const WalObjectSpec spec = {.generation = &generation, .name = name, .codec = CODEC_ZSTD, .level = 1};
    AUTO(buf_done) Buf object = {0};
    Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, span_of(text, sizeof text - 1)));
    ASSERT_OK(index_fault);
    ASSERT_OK(repo_put(repo, key_wal(&generation.root, name).text, buf_span(&object)));
    AUTO(buf_done) Buf plain = {0};
    ASSERT_OK(wal_object_read(&plain, repo->store, &generation.root, name));
    assert_string_equal(buf_text(&plain), text);
}

UNIT_MAIN(cmocka_unit_test(test_wal_object__gives_back_the_segment_in_every_codec),
          cmocka_unit_test(test_wal_object_summary__is_what_the_records_say),
          cmocka_unit_test(test_wal_object__stores_what_it_cannot_index),
          cmocka_unit_test(test_wal_object_encode__refuses_a_segment_of_another_size),
          cmocka_unit_test(test_wal_object_read__refuses_another_segments_object),
          cmocka_unit_test(test_wal_object__carries_history_files))
