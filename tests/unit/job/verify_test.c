/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/crc32c.h"
#include "base/text.h"
#include "job/verify_object.h"
#include "job/verify_unit.h"
#include "os/file.h"
#include "os/folder.h"
#include "repo/container_layout.h"
#include "repo/hold.h"
#include "store/faulty.h"

static void test_verify__finds_nothing_in_a_good_repository(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    look(&scene);
    assert_int_equal(scene.report.count, 0);
    assert_int_equal(scene.result.objects, all_keys(scene.repo).count);
    assert_int_equal(scene.result.faulty, 0);
    assert_int_equal(scene.result.backup_count, 1);
    assert_int_equal(scene.result.backups[0].state, VERIFY_GOOD);
    ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = VERIFY_NAMES}));
    assert_int_equal(scene.report.count, 0);
    ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = VERIFY_ALL, .backup = LABEL}));
    assert_int_equal(scene.report.count, 0);
    assert_true(scene.result.objects < all_keys(scene.repo).count);
}

/* Every region of every object: head and name at the front, frames, index, SHA-256 and trailer at the end. */
static void test_verify__finds_one_flipped_bit_anywhere(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Keys keys = all_keys(scene.repo);
    for (size_t i = 0; i < keys.count; i++) {
        AUTO(buf_done) Buf bytes = {0};
        object_take(&bytes, &scene, &keys.keys[i]);
        const size_t steps = 12;
        for (size_t step = 0; step <= steps; step++) {
            const size_t at = step == steps ? bytes.len - 1 : step * step * bytes.len / (steps * steps);
            bytes.data[at] ^= (uint8_t)(1 << step % 8);
            object_put(&scene, &keys.keys[i], buf_span(&bytes));
            look(&scene);
            bytes.data[at] ^= (uint8_t)(1 << step % 8);
            if (!is_told(&scene.report, ERR_CORRUPT, keys.keys[i].text))
                fail_msg("%s: byte %zu of %zu flipped and not told", keys.keys[i].text, at, bytes.len);
            assert_true(scene.result.faulty >= 1);
        }
        object_put(&scene, &keys.keys[i], buf_span(&bytes));
    }
    look(&scene);
    assert_int_equal(scene.report.count, 0);
}

static void test_verify__finds_cut_objects(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Keys keys = all_keys(scene.repo);
    for (size_t i = 0; i < keys.count; i++) {
        AUTO(buf_done) Buf bytes = {0};
        object_take(&bytes, &scene, &keys.keys[i]);
        const size_t lengths[] = {0, 1, bytes.len / 2, bytes.len - 32, bytes.len - 1};
        for (size_t j = 0; j < COUNT_OF(lengths); j++) {
            object_put(&scene, &keys.keys[i], span_of(bytes.data, lengths[j]));
            look(&scene);
            if (!is_told(&scene.report, ERR_CORRUPT, keys.keys[i].text))
                fail_msg("%s: cut to %zu bytes and not told", keys.keys[i].text, lengths[j]);
        }
        object_put(&scene, &keys.keys[i], buf_span(&bytes));
    }
}

static void test_verify__finds_swapped_objects(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_full_backup(scene.repo, "20260101-000110F", SEGMENT(5), (Lsn){SEGMENT(6).at + 8192});
    const Key other = key_pack(&unit_generation.root, label_of("20260101-000110F"), 1);
    const Key swaps[][2] = {
        {segment_key(1, 5), segment_key(1, 6)},
        {segment_key(1, 7), segment_key(2, 7)},
        {key_branch(&unit_generation.root, (Timeline){1}), key_branch(&unit_generation.root, (Timeline){2})},
        {key_pack(&unit_generation.root, label_of(LABEL), 1), other},
        {key_backup_object(&unit_generation.root, label_of(LABEL), "begin"),
         key_backup_object(&unit_generation.root, label_of("20260101-000110F"), "begin")}};
    for (size_t i = 0; i < COUNT_OF(swaps); i++) {
        AUTO(buf_done) Buf a = {0};
        AUTO(buf_done) Buf b = {0};
        object_take(&a, &scene, &swaps[i][0]);
        object_take(&b, &scene, &swaps[i][1]);
        object_put(&scene, &swaps[i][0], buf_span(&b));
        object_put(&scene, &swaps[i][1], buf_span(&a));
        look(&scene);
        assert_true(is_told(&scene.report, ERR_CORRUPT, swaps[i][0].text));
        assert_true(is_told(&scene.report, ERR_CORRUPT, swaps[i][1].text));
        object_put(&scene, &swaps[i][0], buf_span(&a));
        object_put(&scene, &swaps[i][1], buf_span(&b));
    }
}

static void test_verify__names_what_is_missing_and_what_that_breaks(void **state)
{
    (void)state;
    const KeyRoot *const root = &unit_generation.root;
    const struct {
        Key key;
        ErrClass class;
        const char *part;
    } losses[] = {{key_pack(root, label_of(LABEL), 1), ERR_CORRUPT, "pack-000001, which is not there"},
                  {key_backup_object(root, label_of(LABEL), "begin"), ERR_CORRUPT, "begin"},
                  {key_backup_object(root, label_of(LABEL), "packs"), ERR_CORRUPT, "packs"},
                  {key_cluster(root), ERR_CORRUPT, "main/g1/cluster"},
                  {key_history(root, (Timeline){2}), ERR_CORRUPT, "00000002.history"},
                  {key_branch(root, (Timeline){2}), ERR_CORRUPT, "branch/00000002"},
                  {segment_key(1, 5), ERR_GAP, "000000010000000000000005"},
                  {segment_key(1, 6), ERR_GAP, "000000010000000000000006"}};
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        AUTO(scene_done) Scene scene = scene_new();
        ASSERT_OK(store_remove(scene.repo->store, losses[i].key.text));
        look(&scene);
        if (!is_told(&scene.report, losses[i].class, losses[i].part))
            fail_msg("%s is missing and not told", losses[i].key.text);
        ASSERT_OK(verify_at(&scene, (VerifyOptions){.depth = VERIFY_NAMES}));
        if (!is_told(&scene.report, losses[i].class, losses[i].part))
            fail_msg("%s is missing and not told by names", losses[i].key.text);
    }
}

/* A whole segment wins over its tails, so this is no damage, but somebody ought to know. */
static void test_verify__names_a_tail_that_contradicts_its_segment(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_begin_of(scene.repo, 2, 8, 4000, 901);
    look(&scene);
    assert_true(is_warned(&scene.report, "000000020000000000000008.00000000-00000FA0.tail"));
    assert_false(scene.report.has_level[NOTICE_FAULT]);
}

static void test_verify__finds_tails_that_contradict_each_other(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_begin_of(scene.repo, 2, 9, 4000, 900);
    look(&scene);
    assert_int_equal(scene.report.count, 0);
    put_begin_of(scene.repo, 2, 9, 8000, 901);
    look(&scene);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "000000020000000000000009.00000000-00001F40.tail"));
}

static void test_verify__ties_damage_to_the_backup(void **state)
{
    (void)state;
    const Key keys[] = {segment_key(1, 5), key_pack(&unit_generation.root, label_of(LABEL), 1)};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO(scene_done) Scene scene = scene_new();
        AUTO(buf_done) Buf bytes = {0};
        object_take(&bytes, &scene, &keys[i]);
        bytes.data[bytes.len / 2] ^= 4;
        object_put(&scene, &keys[i], buf_span(&bytes));
        look(&scene);
        assert_true(is_told(&scene.report, ERR_CORRUPT, "backup " LABEL " cannot be restored"));
        assert_int_equal(scene.result.backups[0].state, VERIFY_DAMAGED);
        assert_int_equal(scene.result.faulty, 1);
    }
}

static void test_verify__takes_a_gap_that_breaks_no_backup_for_a_warning(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    ASSERT_OK(store_remove(scene.repo->store, segment_key(2, 7).text));
    look(&scene);
    assert_true(is_warned(&scene.report, "000000020000000000000007"));
    assert_true(is_warned(&scene.report, "breaks no backup"));
    assert_false(scene.report.has_level[NOTICE_FAULT]);
    assert_int_equal(scene.result.gaps, 1);
    assert_int_equal(scene.result.backups[0].state, VERIFY_GOOD);
}

static void test_verify__notes_a_gap_before_the_first_backup(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = {.repo = new_repo("main"), .arena = arena_new(), .folder = test_folder()};
    put_generation(scene.repo);
    put_branch(scene.repo, 1, 0, (Lsn){0});
    put_days(scene.repo, 1, 5, 5);
    put_days(scene.repo, 1, 7, 8);
    put_full_backup(scene.repo, LABEL, SEGMENT(7), (Lsn){SEGMENT(8).at + 8192});
    look(&scene);
    assert_int_equal(scene.report.count, 1);
    assert_true(scene.report.has_level[NOTICE_NOTE]);
    assert_true(strstr(scene.report.notices[0].text, "000000010000000000000006") != NULL);
    assert_int_equal(scene.result.gaps, 0);
}

static void test_verify__tells_interruption_and_strangers_from_damage(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_begin(scene.repo, "20260101-000110F");
    ASSERT_OK(store_put_all(scene.repo->store, "main/g1/wal/notes.txt", span_of("x", 1)));
    ASSERT_OK(store_put_all(scene.repo->store, "main/g1/wal/00000001/000000010000000000000009.wal",
                            span_of("x", 1)));
    ASSERT_OK(store_put_all(scene.repo->store, "Thumbs.db", span_of("x", 1)));
    look(&scene);
    assert_false(scene.report.has_level[NOTICE_FAULT]);
    assert_int_equal(scene.result.strangers, 3);
    assert_true(is_warned(&scene.report, "main/g1/wal/notes.txt"));
    assert_true(is_warned(&scene.report, "Thumbs.db"));
    assert_int_equal(scene.result.backup_count, 2);
    assert_int_equal(scene.result.backups[1].state, VERIFY_INTERRUPTED);
}

/* As a newer program would write it: another version in the trailer, whose place and CRC stay. */
static void version_raise(Buf *object)
{
    uint8_t *const trailer = object->data + object->len - TRAILER_BYTES;
    trailer[58]++;
    const uint32_t crc = crc32c(span_of(trailer, TRAILER_BYTES - 4));
    for (int i = 0; i < 4; i++)
        trailer[TRAILER_BYTES - 4 + i] = (uint8_t)(crc >> 8 * i);
}

static void test_verify__takes_what_a_newer_program_wrote_for_no_damage(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Keys keys = all_keys(scene.repo);
    for (size_t i = 0; i < keys.count; i++) {
        const char *const key = keys.keys[i].text;
        AUTO(buf_done) Buf good = {0};
        AUTO(buf_done) Buf newer = {0};
        object_take(&good, &scene, &keys.keys[i]);
        buf_add(&newer, good.data, good.len);
        version_raise(&newer);
        object_put(&scene, &keys.keys[i], buf_span(&newer));
        look(&scene);
        if (!is_told(&scene.report, ERR_UNSUPPORTED, key) ||
            !is_told(&scene.report, ERR_UNSUPPORTED, "newer pgstrata: format 2; this program reads 1"))
            fail_msg("%s: not told", key);
        for (size_t j = 0; j < scene.report.count; j++) {
            const Notice *const notice = &scene.report.notices[j];
            if (notice->level == NOTICE_FAULT && notice->class != ERR_UNSUPPORTED)
                fail_msg("%s: told as %s", key, notice->text);
        }
        const bool is_needed = text_ends(key, "/" LABEL "/backup") || text_ends(key, "pack-000001") ||
                               text_ends(key, "000000010000000000000005.wal");
        if (is_needed)
            assert_int_equal(scene.result.backups[0].state, VERIFY_NEWER);
        object_put(&scene, &keys.keys[i], buf_span(&good));
    }
}

/* The scene's backup as its host wrote it, remembered there. */
static Key commit_remember(Scene *scene)
{
    const Key key = key_backup_object(&unit_generation.root, label_of(LABEL), "backup");
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(store_get_all(&bytes, scene->repo->store, key.text, RANGE_ALL, 1 << 20));
    const CommitNote note = {.root = unit_generation.root,
                             .label = label_of(LABEL),
                             .committed = second(100),
                             .hash = hash128_of(buf_span(&bytes))};
    scene->state_dir = scene->folder.path;
    ASSERT_OK(commit_note_write(scene->state_dir, scene->repo, &note));
    return key;
}

static void test_verify__of_one_backup_tells_that_its_list_of_packs_is_lost(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    ASSERT_OK(store_remove(scene.repo->store,
                           key_backup_object(&unit_generation.root, label_of(LABEL), "packs").text));
    ASSERT_ERR_TEXT(CORRUPT, "packs", verify_at(&scene, (VerifyOptions){.backup = LABEL}));
}

static void test_verify__knows_a_lost_commit_where_it_was_written(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Key key = commit_remember(&scene);
    look(&scene);
    assert_int_equal(scene.report.count, 0);
    AUTO(buf_done) Buf bytes = {0};
    object_take(&bytes, &scene, &key);
    const VerifyOptions depths[] = {{.depth = VERIFY_ALL}, {.depth = VERIFY_NAMES}};
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        ASSERT_OK(verify_at(&scene, depths[i]));
        assert_true(is_told(&scene.report, ERR_CORRUPT, "backup " LABEL " was committed at "));
        assert_true(is_told(&scene.report, ERR_CORRUPT, "and its commit object is gone"));
        assert_int_equal(scene.result.backup_count, 1);
        assert_int_equal(scene.result.backups[0].state, VERIFY_DAMAGED);
    }
    ASSERT_ERR_TEXT(CORRUPT, "commit object is gone", verify_at(&scene, (VerifyOptions){.backup = LABEL}));

    /* Elsewhere nobody can tell it from a backup that was interrupted. */
    scene.state_dir = NULL;
    look(&scene);
    assert_false(scene.report.has_class[ERR_CORRUPT]);
    assert_int_equal(scene.result.backups[0].state, VERIFY_INTERRUPTED);
}

static void test_verify__knows_a_backup_of_which_nothing_is_left(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    commit_remember(&scene);
    const Keys keys = all_keys(scene.repo);
    for (size_t i = 0; i < keys.count; i++) {
        if (strstr(keys.keys[i].text, "/backup/"))
            ASSERT_OK(store_remove(scene.repo->store, keys.keys[i].text));
    }
    look(&scene);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "and its commit object is gone"));
    assert_int_equal(scene.result.backup_count, 1);
    assert_int_equal(scene.result.backups[0].state, VERIFY_DAMAGED);
}

static void test_verify__knows_a_commit_that_somebody_else_wrote(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Key key = commit_remember(&scene);
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(set_let_go) RepoSet *set = set_of(scene.repo);
    BackupRecord record;
    BackupCommit commit;
    ASSERT_OK(backup_record_load(&record, scene.repo, &unit_generation.root, label_of(LABEL), arena));
    record.note = "not what it was";
    ASSERT_OK(store_remove(scene.repo->store, key.text));
    ASSERT_OK(backup_record_write(&commit, set, &unit_generation.root, &record));
    look(&scene);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "its commit object is not the one that this host wrote"));
    assert_int_equal(scene.result.backups[0].state, VERIFY_DAMAGED);
}

static void test_commit_notes__that_cannot_be_read_are_told_and_hide_no_others(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const Key key = commit_remember(&scene);
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const folder = arena_textf(arena, "%s/commits/%s", scene.state_dir, scene.repo->id);
    ASSERT_OK(file_write_durable(arena_textf(arena, "%s/main-a.json", folder), span_of("{", 1), 0600));
    ASSERT_OK(file_write_durable(arena_textf(arena, "%s/other-a.json", folder), span_of("{", 1), 0600));
    ASSERT_OK(store_remove(scene.repo->store, key.text));
    look(&scene);
    assert_true(is_warned(&scene.report, "main-a.json"));
    assert_false(is_warned(&scene.report, "other-a.json"));
    assert_true(is_told(&scene.report, ERR_CORRUPT, "and its commit object is gone"));
}

static void test_commit_note__keeps_to_the_state_directory(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    strcpy(scene.repo->id, "../../evil");
    const CommitNote note = {.root = unit_generation.root, .label = label_of(LABEL)};
    ASSERT_ERR_TEXT(REFUSED, "which is no UUID", commit_note_write(scene.folder.path, scene.repo, &note));
}

static void test_verify__finds_wal_of_another_cluster(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    Generation foreign = unit_generation;
    foreign.system_id.id++;
    const WalName name = segment_name(2, 9);
    static uint8_t plain[FAKE_WAL_SEGMENT];
    const WalObjectSpec spec = {.generation = &foreign, .name = name, .codec = CODEC_ZSTD, .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, span_of(plain, sizeof plain)));
    ASSERT_OK(store_put_all(scene.repo->store, key_wal(&unit_generation.root, name).text, buf_span(&object)));
    look(&scene);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "system id"));
}

static void test_verify__finds_extents_beyond_the_pack(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    put_backup(scene.repo, "20260101-000110I", 1, SEGMENT(5), SEGMENT(6)); /* its root is in no pack */
    look(&scene);
    assert_true(is_told(&scene.report, ERR_CORRUPT, "20260101-000110I"));
    assert_true(is_told(&scene.report, ERR_CORRUPT, "not in its list of packs"));
    assert_int_equal(scene.result.backups[0].state, VERIFY_GOOD);
    assert_int_equal(scene.result.backups[1].state, VERIFY_DAMAGED);
}

static void test_verify__ends_when_the_store_goes_away(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    scene.repo->store = faulty_store_new(scene.repo->store);
    for (unsigned nth = 1; nth < 60; nth += 7) {
        faulty_plan(scene.repo->store, (FaultyPlan){.nth = nth, .fault_class = ERR_AWAY});
        ASSERT_ERR(AWAY, verify_at(&scene, (VerifyOptions){.depth = VERIFY_ALL}));
    }
}

static void test_verify_object_of__knows_every_name(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        ContainerKind kind;
    } names[] = {
        {"pgstrata", CONTAINER_REPOSITORY},
        {"main/g1/cluster", CONTAINER_CLUSTER},
        {"main/g1/branch/0000000A", CONTAINER_BRANCH},
        {"main/g1/wal/00000002.history", CONTAINER_HISTORY},
        {"main/g1/wal/00000001/0000000100000000/000000010000000000000005.wal", CONTAINER_WAL},
        {"main/g1/wal/00000001/0000000100000000/000000010000000000000005.partial", CONTAINER_WAL_PARTIAL},
        {"main/g1/wal/00000001/0000000100000000/000000010000000000000005.partial.0a1b2c3d",
         CONTAINER_WAL_PARTIAL},
        {"main/g1/wal/00000001/0000000100000000/000000010000000000000005.00000028.backup",
         CONTAINER_BACKUP_HISTORY},
        {"main/g1/wal/00000001/0000000100000000/000000010000000000000005.00000000-00001000.tail",
         CONTAINER_WAL_TAIL},
        {"main/g2/backup/20260101-000050F/begin", CONTAINER_BEGIN},
        {"main/g2/backup/20260101-000050F/packs", CONTAINER_PACKS},
        {"main/g2/backup/20260101-000050F/backup", CONTAINER_BACKUP},
        {"main/g2/backup/20260101-000050F/pack-000017", CONTAINER_PACK},
    };
    static const char *const strangers[] = {"main/x",
                                            "main/g1/",
                                            "main/g1/clusters",
                                            "main/g01/cluster",
                                            "other/g1/cluster",
                                            "main/g1/branch/0000000a",
                                            "main/g1/branch/x/0000000A",
                                            "main/g1/backup/20260101-000050F",
                                            "main/g1/backup/20260101-000050F/pack-1",
                                            "main/g1/backup/20260101-000050X/begin",
                                            "main/g1/wal/00000001/000000010000000000000005.wal",
                                            "main/g1/wal/000000010000000000000005.00000000-00001000.tail",
                                            "main/g1/wal/00000001/0000000100000000/000000010000000000000005"};
    VerifyObject object;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!verify_object_of(&object, names[i].key, "main", FAKE_WAL_SEGMENT))
            fail_msg("%s is not known", names[i].key);
        assert_int_equal(object.kind, names[i].kind);
    }
    for (size_t i = 0; i < COUNT_OF(strangers); i++) {
        if (verify_object_of(&object, strangers[i], "main", FAKE_WAL_SEGMENT))
            fail_msg("%s is taken for an object", strangers[i]);
    }
}

/* What lies behind damaged WAL is out of reach, whatever the names promise. */
static void test_verify__says_from_when_to_when_a_backup_restores(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    look(&scene);
    const VerifyBackup whole = scene.result.backups[0];
    assert_int_equal(whole.from_lsn.at, SEGMENT(6).at + 8192);
    assert_true(whole.to_lsn.at > SEGMENT(9).at && whole.to_lsn.at < SEGMENT(10).at); /* the tail's end */
    assert_true(whole.to_time.us > whole.from_time.us);
    const Key key = segment_key(2, 8);
    AUTO(buf_done) Buf bytes = {0};
    object_take(&bytes, &scene, &key);
    bytes.data[bytes.len / 2] ^= 1;
    object_put(&scene, &key, buf_span(&bytes));
    look(&scene);
    assert_int_equal(scene.result.backups[0].state, VERIFY_GOOD);
    assert_int_equal(scene.result.backups[0].to_lsn.at, SEGMENT(8).at);
    assert_true(scene.result.backups[0].to_time.us < whole.to_time.us);
}

/* Another host may remove what this one has made, and this one's notes do not know. */
static void test_verify__takes_a_condemned_backup_for_removed(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    const KeyRoot *const root = &unit_generation.root;
    (void)commit_remember(&scene);
    const Hold fate = hold_next(HOLD_FATES, LABEL, HOLD_CONDEMNED, NULL);
    ASSERT_OK(hold_write(scene.repo, root, &fate));
    static const char *const parts[] = {"backup", "packs", "pack-000001", "begin"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        ASSERT_OK(store_remove(scene.repo->store, key_backup_object(root, label_of(LABEL), parts[i]).text));
        look(&scene);
        assert_false(scene.report.has_class[ERR_CORRUPT]);
        assert_false(scene.report.has_level[NOTICE_WARNING]);
    }
}

/* A backup that was deleted leaves the packs that others draw on: they are no orphans and no damage. */
static void test_verify__tells_shared_packs_from_orphans(void **state)
{
    (void)state;
    AUTO(scene_done) Scene scene = scene_new();
    static const char other[] = "20260101-000110I";
    const KeyRoot *const root = &unit_generation.root;
    PackUses uses;
    ASSERT_OK(backup_packs_load(&uses, scene.repo, root, label_of(LABEL), scene.arena));
    put_begin(scene.repo, other);
    AUTO(set_let_go) RepoSet *set = set_of(scene.repo);
    ASSERT_OK(backup_packs_write(set, root, label_of(other), uses));
    BackupRecord record;
    BackupCommit commit;
    ASSERT_OK(backup_record_load(&record, scene.repo, root, label_of(LABEL), scene.arena));
    record.label = label_of(other);
    ASSERT_OK(backup_record_write(&commit, set, root, &record));
    look(&scene);
    assert_int_equal(scene.report.count, 0);
    static const char *const gone[] = {"backup", "packs", "begin"};
    for (size_t i = 0; i < COUNT_OF(gone); i++)
        ASSERT_OK(store_remove(scene.repo->store, key_backup_object(root, label_of(LABEL), gone[i]).text));
    look(&scene);
    assert_false(scene.report.has_level[NOTICE_FAULT]);
    assert_false(scene.report.has_level[NOTICE_WARNING]);
    assert_true(scene.report.has_level[NOTICE_NOTE]);
    assert_int_equal(scene.result.backups[1].state, VERIFY_GOOD);
    for (size_t i = 0; i < COUNT_OF(gone); i++)
        ASSERT_OK(store_remove(scene.repo->store, key_backup_object(root, label_of(other), gone[i]).text));
    look(&scene);
    assert_true(is_warned(&scene.report, "neither a begin nor a commit"));
}

/* An expiry that runs beside it: when `at` is read, these are gone. */
typedef struct Beside {
    Store *store;
    const char *at;
    const Key *keys;
    size_t count;
} Beside;

static bool beside_go(void *arg, FaultyCall call, const char *key)
{
    const Beside *const beside = arg;
    for (size_t i = 0; call == FAULTY_GET && i < beside->count && text_equal(key, beside->at); i++)
        ASSERT_OK(store_remove(beside->store, beside->keys[i].text));
    return false;
}

static void look_beside(Scene *scene, const char *at, const Key *keys, size_t count)
{
    Beside beside = {scene->repo->store, at, keys, count};
    Store *const faulty = faulty_store_new(scene->repo->store);
    scene->repo->store = faulty;
    faulty_plan(faulty, (FaultyPlan){.matches = beside_go, .arg = &beside});
    look(scene);
    faulty_plan(faulty, (FaultyPlan){.nth = 0});
}

static void test_verify__takes_objects_that_expire_meanwhile_for_no_damage(void **state)
{
    (void)state;
    WalName history = segment_name(1, 5), partial = segment_name(1, 8);
    history.kind = WAL_NAME_BACKUP;
    history.offset = 0x28;
    partial.kind = WAL_NAME_PARTIAL;
    const WalTail tail = {segment_name(2, 9), 0, 20000};
    const Key keys[] = {key_wal(&unit_generation.root, history), key_wal(&unit_generation.root, partial),
                        key_wal_tail(&unit_generation.root, &tail)};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO(scene_done) Scene scene = scene_new();
        look_beside(&scene, keys[i].text, &keys[i], 1);
        assert_int_equal(scene.report.count, 0);
        assert_int_equal(scene.result.faulty, 0);
    }
}

/* Without word of its removal it is lost. */
static void test_verify__tells_a_backup_that_is_removed_meanwhile_from_a_lost_one(void **state)
{
    (void)state;
    const KeyRoot *const root = &unit_generation.root;
    const Key keys[] = {
        key_backup_object(root, label_of(LABEL), "backup"), key_backup_object(root, label_of(LABEL), "packs"),
        key_backup_object(root, label_of(LABEL), "begin"), key_pack(root, label_of(LABEL), 1)};
    for (int is_removal = 0; is_removal < 2; is_removal++) {
        AUTO(scene_done) Scene scene = scene_new();
        const Hold fate = hold_next(HOLD_FATES, LABEL, HOLD_REMOVING, NULL);
        if (is_removal)
            ASSERT_OK(hold_write(scene.repo, root, &fate));
        look_beside(&scene, keys[3].text, keys, COUNT_OF(keys));
        assert_int_equal(scene.report.has_level[NOTICE_FAULT], !is_removal);
        assert_int_equal(scene.result.backups[0].state, is_removal ? VERIFY_INTERRUPTED : VERIFY_DAMAGED);
    }
}

UNIT_MAIN(cmocka_unit_test(test_verify__finds_nothing_in_a_good_repository),
          cmocka_unit_test(test_verify__finds_one_flipped_bit_anywhere),
          cmocka_unit_test(test_verify__finds_cut_objects),
          cmocka_unit_test(test_verify__finds_swapped_objects),
          cmocka_unit_test(test_verify__names_what_is_missing_and_what_that_breaks),
          cmocka_unit_test(test_verify__names_a_tail_that_contradicts_its_segment),
          cmocka_unit_test(test_verify__finds_tails_that_contradict_each_other),
          cmocka_unit_test(test_verify__ties_damage_to_the_backup),
          cmocka_unit_test(test_verify__takes_a_gap_that_breaks_no_backup_for_a_warning),
          cmocka_unit_test(test_verify__notes_a_gap_before_the_first_backup),
          cmocka_unit_test(test_verify__says_from_when_to_when_a_backup_restores),
          cmocka_unit_test(test_verify__takes_a_condemned_backup_for_removed),
          cmocka_unit_test(test_verify__tells_shared_packs_from_orphans),
          cmocka_unit_test(test_verify__tells_interruption_and_strangers_from_damage),
          cmocka_unit_test(test_verify__finds_wal_of_another_cluster),
          cmocka_unit_test(test_verify__finds_extents_beyond_the_pack),
          cmocka_unit_test(test_verify__ends_when_the_store_goes_away),
          cmocka_unit_test(test_verify_object_of__knows_every_name),
          cmocka_unit_test(test_verify__takes_what_a_newer_program_wrote_for_no_damage),
          cmocka_unit_test(test_verify__of_one_backup_tells_that_its_list_of_packs_is_lost),
          cmocka_unit_test(test_verify__knows_a_lost_commit_where_it_was_written),
          cmocka_unit_test(test_verify__knows_a_backup_of_which_nothing_is_left),
          cmocka_unit_test(test_verify__knows_a_commit_that_somebody_else_wrote),
          cmocka_unit_test(test_commit_notes__that_cannot_be_read_are_told_and_hide_no_others),
          cmocka_unit_test(test_commit_note__keeps_to_the_state_directory),
          cmocka_unit_test(test_verify__takes_objects_that_expire_meanwhile_for_no_damage),
          cmocka_unit_test(test_verify__tells_a_backup_that_is_removed_meanwhile_from_a_lost_one))
