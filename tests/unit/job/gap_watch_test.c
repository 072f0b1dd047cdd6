/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "archive/archive_unit.h"
#include "backup/backup_unit.h"
#include "fake/folder.h"
#include "job/gap_watch.h"
#include "os/file.h"

typedef struct Scene {
    Repo *repo;
    Arena *arena;
    Report report;
    TestFolder folder;
} Scene;

static void scene_done(Scene *scene)
{
    repo_free(&scene->repo);
    arena_free(&scene->arena);
    report_done(&scene->report);
    test_folder_done(&scene->folder);
}

/* A backup at segment 5, and WAL up to 6; 7 and 8 are not there, 9 is. */
static Scene scene_new(void)
{
    Scene scene = {.repo = new_repo("main"),
                   .arena = arena_new(),
                   .folder = test_folder_fast()}; /* a watch makes its memory durable */
    put_generation(scene.repo);
    put_branch(scene.repo, 1, 0, (Lsn){0});
    put_days(scene.repo, 1, 5, 6);
    put_days(scene.repo, 1, 9, 10);
    put_backup(scene.repo, "20260101-000050F", 1, SEGMENT(5), SEGMENT(6));
    return scene;
}

static size_t fresh_gaps(Info *info, const InfoGap *const **gaps, Scene *scene)
{
    size_t count;
    ASSERT_OK(info_of_repo(info, scene->repo, "main", &scene->report, scene->arena));
    ASSERT_OK(gap_watch(gaps, &count, info, &(GapMemory){scene->folder.path, scene->repo}, scene->arena));
    return count;
}

static void test_gap_watch__tells_a_gap_once(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    Info info;
    const InfoGap *const *gaps;
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
    assert_int_equal(gaps[0]->first.segment, 7);
    assert_int_equal(gaps[0]->last.segment, 8);
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 0);
    put_days(scene.repo, 1, 7, 7); /* smaller is not new */
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 0);
}

static void test_gap_watch__tells_a_gap_that_grew_and_one_that_came_back(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    Info info;
    const InfoGap *const *gaps;
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
    ASSERT_OK(store_remove(scene.repo->store, key_wal(&unit_generation.root, segment_name(1, 9)).text));
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
    assert_int_equal(gaps[0]->last.segment, 9);
    put_days(scene.repo, 1, 7, 9);
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 0);
    ASSERT_OK(store_remove(scene.repo->store, key_wal(&unit_generation.root, segment_name(1, 8)).text));
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
}

static void test_gap_watch__leaves_out_what_costs_nothing(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    Info info;
    const InfoGap *const *gaps;
    const Key commit = key_backup_object(&unit_generation.root, label_of("20260101-000050F"), "backup");
    ASSERT_OK(store_remove(scene.repo->store, commit.text));
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 0);
}

/* Losing the memory costs a second telling; a spoiled one is no reason to be silent. */
static void test_gap_watch__tells_again_without_its_memory(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    Info info;
    const InfoGap *const *gaps;
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
    const char *const path = arena_textf(scene.arena, "%s/gaps/%s/main", scene.folder.path, scene.repo->id);
    static const char *const spoiled[] = {"", "x", "1 1 7", "1 1 7 7\n", "2 1 7 8\n", "1 2 7 8\n\n\n"};
    for (size_t i = 0; i < COUNT_OF(spoiled); i++) {
        ASSERT_OK(file_write_durable(path, span_of(spoiled[i], strlen(spoiled[i])), 0640));
        assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
    }
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 0);
}

static void test_gap_cost__is_the_stretch_between_two_backups(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    Info info;
    const InfoGap *const *gaps;
    assert_int_equal(fresh_gaps(&info, &gaps, &scene), 1);
    GapCost cost = gap_cost(&info, gaps[0]);
    assert_int_equal(cost.from_lsn.at, SEGMENT(7).at);
    assert_int_equal(cost.from_time.us, info.windows[0].to_time.us);
    assert_null(cost.backup);
    assert_non_null(strstr(gap_remedy(&info, gaps[0]), "take a new backup"));
    put_backup(scene.repo, "20260101-000110F", 1, SEGMENT(9), (Lsn){SEGMENT(9).at + 4096});
    ASSERT_OK(info_of_repo(&info, scene.repo, "main", &scene.report, scene.arena));
    cost = gap_cost(&info, &info.gaps[0]);
    assert_string_equal(cost.backup->label.text, "20260101-000110F");
    AUTO(buf_done) Buf text = {0};
    gap_cost_add(&text, &info, &info.gaps[0]);
    assert_non_null(strstr(buf_text(&text), "the end of backup 20260101-000110F"));
    assert_null(strstr(gap_remedy(&info, &info.gaps[0]), "take a new backup"));
}

UNIT_MAIN(cmocka_unit_test(test_gap_watch__tells_a_gap_once),
          cmocka_unit_test(test_gap_watch__tells_a_gap_that_grew_and_one_that_came_back),
          cmocka_unit_test(test_gap_watch__leaves_out_what_costs_nothing),
          cmocka_unit_test(test_gap_watch__tells_again_without_its_memory),
          cmocka_unit_test(test_gap_cost__is_the_stretch_between_two_backups))
