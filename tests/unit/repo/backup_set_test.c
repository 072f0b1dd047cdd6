/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "repo/backup_set.h"
#include "repo/json_object.h"
#include "repo/repo_unit.h"

#include <string.h>

static const KeyRoot root = {"main", 1};
static const BackupLabel label_a = {"20261120-000000F"}, label_b = {"20261121-083000I"};

static BackupBegin some_begin(BackupLabel label)
{
    return (BackupBegin){.label = label,
                         .start_lsn = {0x2000028},
                         .timeline = {1},
                         .created = {1795000000000000},
                         .host = "db1",
                         .data_directory = "/srv/\xff",
                         .may_draw_on = &label_a,
                         .may_draw_on_count = 1};
}

static BackupRecord some_record(void)
{
    static const SideItem side[] = {
        {"config/postgresql.conf", {.label = {"20261121-083000I"}, .pack = 2, .offset = 5, .size_bytes = 9}}};
    static const BadPage bad[] = {{"base/1/2619", 131073, "app.public.orders"}, {"base/1/x", 0, ""}};
    static const char label_file[] = "START WAL LOCATION: 0/2000028\n\xff";
    return (BackupRecord){.label = label_b,
                          .timeline = {1},
                          .start_lsn = {0x2000028},
                          .checkpoint_lsn = {0x2000060},
                          .stop_lsn = {0x2000138},
                          .start_time = {1795000000000000},
                          .stop_time = {1795000009000000},
                          .has_checksums = true,
                          .major = 15,
                          .server_version = "15.18 (Debian)",
                          .files = 968,
                          .size_bytes = 23456789,
                          .stored_bytes = 345678,
                          .manifest_root = {.label = label_b, .pack = 3, .offset = 77, .size_bytes = 200},
                          .backup_label_file = span_of(label_file, sizeof label_file - 1),
                          .side = side,
                          .side_count = 1,
                          .bad_pages = bad,
                          .bad_page_listed = 2,
                          .bad_page_count = 7,
                          .note = "before the upgrade"};
}

static void test_backup_begin__is_read_back_as_written(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    BackupBegin begin = some_begin(label_b);
    begin.mark = (WalMark){{0x2000060}, hash128_of(span_of("mark", 4))};
    ASSERT_OK(backup_begin_write(set, &root, &begin));
    AUTO(arena_free) Arena *arena = arena_new();
    BackupBegin again;
    ASSERT_OK(backup_begin_load(&again, b, &root, label_b, arena));
    assert_int_equal(again.start_lsn.at, begin.start_lsn.at);
    assert_int_equal(again.timeline.id, 1);
    assert_int_equal(again.created.us, begin.created.us);
    assert_int_equal(again.mark.lsn.at, begin.mark.lsn.at);
    assert_true(hash128_equal(&again.mark.hash, &begin.mark.hash));
    assert_string_equal(again.data_directory, "/srv/\xff");
    assert_int_equal(again.may_draw_on_count, 1);
    assert_string_equal(again.may_draw_on[0].text, label_a.text);
}

static void test_backup_begin__reserves_its_label(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    BackupBegin begin = some_begin(label_b);
    ASSERT_OK(backup_begin_write(set, &root, &begin));
    begin.host = "db2";
    ASSERT_ERR(EXISTS, backup_begin_write(set, &root, &begin));
}

/* Another host on the same store, quicker than we are: its `begin` arrives between our listing and our put. */
typedef struct Rival {
    StoreOps ops; /* the store's own but for put; first, so that a store's ops lead back to the Rival */
    const StoreOps *real;
    RepoSet *set;
    int times; /* how often it is quicker */
} Rival;

static Err *put_after_rival(StorePut **out, Store *store, const char *key, PutOpts opts)
{
    Rival *const rival = (Rival *)(uintptr_t)store->ops;
    if (rival->times > 0) {
        rival->times--;
        store->ops = rival->real;
        BackupBegin theirs = some_begin(label_b);
        memcpy(theirs.label.text, key + strlen("main/g1/backup/"), LABEL_CHARS);
        theirs.host = "db2";
        ASSERT_OK(backup_begin_write(rival->set, &root, &theirs));
        store->ops = &rival->ops;
    }
    return rival->real->put(out, store, key, opts);
}

static void rival_begin(Rival *rival, RepoSet *set, Store *store, int times)
{
    *rival = (Rival){.ops = *store->ops, .real = store->ops, .set = set, .times = times};
    rival->ops.put = put_after_rival;
    store->ops = &rival->ops;
}

static void test_backup_begin_reserve__takes_the_next_label_when_another_host_was_quicker(void **state)
{
    (void)state;
    Repo *a, *b;
    Rival rival;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    AUTO(arena_free) Arena *arena = arena_new();
    rival_begin(&rival, set, a->store, 1);
    BackupBegin begin = some_begin(label_b);
    ASSERT_OK(backup_begin_reserve(&begin, set, &root));
    assert_string_equal(begin.label.text, "20261121-083001I");
    BackupBegin theirs, ours;
    ASSERT_OK(backup_begin_load(&theirs, b, &root, label_b, arena));
    ASSERT_OK(backup_begin_load(&ours, b, &root, begin.label, arena));
    assert_string_equal(theirs.host, "db2");
    assert_string_equal(ours.host, "db1");
    a->store->ops = rival.real;
}

static void test_backup_begin_reserve__stays_later_than_what_came_since_it_was_chosen(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    BackupBegin begin = some_begin(label_a);
    ASSERT_OK(backup_label_choose(&begin.label, set, &root, BACKUP_FULL, label_time(label_a)));
    assert_string_equal(begin.label.text, label_a.text);
    const BackupBegin theirs = some_begin(label_b);
    ASSERT_OK(backup_begin_write(set, &root, &theirs));
    ASSERT_OK(backup_begin_reserve(&begin, set, &root));
    assert_string_equal(begin.label.text, "20261121-083001F");
}

static void test_backup_begin_reserve__gives_up_after_so_many_labels(void **state)
{
    (void)state;
    Repo *a, *b;
    Rival rival;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    rival_begin(&rival, set, a->store, LABEL_TRIES_MAX);
    BackupBegin begin = some_begin(label_b);
    ASSERT_ERR_TEXT(BUSY, "other hosts took 10 labels", backup_begin_reserve(&begin, set, &root));
    a->store->ops = rival.real;
}

static void test_backup_record__is_read_back_as_written(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const BackupRecord record = some_record();
    AUTO(arena_free) Arena *arena = arena_new();
    BackupRecord again;
    ASSERT_ERR(NOT_FOUND, backup_record_load(&again, b, &root, label_b, arena));
    BackupCommit commit;
    ASSERT_OK(backup_record_write(&commit, set, &root, &record));
    ASSERT_OK(backup_record_load(&again, b, &root, label_b, arena));
    AUTO(buf_done) Buf stored = {0};
    ASSERT_OK(store_get_all(&stored, b->store, "main/g1/backup/20261121-083000I/backup", RANGE_ALL, 65536));
    const Hash128 hash = hash128_of(buf_span(&stored));
    assert_true(hash128_equal(&commit.hash, &hash));
    assert_int_equal(commit.stored_bytes, stored.len);
    assert_string_equal(again.label.text, label_b.text);
    assert_int_equal(again.checkpoint_lsn.at, record.checkpoint_lsn.at);
    assert_int_equal(again.stop_lsn.at, record.stop_lsn.at);
    assert_int_equal(again.stop_time.us, record.stop_time.us);
    assert_true(again.has_checksums);
    assert_false(again.offline);
    assert_int_equal(again.size_bytes, record.size_bytes);
    assert_int_equal(again.manifest_root.offset, 77);
    assert_true(span_equal(again.backup_label_file, record.backup_label_file));
    assert_int_equal(again.tablespace_map_file.len, 0);
    assert_int_equal(again.side_count, 1);
    assert_string_equal(again.side[0].name, "config/postgresql.conf");
    assert_int_equal(again.side[0].place.size_bytes, 9);
    assert_int_equal(again.bad_page_count, 7);
    assert_int_equal(again.bad_page_listed, 2);
    assert_int_equal(again.bad_pages[0].block, 131073);
    assert_string_equal(again.bad_pages[0].relation, "app.public.orders");
    assert_string_equal(again.note, "before the upgrade");
}

/* Stores `text` (' for ") as the object `name` of label_b and loads it. */
static Err *forged_load(const char *name, ContainerKind kind, const char *text)
{
    AUTO(repo_free) Repo *repo = new_repo("main");
    AUTO(arena_free) Arena *arena = arena_new();
    char *const plain = arena_text(arena, text);
    for (char *at = plain; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    const Key key = key_backup_object(&root, label_b, name);
    const ContainerSpec spec = {.kind = kind, .name = key_object_name(key.text), .codec = CODEC_NONE};
    AUTO(buf_done) Buf bytes = {0};
    TRY(object_encode(&bytes, &spec, span_of(plain, strlen(plain))));
    TRY(store_put_all(repo->store, key.text, buf_span(&bytes)));
    BackupRecord record;
    BackupBegin begin;
    PackUses uses;
    if (kind == CONTAINER_BACKUP)
        return backup_record_load(&record, repo, &root, label_b, arena);
    if (kind == CONTAINER_BEGIN)
        return backup_begin_load(&begin, repo, &root, label_b, arena);
    return backup_packs_load(&uses, repo, &root, label_b, arena);
}

static void test_backup_objects__refuse_another_label_and_schema(void **state)
{
    (void)state;
    ASSERT_ERR_TEXT(UNSUPPORTED, "schema 2", forged_load("begin", CONTAINER_BEGIN, "{'schema':2}"));
    ASSERT_ERR_TEXT(UNSUPPORTED, "schema 2", forged_load("backup", CONTAINER_BACKUP, "{'schema':2}"));
    ASSERT_ERR_TEXT(UNSUPPORTED, "schema 2", forged_load("packs", CONTAINER_PACKS, "{'schema':2}\n"));
    ASSERT_ERR_TEXT(CORRUPT, "the label is 20261120-000000F",
                    forged_load("begin", CONTAINER_BEGIN, "{'schema':1,'label':'20261120-000000F'}"));
    ASSERT_ERR_TEXT(CORRUPT, "\"label\" is missing", forged_load("backup", CONTAINER_BACKUP, "{'schema':1}"));
    ASSERT_ERR_TEXT(CORRUPT, "JSON", forged_load("backup", CONTAINER_BACKUP, "{'schema':1"));
}

#define PACKS_BEGIN "{'schema':1,'label':'20261121-083000I','packs':"
#define SHA         "'sha256':'0000000000000000000000000000000000000000000000000000000000000001'}\n"
#define USE(pack)   "{'label':'20261121-083000I','pack':" pack ",'stored':9,'plain':20,'live':20," SHA

static void test_backup_packs__are_read_strictly(void **state)
{
    (void)state;
    ASSERT_OK(forged_load("packs", CONTAINER_PACKS, PACKS_BEGIN "0}\n"));
    ASSERT_OK(forged_load("packs", CONTAINER_PACKS, PACKS_BEGIN "2}\n" USE("1") USE("2")));
    ASSERT_ERR_TEXT(CORRUPT, "is empty", forged_load("packs", CONTAINER_PACKS, ""));
    ASSERT_ERR_TEXT(CORRUPT, "announced 3",
                    forged_load("packs", CONTAINER_PACKS, PACKS_BEGIN "3}\n" USE("1") USE("2")));
    ASSERT_ERR_TEXT(CORRUPT, "line 3: packs stand out of order",
                    forged_load("packs", CONTAINER_PACKS, PACKS_BEGIN "2}\n" USE("2") USE("2")));
    ASSERT_ERR_TEXT(CORRUPT, "line 2: field \"pack\"",
                    forged_load("packs", CONTAINER_PACKS, PACKS_BEGIN "1}\n" USE("0")));
    ASSERT_ERR_TEXT(
        CORRUPT, "more bytes are live than it holds",
        forged_load("packs", CONTAINER_PACKS,
                    PACKS_BEGIN
                    "1}\n{'label':'20261121-083000I','pack':1,'stored':8,'plain':8,'live':9," SHA));
    ASSERT_ERR_TEXT(
        CORRUPT, "\"plain\"",
        forged_load("packs", CONTAINER_PACKS,
                    PACKS_BEGIN
                    "1}\n{'label':'20261121-083000I','pack':1,'stored':8,'plain':1073741825,'live':9," SHA));
}

static void test_backup_packs__are_read_back_as_written(void **state)
{
    (void)state;
    Repo *a, *b;
    AUTO(repo_set_free) RepoSet *set = new_set(&a, &b);
    const PackUse uses[] = {{label_a, 9, 100, 500, 50, {{1}}},
                            {label_b, 1, UINT64_C(1) << 40, 1 << 30, 0, {{2}}},
                            {label_b, 2, 7, 7, 7, {{3}}}};
    ASSERT_OK(backup_packs_write(set, &root, label_b, (PackUses){uses, 3}));
    AUTO(arena_free) Arena *arena = arena_new();
    PackUses again;
    ASSERT_OK(backup_packs_load(&again, a, &root, label_b, arena));
    assert_int_equal(again.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.uses[i].label.text, uses[i].label.text);
        assert_int_equal(again.uses[i].pack, uses[i].pack);
        assert_int_equal(again.uses[i].stored_bytes, uses[i].stored_bytes);
        assert_int_equal(again.uses[i].plain_bytes, uses[i].plain_bytes);
        assert_int_equal(again.uses[i].live_bytes, uses[i].live_bytes);
        assert_true(sha256_equal(&again.uses[i].sha256, &uses[i].sha256));
    }
}

static void put_text(Repo *repo, const char *key)
{
    ASSERT_OK(store_put_all(repo->store, key, span_of("12345", 5)));
}

static void test_backup_list__is_made_of_names(void **state)
{
    (void)state;
    AUTO(repo_free) Repo *repo = new_repo("main");
    static const char *const keys[] = {
        "main/g1/backup/20261121-083000I/begin",  "main/g1/backup/20261121-083000I/pack-000001",
        "main/g1/backup/20261120-000000F/begin",  "main/g1/backup/20261120-000000F/pack-000001",
        "main/g1/backup/20261120-000000F/packs",  "main/g1/backup/20261120-000000F/pack-000002",
        "main/g1/backup/20261120-000000F/backup", "main/g1/backup/not a label/backup",
        "main/g2/backup/20261122-000000F/backup", "main/g1/backup/20261123-000000F/stray",
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (!strchr(keys[i], ' '))
            put_text(repo, keys[i]);
    }
    AUTO(arena_free) Arena *arena = arena_new();
    const BackupEntry *list;
    size_t count;
    ASSERT_OK(backup_list(&list, &count, repo, &root, arena));
    assert_int_equal(count, 3);
    assert_string_equal(list[0].label.text, "20261120-000000F");
    assert_true(list[0].has_begin && list[0].has_packs && list[0].is_committed);
    assert_int_equal(list[0].pack_count, 2);
    assert_int_equal(list[0].stored_bytes, 25);
    assert_false(instant_is_none(list[0].begun));
    assert_true(list[1].has_begin && !list[1].has_packs && !list[1].is_committed);
    assert_int_equal(list[1].pack_count, 1);
    assert_true(!list[2].has_begin && instant_is_none(list[2].begun));
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(backup_entry_find(list, count, list[i].label), &list[i]);
    assert_null(backup_entry_find(list, count, (BackupLabel){"20261120-000000I"}));
    assert_null(backup_entry_find(list, 0, list[0].label));
}

UNIT_MAIN(cmocka_unit_test(test_backup_begin__is_read_back_as_written),
          cmocka_unit_test(test_backup_begin__reserves_its_label),
          cmocka_unit_test(test_backup_begin_reserve__takes_the_next_label_when_another_host_was_quicker),
          cmocka_unit_test(test_backup_begin_reserve__stays_later_than_what_came_since_it_was_chosen),
          cmocka_unit_test(test_backup_begin_reserve__gives_up_after_so_many_labels),
          cmocka_unit_test(test_backup_record__is_read_back_as_written),
          cmocka_unit_test(test_backup_objects__refuse_another_label_and_schema),
          cmocka_unit_test(test_backup_packs__are_read_strictly),
          cmocka_unit_test(test_backup_packs__are_read_back_as_written),
          cmocka_unit_test(test_backup_list__is_made_of_names))
