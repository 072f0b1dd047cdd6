/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/verify_unit.h"

#include "job/verify_priv.h"
#include "os/file.h"

/* What two looks at one repository remember between them. */
typedef struct Memory {
    VerifySeen *before, *after;
} Memory;

static void memory_done(Memory *memory)
{
    verify_seen_free(&memory->before);
    verify_seen_free(&memory->after);
}

static void memory_look(Scene *scene, Memory *memory)
{
    verify_seen_free(&memory->before);
    memory->before = memory->after;
    memory->after = verify_seen_new();
    if (memory->before)
        verify_seen_sort(memory->before);
    static const RepoOptions repos[] = {{.name = "main", .url = "/nowhere"}};
    const ClusterOptions cluster = {.name = "main", .repos = repos, .repo_count = 1, .jobs = 2};
    Progress progress = {.phase = ""};
    const VerifyWork work = {.cluster = &cluster, .progress = &progress, .report = &scene->report};
    report_done(&scene->report);
    scene->report = (Report){0};
    ASSERT_OK(verify_repo_with(&scene->result, scene->repo, &work,
                               &(VerifyExtras){.before = memory->before, .after = memory->after},
                               scene->arena));
}

static void test_verify_since_last__reads_only_what_is_new(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(memory_done) Memory memory = {0};
    memory_look(&scene, &memory);
    assert_int_equal(scene.result.skipped, 0);
    const uint64_t all = scene.result.objects;
    memory_look(&scene, &memory);
    assert_int_equal(scene.report.count, 0);
    assert_int_equal(scene.result.objects, all);
    assert_int_equal(scene.result.skipped, all - 1); /* the tail is held against its neighbours each time */
    assert_false(instant_is_none(scene.result.skipped_oldest));
    put_full_backup(scene.repo, "20260101-000110F", SEGMENT(5), (Lsn){SEGMENT(6).at + 8192});
    memory_look(&scene, &memory);
    assert_int_equal(scene.report.count, 0);
    assert_int_equal(scene.result.objects, all + 4);
    assert_int_equal(scene.result.skipped, all - 1);
    memory_look(&scene, &memory);
    assert_int_equal(scene.result.skipped, all + 3);
}

/* A backup draws on packs that were read before: it is followed all the same. */
static void test_verify_since_last__follows_backups_to_packs_that_are_not_read(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(memory_done) Memory memory = {0};
    memory_look(&scene, &memory);
    ASSERT_OK(store_remove(scene.repo->store, key_pack(&unit_generation.root, label_of(LABEL), 1).text));
    memory_look(&scene, &memory);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "pack-000001, which is not there"));
    assert_int_equal(scene.result.backups[0].state, VERIFY_DAMAGED);
}

static void test_verify_since_last__reads_what_has_another_size_or_time(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(memory_done) Memory memory = {0};
    memory_look(&scene, &memory);
    const Key key = segment_key(1, 5);
    AUTO(buf_done) Buf bytes = {0};
    object_take(&bytes, &scene, &key);
    bytes.data[bytes.len / 2] ^= 1;
    object_put(&scene, &key, buf_span(&bytes)); /* of the same size, written anew */
    memory_look(&scene, &memory);
    assert_true(is_told(&scene.report, ERR_CORRUPT, key.text));
}

/* What was bad is never remembered as read. */
static void test_verify_since_last__tells_of_old_damage_again(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(memory_done) Memory memory = {0};
    const Key key = segment_key(1, 5);
    AUTO(buf_done) Buf bytes = {0};
    object_take(&bytes, &scene, &key);
    bytes.data[bytes.len / 2] ^= 1;
    object_put(&scene, &key, buf_span(&bytes));
    for (int i = 0; i < 3; i++) {
        memory_look(&scene, &memory);
        assert_true(is_told(&scene.report, ERR_CORRUPT, key.text));
        assert_int_equal(scene.result.backups[0].state, VERIFY_DAMAGED);
    }
}

static void test_verify_seen__comes_back_from_its_file(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(verify_seen_free) VerifySeen *seen = verify_seen_new();
    SeenObject object = {.size_bytes = 5, .modified = {7}, .read = {9}, .plain_bytes = 11};
    object.sha256.bytes[3] = 13;
    verify_seen_add(seen, "main/g1/b", &object);
    verify_seen_add(seen, "main/g1/a", &object);
    ASSERT_OK(verify_seen_save(seen, scene.folder.path, scene.repo, "main"));
    AUTO(verify_seen_free)
    VerifySeen *again = verify_seen_load(scene.folder.path, scene.repo, "main", &scene.report);
    SeenObject found;
    assert_true(verify_seen_find(&found, again, "main/g1/a", &(ObjectInfo){5, {7}}));
    assert_int_equal(found.read.us, 9);
    assert_int_equal(found.plain_bytes, 11);
    assert_true(sha256_equal(&found.sha256, &object.sha256));
    assert_false(verify_seen_find(&found, again, "main/g1/c", &(ObjectInfo){5, {7}}));
    assert_false(verify_seen_find(&found, again, "main/g1/b", &(ObjectInfo){6, {7}}));
    assert_false(verify_seen_find(&found, again, "main/g1/b", &(ObjectInfo){5, {8}}));
    assert_int_equal(scene.report.count, 0);
}

static void test_verify_seen__is_empty_when_its_file_is_damaged_or_absent(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(verify_seen_free) VerifySeen *seen = verify_seen_new();
    AUTO(verify_seen_free)
    VerifySeen *none = verify_seen_load(scene.folder.path, scene.repo, "main", &scene.report);
    assert_int_equal(scene.report.count, 0);
    verify_seen_add(seen, "k", &(SeenObject){.size_bytes = 5});
    ASSERT_OK(verify_seen_save(seen, scene.folder.path, scene.repo, "main"));
    const char *const path = arena_textf(scene.arena, "%s/verify/%s/main", scene.folder.path, scene.repo->id);
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(file_read_all(&bytes, path, 4096));
    for (size_t i = 0; i <= bytes.len; i++) {
        const size_t len = i < bytes.len ? bytes.len : bytes.len - 1;
        if (i < bytes.len)
            bytes.data[i] ^= 1;
        ASSERT_OK(file_write_durable(path, span_of(bytes.data, len), 0640));
        report_done(&scene.report);
        scene.report = (Report){0};
        AUTO(verify_seen_free)
        VerifySeen *again = verify_seen_load(scene.folder.path, scene.repo, "main", &scene.report);
        SeenObject found;
        assert_false(verify_seen_find(&found, again, "k", &(ObjectInfo){5, {0}}));
        assert_true(is_warned(&scene.report, path));
        if (i < bytes.len)
            bytes.data[i] ^= 1;
    }
}

/* It was read before its backup said by which rules its pages are judged. */
static void test_verify_since_last__judges_the_pages_of_a_backup_that_ran(void **state)
{
    (void)state;
    static const char label[] = "20260101-000110F";
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(memory_done) Memory memory = {0};
    AUTO(buf_done) Buf commit = {0};
    uint8_t page[PAGE_BYTES];
    fake_page(page, 0, (Lsn){SEGMENT(5).at - 8});
    page[5000] ^= 1;
    put_fake_backup(scene.repo, label,
                    &(FakeBackup){.start = SEGMENT(5),
                                  .stop = {SEGMENT(6).at + 8192},
                                  .pages = span_of(page, sizeof page)});
    const Key key = key_backup_object(&unit_generation.root, label_of(label), "backup");
    object_take(&commit, &scene, &key);
    memory_look(&scene, &memory);
    assert_false(scene.report.has_level[NOTICE_FAULT]);
    object_put(&scene, &key, buf_span(&commit));
    memory_look(&scene, &memory);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "1 damaged page"));
}

/* It was read while nobody could say whose WAL belongs here. */
static void test_verify_since_last__holds_wal_against_a_generation_that_came_back(void **state)
{
    (void)state;
    static uint8_t plain[FAKE_WAL_SEGMENT];
    AUTO(scene_done) Scene scene = scene_new();
    AUTO(memory_done) Memory memory = {0};
    AUTO(buf_done) Buf cluster = {0};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    Generation foreign = unit_generation;
    foreign.system_id.id++;
    const WalObjectSpec spec = {
        .generation = &foreign, .name = segment_name(2, 9), .codec = CODEC_ZSTD, .level = 1};
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, span_of(plain, sizeof plain)));
    ASSERT_OK(store_put_all(scene.repo->store, segment_key(2, 9).text, buf_span(&object)));
    const Key key = key_cluster(&unit_generation.root);
    object_take(&cluster, &scene, &key);
    memory_look(&scene, &memory);
    object_put(&scene, &key, buf_span(&cluster));
    memory_look(&scene, &memory);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "system id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_since_last__reads_only_what_is_new),
        cmocka_unit_test(test_verify_since_last__follows_backups_to_packs_that_are_not_read),
        cmocka_unit_test(test_verify_since_last__reads_what_has_another_size_or_time),
        cmocka_unit_test(test_verify_since_last__tells_of_old_damage_again),
        cmocka_unit_test(test_verify_since_last__judges_the_pages_of_a_backup_that_ran),
        cmocka_unit_test(test_verify_since_last__holds_wal_against_a_generation_that_came_back),
        cmocka_unit_test(test_verify_seen__comes_back_from_its_file),
        cmocka_unit_test(test_verify_seen__is_empty_when_its_file_is_damaged_or_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
