/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "archive/archive_unit.h"
#include "archive/wal_window.h"

#define SEGMENT(n) ((Lsn){UINT64_C(n) * FAKE_WAL_SEGMENT})

/* An archive in memory and the line that a test looks along. */
typedef struct Archive {
    Repo *repo;
    Arena *arena;
    WalArchive names;
    Lineage lineage;
} Archive;

static void archive_done(Archive *archive)
{
    repo_free(&archive->repo);
    arena_free(&archive->arena);
}

static WalSource look(Archive *archive, uint32_t timeline)
{
    ASSERT_OK(wal_archive_list(&archive->names, archive->repo, &unit_generation, archive->arena));
    ASSERT_OK(lineage_load(&archive->lineage, archive->repo, &unit_generation, (Timeline){timeline},
                           archive->arena));
    return (WalSource){.repo = archive->repo,
                       .generation = &unit_generation,
                       .archive = &archive->names,
                       .lineage = &archive->lineage};
}

static Archive some_archive(void)
{
    return (Archive){.repo = new_repo("main"), .arena = arena_new()};
}

static void put_name(Repo *repo, uint32_t timeline, uint64_t segment)
{
    const Key key = key_wal(&unit_generation.root, segment_name(timeline, segment));
    ASSERT_OK(store_put_all(repo->store, key.text, span_of("x", 1)));
}

static void put_names(Repo *repo, uint32_t timeline, uint64_t first, uint64_t last)
{
    for (uint64_t at = first; at <= last; at++)
        put_name(repo, timeline, at);
}

static void test_wal_window_find__ends_where_the_archive_ends(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_names(archive.repo, 1, 5, 8);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, (Lsn){SEGMENT(6).at + 40});
    assert_int_equal(window.first_segment, 6);
    assert_int_equal(window.segments, 3);
    assert_int_equal(window.end.at, SEGMENT(9).at);
    assert_int_equal(window.end_timeline.id, 1);
    assert_int_equal(window.missing.segment, 9);
    assert_false(window.is_gap);
    assert_true(wal_window_reaches(&window, SEGMENT(9)));
    assert_false(wal_window_reaches(&window, (Lsn){SEGMENT(9).at + 1}));
}

static void test_wal_window_find__names_the_gap(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_names(archive.repo, 1, 5, 6);
    put_names(archive.repo, 1, 9, 9);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.segments, 2);
    assert_true(window.is_gap);
    assert_string_equal(wal_name_text(window.missing).text, "000000010000000000000007");
    assert_int_equal(window.next_segment, 9);
    const WalWindow none = wal_window_find(&source, SEGMENT(7));
    assert_int_equal(none.segments, 0);
    assert_true(none.is_gap);
    assert_false(wal_window_reaches(&none, SEGMENT(7)));
}

static void test_wal_window_find__crosses_a_switch_on_the_childs_copy(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_history(archive.repo, 2, "1\t0/700080\tx\n");
    put_names(archive.repo, 1, 5, 9); /* the parent went on: 8 and 9 are not of the branch */
    put_names(archive.repo, 2, 7, 8);
    WalSource source = look(&archive, 2);
    WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.segments, 4);
    assert_int_equal(window.end_timeline.id, 2);
    assert_int_equal(window.missing.timeline.id, 2);
    assert_int_equal(window.missing.segment, 9);
    assert_false(window.is_gap);
    LineageCopy copy;
    assert_true(wal_source_copy(&copy, &source, 7));
    assert_int_equal(copy.name.timeline.id, 2);
    source = look(&archive, 1);
    window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.segments, 5);
}

static void test_wal_window_find__uses_the_parents_copy_up_to_the_switch(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_history(archive.repo, 2, "1\t0/700080\tx\n");
    put_names(archive.repo, 1, 5, 9);
    put_name(archive.repo, 2, 8);
    WalSource source = look(&archive, 2);
    WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.segments, 3);
    assert_int_equal(window.end.at, 0x700080);
    assert_int_equal(window.end_timeline.id, 1);
    assert_string_equal(wal_name_text(window.missing).text, "000000020000000000000007");
    assert_true(window.is_gap);
    assert_int_equal(window.next_segment, 8);
}

static void put_tail_name(Repo *repo, uint32_t timeline, uint64_t segment, uint32_t to)
{
    const WalTail tail = {segment_name(timeline, segment), 0, to};
    ASSERT_OK(store_put_all(repo->store, key_wal_tail(&unit_generation.root, &tail).text, span_of("x", 1)));
}

static void test_wal_window_find__ends_in_the_tail_of_its_last_segment(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_names(archive.repo, 1, 5, 6);
    put_tail_name(archive.repo, 1, 7, 0x2008);
    WalSource source = look(&archive, 1);
    WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.segments, 3);
    assert_int_equal(window.end.at, SEGMENT(7).at + 0x2008);
    assert_int_equal(window.missing.segment, 7);
    assert_false(window.is_gap);
    source.is_whole_only = true;
    assert_int_equal(wal_window_find(&source, SEGMENT(5)).end.at, SEGMENT(7).at);
    put_name(archive.repo, 1, 8); /* now 7 is a hole, and its tail is still good up to its end */
    source = look(&archive, 1);
    window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.end.at, SEGMENT(7).at + 0x2008);
    assert_true(window.is_gap);
    assert_int_equal(window.next_segment, 8);
    put_name(archive.repo, 1, 7); /* the whole one wins */
    source = look(&archive, 1);
    window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.end.at, SEGMENT(9).at);
}

/* What lies in the tail is archived; not to get there is a gap, not the end. */
static void test_wal_window_find__tail_behind_a_hole_is_behind_a_gap(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_names(archive.repo, 1, 5, 6);
    put_tail_name(archive.repo, 1, 8, 0x2008);
    const WalSource source = look(&archive, 1);
    WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.end.at, SEGMENT(7).at);
    assert_true(window.is_gap);
    assert_int_equal(window.next_segment, 8);
    window = wal_window_find(&source, SEGMENT(8));
    assert_int_equal(window.end.at, SEGMENT(8).at + 0x2008);
    assert_false(window.is_gap);
}

static void test_wal_window_find__parents_tail_serves_up_to_the_switch(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    put_history(archive.repo, 2, "1\t0/700080\tx\n");
    put_names(archive.repo, 1, 5, 6);
    put_tail_name(archive.repo, 1, 7, 0x2008);
    WalSource source = look(&archive, 2);
    assert_int_equal(wal_window_find(&source, SEGMENT(5)).end.at, 0x700080);
    put_tail_name(archive.repo, 2, 7, 0x1000);
    source = look(&archive, 2);
    assert_int_equal(wal_window_find(&source, SEGMENT(5)).end.at, SEGMENT(7).at + 0x1000);
    put_name(archive.repo, 2, 7);
    source = look(&archive, 2);
    assert_int_equal(wal_window_find(&source, SEGMENT(5)).end.at, SEGMENT(8).at);
}

/* Segment 5 whole, then a commit at 60 and one at 70 in segment 6: all that is there of it is a tail. */
static void test_wal_window_tip__is_the_last_record_of_the_tail(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    fill_segment(&wal, 0);
    add_commit(&wal, 806, 60);
    const Lsn last = add_commit(&wal, 807, 70);
    const Lsn end = fake_wal_at(&wal);
    add_commit(&wal, 808, 80); /* behind the tail */
    put_segments(archive.repo, &wal, 1, 5, 6);
    const WalTail tail = {segment_name(1, 6), 0, (uint32_t)(end.at - SEGMENT(6).at)};
    put_tail(archive.repo, &tail, span_cut(buf_span(&wal.bytes), FAKE_WAL_SEGMENT, SIZE_MAX));
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    WindowTip tip;
    ASSERT_OK(wal_window_tip(&tip, &window));
    assert_int_equal(tip.record.at, last.at);
    assert_int_equal(tip.end.at, end.at);
    assert_int_equal(tip.commit_time.us, second(70).us);
    Instant time;
    ASSERT_OK(wal_window_last_commit(&time, &window));
    assert_int_equal(time.us, second(70).us);
    const WalTarget at_65 = {.kind = WAL_TARGET_TIME, .time = second(65)};
    WindowStop stop;
    ASSERT_OK(wal_window_target(&stop, &window, &at_65));
    assert_true(stop.is_found);
    assert_int_equal(stop.match.xid.id, 807);
    const WalTarget at_75 = {.kind = WAL_TARGET_TIME, .time = second(75)};
    ASSERT_OK(wal_window_target(&stop, &window, &at_75));
    assert_false(stop.is_found || stop.broken.is_there);
    const Key key = key_wal_tail(&unit_generation.root, &tail);
    ASSERT_OK(store_remove(archive.repo->store, key.text));
    ASSERT_ERR(CORRUPT, wal_window_tip(&tip, &window)); /* it was listed: never the end of WAL */
}

/* Four segments: commits at 10, 30 (straddling into the next segment), 20, then fillers only, then 40. */
typedef struct Story {
    Lsn first, straddling, third, point, last;
} Story;

static Story tell_story(FakeWal *wal)
{
    Story story;
    fake_wal_begin(wal, 15);
    story.first = add_commit(wal, 801, 10);
    fill_segment(wal, 32);
    story.straddling = add_commit(wal, 802, 30);
    story.third = add_commit(wal, 803, 20);
    story.point = add_restore_point(wal, "before deploy", 25);
    fill_segment(wal, 32);
    fake_wal_filler(wal, 3000);
    fill_segment(wal, 0);
    story.last = add_commit(wal, 810, 40);
    fake_wal_filler(wal, 100);
    return story;
}

static Story story_archive(Archive *archive)
{
    AUTO(fake_wal_done) FakeWal wal;
    const Story story = tell_story(&wal);
    put_segments(archive->repo, &wal, 1, 5, 9);
    assert_int_equal(story.straddling.at / FAKE_WAL_SEGMENT, 5);
    assert_true(story.straddling.at + 24 + 2 + 8 > SEGMENT(6).at);
    assert_int_equal(story.third.at / FAKE_WAL_SEGMENT, 6);
    assert_int_equal(story.last.at / FAKE_WAL_SEGMENT, 8);
    return story;
}

static WindowStop find(const WalWindow *window, WalTarget target)
{
    WindowStop stop;
    ASSERT_OK(wal_window_target(&stop, window, &target));
    return stop;
}

static void test_wal_window_target__time_takes_the_first_match_in_wal_order(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    const Story story = story_archive(&archive);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_TIME, .time = second(15)});
    assert_true(stop.is_found && stop.match.is_before);
    /* It lies across the border of two segments, in no summary. */
    assert_int_equal(stop.match.record.at, story.straddling.at);
    assert_int_equal(stop.match.xid.id, 802);
    assert_int_equal(stop.match.last_time.us, second(10).us);
    stop = find(&window, (WalTarget){.kind = WAL_TARGET_TIME, .time = second(35)});
    assert_true(stop.is_found);
    assert_int_equal(stop.match.record.at, story.last.at);
    /* The last commit before, by WAL order: the one at 20, though 30 came before it. */
    assert_int_equal(stop.match.last_time.us, second(20).us);
}

static void test_wal_window_target__says_what_is_the_last_time_when_nothing_matches(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    story_archive(&archive);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    const WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_TIME, .time = second(99)});
    assert_false(stop.is_found || stop.broken.is_there);
    assert_int_equal(stop.last_time.us, second(40).us);
    assert_int_equal(stop.latest_time.us, second(40).us);
}

static void test_wal_window_target__finds_transactions_names_and_positions(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    const Story story = story_archive(&archive);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_XID, .xid = {802}});
    assert_true(stop.is_found && !stop.match.is_before);
    assert_int_equal(stop.match.record.at, story.straddling.at);
    assert_int_equal(stop.match.end.at, story.third.at);
    stop = find(&window, (WalTarget){.kind = WAL_TARGET_XID, .xid = {999}});
    assert_false(stop.is_found);
    stop = find(&window, (WalTarget){.kind = WAL_TARGET_NAME, .name = "before deploy"});
    assert_true(stop.is_found);
    assert_int_equal(stop.match.record.at, story.point.at);
    assert_int_equal(stop.match.last_time.us, second(20).us);
    stop = find(&window, (WalTarget){.kind = WAL_TARGET_NAME, .name = "never"});
    assert_false(stop.is_found);
    stop = find(&window, (WalTarget){.kind = WAL_TARGET_LSN, .lsn = story.third});
    assert_int_equal(stop.match.record.at, story.third.at);
    stop = find(&window, (WalTarget){.kind = WAL_TARGET_IMMEDIATE, .lsn = story.third});
    assert_int_equal(stop.match.end.at, story.third.at);
}

static void test_wal_window_target__sees_nothing_before_the_start(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    const Story story = story_archive(&archive);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, (Lsn){story.first.at + 40});
    const WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_TIME, .time = second(5)});
    assert_int_equal(stop.match.record.at, story.straddling.at);
    assert_true(instant_is_none(stop.match.last_time));
}

static void test_wal_window_tip__is_the_last_whole_record(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    const Story story = story_archive(&archive);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    WindowTip tip;
    ASSERT_OK(wal_window_tip(&tip, &window));
    assert_true(tip.has_commit);
    assert_int_equal(tip.commit.at, story.last.at);
    assert_int_equal(tip.commit_xid.id, 810);
    assert_int_equal(tip.commit_time.us, second(40).us);
    assert_true(tip.record.at > story.last.at);
    Instant last;
    ASSERT_OK(wal_window_last_commit(&last, &window));
    assert_int_equal(last.us, second(40).us);
}

static void test_wal_window_tip__finds_the_last_commit_behind_segments_without(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    const Story story = story_archive(&archive);
    const Key last_key = key_wal(&unit_generation.root, segment_name(1, 8));
    ASSERT_OK(store_remove(archive.repo->store, last_key.text));
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.segments, 3);
    WindowTip tip;
    ASSERT_OK(wal_window_tip(&tip, &window));
    assert_int_equal(tip.commit.at, story.third.at);
    assert_int_equal(tip.record.at / FAKE_WAL_SEGMENT, 7);
}

static void test_wal_window__reads_segments_that_have_no_index(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    AUTO(fake_wal_done) FakeWal wal;
    const Story story = tell_story(&wal);
    fake_wal_pad_segment(&wal);
    for (uint64_t at = 5; at < 9; at++) {
        const Key key = key_wal(&unit_generation.root, segment_name(1, at));
        const ContainerSpec spec = {
            .kind = CONTAINER_WAL, .name = key_object_name(key.text), .codec = CODEC_LZ4, .level = 1};
        const size_t from = at * FAKE_WAL_SEGMENT - wal.start.at;
        AUTO(buf_done) Buf facts = {0};
        buf_add_u64(&facts, FAKE_WAL_SYSTEM_ID);
        buf_add_u32(&facts, 1);
        buf_add_u32(&facts, FAKE_WAL_SEGMENT);
        buf_add_u32(&facts, 15);
        buf_add_u32(&facts, 0);
        buf_add_u64(&facts, FAKE_WAL_SEGMENT);
        const Hash128 hash = hash128_of(span_of(wal.bytes.data + from, FAKE_WAL_SEGMENT));
        buf_add(&facts, hash.bytes, sizeof hash.bytes);
        AUTO(buf_done) Buf object = {0};
        BufSink to = buf_sink(&object, SIZE_MAX);
        AUTO(container_writer_free) ContainerWriter *writer = NULL;
        ContainerSpec with_facts = spec;
        with_facts.facts = buf_span(&facts);
        ASSERT_OK(container_begin(&writer, &with_facts, &to.sink));
        /* Frames of odd sizes, as another writer might choose them. */
        for (size_t done = 0; done < FAKE_WAL_SEGMENT; done += 100001)
            ASSERT_OK(container_frame(
                writer, span_cut(span_of(wal.bytes.data + from, FAKE_WAL_SEGMENT), done, 100001)));
        ContainerSummary summary;
        ASSERT_OK(container_finish(&summary, writer));
        ASSERT_OK(repo_put(archive.repo, key.text, buf_span(&object)));
    }
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    const WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_TIME, .time = second(15)});
    assert_int_equal(stop.match.record.at, story.straddling.at);
}

static void test_wal_window_target__stops_where_records_do_not_go_on(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    AUTO(fake_wal_done) FakeWal wal;
    tell_story(&wal);
    wal.bytes.data[FAKE_WAL_SEGMENT + 400000] ^= 1;
    put_segments(archive.repo, &wal, 1, 5, 9);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    const WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_END});
    assert_false(stop.is_found);
    assert_true(stop.broken.is_there);
    assert_true(stop.broken.at.at <= SEGMENT(6).at + 400000 && stop.broken.at.at > SEGMENT(6).at + 390000);
    assert_int_equal(stop.last_time.us, second(20).us);
    assert_non_null(strstr(stop.broken.text, "CRC"));
}

static void test_wal_window_target__stops_at_a_record_that_the_next_segment_does_not_continue(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    AUTO(fake_wal_done) FakeWal wal;
    const Story story = tell_story(&wal);
    put_u32(wal.bytes.data + FAKE_WAL_SEGMENT + 16, 7000); /* bytes left of the straddling record */
    put_segments(archive.repo, &wal, 1, 5, 9);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    const WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_END});
    assert_true(stop.broken.is_there);
    assert_int_equal(stop.broken.at.at, story.straddling.at);
    assert_int_equal(stop.last_time.us, second(10).us);
}

static void add_parameters(FakeWal *wal, int32_t connections, int32_t workers, int32_t level)
{
    uint8_t main[28] = {0};
    put_u32(main, (uint32_t)connections);
    put_u32(main + 4, (uint32_t)workers);
    put_u32(main + 20, (uint32_t)level);
    fake_wal_main(wal, WAL_XLOG, WAL_XLOG_PARAMETER_CHANGE, (Xid){0}, span_of(main, sizeof main));
}

static void test_wal_window_facts__tell_what_happens_on_the_way(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    add_parameters(&wal, 900, 9, 1); /* before the start */
    const Lsn start = fake_wal_filler(&wal, 100);
    add_parameters(&wal, 200, 8, 1);
    fill_segment(&wal, 1000);
    fake_wal_filler(&wal, 2000);
    static const uint8_t create[] = {0x01, 0x40, 0, 0, '/', 's', 'r', 'v', '/', 't', 0};
    fake_wal_main(&wal, WAL_TBLSPC, 0, (Xid){0}, span_of(create, sizeof create));
    static const uint8_t in_place[] = {0x02, 0x40, 0, 0, 0};
    fake_wal_main(&wal, WAL_TBLSPC, 0, (Xid){0}, span_of(in_place, sizeof in_place));
    add_parameters(&wal, 100, 16, 1);
    const Lsn minimal = fake_wal_at(&wal);
    add_parameters(&wal, 50, 4, 0);
    const Lsn until = fake_wal_at(&wal);
    add_parameters(&wal, 5000, 4, 1);
    put_segments(archive.repo, &wal, 1, 5, 7);
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, start);
    WindowFacts facts;
    ASSERT_OK(wal_window_facts(&facts, &window, until, archive.arena));
    assert_true(facts.has_parameters);
    assert_int_equal(facts.parameters.max_connections, 200);
    assert_int_equal(facts.parameters.max_worker_processes, 16);
    assert_int_equal(facts.minimal.at, minimal.at);
    assert_int_equal(facts.tablespace_count, 2);
    assert_int_equal(facts.tablespaces[1].oid.id, 0x4002);
    assert_string_equal(facts.tablespaces[1].path, "");
    assert_int_equal(facts.tablespaces[0].oid.id, 0x4001);
    assert_string_equal(facts.tablespaces[0].path, "/srv/t");
    ASSERT_OK(wal_window_facts(&facts, &window, minimal, archive.arena));
    assert_int_equal(facts.minimal.at, 0);
}

/* The parent went on behind the switch in the segment that the child never archived: none of that counts. */
static void test_wal_window__leaves_out_what_the_parent_wrote_behind_the_switch(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    const Lsn ours = add_commit(&wal, 801, 10);
    const Lsn switch_lsn = add_commit(&wal, 802, 20);
    fake_wal_filler(&wal, 100);
    put_segments(archive.repo, &wal, 1, 5, 6);
    AUTO(buf_done) Buf history = {0};
    buf_addf(&history, "1\t%s\tx\n", lsn_text(switch_lsn).text);
    put_history(archive.repo, 2, buf_text(&history));
    const WalSource source = look(&archive, 2);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    assert_int_equal(window.end.at, switch_lsn.at);
    WindowTip tip;
    ASSERT_OK(wal_window_tip(&tip, &window));
    assert_int_equal(tip.commit.at, ours.at);
    assert_int_equal(tip.record.at, ours.at);
    const WindowStop stop = find(&window, (WalTarget){.kind = WAL_TARGET_TIME, .time = second(15)});
    assert_false(stop.is_found);
    assert_int_equal(stop.latest_time.us, second(10).us);
}

static void test_wal_window_summary__names_what_is_missing(void **state)
{
    (void)state;
    AUTO(archive_done) Archive archive = some_archive();
    const WalSource source = look(&archive, 1);
    const WalWindow window = wal_window_find(&source, SEGMENT(5));
    WalSummary summary;
    ASSERT_ERR_TEXT(GAP, "000000010000000000000005", wal_window_summary(&summary, &window, 5));
}

UNIT_MAIN(cmocka_unit_test(test_wal_window_find__ends_where_the_archive_ends),
          cmocka_unit_test(test_wal_window_find__names_the_gap),
          cmocka_unit_test(test_wal_window_find__crosses_a_switch_on_the_childs_copy),
          cmocka_unit_test(test_wal_window_find__uses_the_parents_copy_up_to_the_switch),
          cmocka_unit_test(test_wal_window_find__ends_in_the_tail_of_its_last_segment),
          cmocka_unit_test(test_wal_window_find__tail_behind_a_hole_is_behind_a_gap),
          cmocka_unit_test(test_wal_window_find__parents_tail_serves_up_to_the_switch),
          cmocka_unit_test(test_wal_window_tip__is_the_last_record_of_the_tail),
          cmocka_unit_test(test_wal_window_target__time_takes_the_first_match_in_wal_order),
          cmocka_unit_test(test_wal_window_target__says_what_is_the_last_time_when_nothing_matches),
          cmocka_unit_test(test_wal_window_target__finds_transactions_names_and_positions),
          cmocka_unit_test(test_wal_window_target__sees_nothing_before_the_start),
          cmocka_unit_test(test_wal_window_tip__is_the_last_whole_record),
          cmocka_unit_test(test_wal_window_tip__finds_the_last_commit_behind_segments_without),
          cmocka_unit_test(test_wal_window__reads_segments_that_have_no_index),
          cmocka_unit_test(test_wal_window_target__stops_where_records_do_not_go_on),
          cmocka_unit_test(test_wal_window_target__stops_at_a_record_that_the_next_segment_does_not_continue),
          cmocka_unit_test(test_wal_window_facts__tell_what_happens_on_the_way),
          cmocka_unit_test(test_wal_window__leaves_out_what_the_parent_wrote_behind_the_switch),
          cmocka_unit_test(test_wal_window_summary__names_what_is_missing))
