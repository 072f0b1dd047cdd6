/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Which packs are stored again, and what that does to a repository over a year of even change. */
#include "unit.h"

#include "backup/backup_rewrite.h"
#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const BackupLabel first = {"20261101-000000F"}, second = {"20261102-000000I"};

#define MB (UINT64_C(1) << 20)

static PackUse use_of(BackupLabel label, uint32_t pack, uint64_t live_bytes, uint64_t plain_bytes)
{
    return (PackUse){.label = label, .pack = pack, .live_bytes = live_bytes, .plain_bytes = plain_bytes};
}

static void assert_chosen(const PackSet *set, const uint32_t *packs, size_t count)
{
    assert_int_equal(set->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(set->packs[i].pack, packs[i]);
}

static void test_rewrite_choose__takes_the_worst_within_its_bound(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const PackUse uses[] = {use_of(first, 1, 30 * MB, 100 * MB), use_of(first, 2, 60 * MB, 100 * MB),
                            use_of(first, 3, 5 * MB, 100 * MB),  use_of(first, 4, 5 * MB, 20 * MB),
                            use_of(first, 5, 50 * MB, 100 * MB), use_of(first, 6, 1 * MB, 1000 * MB)};
    RewriteAsk ask = {.packs = {uses, COUNT_OF(uses)}, .bytes_max = 1000 * MB};
    const uint32_t all[] = {1, 3, 4, 6}, some[] = {3, 4, 6}, worst[] = {6};
    PackSet set = rewrite_choose(&ask, arena);
    assert_chosen(&set, all, 4);
    assert_int_equal(set.live_bytes, 41 * MB);
    ask.bytes_max = 40 * MB;
    set = rewrite_choose(&ask, arena);
    assert_chosen(&set, some, 3);
    ask.bytes_max = 5 * MB;
    set = rewrite_choose(&ask, arena);
    assert_chosen(&set, worst, 1);
    assert_true(pack_set_has(&set, &(Extent){.label = first, .pack = 6}));
    assert_false(pack_set_has(&set, &(Extent){.label = second, .pack = 6}));
    assert_false(pack_set_has(&set, &(Extent){.label = first, .pack = 3}));
    ask.bytes_max = 0;
    assert_int_equal(rewrite_choose(&ask, arena).count, 0);
}

static void test_rewrite_choose__leaves_what_another_backup_needs(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const PackUse uses[] = {use_of(first, 1, 1, 100), use_of(first, 2, 1, 100), use_of(first, 3, 1, 100)};
    const PackUse older[] = {use_of(first, 2, 60, 100), use_of(first, 3, 40, 100)};
    const PackUse pinned[] = {use_of(first, 3, 2, 100)};
    const RewriteHolder holders[] = {
        {.packs = {uses, 3}}, {.packs = {older, 2}}, {.packs = {pinned, 1}, .stays_long = true}};
    RewriteAsk ask = {.packs = {uses, 3}, .holders = holders, .holder_count = 3, .bytes_max = 100};
    const uint32_t one[] = {1}, two[] = {1, 3};
    PackSet set = rewrite_choose(&ask, arena);
    assert_chosen(&set, one, 1);
    ask.holder_count = 2; /* the pin has gone */
    set = rewrite_choose(&ask, arena);
    assert_chosen(&set, two, 2);
}

static void test_rewrite_plan__reads_what_lies_in_these_packs(void **state)
{
    (void)state;
    static const PgVersion version = {.major = 15, .catalog_version = 202209061};
    AUTO(arena_free) Arena *arena = arena_new();
    const PackUse use = use_of(first, 1, 1, 100);
    const PackSet set = {.packs = &use, .count = 1};
    const Extent extents[] = {{0, 3, first, 1, 0}, {3, 4, first, 2, 0}, {8, 4, first, 1, 0}};
    const ManifestEntry base = {
        .path = "base/5/1", .size_bytes = 12 * PAGE_BYTES, .extents = extents, .extent_count = 3};
    PlanInput input = {
        .path = pgdata_path_classify("base/5/1", &version), .size_bytes = 10 * PAGE_BYTES, .base = &base};
    NumberRun reads[] = {{2, 2}, {6, 1}};
    FilePlan plan = {.kind = PLAN_BLOCKS, .reads = reads, .read_count = 2};
    rewrite_plan(&plan, &input, &set, arena);
    const NumberRun expected[] = {{0, 4}, {6, 1}, {8, 2}};
    assert_int_equal(plan.read_count, 3);
    assert_memory_equal(plan.reads, expected, sizeof expected);
    assert_int_equal(plan.read_bytes, 7 * PAGE_BYTES);

    FilePlan untouched = {.kind = PLAN_BLOCKS}; /* a map that would not even be opened */
    input.path = pgdata_path_classify("base/5/1_vm", &version);
    rewrite_plan(&untouched, &input, &set, arena);
    assert_int_equal(untouched.kind, PLAN_COMPARE);
    assert_int_equal(untouched.read_bytes, 10 * PAGE_BYTES);

    const PackUse other = use_of(second, 1, 1, 100);
    FilePlan same = {.kind = PLAN_BLOCKS};
    rewrite_plan(&same, &input, &(PackSet){.packs = &other, .count = 1}, arena);
    assert_int_equal(same.kind, PLAN_BLOCKS);
}

/* -- a year ---------------------------------------------------------------------------------------------------------- */

enum {
    BLOCKS = 32768,
    PACK_BLOCKS = 256,
    FILES = 8,
    DAYS = 730,
    DAY_BLOCKS = BLOCKS / 100,
    PACKS_MAX = 8000
};

/* One pack number runs through all backups: labels play no part here. A backup is what it needs of each pack. */
typedef struct Kept {
    unsigned day;
    uint16_t live[PACKS_MAX];
} Kept;

typedef struct Year {
    unsigned dice;
    uint32_t pack_of[BLOCKS], place_of[BLOCKS];
    uint16_t live[PACKS_MAX], plain[PACKS_MAX]; /* in blocks */
    uint32_t packs;
    Kept kept[16]; /* a week of days and four weeks */
    size_t kept_count;
    uint64_t rewritten;
} Year;

static unsigned rolled(Year *year, unsigned below)
{
    year->dice = year->dice * 1664525u + 1013904223u;
    return (year->dice >> 8) % below;
}

static void block_store(Year *year, uint32_t block)
{
    if (year->packs == 0 || year->plain[year->packs - 1] == PACK_BLOCKS)
        year->packs++;
    assert_true(year->packs <= PACKS_MAX);
    if (year->pack_of[block])
        year->live[year->pack_of[block] - 1]--;
    year->pack_of[block] = year->packs;
    year->place_of[block] = year->plain[year->packs - 1]++;
    year->live[year->packs - 1]++;
}

static PackUses uses_of(const Year *year, const uint16_t *live, Arena *arena)
{
    PackUse *const uses = arena_alloc(arena, year->packs * sizeof *uses);
    size_t count = 0;
    for (uint32_t i = 0; i < year->packs; i++) {
        if (live[i])
            uses[count++] =
                use_of(first, i + 1, (uint64_t)live[i] * PAGE_BYTES, (uint64_t)year->plain[i] * PAGE_BYTES);
    }
    return (PackUses){uses, count};
}

static void packs_rewrite(Year *year)
{
    AUTO(arena_free) Arena *arena = arena_new();
    RewriteHolder *const holders = arena_alloc(arena, COUNT_OF(year->kept) * sizeof *holders);
    for (size_t i = 0; i < year->kept_count; i++)
        holders[i].packs = uses_of(year, year->kept[i].live, arena);
    const RewriteAsk ask = {.packs = uses_of(year, year->live, arena),
                            .holders = holders,
                            .holder_count = year->kept_count,
                            .bytes_max = (uint64_t)DAY_BLOCKS * PAGE_BYTES / 10};
    const PackSet set = rewrite_choose(&ask, arena);
    assert_true(set.live_bytes <= ask.bytes_max);
    static bool is_chosen[PACKS_MAX];
    memset(is_chosen, 0, sizeof is_chosen);
    for (size_t i = 0; i < set.count; i++)
        is_chosen[set.packs[i].pack - 1] = true;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (is_chosen[year->pack_of[i] - 1])
            block_store(year, i);
    }
    year->rewritten += set.live_bytes / PAGE_BYTES;
}

/* "daily 7, weekly 4": drops what neither wants, and adds today's. */
static void backup_keep(Year *year, unsigned day)
{
    size_t kept = 0;
    for (size_t i = 0; i < year->kept_count; i++) {
        const unsigned age = day - year->kept[i].day;
        if (age < 7 || (year->kept[i].day % 7 == 0 && age < 28))
            year->kept[kept++] = year->kept[i];
    }
    year->kept[kept].day = day;
    memcpy(year->kept[kept].live, year->live, sizeof year->live);
    year->kept_count = kept + 1;
}

/* Blocks in packs that some kept backup needs: what the repository holds. */
static uint64_t space(const Year *year)
{
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < year->packs; i++) {
        bool is_held = false;
        for (size_t k = 0; k < year->kept_count; k++)
            is_held |= year->kept[k].live[i] > 0;
        blocks += is_held ? year->plain[i] : 0;
    }
    return blocks;
}

static void year_begin(Year *year)
{
    memset(year, 0, sizeof *year);
    year->dice = 20261121;
    for (uint32_t i = 0; i < BLOCKS; i++)
        block_store(year, i);
    backup_keep(year, 0);
}

static void day_pass(Year *year, unsigned day, bool rewrites)
{
    for (unsigned i = 0; i < DAY_BLOCKS; i++)
        block_store(year, rolled(year, BLOCKS));
    if (rewrites)
        packs_rewrite(year);
    backup_keep(year, day);
}

static Err *leaf_count(void *arg, PlainPlace *out, Span bytes)
{
    *(uint64_t *)arg += bytes.len;
    *out = (PlainPlace){.label = first, .pack = 1};
    return NULL;
}

/* Bytes of the manifest, of which every incremental has to write most when all files change. */
static uint64_t manifest_bytes(const Year *year)
{
    uint64_t bytes = 0;
    AUTO(manifest_writer_free)
    ManifestWriter *writer = manifest_writer_new((LeafOut){.put = leaf_count, .arg = &bytes});
    for (uint32_t file = 0; file < FILES; file++) {
        AUTO(buf_done) Buf extents = {0};
        char path[32];
        snprintf(path, sizeof path, "base/5/%u", 10000 + file);
        for (uint32_t i = 0; i < BLOCKS / FILES; i++) {
            const uint32_t block = file * (BLOCKS / FILES) + i;
            extents_add(&extents, &(Extent){i, 1, first, year->pack_of[block],
                                            (uint64_t)year->place_of[block] * PAGE_BYTES});
        }
        const ManifestEntry entry = {.path = path,
                                     .size_bytes = (uint64_t)(BLOCKS / FILES) * PAGE_BYTES,
                                     .extents = (const Extent *)(const void *)extents.data,
                                     .extent_count = extents.len / sizeof(Extent)};
        ASSERT_OK(manifest_add(writer, &entry));
    }
    PlainPlace root;
    ASSERT_OK(manifest_finish(&root, writer));
    return bytes;
}

/* One percent of the blocks a day, anywhere. Space is told in units of the cluster. */
static void test_rewriting__bounds_space_and_manifest_over_years(void **state)
{
    (void)state;
    static Year with, without;
    double most = 0, after_a_year = 0;
    year_begin(&with);
    year_begin(&without);
    for (unsigned day = 1; day <= DAYS; day++) {
        day_pass(&with, day, true);
        day_pass(&without, day, false);
        const double now = (double)space(&with) / BLOCKS;
        most = now > most ? now : most;
        if (day == DAYS / 2)
            after_a_year = now;
    }
    const double left_alone = (double)space(&without) / BLOCKS;
    const double per_block = (double)manifest_bytes(&with) / BLOCKS;
    print_message(
        "space after one year %.2f, after two %.2f, at most %.2f, left alone %.2f; %.1f%% rewritten a day;"
        " manifest %.1f bytes a block\n",
        after_a_year, (double)space(&with) / BLOCKS, most, left_alone,
        100.0 * (double)with.rewritten / DAYS / DAY_BLOCKS, per_block);
    assert_true(left_alone > 5);
    assert_true(most < 4);
    assert_true((double)space(&with) / BLOCKS < after_a_year + 0.1); /* it does not grow any more */
    assert_true(with.rewritten <= (uint64_t)DAYS * DAY_BLOCKS / 10);
    assert_true(per_block < 20);
}

UNIT_MAIN(cmocka_unit_test(test_rewrite_choose__takes_the_worst_within_its_bound),
          cmocka_unit_test(test_rewrite_choose__leaves_what_another_backup_needs),
          cmocka_unit_test(test_rewrite_plan__reads_what_lies_in_these_packs),
          cmocka_unit_test(test_rewriting__bounds_space_and_manifest_over_years))
