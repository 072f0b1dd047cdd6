/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/verify_unit.h"

#include "repo/pack_index.h"
#include "repo/pack_verify.h"

#define OTHER  "20260101-000110F"
#define BEFORE ((Lsn){SEGMENT(5).at - 8})
#define AFTER  ((Lsn){SEGMENT(5).at + 64})

enum { PAGES = 4 };

/* Page 2 is wrong, and `lsn` is what it says of its last change. */
typedef struct PageScene {
    uint8_t pages[PAGES * PAGE_BYTES];
    FakeBackup fake;
} PageScene;

static void pages_make(PageScene *scene, Lsn lsn)
{
    for (uint32_t i = 0; i < PAGES; i++)
        fake_page(scene->pages + i * PAGE_BYTES, i, i == 2 ? lsn : BEFORE);
    scene->pages[2 * PAGE_BYTES + 5000] ^= 1;
    scene->fake = (FakeBackup){.start = SEGMENT(5),
                               .stop = {SEGMENT(6).at + 8192},
                               .pages = span_of(scene->pages, sizeof scene->pages)};
}

static void backup_look(Scene *scene, const FakeBackup *fake)
{
    put_fake_backup(scene->repo, OTHER, fake);
    look(scene);
}

static void test_verify__finds_a_page_that_its_backup_did_not_tell_of(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    PageScene bad;
    pages_make(&bad, BEFORE);
    backup_look(&scene, &bad.fake);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "1 damaged page that backup " OTHER " did not tell of"));
    assert_true(is_told(&scene.report, ERR_CORRUPT, "base/1/1259, block 2: checksum is wrong"));
    assert_int_equal(scene.result.bad_pages, 1);
    /* The object is whole, and the backup restores as it was. */
    assert_int_equal(scene.result.faulty, 0);
    assert_int_equal(scene.result.backups[1].state, VERIFY_GOOD);
}

static void test_verify__excuses_a_page_that_replay_writes_again(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    PageScene torn;
    pages_make(&torn, AFTER);
    backup_look(&scene, &torn.fake);
    assert_int_equal(scene.report.count, 0);
}

static void test_verify__excuses_pages_that_the_backup_lists(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const BadPage known = {.path = "base/1/1259", .block = 2, .relation = ""};
    PageScene bad;
    pages_make(&bad, BEFORE);
    bad.fake.bad = &known;
    bad.fake.bad_listed = bad.fake.bad_count = 1;
    backup_look(&scene, &bad.fake);
    assert_int_equal(scene.report.count, 0);
}

/* Of a backup that was never committed only its packs tell which pages were bad. */
static void test_verify__excuses_runs_that_the_pack_marks(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    PageScene bad;
    pages_make(&bad, BEFORE);
    bad.fake.is_damaged = true;
    backup_look(&scene, &bad.fake);
    assert_int_equal(scene.report.count, 0);
}

static void test_verify__is_not_content_with_another_page_on_the_list(void **state)
{
    (void)state;
    const BadPage others[] = {{.path = "base/1/1259", .block = 1, .relation = ""},
                              {.path = "base/1/1260", .block = 2, .relation = ""}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        AUTO(scene_done) Scene scene = scene_new();
        PageScene bad;
        pages_make(&bad, BEFORE);
        bad.fake.bad = &others[i];
        bad.fake.bad_listed = bad.fake.bad_count = 1;
        backup_look(&scene, &bad.fake);
        assert_true(is_told(&scene.report, ERR_CORRUPT, "block 2"));
    }
}

/* Of more pages than are listed it cannot say which were known. */
static void test_verify__passes_over_pages_beyond_the_list(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const BadPage known = {.path = "base/1/1259", .block = 1, .relation = ""};
    PageScene bad;
    pages_make(&bad, BEFORE);
    bad.fake.bad = &known;
    bad.fake.bad_listed = 1;
    bad.fake.bad_count = 2;
    backup_look(&scene, &bad.fake);
    assert_int_equal(scene.report.count, 0);
}

static void test_verify__asks_for_no_checksum_where_there_is_none(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    PageScene bad;
    pages_make(&bad, BEFORE);
    bad.fake.has_no_checksums = true;
    backup_look(&scene, &bad.fake);
    assert_int_equal(scene.report.count, 0);
}

/* A page with fields that contradict each other is bad with any LSN and without checksums. */
static void test_verify__looks_at_headers_without_checksums(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    PageScene bad;
    pages_make(&bad, AFTER);
    bad.pages[2 * PAGE_BYTES + 13] = 0xff; /* lower beyond upper */
    bad.fake.has_no_checksums = true;
    backup_look(&scene, &bad.fake);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "block 2: header fields contradict each other"));
}

/* Whose pack nobody committed: which of its pages were fine is not known. */
static void test_verify__judges_no_page_of_a_backup_without_a_record(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    PageScene bad;
    pages_make(&bad, BEFORE);
    put_fake_backup(scene.repo, OTHER, &bad.fake);
    const Key commit = key_backup_object(&unit_generation.root, label_of(OTHER), "backup");
    ASSERT_OK(store_remove(scene.repo->store, commit.text));
    look(&scene);
    assert_false(scene.report.has_level[NOTICE_FAULT]);
}

/* A whole container whose list of page hashes tells of other bytes. */
static void test_pack_verify__compares_page_hashes(void **state)
{
    (void)state;
    const Key key = key_pack(&unit_generation.root, label_of(LABEL), 1);
    for (size_t wrong = 0; wrong < 3; wrong++) {
        AUTO(repo_free) Repo *repo = new_repo("main");
        AUTO(buf_done) Buf object = {0};
        AUTO(buf_done) Buf files = {0};
        AUTO(buf_done) Buf pages = {0};
        AUTO(container_writer_free) ContainerWriter *writer = NULL;
        static uint8_t bytes[PAGE_BYTES + 100];
        BufSink to = buf_sink(&object, 1 << 20);
        const ContainerSpec spec = {
            .kind = CONTAINER_PACK, .name = key_object_name(key.text), .codec = CODEC_NONE};
        ASSERT_OK(container_begin(&writer, &spec, &to.sink));
        /* The second block lies in two frames: nothing forbids that. */
        ASSERT_OK(container_frame(writer, span_of(bytes, PAGE_BYTES + 10)));
        ASSERT_OK(container_frame(writer, span_of(bytes, 90)));
        RunWalk walk = {0};
        run_encode(&files, &walk,
                   &(PackRunEntry){.path = "x", .bytes = sizeof bytes, .file_bytes = sizeof bytes});
        buf_add_u64(&pages, 7);
        pages_encode(&pages, span_of(bytes, sizeof bytes), 7);
        if (wrong)
            pages.data[8 * wrong] ^= 1;
        ASSERT_OK(container_section(writer, SECTION_FILES, buf_span(&files)));
        ASSERT_OK(container_section(writer, SECTION_PAGES, buf_span(&pages)));
        ContainerSummary summary;
        ASSERT_OK(container_finish(&summary, writer));
        ASSERT_OK(store_put_all(repo->store, key.text, buf_span(&object)));
        PackProof proof;
        if (wrong)
            ASSERT_ERR_TEXT(CORRUPT, "page hashes contradicts its bytes",
                            pack_verify(&proof, repo->store, &key, NULL));
        else
            ASSERT_OK(pack_verify(&proof, repo->store, &key, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify__finds_a_page_that_its_backup_did_not_tell_of),
        cmocka_unit_test(test_verify__excuses_a_page_that_replay_writes_again),
        cmocka_unit_test(test_verify__excuses_pages_that_the_backup_lists),
        cmocka_unit_test(test_verify__excuses_runs_that_the_pack_marks),
        cmocka_unit_test(test_verify__is_not_content_with_another_page_on_the_list),
        cmocka_unit_test(test_verify__passes_over_pages_beyond_the_list),
        cmocka_unit_test(test_verify__asks_for_no_checksum_where_there_is_none),
        cmocka_unit_test(test_verify__looks_at_headers_without_checksums),
        cmocka_unit_test(test_verify__judges_no_page_of_a_backup_without_a_record),
        cmocka_unit_test(test_pack_verify__compares_page_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
