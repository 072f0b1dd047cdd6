/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Whatever call fails, of a file or of a store, while a server archives or recovers: archive-push says "stored" only of
 * what is whole in every repository, leaves nothing half and no hole behind a later segment, and does it when asked
 * again. archive-get gives the right bytes, or stops; a fault is never an "absent".
 */
#include "unit.h"

#include "base/text.h"
#include "unit/pg/fixture.h"

#include "base/crc32c.h"
#include "fake/fault.h"
#include "fake/stopped_cluster.h"
#include "fake/wal.h"
#include "fault/store_kinds.h"
#include "archive/archive_get.h"
#include "archive/archive_push.h"
#include "repo/wal_object.h"

#include <errno.h>

enum { CALLS_MAX = 5000, SEGMENTS = 3 };

typedef struct ArchiveWorld {
    StoppedCluster cluster;
    char spool[96], path[128];
    FakeWal wal; /* SEGMENTS of them */
} ArchiveWorld;

static void world_done(ArchiveWorld *world)
{
    fake_wal_done(&world->wal);
    stopped_cluster_done(&world->cluster);
}

static Span segment_bytes(const ArchiveWorld *world, size_t at)
{
    return span_cut(buf_span(&world->wal.bytes), at * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT);
}

static WalName segment_name(const ArchiveWorld *world, size_t at)
{
    const Lsn start = {world->wal.start.at + at * FAKE_WAL_SEGMENT};
    return wal_name_of_lsn((Timeline){1}, start, FAKE_WAL_SEGMENT);
}

/* The fixture's control file, of a cluster that wrote the made-up WAL. */
static void control_fit(const StoppedCluster *cluster)
{
    enum { AT_SYSTEM_ID = 0, AT_TIMELINE = 48, AT_SEGMENT = 228, AT_CRC = 288 };
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.shut_down");
    put_u64(control.data + AT_SYSTEM_ID, FAKE_WAL_SYSTEM_ID);
    put_u32(control.data + AT_TIMELINE, 1);
    put_u32(control.data + AT_SEGMENT, FAKE_WAL_SEGMENT);
    put_u32(control.data + AT_CRC, crc32c(span_cut(buf_span(&control), 0, AT_CRC)));
    cluster_file(cluster, "global/pg_control", buf_span(&control));
}

/* Everything but the repositories. */
static void world_begin(ArchiveWorld *world)
{
    stopped_cluster_begin(&world->cluster);
    control_fit(&world->cluster);
    snprintf(world->spool, sizeof world->spool, "%s/spool", world->cluster.top.path);
    snprintf(world->path, sizeof world->path, "%s/RECOVERYXLOG", world->cluster.data);
    world->cluster.options.spool_dir = world->spool;
    fake_wal_begin(&world->wal, 15);
    for (size_t i = 0; i < SEGMENTS; i++) {
        fake_wal_filler(&world->wal, 5000);
        fake_wal_pad_segment(&world->wal);
    }
    AUTO(arena_free) Arena *arena = arena_new();
    for (size_t i = 0; i < SEGMENTS; i++) {
        const char *const name = wal_name_text(segment_name(world, i)).text;
        cluster_file(&world->cluster, arena_textf(arena, "pg_wal/%s", name), segment_bytes(world, i));
        cluster_file(&world->cluster, arena_textf(arena, "pg_wal/archive_status/%s.ready", name), (Span){0});
    }
}

static Err *push(const ArchiveWorld *world, size_t at)
{
    AUTO(arena_free) Arena *arena = arena_new();
    return archive_push(&world->cluster.options, arena_textf(arena, "%s/pg_wal/%s", world->cluster.data,
                                                             wal_name_text(segment_name(world, at)).text));
}

/* Is the segment in every repository? What is there has the right bytes. */
static bool is_stored(const ArchiveWorld *world, size_t at)
{
    const ClusterOptions *const cluster = &world->cluster.options;
    size_t stored = 0;
    for (size_t i = 0; i < cluster->repo_count; i++) {
        AUTO(repo_free) Repo *repo = NULL;
        AUTO(buf_done) Buf plain = {0};
        const RepoSpec spec = cluster_repo_spec(cluster, i);
        ASSERT_OK(repo_open(&repo, &spec));
        AUTO(err_free)
        Err *err = wal_object_read(&plain, repo->store, &world->cluster.root, segment_name(world, at));
        if (err_is(err, ERR_NOT_FOUND))
            continue;
        ASSERT_OK(TAKE(err));
        assert_true(span_equal(buf_span(&plain), segment_bytes(world, at)));
        stored++;
    }
    return stored == cluster->repo_count;
}

/* After a push of the first segment that ended with `err`. */
static void pushed_check(const ArchiveWorld *world, const Err *err)
{
    assert_true(err || is_stored(world, 0));
    for (size_t i = 1; i < SEGMENTS; i++)
        assert_true(!is_stored(world, i) || is_stored(world, i - 1)); /* looked ahead, in order */
    store_kinds_verify(&world->cluster.options);
    for (size_t i = 0; i < SEGMENTS; i++) {
        ASSERT_OK(push(world, i));
        assert_true(is_stored(world, i));
    }
    store_kinds_verify(&world->cluster.options);
}

static Err *get(WalAnswer *out, const ArchiveWorld *world, const char *name)
{
    const ArchiveGet ask = {.data_directory = world->cluster.data, .name = name, .path = world->path};
    return archive_get(out, &world->cluster.options, &ask);
}

static void spool_clear(const ArchiveWorld *world)
{
    ASSERT_OK(folder_remove_all(world->spool));
}

/* ---- files */

static bool push_break_at(const ArchiveWorld *world, int nth, int errnum)
{
    AUTO(arena_free) Arena *arena = arena_new();
    fake_fault_at(nth, errnum);
    AUTO(err_free) Err *err = push(world, 0);
    const bool is_hit = fake_fault_hit();
    fake_fault_at(0, 0);
    assert_true(is_hit || !err);
    if (err && (err_is(err, ERR_BUG) || err_is(err, ERR_CANCELED)))
        fail_msg("call %d: %s", nth, err_text(err));
    pushed_check(world, err);
    spool_clear(world);
    ASSERT_OK(folder_remove_all(path_join(world->cluster.repo, "main/g1/wal", arena)));
    return is_hit;
}

static void push_break_with(int errnum)
{
    AUTO(world_done) ArchiveWorld world;
    world_begin(&world);
    cluster_repository(&world.cluster);
    int failed = 0;
    while (push_break_at(&world, failed + 1, errnum))
        assert_true(++failed < CALLS_MAX);
    assert_true(failed > 20);
}

static void test_archive_push__survives_a_failing_disk(void **state)
{
    (void)state;
    push_break_with(EIO);
}

static void test_archive_push__survives_a_full_disk(void **state)
{
    (void)state;
    push_break_with(ENOSPC);
}

/* Each call of a get may fail as well: what the server finds under the path is whole or not there. */
static void test_archive_get__survives_a_failing_disk(void **state)
{
    (void)state;
    AUTO(world_done) ArchiveWorld world;
    world_begin(&world);
    cluster_repository(&world.cluster);
    for (size_t i = 0; i < SEGMENTS; i++)
        ASSERT_OK(push(&world, i));
    bool is_hit = true;
    int nth = 0;
    while (is_hit) {
        AUTO(buf_done) Buf plain = {0};
        WalAnswer answer = WAL_ABSENT;
        spool_clear(&world);
        ASSERT_OK(file_remove(world.path));
        fake_fault_at(++nth, EIO);
        AUTO(err_free) Err *err = get(&answer, &world, wal_name_text(segment_name(&world, 0)).text);
        is_hit = fake_fault_hit();
        fake_fault_at(0, 0);
        assert_true(nth < CALLS_MAX && (err ? is_hit : answer == WAL_FOUND));
        AUTO(err_free) Err *absent = file_read_all(&plain, world.path, FAKE_WAL_SEGMENT);
        assert_true(absent ? err != NULL : span_equal(buf_span(&plain), segment_bytes(&world, 0)));
    }
    assert_true(nth > 8);
}

/* ---- stores */

static void held_begin(ArchiveWorld *world, size_t repo_count)
{
    world_begin(world);
    snprintf(world->cluster.repo, sizeof world->cluster.repo, "held://r1");
    world->cluster.options.drivers = held_drivers;
    world->cluster.options.repo_count = repo_count;
    cluster_repository(&world->cluster);
}

typedef struct HeldBoth {
    HeldState one, two;
} HeldBoth;

static void held_both_done(HeldBoth *both)
{
    held_state_done(&both->one);
    held_state_done(&both->two);
}

static void push_store_break(const ArchiveWorld *world, const HeldBoth *before, StoreRun *run)
{
    store_run_begin(run);
    AUTO(err_free) Err *err = push(world, 0);
    store_run_end(run, err);
    pushed_check(world, err);
    spool_clear(world);
    held_go_back(&before->one, held_store("r1"));
    held_go_back(&before->two, held_store("r2"));
}

static void test_archive_push__survives_whatever_goes_wrong_in_a_store(void **state)
{
    (void)state;
    AUTO(world_done) ArchiveWorld world;
    AUTO(held_both_done) HeldBoth before;
    held_begin(&world, 2);
    held_remember(&before.one, held_store("r1"));
    held_remember(&before.two, held_store("r2"));
    for (size_t i = 0; i < COUNT_OF(store_kinds); i++) {
        const StoreKind *const kind = &store_kinds[i];
        const size_t repo = i / 2 % 2; /* each repository meets half of the kinds */
        world.cluster.repo_options[repo].retry_timeout_ms = kind->patience_ms;
        StoreRun run = {.kind = kind, .store = held_store(repo ? "r2" : "r1"), .nth = 1};
        for (; !run.is_last; run.nth++)
            push_store_break(&world, &before, &run);
        assert_true(run.nth > 10);
    }
    held_stores_done();
}

typedef enum Truth {
    IS_THERE,
    IS_IN_ONE, /* of the repositories, the one that has the fault */
    IS_NOT_THERE,
    IS_A_HOLE
} Truth;

typedef struct Question {
    const char *name;
    Truth truth;
    size_t segment; /* of what is there */
} Question;

/* Only the truth, or an error of the fault's class. */
static void answer_check(const ArchiveWorld *world, const Question *question, WalAnswer answer,
                         const Err *err, StoreRun *run)
{
    const bool is_hole = question->truth == IS_A_HOLE && err_is(err, ERR_GAP);
    store_run_end(run, is_hole ? NULL : err);
    if (err) {
        /* The other repository has it. */
        assert_true(question->truth != IS_THERE || world->cluster.options.repo_count == 1);
        return;
    }
    assert_int_equal(answer, question->truth <= IS_IN_ONE ? WAL_FOUND : WAL_ABSENT);
    assert_true(question->truth != IS_A_HOLE);
    if (question->truth == IS_NOT_THERE)
        return;
    AUTO(buf_done) Buf plain = {0};
    ASSERT_OK(file_read_all(&plain, world->path, FAKE_WAL_SEGMENT));
    assert_true(span_equal(buf_span(&plain), segment_bytes(world, question->segment)));
}

static void get_break(ArchiveWorld *world, const Question *question)
{
    for (size_t i = 0; i < COUNT_OF(store_kinds); i++) {
        world->cluster.options.retry_timeout_ms = store_kinds[i].patience_ms;
        StoreRun run = {.kind = &store_kinds[i], .store = held_store("r1"), .nth = 1};
        for (; !run.is_last; run.nth++) {
            WalAnswer answer = WAL_ABSENT;
            spool_clear(world);
            store_run_begin(&run);
            AUTO(err_free) Err *err = get(&answer, world, question->name);
            answer_check(world, question, answer, err, &run);
        }
        assert_true(run.nth > 3);
    }
}

static void segment_lose(const ArchiveWorld *world, const char *repo, size_t at)
{
    const Key key = key_wal(&world->cluster.root, segment_name(world, at));
    ASSERT_OK(store_remove(held_store(repo), key.text));
}

static void get_break_with(size_t repo_count)
{
    AUTO(world_done) ArchiveWorld world;
    held_begin(&world, repo_count);
    for (size_t i = 0; i < SEGMENTS; i++)
        ASSERT_OK(push(&world, i));
    const Question questions[] = {
        {"000000010000000000000005", IS_THERE, 0},     {"000000010000000000000006", IS_A_HOLE, 0},
        {"000000010000000000000007", IS_IN_ONE, 2},    {"000000010000000000000008", IS_NOT_THERE, 0},
        {"000000020000000000000006", IS_NOT_THERE, 0}, {"00000002.history", IS_NOT_THERE, 0},
    };
    segment_lose(&world, "r1", 1);
    if (repo_count == 2) {
        segment_lose(&world, "r2", 1);
        segment_lose(&world, "r2", 2);
    }
    for (size_t i = 0; i < COUNT_OF(questions); i++)
        get_break(&world, &questions[i]);
    held_stores_done();
}

static void test_archive_get__never_takes_a_fault_for_an_end(void **state)
{
    (void)state;
    get_break_with(1);
}

static void test_archive_get__takes_the_good_copy(void **state)
{
    (void)state;
    get_break_with(2);
}

UNIT_MAIN(cmocka_unit_test(test_archive_push__survives_a_failing_disk),
          cmocka_unit_test(test_archive_push__survives_a_full_disk),
          cmocka_unit_test(test_archive_get__survives_a_failing_disk),
          cmocka_unit_test(test_archive_push__survives_whatever_goes_wrong_in_a_store),
          cmocka_unit_test(test_archive_get__never_takes_a_fault_for_an_end),
          cmocka_unit_test(test_archive_get__takes_the_good_copy))
