/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Copies that are sound and not the object that is missed. */
#include "unit.h"

#include "job/repair_unit.h"

/* The same backup as another one of that name would be: with other pages. */
static void put_other_backup(Repo *repo)
{
    static uint8_t pages[5 * PAGE_BYTES];
    for (uint32_t i = 0; i < sizeof pages / PAGE_BYTES; i++)
        fake_page(pages + i * PAGE_BYTES, i, (Lsn){SEGMENT(5).at - 16});
    put_fake_backup(repo, LABEL,
                    &(FakeBackup){.start = SEGMENT(5),
                                  .stop = {SEGMENT(6).at + 8192},
                                  .pages = span_of(pages, sizeof pages)});
}

/* `key` as another backup of the same label has it. */
static void other_make(Buf *out, const Key *key)
{
    AUTO(repo_free) Repo *repo = new_repo("third");
    put_generation(repo);
    put_other_backup(repo);
    ASSERT_OK(store_get_all(out, repo->store, key->text, RANGE_ALL, 1 << 24));
}

static void replace(Repo *repo, const Key *key, Span bytes)
{
    ASSERT_OK(store_remove(repo->store, key->text));
    ASSERT_OK(store_put_all(repo->store, key->text, bytes));
}

/* The object in the middle of which a byte is another one. */
static void damage(Repo *repo, const Key *key)
{
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(store_get_all(&bytes, repo->store, key->text, RANGE_ALL, 1 << 24));
    bytes.data[bytes.len / 3] ^= 1;
    replace(repo, key, buf_span(&bytes));
}

/* The object's deed in the repository "main"; NULL when there is none. */
static const RepairDeed *deed_of(const Pair *pair, const Key *key)
{
    for (size_t i = 0; i < pair->result.deed_count; i++) {
        if (text_equal(pair->result.deeds[i].repo, "main") &&
            text_equal(pair->result.deeds[i].key, key->text))
            return &pair->result.deeds[i];
    }
    return NULL;
}

static void test_repair__takes_no_pack_that_is_not_the_one_backups_draw_on(void **state)
{
    (void)state;
    for (int is_missing = 0; is_missing < 2; is_missing++) {
        AUTO(pair_done) Pair pair = pair_new();
        AUTO(buf_done) Buf other = {0};
        const Key key = key_pack(&unit_generation.root, label_of(LABEL), 1);
        other_make(&other, &key);
        replace(pair.other, &key, buf_span(&other));
        if (is_missing)
            ASSERT_OK(store_remove(pair.scene.repo->store, key.text));
        else
            damage(pair.scene.repo, &key);
        repair(&pair, 2);
        const RepairDeed *const deed = deed_of(&pair, &key);
        assert_non_null(deed);
        assert_int_equal(deed->how, REPAIR_LEFT);
        assert_non_null(strstr(deed->from, "that of repository other is another object: SHA-256 "));
        assert_int_equal(aside_count(pair.scene.repo), 0);
        ObjectInfo info;
        Err *err = store_stat(&info, pair.scene.repo->store, key.text);
        assert_true(is_missing ? err_is(err, ERR_NOT_FOUND) : !err);
        err_free(&err);
    }
}

/* Its own list is lost too: that of the other repository says what the pack was. */
static void test_repair__asks_the_other_repository_what_a_pack_was(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    const Key key = key_pack(&unit_generation.root, label_of(LABEL), 1);
    const Key list = key_backup_object(&unit_generation.root, label_of(LABEL), "packs");
    ASSERT_OK(store_remove(pair.scene.repo->store, list.text));
    damage(pair.scene.repo, &key);
    repair(&pair, 2);
    assert_int_equal(deed_of(&pair, &key)->how, REPAIR_COPIED);
    assert_int_equal(deed_of(&pair, &list)->how, REPAIR_COPIED);
    assert_false(pair.report.has_level[NOTICE_FAULT]);
}

static void test_repair__takes_no_commit_that_this_host_did_not_write(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf own = {0};
    AUTO(buf_done) Buf other = {0};
    const Key key = key_backup_object(&unit_generation.root, label_of(LABEL), "backup");
    ASSERT_OK(store_get_all(&own, pair.scene.repo->store, key.text, RANGE_ALL, 1 << 24));
    const CommitNote note = {.root = unit_generation.root,
                             .label = label_of(LABEL),
                             .committed = second(100),
                             .hash = hash128_of(buf_span(&own))};
    pair.scene.state_dir = pair.scene.folder.path;
    ASSERT_OK(commit_note_write(pair.scene.state_dir, pair.scene.repo, &note));
    ASSERT_OK(store_remove(pair.scene.repo->store, key.text));
    other_make(&other, &key);
    replace(pair.other, &key, buf_span(&other));
    repair(&pair, 2);
    assert_int_equal(deed_of(&pair, &key)->how, REPAIR_LEFT);
    assert_non_null(strstr(deed_of(&pair, &key)->from, "not the one that this host wrote"));
    replace(pair.other, &key, buf_span(&own));
    repair(&pair, 2);
    assert_int_equal(deed_of(&pair, &key)->how, REPAIR_COPIED);
}

UNIT_MAIN(cmocka_unit_test(test_repair__takes_no_pack_that_is_not_the_one_backups_draw_on),
          cmocka_unit_test(test_repair__asks_the_other_repository_what_a_pack_was),
          cmocka_unit_test(test_repair__takes_no_commit_that_this_host_did_not_write))
