/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "cluster/commit_note.h"
#include "fake/folder.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <string.h>

enum { NOTES = 4 };
static const char *const labels[NOTES] = {"20260101-000010F", "20260101-000020F", "20260101-000030F",
                                          "20260101-000010F"};
static const uint32_t generations[NOTES] = {1, 1, 1, 2};

typedef struct Scene {
    Repo *repo;
    Store *faulty;
    TestFolder folder;
    Arena *arena;
    Report report;
} Scene;

static void scene_done(Scene *scene)
{
    repo_free(&scene->repo);
    test_folder_done(&scene->folder);
    arena_free(&scene->arena);
    report_done(&scene->report);
}

static Key commit_key(size_t at)
{
    const KeyRoot root = {"main", generations[at]};
    BackupLabel label;
    memcpy(label.text, labels[at], strlen(labels[at]) + 1);
    return key_backup_object(&root, label, "backup");
}

/* A backup a note, each later than the one before. */
static Scene scene_new(void)
{
    Scene scene = {
        .folder = test_folder(), .arena = arena_new(), .faulty = faulty_store_new(mem_store_new())};
    ASSERT_OK(repo_init_store(&scene.repo, "a", scene.faulty));
    for (size_t i = 0; i < NOTES; i++) {
        CommitNote note = {.root = {"main", generations[i]}, .committed = {(int64_t)i * 1000000}};
        memcpy(note.label.text, labels[i], strlen(labels[i]) + 1);
        note.hash = hash128_of(span_of(labels[i], strlen(labels[i])));
        ASSERT_OK(store_put_all(scene.faulty, commit_key(i).text, span_of(labels[i], strlen(labels[i]))));
        ASSERT_OK(commit_note_write(scene.folder.path, scene.repo, &note));
    }
    return scene;
}

static Err *check(Scene *scene)
{
    const CommitNotes notes =
        commit_notes_load(scene->folder.path, scene->repo, "main", &scene->report, scene->arena);
    assert_int_equal(notes.count, NOTES);
    return commit_notes_check(&notes, scene->repo);
}

static void test_commit_notes_check__reads_one_commit_however_many_there_are(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    faulty_plan(scene.faulty, (FaultyPlan){.nth = 0});
    ASSERT_OK(check(&scene));
    assert_int_equal(faulty_calls(scene.faulty, FAULTY_GET), 1);
    assert_int_equal(faulty_calls(scene.faulty, FAULTY_LIST), 2); /* one a generation */
}

static void test_commit_notes_check__misses_any_that_is_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < NOTES; i++) {
        AUTO(scene_done) Scene scene = scene_new();
        ASSERT_OK(store_remove(scene.faulty, commit_key(i).text));
        ASSERT_ERR_TEXT(CORRUPT, "is gone", check(&scene));
    }
}

static void test_commit_notes_check__knows_the_newest_by_its_bytes(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Key key = commit_key(NOTES - 1);
    ASSERT_OK(store_remove(scene.faulty, key.text));
    ASSERT_OK(store_put_all(scene.faulty, key.text, span_of("other", 5)));
    ASSERT_ERR_TEXT(CORRUPT, "not the one", check(&scene));
}

static Err *forget(const Scene *scene, size_t at)
{
    const KeyRoot root = {"main", generations[at]};
    BackupLabel label;
    memcpy(label.text, labels[at], strlen(labels[at]) + 1);
    return commit_note_remove(scene->folder.path, scene->repo, &root, label);
}

/* A host that only expires has no notes, nor a folder for them. */
static void test_commit_note_remove__has_nothing_to_do_without_a_note(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    ASSERT_OK(forget(&scene, 1));
    ASSERT_OK(forget(&scene, 1));
    const CommitNotes left =
        commit_notes_load(scene.folder.path, scene.repo, "main", &scene.report, scene.arena);
    assert_int_equal(left.count, NOTES - 1);
    AUTO(test_folder_done) TestFolder other = scene.folder;
    scene.folder = test_folder();
    ASSERT_OK(forget(&scene, 1));
}

UNIT_MAIN(cmocka_unit_test(test_commit_notes_check__reads_one_commit_however_many_there_are),
          cmocka_unit_test(test_commit_notes_check__misses_any_that_is_gone),
          cmocka_unit_test(test_commit_notes_check__knows_the_newest_by_its_bytes),
          cmocka_unit_test(test_commit_note_remove__has_nothing_to_do_without_a_note))
