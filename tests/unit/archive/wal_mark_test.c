/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "fake/folder.h"
#include "archive/archive_unit.h"
#include "archive/wal_mark.h"
#include "os/file.h"
#include "os/folder.h"

#include <stdio.h>

/* A server with one segment in pg_wal, and its archive. */
typedef struct Scene {
    TestFolder folder;
    char segment_path[128];
    FakeWal wal;
    Repo *repo;
    WalPlaces places;
    Lsn before, checkpoint;
} Scene;

static void segment_write(Scene *scene)
{
    ASSERT_OK(file_write_durable(scene->segment_path, buf_span(&scene->wal.bytes), 0600));
}

static int begin(void **state)
{
    Scene *const scene = mem_new(sizeof *scene);
    scene->folder = test_folder();
    ASSERT_OK(folder_make(test_path(&scene->folder, "pg_wal"), 0700));
    fake_wal_begin(&scene->wal, 15);
    scene->before = add_commit(&scene->wal, 800, 1);
    scene->checkpoint = fake_wal_filler(&scene->wal, 114);
    fake_wal_pad_segment(&scene->wal);
    snprintf(scene->segment_path, sizeof scene->segment_path, "%s/pg_wal/%s", scene->folder.path,
             wal_name_text(segment_name(1, 5)).text);
    scene->repo = new_repo("r1");
    scene->places = (WalPlaces){scene->folder.path, scene->repo, &unit_generation, {1}};
    segment_write(scene);
    *state = scene;
    return 0;
}

static int done(void **state)
{
    Scene *const scene = *state;
    fake_wal_done(&scene->wal);
    repo_free(&scene->repo);
    test_folder_done(&scene->folder);
    mem_free(state);
    return 0;
}

/* The server goes another way from the checkpoint on: a later one, whose record has another time and so another CRC. */
static void live_another_life(Scene *scene)
{
    fake_wal_cut(&scene->wal, scene->checkpoint, scene->before);
    add_commit(&scene->wal, 801, 2);
    fake_wal_pad_segment(&scene->wal);
    segment_write(scene);
}

static WalMark marked(const Scene *scene)
{
    WalMark mark;
    ASSERT_OK(wal_mark_take(&mark, &scene->places, scene->checkpoint));
    assert_int_equal(mark.lsn.at, scene->checkpoint.at);
    return mark;
}

static bool holds(const Scene *scene, WalMark mark)
{
    bool is_held = false;
    ASSERT_OK(wal_mark_holds(&is_held, &scene->places, &mark));
    return is_held;
}

static void test_wal_mark__holds_in_the_same_life_alone(void **state)
{
    Scene *const scene = *state;
    const WalMark mark = marked(scene);
    assert_true(holds(scene, mark));
    live_another_life(scene);
    assert_false(holds(scene, mark));
}

static void test_wal_mark__is_sought_in_the_archive_when_the_server_has_removed_it(void **state)
{
    Scene *const scene = *state;
    const WalMark mark = marked(scene);
    ASSERT_OK(file_remove(scene->segment_path));
    assert_false(holds(scene, mark)); /* nobody has it */
    put_wal_file(scene->repo, segment_name(1, 5), buf_span(&scene->wal.bytes));
    assert_true(holds(scene, mark));
}

static void test_wal_mark__of_another_life_in_the_archive_does_not_hold(void **state)
{
    Scene *const scene = *state;
    const WalMark mark = marked(scene);
    live_another_life(scene);
    put_wal_file(scene->repo, segment_name(1, 5), buf_span(&scene->wal.bytes));
    ASSERT_OK(file_remove(scene->segment_path));
    assert_false(holds(scene, mark));
}

static void test_wal_mark__is_none_where_nothing_can_be_marked(void **state)
{
    Scene *const scene = *state;
    WalMark mark;
    /* Over the end of the segment; in one that is not there. */
    const uint64_t nowhere[] = {6 * FAKE_WAL_SEGMENT - 32, 7 * FAKE_WAL_SEGMENT + 40};
    for (size_t i = 0; i < 2; i++) {
        ASSERT_OK(wal_mark_take(&mark, &scene->places, (Lsn){nowhere[i]}));
        assert_false(lsn_is_valid(mark.lsn));
        assert_false(holds(scene, mark));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, done)
UNIT_MAIN(TEST(test_wal_mark__holds_in_the_same_life_alone),
          TEST(test_wal_mark__is_sought_in_the_archive_when_the_server_has_removed_it),
          TEST(test_wal_mark__of_another_life_in_the_archive_does_not_hold),
          TEST(test_wal_mark__is_none_where_nothing_can_be_marked))
