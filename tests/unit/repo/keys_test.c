/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "repo/keys.h"

#include <string.h>

enum { SEGMENT_BYTES = 16 * 1024 * 1024 };

static const KeyRoot root = {"main", 12};
static const BackupLabel label = {"20261121-083000F"};

static WalName wal_name(const char *text)
{
    WalName name;
    ASSERT_OK(wal_name_parse(&name, text, SEGMENT_BYTES));
    return name;
}

static void test_keys__are_the_tree_of_names(void **state)
{
    (void)state;
    const Hash128 hash = {{0xab, 0xcd, 0xef, 0x01, 0x23}};
    assert_string_equal(key_cluster_folder("main").text, "main/");
    assert_string_equal(key_cluster(&root).text, "main/g12/cluster");
    assert_string_equal(key_generation_prefix(&root).text, "main/g12/");
    assert_string_equal(key_wal(&root, wal_name("000000020000001F000000A3")).text,
                        "main/g12/wal/00000002/000000020000001F/000000020000001F000000A3.wal");
    assert_string_equal(key_wal(&root, wal_name("000000020000001F000000A3.partial")).text,
                        "main/g12/wal/00000002/000000020000001F/000000020000001F000000A3.partial");
    assert_string_equal(key_wal(&root, wal_name("000000020000001F000000A3.00000028.backup")).text,
                        "main/g12/wal/00000002/000000020000001F/000000020000001F000000A3.00000028.backup");
    assert_string_equal(
        key_wal_partial_other(&root, wal_name("000000020000001F000000A3.partial"), &hash).text,
        "main/g12/wal/00000002/000000020000001F/000000020000001F000000A3.partial.abcdef01");
    assert_string_equal(key_wal(&root, wal_name("00000002.history")).text, "main/g12/wal/00000002.history");
    assert_string_equal(key_wal_prefix(&root, (Timeline){0x1f}).text, "main/g12/wal/0000001F/");
    assert_string_equal(key_branch(&root, (Timeline){3}).text, "main/g12/branch/00000003");
    assert_string_equal(key_backup_object(&root, label, "begin").text,
                        "main/g12/backup/20261121-083000F/begin");
    assert_string_equal(key_pack(&root, label, 41).text, "main/g12/backup/20261121-083000F/pack-000041");
}

static void test_key_object_name__is_what_follows_the_cluster(void **state)
{
    (void)state;
    assert_string_equal(key_object_name(key_cluster(&root).text), "g12/cluster");
    assert_string_equal(key_object_name(KEY_REPOSITORY), "pgstrata");
}

static void test_key_name_check__keeps_names_simple(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "Main", "a/b",
                                      "..",       "a b",  "m\xc3\xa9",
                                      "pgstrata", "key",  "12345678901234567890123456789012345678901"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(USAGE, key_name_check("cluster", bad[i]));
    ASSERT_OK(key_name_check("cluster", "main-15_a"));
    ASSERT_OK(key_name_check("cluster", "1234567890123456789012345678901234567890"));
    KeyRoot made;
    ASSERT_ERR(CORRUPT, key_root_make(&made, "main", 0));
    ASSERT_OK(key_root_make(&made, "main", 12));
    assert_string_equal(key_cluster(&made).text, key_cluster(&root).text);
}

static void test_key_generation_matches__only_whole_numbers(void **state)
{
    (void)state;
    uint32_t number = 0;
    assert_true(key_generation_matches(&number, "g12/cluster"));
    assert_int_equal(number, 12);
    assert_true(key_generation_matches(&number, "g4294967295"));
    static const char *const bad[] = {"",   "g",  "g/",   "g0",          "g01",
                                      "12", "gx", "g1x/", "g4294967296", "g99999999999999"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(key_generation_matches(&number, bad[i]));
}

static void test_key_wal_matches__reads_back_every_kind(void **state)
{
    (void)state;
    const Hash128 hash = {{0xab, 0xcd, 0xef, 0x01}};
    static const char *const names[] = {"000000020000001F000000A3", "000000020000001F000000A3.partial",
                                        "000000020000001F000000A3.00000028.backup", "00000002.history"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const Key key = key_wal(&root, wal_name(names[i]));
        WalName name;
        assert_true(key_wal_matches(&name, strrchr(key.text, '/') + 1, SEGMENT_BYTES));
        assert_int_equal(wal_name_compare(name, wal_name(names[i])), 0);
    }
    const Key other = key_wal_partial_other(&root, wal_name(names[1]), &hash);
    WalName name;
    assert_true(key_wal_matches(&name, strrchr(other.text, '/') + 1, SEGMENT_BYTES));
    assert_int_equal(name.kind, WAL_NAME_PARTIAL);
}

static void test_key_wal_matches__refuses_other_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "000000020000001F000000A3",
        "000000020000001F000000A3.00000000-00001000.tail",
        "000000020000001F000000A3.partial.abcdefgh",
        "000000020000001F000000A3.partial.wal",
        "00000002.history.wal",
        "000000020000001F000000a3.wal",
        "000000020000001F000000A3.wal.0000000000000000000000000000000000000000000"};
    WalName name;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(key_wal_matches(&name, bad[i], SEGMENT_BYTES));
}

static void test_key_wal_tail__is_read_back(void **state)
{
    (void)state;
    const WalTail tail = {.name = wal_name("000000020000001F000000A3"), .from = 0x28, .to = 0x1A2F8};
    const Key key = key_wal_tail(&root, &tail);
    assert_string_equal(strrchr(key.text, '/'), "/000000020000001F000000A3.00000028-0001A2F8.tail");
    assert_true(text_starts(key.text, key_wal_stem(&root, tail.name).text));
    assert_true(text_starts(key_wal(&root, tail.name).text, key_wal_stem(&root, tail.name).text));
    WalTail back = {.to = 0};
    assert_true(key_wal_tail_matches(&back, strrchr(key.text, '/') + 1, SEGMENT_BYTES));
    assert_int_equal(wal_name_compare(back.name, tail.name), 0);
    assert_int_equal(back.from, 0x28);
    assert_int_equal(back.to, 0x1A2F8);
}

static void test_key_wal_tail_matches__refuses_other_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "000000020000001F000000A3.wal",
        "000000020000001F000000A3.00000000-00000000.tail", /* nothing in it */
        "000000020000001F000000A3.00000010-00000008.tail",
        "000000020000001F000000A3.00000000-01000000.tail", /* the whole segment */
        "000000020000001F000000A3.00000004-00001000.tail", /* no record begins there */
        "000000020000001F000000A3.00000000-00001004.tail",
        "000000020000001F000000A3.00000000-00001a00.tail",
        "000000020000001F000000A3.00000000_00001000.tail",
        "000000020000001F000000A3-00000000-00001000.tail",
        "000000020000001F000000A3.00000000-00001000.tails",
        "000000020000001F000000A3.00000000-00001000",
        "00000002.history........00000000-00001000.tail.."};
    WalTail tail;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(key_wal_tail_matches(&tail, bad[i], SEGMENT_BYTES));
}

static void test_key_pack_matches__six_digits_from_one(void **state)
{
    (void)state;
    uint32_t pack = 0;
    assert_true(key_pack_matches(&pack, "pack-000041"));
    assert_int_equal(pack, 41);
    assert_false(key_pack_matches(&pack, "pack-000000"));
    assert_false(key_pack_matches(&pack, "pack-41"));
    assert_false(key_pack_matches(&pack, "pack-0000411"));
    assert_false(key_pack_matches(&pack, "packs"));
}

UNIT_MAIN(cmocka_unit_test(test_keys__are_the_tree_of_names),
          cmocka_unit_test(test_key_object_name__is_what_follows_the_cluster),
          cmocka_unit_test(test_key_name_check__keeps_names_simple),
          cmocka_unit_test(test_key_generation_matches__only_whole_numbers),
          cmocka_unit_test(test_key_wal_matches__reads_back_every_kind),
          cmocka_unit_test(test_key_wal_matches__refuses_other_names),
          cmocka_unit_test(test_key_wal_tail__is_read_back),
          cmocka_unit_test(test_key_wal_tail_matches__refuses_other_names),
          cmocka_unit_test(test_key_pack_matches__six_digits_from_one))
