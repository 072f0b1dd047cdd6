/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The object without which a repository cannot be opened. */
#include "unit.h"

#include "job/repair_unit.h"
#include "job/repair_priv.h"
#include "repo/json_object.h"

static const Key root_key = {KEY_REPOSITORY};

/* A store that outlives the repositories opened on it, and what is asked of it. */
typedef struct Rooted {
    Scene scene; /* its repository, opened when all was well */
    Report report;
    RepairDeed deed;
    RootStep step;
} Rooted;

static void rooted_done(Rooted *rooted)
{
    scene_done(&rooted->scene);
    report_done(&rooted->report);
}

static void step_take(Rooted *rooted, bool dry_run)
{
    static const RepoOptions names[] = {{.name = "main", .url = "/nowhere"}};
    const ClusterOptions cluster = {
        .name = "main", .repos = names, .repo_count = 1, .state_dir = rooted->scene.state_dir};
    const RepairWork work = {.cluster = &cluster, .options = {.dry_run = dry_run}, .report = &rooted->report};
    Repo *const headless = repo_headless("main", rooted->scene.repo->store);
    ASSERT_OK(repair_root(&rooted->deed, &rooted->step, headless, &work, rooted->scene.arena));
    headless->store = NULL; /* it stays the scene's */
    Repo *owned = headless;
    mem_free(&owned);
}

static void root_mend(Rooted *rooted, bool dry_run)
{
    step_take(rooted, dry_run);
    if (rooted->step == ROOT_TAKEN_AWAY)
        step_take(rooted, dry_run);
}

static void root_take(Buf *out, Rooted *rooted)
{
    ASSERT_OK(store_get_all(out, rooted->scene.repo->store, KEY_REPOSITORY, RANGE_ALL, 1 << 20));
}

static void test_repair__mends_the_object_of_a_repository(void **state)
{
    (void)state;
    AUTO(rooted_done) Rooted rooted = {.scene = scene_new()};
    AUTO(buf_done) Buf good = {0};
    root_take(&good, &rooted);
    const size_t places[] = {0, 12, 30, good.len - 1, good.len - 40, good.len - 100};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO(buf_done) Buf bad = {0};
        AUTO(buf_done) Buf after = {0};
        buf_add(&bad, good.data, good.len);
        bad.data[places[i]] ^= 8;
        object_put(&rooted.scene, &root_key, buf_span(&bad));
        root_mend(&rooted, true);
        assert_int_equal(rooted.deed.how, REPAIR_MENDED);
        root_take(&after, &rooted);
        assert_true(span_equal(buf_span(&after), buf_span(&bad)));
        root_mend(&rooted, false);
        buf_clear(&after);
        root_take(&after, &rooted);
        assert_true(span_equal(buf_span(&after), buf_span(&good)));
        assert_int_equal(rooted.step, ROOT_DONE);
    }
    assert_int_equal(aside_count(rooted.scene.repo), COUNT_OF(places));
    look(&rooted.scene);
    assert_false(rooted.scene.report.has_level[NOTICE_WARNING] ||
                 rooted.scene.report.has_level[NOTICE_FAULT]);
}

/* Set aside and not back yet: the next repair finds there what is left of it. */
static void test_repair__ends_what_was_begun_at_the_root(void **state)
{
    (void)state;
    AUTO(rooted_done) Rooted rooted = {.scene = scene_new()};
    AUTO(buf_done) Buf good = {0};
    AUTO(buf_done) Buf bad = {0};
    AUTO(buf_done) Buf after = {0};
    root_take(&good, &rooted);
    buf_add(&bad, good.data, good.len);
    bad.data[good.len - 1] ^= 8;
    object_put(&rooted.scene, &root_key, buf_span(&bad));
    step_take(&rooted, false);
    assert_int_equal(rooted.step, ROOT_TAKEN_AWAY);
    ObjectInfo info;
    ASSERT_ERR(NOT_FOUND, store_stat(&info, rooted.scene.repo->store, KEY_REPOSITORY));
    step_take(&rooted, false);
    assert_int_equal(rooted.deed.how, REPAIR_MENDED);
    root_take(&after, &rooted);
    assert_true(span_equal(buf_span(&after), buf_span(&good)));
}

static const char *id_now(Rooted *rooted)
{
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    ASSERT_OK(
        json_object_load(&json, &reader, rooted->scene.repo->store, KEY_REPOSITORY, CONTAINER_REPOSITORY));
    const char *const id = arena_text(rooted->scene.arena, json_read_text(&reader, "id"));
    ASSERT_OK(json_read_end(&reader));
    return id;
}

static void test_repair__writes_a_lost_repository_object_with_the_id_that_its_host_remembers(void **state)
{
    (void)state;
    AUTO(rooted_done) Rooted rooted = {.scene = scene_new()};
    Repo *const repo = rooted.scene.repo;
    AUTO(buf_done) Buf commit = {0};
    ASSERT_OK(store_get_all(&commit, repo->store,
                            key_backup_object(&unit_generation.root, label_of(LABEL), "backup").text,
                            RANGE_ALL, 1 << 20));
    const CommitNote note = {.root = unit_generation.root,
                             .label = label_of(LABEL),
                             .committed = second(100),
                             .hash = hash128_of(buf_span(&commit))};
    ASSERT_OK(store_remove(repo->store, KEY_REPOSITORY));
    root_mend(&rooted, false); /* without notes */
    assert_int_equal(rooted.deed.how, REPAIR_REBUILT);
    assert_true(rooted.deed.was_missing);
    assert_string_not_equal(id_now(&rooted), repo->id);
    assert_true(is_warned(&rooted.report, "new id"));

    rooted.scene.state_dir = rooted.scene.folder.path;
    ASSERT_OK(commit_note_write(rooted.scene.state_dir, repo, &note));
    ASSERT_OK(store_remove(repo->store, KEY_REPOSITORY));
    root_mend(&rooted, false);
    assert_string_equal(id_now(&rooted), repo->id);
    look(&rooted.scene);
    assert_int_equal(rooted.scene.report.count, 0);
}

/* A folder over which nothing is mounted is no repository that lost something. */
static void test_repair__makes_no_repository_where_the_cluster_is_not(void **state)
{
    (void)state;
    AUTO(rooted_done)
    Rooted rooted = {.scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()}};
    ASSERT_OK(store_remove(rooted.scene.repo->store, KEY_REPOSITORY));
    root_mend(&rooted, false);
    assert_int_equal(rooted.step, ROOT_OF_NOBODY);
    ObjectInfo info;
    ASSERT_ERR(NOT_FOUND, store_stat(&info, rooted.scene.repo->store, KEY_REPOSITORY));
}

static void test_repo_open__tells_a_lost_object_from_no_repository(void **state)
{
    (void)state;
    Repo *repo = NULL;
    Store *const store = mem_store_new();
    ASSERT_OK(store_put_all(store, "main/g1/cluster", span_of("x", 1)));
    ASSERT_ERR_TEXT(CORRUPT, "has lost its object", repo_open_store(&repo, "main", store));
    ASSERT_ERR_TEXT(NOT_FOUND, "holds no repository", repo_open_store(&repo, "main", mem_store_new()));
}

UNIT_MAIN(cmocka_unit_test(test_repair__mends_the_object_of_a_repository),
          cmocka_unit_test(test_repair__ends_what_was_begun_at_the_root),
          cmocka_unit_test(test_repair__writes_a_lost_repository_object_with_the_id_that_its_host_remembers),
          cmocka_unit_test(test_repair__makes_no_repository_where_the_cluster_is_not),
          cmocka_unit_test(test_repo_open__tells_a_lost_object_from_no_repository))
