/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Manifests made upon older ones: which leaves come out again, and how many there are after a year of it. */
#include "unit.h"

#include "base/limits.h"
#include "base/text.h"
#include "repo/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 2400, DAYS = 365, PIECES_MAX = 8192 };

static const BackupLabel label = {"20261121-083000I"};

/* Leaves and roots by number, which is their offset. Those that no manifest needs any more can be dropped. */
typedef struct Shelf {
    Buf pieces[PIECES_MAX];
    size_t count;
    size_t kept; /* leaves that served again since shelf_forget_counts() */
    size_t first_new;
    bool keeps_none;
} Shelf;

static Shelf shelf;

static Err *piece_put(void *arg, PlainPlace *out, Span bytes)
{
    (void)arg;
    assert_true(shelf.count < PIECES_MAX);
    *out = (PlainPlace){.label = label, .pack = 1, .offset = shelf.count};
    buf_add(&shelf.pieces[shelf.count++], bytes.ptr, bytes.len);
    return NULL;
}

static Err *piece_keep(void *arg, bool *is_kept, const PlainPlace *place)
{
    (void)arg;
    assert_true(place->offset < shelf.first_new);
    *is_kept = !shelf.keeps_none;
    shelf.kept += *is_kept;
    return NULL;
}

static Err *piece_get(void *arg, Buf *out, const PlainPlace *place)
{
    (void)arg;
    const Buf *const piece = &shelf.pieces[place->offset];
    buf_add(out, piece->data, piece->len);
    return NULL;
}

static void shelf_clear(void)
{
    for (size_t i = 0; i < shelf.count; i++)
        buf_done(&shelf.pieces[i]);
    shelf = (Shelf){.count = 0};
}

/* What the cluster holds: files by number, present while their version is not 0. */
typedef struct World {
    char paths[FILES][1000];
    unsigned versions[FILES];
    const Extent *extents[FILES];
    size_t extent_counts[FILES];
} World;

static World world;

static void world_begin(size_t present, int path_len)
{
    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(world.paths[i], sizeof world.paths[i], "base/%05u/%0*d", i, path_len, 1);
        world.versions[i] = i < present;
    }
}

static ManifestEntry entry_of(size_t file)
{
    return (ManifestEntry){.path = world.paths[file],
                           .mode = 0600,
                           .modified = {world.versions[file]},
                           .size_bytes = world.extent_counts[file] ? INT64_C(1) << 30 : 0,
                           .extents = world.extents[file],
                           .extent_count = world.extent_counts[file]};
}

typedef struct Made {
    ManifestReader *reader;
    const ManifestLeaf *leaves;
    size_t count;
    size_t put; /* leaves that were stored */
} Made;

static void made_close(Made *made)
{
    manifest_close(&made->reader);
}

/* Stores what the world holds, upon an older manifest where there is one. */
static Made manifest_make(const Made *older)
{
    AUTO(manifest_writer_free)
    ManifestWriter *writer = manifest_writer_new((LeafOut){.put = piece_put, .keep = piece_keep});
    shelf.kept = 0;
    shelf.first_new = shelf.count;
    if (older)
        manifest_writer_reuse(writer, older->leaves, older->count);
    for (size_t i = 0; i < FILES; i++) {
        const ManifestEntry entry = entry_of(i);
        if (world.versions[i])
            ASSERT_OK(manifest_add(writer, &entry));
    }
    PlainPlace root;
    ASSERT_OK(manifest_finish(&root, writer));
    Made made = {.put = shelf.count - shelf.first_new - 1};
    ASSERT_OK(manifest_open(&made.reader, (LeafIn){.get = piece_get}, &root));
    made.leaves = manifest_leaves(made.reader, &made.count);
    assert_int_equal(made.count, made.put + shelf.kept);
    return made;
}

static void assert_holds_the_world(const Made *made)
{
    ManifestEntry entry;
    bool is_end;
    for (size_t i = 0; i < FILES; i++) {
        if (!world.versions[i])
            continue;
        ASSERT_OK(manifest_next(&entry, &is_end, made->reader));
        assert_false(is_end);
        assert_string_equal(entry.path, world.paths[i]);
        assert_int_equal(entry.modified.us, world.versions[i]);
        assert_int_equal(entry.extent_count, world.extent_counts[i]);
        if (entry.extent_count)
            assert_memory_equal(entry.extents, world.extents[i], entry.extent_count * sizeof(Extent));
    }
    ASSERT_OK(manifest_next(&entry, &is_end, made->reader));
    assert_true(is_end);
}

static void test_manifest_reuse__stores_no_leaf_when_nothing_changed(void **state)
{
    (void)state;
    world_begin(2000, 900);
    AUTO(made_close) Made first = manifest_make(NULL);
    assert_true(first.count > 5);
    AUTO(made_close) Made again = manifest_make(&first);
    assert_int_equal(again.put, 0);
    assert_int_equal(again.count, first.count);
    assert_holds_the_world(&again);
    shelf_clear();
}

static void test_manifest_reuse__stores_again_what_may_not_stay(void **state)
{
    (void)state;
    world_begin(2000, 900);
    AUTO(made_close) Made first = manifest_make(NULL);
    shelf.keeps_none = true;
    AUTO(made_close) Made again = manifest_make(&first);
    assert_int_equal(again.put, first.count);
    assert_holds_the_world(&again);
    shelf_clear();
}

static void test_manifest_reuse__stores_the_leaf_that_changed(void **state)
{
    (void)state;
    world_begin(2000, 900);
    AUTO(made_close) Made first = manifest_make(NULL);
    world.versions[1000] = 2;
    AUTO(made_close) Made again = manifest_make(&first);
    assert_int_equal(again.put, 1);
    assert_int_equal(again.count, first.count);
    assert_holds_the_world(&again);
    shelf_clear();
}

/* All leaves are full; what no longer fits into one must not push all others along. */
static void test_manifest_reuse__gives_what_is_too_much_a_leaf_of_its_own(void **state)
{
    (void)state;
    world_begin(2000, 900);
    world.versions[7] = 0;
    AUTO(made_close) Made first = manifest_make(NULL);
    world.versions[7] = 2;
    AUTO(made_close) Made again = manifest_make(&first);
    assert_int_equal(again.put, 2);
    assert_int_equal(again.count, first.count + 1);
    AUTO(made_close) Made later = manifest_make(&again);
    assert_int_equal(later.put, 0);
    assert_holds_the_world(&later);
    shelf_clear();
}

static void test_manifest_reuse__joins_leaves_that_have_lost_their_files(void **state)
{
    (void)state;
    world_begin(2000, 900);
    AUTO(made_close) Made first = manifest_make(NULL);
    for (size_t i = 0; i < 2000; i++)
        world.versions[i] = i % 50 == 0;
    AUTO(made_close) Made dropped = manifest_make(&first);
    AUTO(made_close) Made joined = manifest_make(&dropped);
    assert_int_equal(joined.count, 1);
    assert_holds_the_world(&joined);
    shelf_clear();
}

/* A file in so many pieces that it fills leaves: they stay, whatever happens before and behind. */
static void test_manifest_reuse__keeps_the_leaves_of_a_scattered_file(void **state)
{
    (void)state;
    enum { EXTENTS = 65536, BIG = 150 };
    world_begin(300, 900);
    Extent *extents = mem_new(EXTENTS * sizeof *extents);
    for (uint32_t i = 0; i < EXTENTS; i++)
        extents[i] = (Extent){2 * i, 1, label, 1 + i * UINT32_C(2654435761) % 999999, 8192 * (i % 1000)};
    world.extents[BIG] = extents;
    world.extent_counts[BIG] = EXTENTS;
    AUTO(made_close) Made first = manifest_make(NULL);
    assert_true(first.count > 4);
    AUTO(made_close) Made same = manifest_make(&first);
    assert_int_equal(same.put, 0);
    world.versions[3] = 0;
    world.versions[200] = 2;
    AUTO(made_close) Made again = manifest_make(&same);
    assert_int_equal(again.put, 2); /* that of file 3, and the last one of BIG with the files behind it */
    assert_true(shelf.kept > 2);
    assert_holds_the_world(&again);
    mem_free(&extents);
    shelf_clear();
}

static unsigned rolled(unsigned *dice, unsigned below)
{
    *dice = *dice * 1664525u + 1013904223u;
    return (*dice >> 8) % below;
}

/* The leaf of the older manifest that `path` falls into. */
static size_t leaf_of(const Made *made, const char *path)
{
    size_t at = 0;
    while (at + 1 < made->count && strcmp(made->leaves[at + 1].first, path) <= 0)
        at++;
    return at;
}

typedef struct Year {
    unsigned dice;
    size_t put, touched, leaves; /* sums of all days */
} Year;

/* A few files change, some are made or dropped; every seventh day nothing happens. Counts the leaves concerned. */
static void day_pass(Year *year, const Made *older, unsigned day)
{
    static bool is_touched[FILES];
    memset(is_touched, 0, sizeof is_touched);
    const unsigned changes = day % 7 ? rolled(&year->dice, 6) : 0;
    for (unsigned i = 0; i < changes; i++) {
        const unsigned file = rolled(&year->dice, FILES), way = rolled(&year->dice, 4);
        if (world.versions[file] && way < 2)
            world.versions[file] += 1;
        else
            world.versions[file] = world.versions[file] ? 0 : 1;
        is_touched[leaf_of(older, world.paths[file])] = true;
    }
    for (size_t i = 0; i < older->count; i++)
        year->touched += is_touched[i];
}

/* Frees what the manifest before `made` needed and `made` does not. */
static void shelf_trim(const Made *made)
{
    static bool is_needed[PIECES_MAX];
    memset(is_needed, 0, sizeof is_needed);
    for (size_t i = 0; i < made->count; i++)
        is_needed[made->leaves[i].place.offset] = true;
    for (size_t i = 0; i < shelf.count; i++) {
        if (!is_needed[i])
            buf_done(&shelf.pieces[i]);
    }
}

/* Leaves of a manifest that was made at once. */
static size_t ideal_count(const Made *made)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < made->count; i++)
        bytes += made->leaves[i].place.size_bytes;
    return (size_t)((bytes + LEAF_PLAIN_MAX - 1) / LEAF_PLAIN_MAX);
}

static void test_manifest_reuse__stays_in_order_over_a_year(void **state)
{
    (void)state;
    Year year = {.dice = 20261121};
    world_begin(FILES, 900);
    for (size_t i = 0; i < FILES; i++)
        world.versions[i] = rolled(&year.dice, 10) < 6;
    Made made = manifest_make(NULL);
    for (unsigned day = 1; day <= DAYS; day++) {
        Made older = made;
        day_pass(&year, &older, day);
        made = manifest_make(&older);
        manifest_close(&older.reader);
        year.put += made.put;
        year.leaves += made.count;
        assert_true(made.count <= 2 * ideal_count(&made) + 1);
        if (day % 61 == 0)
            assert_holds_the_world(&made);
        shelf_trim(&made);
    }
    print_message("%zu leaves touched, %zu stored, %zu kept in a year\n", year.touched, year.put,
                  year.leaves - year.put);
    assert_true(year.put <= 2 * year.touched);
    made_close(&made);
    shelf_clear();
}

UNIT_MAIN(cmocka_unit_test(test_manifest_reuse__stores_no_leaf_when_nothing_changed),
          cmocka_unit_test(test_manifest_reuse__stores_again_what_may_not_stay),
          cmocka_unit_test(test_manifest_reuse__stores_the_leaf_that_changed),
          cmocka_unit_test(test_manifest_reuse__gives_what_is_too_much_a_leaf_of_its_own),
          cmocka_unit_test(test_manifest_reuse__joins_leaves_that_have_lost_their_files),
          cmocka_unit_test(test_manifest_reuse__keeps_the_leaves_of_a_scattered_file),
          cmocka_unit_test(test_manifest_reuse__stays_in_order_over_a_year))
