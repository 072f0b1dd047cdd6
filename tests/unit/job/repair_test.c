/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/repair_unit.h"

#include "repo/container_layout.h"
#include "repo/hold_wal.h"
#include "store/faulty.h"

/* The first byte of each part, the last one, and one in the middle. */
typedef struct Places {
    size_t at[16];
    size_t count;
    size_t frames_begin, frames_end; /* numbers: places of frames */
} Places;

static Places places_of(const Buf *object)
{
    ContainerTrailer trailer;
    ASSERT_OK(trailer_decode(&trailer, span_cut(buf_span(object), object->len - TRAILER_BYTES, TRAILER_BYTES),
                             object->len));
    const size_t tail = (size_t)trailer_tail_offset(&trailer), index = (size_t)trailer.index_offset;
    const size_t head = SKIP_HEAD_BYTES + get_u32(object->data + 4), sha = index + trailer.index_bytes;
    Places places = {.at = {0, 4, 18, 30, head - 1}, .count = 5, .frames_begin = 5};
    const size_t more[] = {head,           (head + tail) / 2, tail - 1,
                           tail,           tail + 5,          index + 9,
                           sha - 1,        sha + 3,           object->len - TRAILER_BYTES + 30,
                           object->len - 1};
    places.frames_end = tail > head ? 8 : 5;
    for (size_t i = tail > head ? 0 : 3; i < COUNT_OF(more); i++)
        places.at[places.count++] = more[i];
    return places;
}

static void flip(Pair *pair, const Key *key, const Buf *good, size_t at)
{
    AUTO(buf_done) Buf bad = {0};
    buf_add(&bad, good->data, good->len);
    bad.data[at] ^= 1;
    object_put(&pair->scene, key, buf_span(&bad));
}

static void assert_same(Repo *repo, const Key *key, const Buf *good)
{
    AUTO(buf_done) Buf now = {0};
    ASSERT_OK(store_get_all(&now, repo->store, key->text, RANGE_ALL, 1 << 24));
    if (!span_equal(buf_span(&now), buf_span(good)))
        fail_msg("%s has other bytes", key->text);
}

/* Every region of every kind of object, with a sound copy elsewhere: all comes back, byte for byte or as another copy. */
static void test_repair__makes_good_one_flipped_bit_anywhere(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    const Keys keys = all_keys(pair.scene.repo);
    for (size_t i = 0; i < keys.count; i++) {
        const Key *const key = &keys.keys[i];
        AUTO(buf_done) Buf good = {0};
        if (text_equal(key->text, KEY_REPOSITORY))
            continue; /* of it there is one */
        ASSERT_OK(store_get_all(&good, pair.scene.repo->store, key->text, RANGE_ALL, 1 << 24));
        const Places places = places_of(&good);
        for (size_t j = i % 2; j < places.count; j += 2) {
            flip(&pair, key, &good, places.at[j]);
            repair(&pair, 2);
            if (pair.report.has_level[NOTICE_FAULT] || pair.result.after.faulty)
                fail_msg("%s, byte %zu: %s", key->text, places.at[j], pair.report.notices[0].text);
            assert_int_equal(pair.result.deed_count, 1);
            assert_string_equal(pair.result.deeds[0].key, key->text);
            assert_same(pair.scene.repo, key, &good);
            assert_same(pair.other, key, &good);
            assert_int_equal(aside_count(pair.scene.repo), 1);
            aside_remove(pair.scene.repo);
        }
    }
    assert_int_equal(aside_count(pair.other), 0);
}

/* Alone, whatever is not in frames, or in an index that says more than where they are, comes back too. */
static void test_repair__mends_without_another_repository(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    const Keys keys = all_keys(pair.scene.repo);
    for (size_t i = 0; i < keys.count; i++) {
        const Key *const key = &keys.keys[i];
        const bool is_pack = text_ends(key->text, "pack-000001");
        AUTO(buf_done) Buf good = {0};
        if (text_equal(key->text, KEY_REPOSITORY))
            continue;
        ASSERT_OK(store_get_all(&good, pair.scene.repo->store, key->text, RANGE_ALL, 1 << 24));
        const Places places = places_of(&good);
        for (size_t j = i % 2; j < places.count; j += 2) {
            const bool is_frame = j >= places.frames_begin && j < places.frames_end;
            const bool is_index = j + 5 == places.count || j + 4 == places.count;
            const bool is_named_sha =
                j + 3 == places.count && (is_pack || text_ends(key->text, LABEL "/backup"));
            flip(&pair, key, &good, places.at[j]);
            repair(&pair, 1);
            const bool is_healed = !pair.report.has_level[NOTICE_FAULT];
            if (is_healed == (is_frame || is_named_sha || (is_index && is_pack)))
                fail_msg("%s, byte %zu, place %zu: %s", key->text, places.at[j], j,
                         is_healed ? "healed" : pair.report.notices[0].text);
            if (!is_healed) {
                assert_int_equal(pair.result.deeds[0].how, REPAIR_LEFT);
                assert_int_equal(aside_count(pair.scene.repo), 0);
                assert_true(pair.report.has_class[ERR_CORRUPT]);
            }
            object_put(&pair.scene, key, buf_span(&good));
            aside_remove(pair.scene.repo);
        }
    }
}

/* A segment without its own index, or without its head, is built anew from its frames. */
static void test_repair__rebuilds_segments(void **state)
{
    (void)state;
    const Key key = segment_key(1, 5);
    for (int part = 0; part < 2; part++) {
        AUTO(pair_done) Pair pair = pair_new();
        AUTO(buf_done) Buf good = {0};
        AUTO(buf_done) Buf plain = {0};
        AUTO(buf_done) Buf again = {0};
        ASSERT_OK(store_get_all(&good, pair.scene.repo->store, key.text, RANGE_ALL, 1 << 24));
        ASSERT_OK(wal_object_read(&plain, pair.scene.repo->store, &unit_generation.root, segment_name(1, 5)));
        const size_t head = SKIP_HEAD_BYTES + get_u32(good.data + 4);
        memset(good.data + (part ? good.len - TRAILER_BYTES - SHA_FIELD_BYTES - 60 : 8), 0,
               part ? 50 : head - 8);
        object_put(&pair.scene, &key, buf_span(&good));
        repair(&pair, 1);
        assert_false(pair.report.has_level[NOTICE_FAULT]);
        assert_int_equal(pair.result.deeds[0].how, REPAIR_REBUILT);
        ASSERT_OK(wal_object_read(&again, pair.scene.repo->store, &unit_generation.root, segment_name(1, 5)));
        assert_true(span_equal(buf_span(&plain), buf_span(&again)));
        WalSummary summary;
        bool has_summary;
        ASSERT_OK(wal_object_summary(&summary, &has_summary, pair.scene.repo->store, &unit_generation.root,
                                     segment_name(1, 5)));
        assert_true(has_summary);
        wal_summary_done(&summary);
    }
}

static void test_repair__brings_back_what_is_missing_and_needed(void **state)
{
    (void)state;
    const KeyRoot *const root = &unit_generation.root;
    const Key keys[] = {key_pack(root, label_of(LABEL), 1),
                        key_backup_object(root, label_of(LABEL), "begin"),
                        key_backup_object(root, label_of(LABEL), "packs"),
                        key_cluster(root),
                        key_history(root, (Timeline){2}),
                        segment_key(1, 5),
                        segment_key(1, 6),
                        segment_key(2, 7)};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO(pair_done) Pair pair = pair_new();
        ASSERT_OK(store_remove(pair.scene.repo->store, keys[i].text));
        repair(&pair, 2);
        if (pair.report.count)
            fail_msg("%s: %s", keys[i].text, pair.report.notices[0].text);
        assert_int_equal(pair.result.deed_count, 1);
        assert_int_equal(pair.result.deeds[0].how, REPAIR_COPIED);
        assert_true(pair.result.deeds[0].was_missing);
        assert_string_equal(pair.result.deeds[0].from, "other");
    }
}

/* An expiry in one of two repositories is no damage. */
static void test_repair__brings_nothing_back_that_nobody_needs(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    static const char *const parts[] = {"backup", "begin", "packs", "pack-000001"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        ASSERT_OK(store_remove(pair.scene.repo->store,
                               key_backup_object(&unit_generation.root, label_of(LABEL), parts[i]).text));
    const size_t count = all_keys(pair.scene.repo).count;
    repair(&pair, 2);
    assert_int_equal(pair.result.deed_count, 0);
    assert_int_equal(all_keys(pair.scene.repo).count, count);
}

static void test_repair__changes_nothing_in_a_dry_run_or_a_good_repository(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    repair(&pair, 2);
    assert_int_equal(pair.report.count, 0);
    assert_int_equal(pair.result.deed_count, 0);
    const Key key = segment_key(1, 5);
    AUTO(buf_done) Buf good = {0};
    ASSERT_OK(store_get_all(&good, pair.scene.repo->store, key.text, RANGE_ALL, 1 << 24));
    flip(&pair, &key, &good, good.len / 2);
    const size_t count = all_keys(pair.scene.repo).count;
    ASSERT_OK(repair_at(&pair, 2, (RepairOptions){.dry_run = true}));
    assert_int_equal(pair.result.deed_count, 1);
    assert_int_equal(pair.result.deeds[0].how, REPAIR_COPIED);
    assert_true(is_told(&pair.report, ERR_CORRUPT, key.text)); /* the damage is still there */
    assert_int_equal(all_keys(pair.scene.repo).count, count);
    good.data[good.len / 2] ^= 1;
    assert_same(pair.scene.repo, &key, &good);
}

/* Damage in both: each takes what the other has. */
static void test_repair__heals_two_repositories_from_each_other(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    const Key a = key_pack(&unit_generation.root, label_of(LABEL), 1), b = segment_key(1, 6);
    AUTO(buf_done) Buf good = {0};
    ASSERT_OK(store_get_all(&good, pair.scene.repo->store, a.text, RANGE_ALL, 1 << 24));
    flip(&pair, &a, &good, good.len / 3);
    ASSERT_OK(store_remove(pair.other->store, b.text));
    repair(&pair, 2);
    assert_int_equal(pair.result.deed_count, 2);
    assert_false(pair.report.has_level[NOTICE_FAULT]);
    assert_same(pair.scene.repo, &a, &good);
}

/* Damage that both have is left where it is, and named. */
static void test_repair__names_what_it_cannot_repair(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    const Key key = key_pack(&unit_generation.root, label_of(LABEL), 1);
    AUTO(buf_done) Buf good = {0};
    ASSERT_OK(store_get_all(&good, pair.scene.repo->store, key.text, RANGE_ALL, 1 << 24));
    flip(&pair, &key, &good, good.len / 3);
    ASSERT_OK(store_remove(pair.other->store, key.text));
    repair(&pair, 2);
    assert_int_equal(pair.result.deed_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pair.result.deeds[i].how, REPAIR_LEFT);
    assert_true(is_told(&pair.report, ERR_CORRUPT, "backup " LABEL " cannot be restored as it was"));
    assert_int_equal(aside_count(pair.scene.repo), 0);
    assert_int_equal(pair.result.after.backups[0].state, VERIFY_DAMAGED);
}

/* The n-th call of the store fails, for every n: the next repair ends what this one began, with another repository
 * or without. */
static void test_repair__broken_off_anywhere_is_ended_by_the_next(void **state)
{
    (void)state;
    for (size_t repos = 1; repos <= 2; repos++) {
        AUTO(pair_done) Pair pair = pair_new();
        const Key keys[] = {segment_key(1, 5),
                            key_backup_object(&unit_generation.root, label_of(LABEL), "backup")};
        AUTO(buf_done) Buf segment = {0};
        AUTO(buf_done) Buf commit = {0};
        Buf *const good[] = {&segment, &commit};
        for (size_t i = 0; i < 2; i++)
            ASSERT_OK(store_get_all(good[i], pair.scene.repo->store, keys[i].text, RANGE_ALL, 1 << 24));
        Store *const plain = pair.scene.repo->store;
        Store *const faulty = faulty_store_new(plain);
        pair.scene.repo->store = faulty;
        bool is_hit = true;
        for (uint64_t n = 1; is_hit; n++) {
            for (size_t i = 0; i < 2; i++)
                flip(&pair, &keys[i], good[i], good[i]->len - 1);
            faulty_plan(faulty, (FaultyPlan){.nth = n, .fault_class = ERR_AWAY});
            Err *err = repair_at(&pair, repos, (RepairOptions){.dry_run = false});
            is_hit = faulty_hit(faulty);
            err_free(&err);
            faulty_plan(faulty, (FaultyPlan){.nth = 0});
            repair(&pair, repos);
            if (pair.report.has_level[NOTICE_FAULT])
                fail_msg("call %lu of %zu: %s", (unsigned long)n, repos, pair.report.notices[0].text);
            for (size_t i = 0; i < 2; i++)
                assert_same(pair.scene.repo, &keys[i], good[i]);
            aside_remove(pair.scene.repo);
        }
    }
}

/* One repair finds all that one backup lacks. */
static void test_repair__brings_back_all_packs_of_a_backup_at_once(void **state)
{
    (void)state;
    enum { PACKS = 8 };
    AUTO(pair_done) Pair pair = pair_new();
    Repo *const repos[] = {pair.scene.repo, pair.other};
    const KeyRoot *const root = &unit_generation.root;
    PackUse uses[PACKS + 1];
    PackUses own;
    for (int i = 0; i < PACKS; i++) { /* backups that expired, of which packs stayed */
        static const char *const gone[] = {"backup", "packs", "begin"};
        const char *const label = arena_textf(pair.scene.arena, "20260101-00000%dF", i);
        put_full_backup(pair.scene.repo, label, SEGMENT(5), (Lsn){SEGMENT(6).at + 8192});
        ASSERT_OK(backup_packs_load(&own, pair.scene.repo, root, label_of(label), pair.scene.arena));
        uses[i] = own.uses[0];
        for (size_t j = 0; j < COUNT_OF(gone); j++)
            ASSERT_OK(
                store_remove(pair.scene.repo->store, key_backup_object(root, label_of(label), gone[j]).text));
        AUTO(buf_done) Buf pack = {0};
        const Key key = key_pack(root, label_of(label), 1);
        ASSERT_OK(store_get_all(&pack, pair.scene.repo->store, key.text, RANGE_ALL, 1 << 24));
        ASSERT_OK(store_put_all(pair.other->store, key.text, buf_span(&pack)));
    }
    ASSERT_OK(backup_packs_load(&own, pair.scene.repo, root, label_of(LABEL), pair.scene.arena));
    uses[PACKS] = own.uses[0];
    for (size_t i = 0; i < COUNT_OF(repos); i++) {
        AUTO(set_let_go) RepoSet *set = set_of(repos[i]);
        ASSERT_OK(store_remove(repos[i]->store, key_backup_object(root, label_of(LABEL), "packs").text));
        ASSERT_OK(backup_packs_write(set, root, label_of(LABEL), (PackUses){uses, PACKS + 1}));
    }
    for (int i = 0; i < PACKS; i++)
        ASSERT_OK(store_remove(pair.scene.repo->store, key_pack(root, uses[i].label, 1).text));
    repair(&pair, 2);
    assert_int_equal(pair.result.deed_count, PACKS);
    assert_false(pair.report.has_level[NOTICE_FAULT]);
    assert_int_equal(pair.result.after.backups[PACKS].state, VERIFY_GOOD);
}

/* Another cluster's repository under the same name, configured by mistake. */
static void test_repair__takes_nothing_from_another_cluster(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    const KeyRoot *const root = &unit_generation.root;
    Generation foreign = unit_generation, out;
    foreign.system_id.id++;
    AUTO(set_let_go) RepoSet *set = set_of(pair.other);
    ASSERT_OK(store_remove(pair.other->store, key_cluster(root).text));
    ASSERT_OK(generation_create(&out, set, &foreign));
    const Key keys[] = {key_history(root, (Timeline){2}), key_cluster(root), segment_key(1, 6),
                        key_pack(root, label_of(LABEL), 1)};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO(buf_done) Buf good = {0};
        AUTO(buf_done) Buf bad = {0};
        ASSERT_OK(store_get_all(&good, pair.scene.repo->store, keys[i].text, RANGE_ALL, 1 << 24));
        buf_add(&bad, good.data, good.len);
        const Places places = places_of(&good);
        bad.data[places.at[places.frames_begin + 1]] ^= 1;
        object_put(&pair.scene, &keys[i], buf_span(&bad));
        repair(&pair, 2);
        assert_true(is_told(&pair.report, ERR_CORRUPT, keys[i].text));
        assert_same(pair.scene.repo, &keys[i], &bad);
        assert_int_equal(aside_count(pair.scene.repo), 0);
        object_put(&pair.scene, &keys[i], buf_span(&good));
    }
}

/* It is whole, and stays what it is: a new head would make verify take it for this cluster's. */
static void test_repair__makes_no_foreign_segment_its_own(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    Generation foreign = unit_generation;
    foreign.system_id.id++;
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    fill_segment(&wal, 0);
    wal.bytes.data[24] ^= 1; /* the long header's system id */
    const WalObjectSpec spec = {
        .generation = &foreign, .name = segment_name(1, 5), .codec = CODEC_ZSTD, .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(
        wal_object_encode(&object, &index_fault, &spec, span_cut(buf_span(&wal.bytes), 0, FAKE_WAL_SEGMENT)));
    const Key key = segment_key(1, 5);
    object_put(&pair.scene, &key, buf_span(&object));
    repair(&pair, 1);
    assert_same(pair.scene.repo, &key, &object);
    assert_true(is_told(&pair.report, ERR_CORRUPT, "system id"));
}

/* What a repair set aside once, and expired since, stays gone. */
static void test_repair__brings_no_expired_wal_back(void **state)
{
    (void)state;
    AUTO(pair_done) Pair pair = pair_new();
    AUTO(buf_done) Buf good = {0};
    WalName name = segment_name(1, 5);
    name.kind = WAL_NAME_BACKUP;
    name.offset = 0x28;
    const Key key = key_wal(&unit_generation.root, name);
    ASSERT_OK(store_get_all(&good, pair.scene.repo->store, key.text, RANGE_ALL, 1 << 24));
    flip(&pair, &key, &good, good.len - 1);
    repair(&pair, 1);
    assert_int_equal(pair.result.deeds[0].how, REPAIR_MENDED);
    assert_int_equal(aside_count(pair.scene.repo), 1);
    ASSERT_OK(store_remove(pair.scene.repo->store, key.text));
    const WalWanted wanted = {{1}, 6, WAL_WANTED_OPEN};
    ASSERT_OK(hold_wal_write(pair.scene.repo, &unit_generation.root, 1, &(WalWantedList){&wanted, 1}));
    repair(&pair, 1);
    assert_int_equal(pair.result.deed_count, 0);
    ObjectInfo info;
    ASSERT_ERR(NOT_FOUND, store_stat(&info, pair.scene.repo->store, key.text));
}

UNIT_MAIN(cmocka_unit_test(test_repair__makes_good_one_flipped_bit_anywhere),
          cmocka_unit_test(test_repair__mends_without_another_repository),
          cmocka_unit_test(test_repair__rebuilds_segments),
          cmocka_unit_test(test_repair__brings_back_what_is_missing_and_needed),
          cmocka_unit_test(test_repair__brings_nothing_back_that_nobody_needs),
          cmocka_unit_test(test_repair__changes_nothing_in_a_dry_run_or_a_good_repository),
          cmocka_unit_test(test_repair__heals_two_repositories_from_each_other),
          cmocka_unit_test(test_repair__names_what_it_cannot_repair),
          cmocka_unit_test(test_repair__broken_off_anywhere_is_ended_by_the_next),
          cmocka_unit_test(test_repair__brings_back_all_packs_of_a_backup_at_once),
          cmocka_unit_test(test_repair__takes_nothing_from_another_cluster),
          cmocka_unit_test(test_repair__makes_no_foreign_segment_its_own),
          cmocka_unit_test(test_repair__brings_no_expired_wal_back))
