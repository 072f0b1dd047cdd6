/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "base/text.h"
#include "repo/format_example.h"
#include "repo/manifest.h"

#include <stdio.h>
#include <string.h>

static const BackupLabel label_a = {"20261120-000000F"}, label_b = {"20261121-083000I"};

/* Leaves and roots, one behind the other, as a pack would hold them. */
typedef struct MemPack {
    Buf bytes;
    size_t puts;
} MemPack;

static Err *pack_put(void *arg, PlainPlace *out, Span bytes)
{
    MemPack *const pack = arg;
    *out = (PlainPlace){.label = label_b, .pack = 7, .offset = pack->bytes.len};
    buf_add(&pack->bytes, bytes.ptr, bytes.len);
    pack->puts++;
    return NULL;
}

static Err *pack_get(void *arg, Buf *out, const PlainPlace *place)
{
    MemPack *const pack = arg;
    buf_add(out, pack->bytes.data + place->offset, place->size_bytes);
    return NULL;
}

static void pack_done(MemPack *pack)
{
    buf_done(&pack->bytes);
}

static Instant some_time(void)
{
    Instant instant;
    ASSERT_OK(instant_parse(&instant, "2026-11-21T08:33:12.123456Z"));
    return instant;
}

static ManifestEntry some_file(const char *path, uint64_t size_bytes, const Extent *extents, size_t count)
{
    return (ManifestEntry){.kind = MANIFEST_FILE,
                           .path = path,
                           .mode = 0600,
                           .modified = some_time(),
                           .size_bytes = size_bytes,
                           .extents = extents,
                           .extent_count = count};
}

static void assert_extents_equal(const Extent *a, const Extent *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a[i].first_block, b[i].first_block);
        assert_int_equal(a[i].count, b[i].count);
        assert_int_equal(a[i].pack, b[i].pack);
        assert_int_equal(a[i].offset, b[i].offset);
        assert_string_equal(a[i].label.text, b[i].label.text);
    }
}

static void assert_entry_equal(const ManifestEntry *a, const ManifestEntry *b)
{
    assert_string_equal(a->path, b->path);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->size_bytes, b->size_bytes);
    assert_int_equal(a->modified.us, b->modified.us);
    assert_int_equal(a->extent_count, b->extent_count);
    assert_extents_equal(a->extents, b->extents, a->extent_count);
    if (a->kind == MANIFEST_LINK)
        assert_string_equal(a->link_target, b->link_target);
}

static PlainPlace write_all(MemPack *pack, const ManifestEntry *entries, size_t count)
{
    AUTO(manifest_writer_free)
    ManifestWriter *writer = manifest_writer_new((LeafOut){.put = pack_put, .arg = pack});
    for (size_t i = 0; i < count; i++)
        ASSERT_OK(manifest_add(writer, &entries[i]));
    PlainPlace root;
    ASSERT_OK(manifest_finish(&root, writer));
    return root;
}

static void assert_reads_back(MemPack *pack, const PlainPlace *root, const ManifestEntry *entries,
                              size_t count)
{
    AUTO(manifest_close) ManifestReader *reader = NULL;
    ASSERT_OK(manifest_open(&reader, (LeafIn){pack_get, pack}, root));
    ManifestEntry entry;
    bool is_end;
    for (size_t i = 0; i < count; i++) {
        ASSERT_OK(manifest_next(&entry, &is_end, reader));
        assert_false(is_end);
        assert_entry_equal(&entry, &entries[i]);
    }
    ASSERT_OK(manifest_next(&entry, &is_end, reader));
    assert_true(is_end);
    assert_int_equal(manifest_totals(reader).entries, count);
}

static void test_manifest__reads_back_what_was_written(void **state)
{
    (void)state;
    AUTO(pack_done) MemPack pack = {0};
    const Extent one[] = {{0, 1, label_a, 3, 100}};
    const Extent mixed[] = {{2, 3, label_a, 3, 8192},
                            {5, 1, label_b, 999999, 0},
                            {10, 100, label_b, 1, 77},
                            {110, 2, label_b, 1, 819277},
                            {131071, 1, label_a, 1, (1 << 30) - 5}};
    const ManifestEntry entries[] = {
        some_file("PG_VERSION", 3, one, 1),
        {.kind = MANIFEST_FOLDER, .path = "base", .mode = 0700, .modified = some_time()},
        some_file("base/1/2619", (UINT64_C(131071) << 13) + 5, mixed, 5),
        some_file("base/1/all zeros", 1 << 20, NULL, 0),
        some_file("base/1/empty", 0, NULL, 0),
        some_file("base/1/quote\" back\\slash \n \x01 \x7f", 3, one, 1),
        some_file("base/1/\xc3\xa9t\xc3\xa9", 3, one, 1),
        some_file("base/1/\xff\xfe no utf-8", 3, one, 1),
        {.kind = MANIFEST_FOLDER, .path = "empty", .mode = 0750, .modified = INSTANT_NONE},
        {.kind = MANIFEST_LINK,
         .path = "pg_tblspc/16400",
         .mode = 0777,
         .modified = some_time(),
         .link_target = "/srv/\xe9 fast"},
        some_file("pg_tblspc/16400/PG_15_202209061/5/1259", 3, one, 1),
        {.kind = MANIFEST_LINK,
         .path = "pg_wal",
         .mode = 0777,
         .modified = some_time(),
         .link_target = "/wal"},
        {.kind = MANIFEST_FOLDER, .path = "pg_wal/archive_status", .mode = 0700, .modified = some_time()},
    };
    const PlainPlace root = write_all(&pack, entries, COUNT_OF(entries));
    assert_int_equal(pack.puts, 2);
    assert_reads_back(&pack, &root, entries, COUNT_OF(entries));
}

/* Some file systems can say a time that no text of ours can. */
static void test_manifest__forgets_a_time_far_away(void **state)
{
    (void)state;
    AUTO(pack_done) MemPack pack = {0};
    ManifestEntry entry = some_file("a", 0, NULL, 0);
    entry.modified = instant_from_civil(&(Civil){.year = 12000, .month = 1, .day = 1});
    const PlainPlace root = write_all(&pack, &entry, 1);
    entry.modified = INSTANT_NONE;
    assert_reads_back(&pack, &root, &entry, 1);
}

static void test_manifest__is_written_as_the_format_shows(void **state)
{
    (void)state;
    static const BackupLabel first = {"20261121-083000F"}, second = {"20261122-083000I"};
    const Extent version = {0, 1, first, 1, 16384};
    const Extent table[] = {{0, 2, first, 1, 0}, {4, 3, second, 2, 0}, {7, 1, first, 1, 16387}};
    Instant time, half;
    ASSERT_OK(instant_parse(&time, "2026-11-21T08:33:12Z"));
    ASSERT_OK(instant_parse(&half, "2026-11-21T08:33:12.500000Z"));
    ManifestEntry entries[] = {
        some_file("PG_VERSION", 3, &version, 1),
        {.kind = MANIFEST_FOLDER, .path = "base", .mode = 0700},
        some_file("base/5/16384", 57444, table, 3),
        some_file("base/5/empty", 0, NULL, 0),
        some_file("base/5/zeros", 16384, NULL, 0),
        {.kind = MANIFEST_LINK, .path = "pg_tblspc/16400", .mode = 0777, .link_target = "/srv/fast"},
    };
    for (size_t i = 0; i < COUNT_OF(entries); i++)
        entries[i].modified = i == 2 ? half : time;
    AUTO(pack_done) MemPack pack = {0};
    (void)write_all(&pack, entries, COUNT_OF(entries));
    AUTO(buf_done) Buf shown = {0};
    format_example_text(&shown, "## Manifest", 0);
    format_example_text(&shown, "## Manifest", 1);
    assert_string_equal(buf_text(&pack.bytes), buf_text(&shown));
}

static void test_extents_add__joins_what_goes_right_on(void **state)
{
    (void)state;
    AUTO(buf_done) Buf extents = {0};
    const Extent parts[] = {{0, 2, label_a, 1, 100},
                            {2, 3, label_a, 1, 100 + 2 * 8192},
                            {6, 1, label_a, 1, 100 + 5 * 8192},
                            {7, 1, label_b, 1, 100 + 6 * 8192},
                            {8, 1, label_b, 2, 100 + 7 * 8192},
                            {9, 1, label_b, 2, 0}};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        extents_add(&extents, &parts[i]);
    assert_int_equal(extents.len / sizeof(Extent), 5);
    const Extent *const joined = (const Extent *)(const void *)extents.data;
    assert_int_equal(joined[0].count, 5);
    assert_extents_equal(joined + 1, parts + 2, 4);
}

static void test_manifest__may_be_empty(void **state)
{
    (void)state;
    AUTO(pack_done) MemPack pack = {0};
    const PlainPlace root = write_all(&pack, NULL, 0);
    assert_reads_back(&pack, &root, NULL, 0);
}

static void test_manifest_writer__fills_leaves_to_their_limit(void **state)
{
    (void)state;
    enum { FILES = 5000 };
    AUTO(pack_done) MemPack pack = {0};
    AUTO(arena_free) Arena *arena = arena_new();
    ManifestEntry *entries = arena_alloc(arena, FILES * sizeof *entries);
    Extent *extents = arena_alloc(arena, FILES * sizeof *extents);
    for (uint32_t i = 0; i < FILES; i++) {
        extents[i] = (Extent){0, 1, i % 3 ? label_a : label_b, 1 + i / 1000, UINT64_C(8192) * (i % 1000)};
        entries[i] = some_file(arena_textf(arena, "base/16384/%06u", i), 8192, &extents[i], 1);
    }
    const PlainPlace root = write_all(&pack, entries, FILES);
    assert_reads_back(&pack, &root, entries, FILES);

    AUTO(manifest_close) ManifestReader *reader = NULL;
    ASSERT_OK(manifest_open(&reader, (LeafIn){pack_get, &pack}, &root));
    assert_int_equal(manifest_leaf_count(reader), pack.puts - 1);
    assert_true(manifest_leaf_count(reader) > 1);
    for (size_t i = 0; i < manifest_leaf_count(reader); i++) {
        const uint64_t size = manifest_leaf_place(reader, i).size_bytes;
        assert_true(size <= LEAF_PLAIN_MAX);
        assert_true(size > LEAF_PLAIN_MAX - 200 || i == manifest_leaf_count(reader) - 1);
    }
}

static void test_manifest__spreads_a_scattered_file_over_leaves(void **state)
{
    (void)state;
    enum { EXTENTS = 65536 };
    AUTO(pack_done) MemPack pack = {0};
    AUTO(arena_free) Arena *arena = arena_new();
    Extent *extents = arena_alloc(arena, EXTENTS * sizeof *extents);
    for (uint32_t i = 0; i < EXTENTS; i++) {
        const uint32_t mixed = i * UINT32_C(2654435761);
        extents[i] = (Extent){2 * i, 1, {""}, 1 + mixed % 999999, mixed % (1 << 29)};
        snprintf(extents[i].label.text, sizeof extents[i].label.text, "20261121-%02u%02u00I", mixed % 24,
                 mixed % 60);
    }
    const Extent one = {0, 1, label_a, 1, 0};
    const ManifestEntry entries[] = {some_file("base/1/1000", 8192, &one, 1),
                                     some_file("base/1/2619", INT64_C(1) << 30, extents, EXTENTS),
                                     some_file("base/1/2620", 8192, &one, 1)};
    const PlainPlace root = write_all(&pack, entries, 3);
    assert_true(pack.puts > 3);
    assert_reads_back(&pack, &root, entries, 3);
}

static void test_manifest_writer__refuses_what_the_reader_would(void **state)
{
    (void)state;
    AUTO(pack_done) MemPack pack = {0};
    AUTO(manifest_writer_free)
    ManifestWriter *writer = manifest_writer_new((LeafOut){.put = pack_put, .arg = &pack});
    const Extent overlap[] = {{0, 2, label_a, 1, 0}, {1, 1, label_a, 1, 99}};
    const Extent outside = {1, 1, label_a, 1, 0}, no_pack = {0, 1, label_a, 0, 0};
    const Extent too_far = {0, 1, label_a, 1, (1 << 30) - 8191}, none = {0, 0, label_a, 1, 0};
    const ManifestEntry bad[] = {
        some_file("../etc/passwd", 0, NULL, 0),
        some_file("/etc/passwd", 0, NULL, 0),
        some_file("base/../x", 0, NULL, 0),
        some_file("", 0, NULL, 0),
        some_file("a", 16384, overlap, 2),
        some_file("a", 8192, &outside, 1),
        some_file("a", 8192, &no_pack, 1),
        some_file("a", 8192, &too_far, 1),
        some_file("a", 8192, &none, 1),
        some_file("a", UINT64_MAX, NULL, 0),
        {.kind = MANIFEST_FOLDER, .path = "a", .size_bytes = 1},
        {.kind = MANIFEST_FOLDER, .path = "a", .mode = 010000},
        {.kind = MANIFEST_LINK, .path = "a"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(BUG, manifest_add(writer, &bad[i]));
    const ManifestEntry b = some_file("b", 0, NULL, 0), a = some_file("a", 0, NULL, 0);
    ASSERT_OK(manifest_add(writer, &b));
    ASSERT_ERR(BUG, manifest_add(writer, &a));
    ASSERT_ERR(BUG, manifest_add(writer, &b));
}

/* A manifest made by hand, in which ' stands for ". A root that ends in a comma is completed with the leaf's place. */

static char *quoted(Arena *arena, const char *text)
{
    char *copy = arena_text(arena, text);
    for (char *at = copy; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return copy;
}

#define LEAF_BEGIN            "{'leaf':1,'labels':['20261120-000000F']}\n"
#define FILE_LINE(path, rest) "{'path':'" path "','mode':'0600','size':8192" rest "}\n"
#define ROOT_BEGIN            "{'root':1,'leaves':1,'entries':1,'files':1,'size':8192,'labels':['20261121-083000I']}\n"
#define ROOT_LINE(first, last, lines)                                                                        \
    "{'first':'" first "','last':'" last "','lines':" lines ",'label':0,'pack':7,"

static Err *forged_read(const char *leaf, const char *root_text)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(pack_done) MemPack pack = {0};
    const char *const leaf_text = quoted(arena, leaf);
    const Hash128 hash = hash128_of(span_of(leaf_text, strlen(leaf_text)));
    const char *tail = "";
    if (root_text[strlen(root_text) - 1] == ',')
        tail = arena_textf(arena, "'offset':0,'size':%zu,'hash':'%s'}\n", strlen(leaf_text),
                           hash128_text(&hash).text);
    const char *const root_all = quoted(arena, arena_textf(arena, "%s%s", root_text, tail));
    buf_add_text(&pack.bytes, leaf_text);
    buf_add_text(&pack.bytes, root_all);
    const PlainPlace root = {label_b, 7, strlen(leaf_text), strlen(root_all),
                             hash128_of(span_of(root_all, strlen(root_all)))};
    AUTO(manifest_close) ManifestReader *reader = NULL;
    TRY(manifest_open(&reader, (LeafIn){pack_get, &pack}, &root));
    ManifestEntry entry;
    for (bool is_end = false; !is_end;)
        TRY(manifest_next(&entry, &is_end, reader));
    return NULL;
}

static const char good_root[] = ROOT_BEGIN ROOT_LINE("a", "a", "1");

static void test_manifest_reader__takes_a_leaf_made_by_hand(void **state)
{
    (void)state;
    ASSERT_OK(forged_read(LEAF_BEGIN FILE_LINE("a", ""), good_root));
    ASSERT_OK(forged_read(LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1],'later':{}"), good_root));
    ASSERT_OK(forged_read(
        LEAF_BEGIN "{'path_hex':'61','kind':'file','mode':'0600','size':8192,'modified':null}\n", good_root));
}

static void test_manifest_reader__refuses_unsound_entries(void **state)
{
    (void)state;
    static const char *const bad[] = {
        LEAF_BEGIN "{'path':'a','mode':'0600'}\n",
        LEAF_BEGIN "{'path':'a','size':8192}\n",
        LEAF_BEGIN "{'path':'a','mode':'600','size':8192}\n",
        LEAF_BEGIN "{'path':'a','mode':'06000','size':8192}\n",
        LEAF_BEGIN "{'path':'a','mode':'0800','size':8192}\n",
        LEAF_BEGIN "{'path':'a','mode':'0600','size':-1}\n",
        LEAF_BEGIN "{'path':'a','mode':'0600','size':8192.0}\n",
        LEAF_BEGIN "{'path':'a','path':'a','mode':'0600','size':8192}\n",
        LEAF_BEGIN "{'path':'a','mode':'0600','size':8192,'modified':'yesterday'}\n",
        LEAF_BEGIN "{'path_hex':'6100','mode':'0600','size':8192}\n",
        LEAF_BEGIN "{'path':'a','kind':'link','mode':'0600'}\n",
        LEAF_BEGIN "['path','a']\n",
        LEAF_BEGIN "\n",
        LEAF_BEGIN "{'path':'a','mode':'0600','size':8192}",
        LEAF_BEGIN FILE_LINE("a", ",'count':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[0],'pack':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[2],'pack':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':1,'pack':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1.5],'pack':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1,0]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1000000]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1],'label':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1],'skip':[1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1],'skip':[-1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1],'offset':[-1]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1],'pack':[1],'offset':[1073733633]"),
        LEAF_BEGIN FILE_LINE("a", ",'count':[1,1],'pack':[1,0]"),
        LEAF_BEGIN FILE_LINE("a",
                             ",'count':[4294967295,4294967295],'pack':[1,0],'skip':[4294967295,4294967295]"),
        LEAF_BEGIN FILE_LINE("a", ",'more':true"),
        LEAF_BEGIN FILE_LINE("a", ",'more':1"),
        "{'leaf':1,'labels':[]}\n" FILE_LINE("a", ",'count':[1],'pack':[1]"),
        "{'leaf':1,'labels':['a']}\n" FILE_LINE("a", ""),
        "{'leaf':1}\n" FILE_LINE("a", ""),
        "",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Err *err = forged_read(bad[i], good_root);
        if (!err || err_class(err) != ERR_CORRUPT)
            fail_msg("%s: %s", bad[i], err ? err_text(err) : "was taken");
        err_free(&err);
    }
}

static void test_manifest_reader__refuses_paths_that_lead_outside(void **state)
{
    (void)state;
    ASSERT_ERR_TEXT(CORRUPT, "not safe",
                    forged_read(LEAF_BEGIN FILE_LINE("../a", ""), ROOT_BEGIN ROOT_LINE("../a", "../a", "1")));
    ASSERT_ERR_TEXT(CORRUPT, "not safe",
                    forged_read(LEAF_BEGIN FILE_LINE("/a", ""), ROOT_BEGIN ROOT_LINE("/a", "/a", "1")));
    ASSERT_ERR_TEXT(CORRUPT, "below a symbolic link",
                    forged_read(LEAF_BEGIN
                                "{'path':'a','kind':'link','mode':'0777','target':'/etc'}\n"
                                "{'path':'a.b','kind':'folder','mode':'0777'}\n" FILE_LINE("a/b/c", ""),
                                ROOT_BEGIN ROOT_LINE("a", "a/b/c", "3")));
    ASSERT_ERR_TEXT(
        CORRUPT, "below a symbolic link",
        forged_read(LEAF_BEGIN
                    "{'path':'pg_tblspc/x','kind':'link','mode':'0777','target':'/etc'}\n" FILE_LINE(
                        "pg_tblspc/x/c", ""),
                    ROOT_BEGIN ROOT_LINE("pg_tblspc/x", "pg_tblspc/x/c", "2")));
}

static void test_manifest_reader__names_leaf_and_line(void **state)
{
    (void)state;
    ASSERT_ERR_TEXT(
        CORRUPT, "leaf in 20261121-083000I/pack-000007 at 0, line 3: a stands after b",
        forged_read(LEAF_BEGIN FILE_LINE("b", "") FILE_LINE("a", ""), ROOT_BEGIN ROOT_LINE("b", "c", "2")));
    ASSERT_ERR_TEXT(UNSUPPORTED, "line 2: field \"kind\" is \"socket\"",
                    forged_read(LEAF_BEGIN "{'path':'a','kind':'socket','mode':'0600'}\n", good_root));
    ASSERT_ERR_TEXT(UNSUPPORTED, "version 2",
                    forged_read("{'leaf':2,'labels':[]}\n" FILE_LINE("a", ""), good_root));
    ASSERT_ERR_TEXT(UNSUPPORTED, "version 9", forged_read("", "{'root':9}\n"));
}

static void test_manifest_reader__compares_root_and_leaves(void **state)
{
    (void)state;
    static const char leaf[] = LEAF_BEGIN FILE_LINE("a", "");
    static const char *const bad[] = {
        ROOT_BEGIN ROOT_LINE("a", "a", "2"),
        ROOT_BEGIN ROOT_LINE("b", "b", "1"),
        ROOT_BEGIN ROOT_LINE("a", "b", "1"),
        ROOT_BEGIN ROOT_LINE("b", "a", "1"),
        ROOT_BEGIN,
        "{'root':1,'leaves':1,'entries':2,'files':1,'size':8192,'labels':['20261121-083000I']}\n" ROOT_LINE(
            "a", "a", "1"),
        "{'root':1,'leaves':1,'entries':1,'files':0,'size':8192,'labels':['20261121-083000I']}\n" ROOT_LINE(
            "a", "a", "1"),
        "{'root':1,'leaves':1,'entries':1,'files':1,'size':8191,'labels':['20261121-083000I']}\n" ROOT_LINE(
            "a", "a", "1"),
        "{'root':1,'leaves':2,'entries':1,'files':1,'size':8192,'labels':['20261121-083000I']}\n" ROOT_LINE(
            "a", "a", "1"),
        "{'root':1,'leaves':1,'entries':1,'files':1,'size':8192,'labels':[]}\n" ROOT_LINE("a", "a", "1"),
        "{'root':1,'leaves':1,'entries':1,'files':1,'labels':['20261121-083000I']}\n" ROOT_LINE("a", "a",
                                                                                                "1"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(CORRUPT, forged_read(leaf, bad[i]));
}

static void test_manifest_reader__sees_a_flipped_bit(void **state)
{
    (void)state;
    AUTO(pack_done) MemPack pack = {0};
    const ManifestEntry entry = some_file("a", 0, NULL, 0);
    const PlainPlace root = write_all(&pack, &entry, 1);
    for (size_t at = 0; at < pack.bytes.len; at++) {
        pack.bytes.data[at] ^= 4;
        AUTO(manifest_close) ManifestReader *reader = NULL;
        Err *err = manifest_open(&reader, (LeafIn){pack_get, &pack}, &root);
        ManifestEntry seen;
        bool is_end;
        if (!err)
            err = manifest_next(&seen, &is_end, reader);
        ASSERT_ERR_TEXT(CORRUPT, "hash", err);
        pack.bytes.data[at] ^= 4;
    }
}

UNIT_MAIN(cmocka_unit_test(test_manifest__reads_back_what_was_written),
          cmocka_unit_test(test_manifest__forgets_a_time_far_away),
          cmocka_unit_test(test_manifest__is_written_as_the_format_shows),
          cmocka_unit_test(test_extents_add__joins_what_goes_right_on),
          cmocka_unit_test(test_manifest__may_be_empty),
          cmocka_unit_test(test_manifest_writer__fills_leaves_to_their_limit),
          cmocka_unit_test(test_manifest__spreads_a_scattered_file_over_leaves),
          cmocka_unit_test(test_manifest_writer__refuses_what_the_reader_would),
          cmocka_unit_test(test_manifest_reader__takes_a_leaf_made_by_hand),
          cmocka_unit_test(test_manifest_reader__refuses_unsound_entries),
          cmocka_unit_test(test_manifest_reader__refuses_paths_that_lead_outside),
          cmocka_unit_test(test_manifest_reader__names_leaf_and_line),
          cmocka_unit_test(test_manifest_reader__compares_root_and_leaves),
          cmocka_unit_test(test_manifest_reader__sees_a_flipped_bit))
