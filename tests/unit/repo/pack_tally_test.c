/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "base/text.h"
#include "repo/pack_tally.h"

static const BackupLabel older = {"20261120-000000F"}, own = {"20261121-083000I"};
static const BackupLabel broken_off = {"20261121-070000I"};

static PackUse use_of(BackupLabel label, uint32_t pack)
{
    return (PackUse){.label = label,
                     .pack = pack,
                     .stored_bytes = 1000 + pack,
                     .plain_bytes = 1 << 20,
                     .live_bytes = 77, /* of the backup that it was taken from */
                     .sha256 = {{(uint8_t)pack}}};
}

static PackWritten written_of(uint32_t pack, uint64_t plain_bytes)
{
    return (PackWritten){.pack = pack, .summary = {.stored_bytes = 5 * pack, .plain_bytes = plain_bytes}};
}

/* Blocks 0 and 1 in a pack of another label, 2 and the short block 3 in an own one. */
static Err *entry_count(PackTally *tally, BackupLabel label, uint32_t others, uint32_t mine)
{
    const Extent extents[] = {{0, 2, label, others, 0}, {2, 2, own, mine, 100}};
    const ManifestEntry entry = {
        .path = "base/5/1", .size_bytes = 3 * PAGE_BYTES + 5, .extents = extents, .extent_count = 2};
    return pack_tally_entry(tally, &entry);
}

static void test_pack_tally__counts_exactly_what_is_needed(void **state)
{
    (void)state;
    AUTO(pack_tally_free) PackTally *tally = pack_tally_new(own);
    const PackUse parents[] = {use_of(older, 1), use_of(older, 2), use_of(older, 9)};
    const PackUse others[] = {use_of(older, 9), use_of(broken_off, 3)};
    pack_tally_know(tally, parents, 3);
    pack_tally_know(tally, others, 2);
    ASSERT_OK(entry_count(tally, older, 9, 3));
    ASSERT_OK(entry_count(tally, broken_off, 3, 3));
    ASSERT_OK(entry_count(tally, older, 9, 1));
    const PlainPlace leaf = {.label = older, .pack = 2, .offset = 5, .size_bytes = 300};
    const PlainPlace root = {.label = own, .pack = 1, .size_bytes = 11}, nothing = {.label = own, .pack = 7};
    ASSERT_OK(pack_tally_place(tally, &leaf));
    ASSERT_OK(pack_tally_place(tally, &root));
    ASSERT_OK(pack_tally_place(tally, &nothing));
    const PackWritten first[] = {written_of(3, 1 << 20)};
    const PackWritten second[] = {written_of(2, 4), written_of(1, 1 << 20)};
    pack_tally_written(tally, first, 1);
    pack_tally_written(tally, second, 2);

    const uint64_t page = PAGE_BYTES;
    const struct {
        BackupLabel label;
        uint32_t pack;
        uint64_t live;
    } expected[] = {
        {older, 2, 300},         {older, 9, 4 * page}, {broken_off, 3, 2 * page},
        {own, 1, page + 5 + 11}, {own, 2, 0},          {own, 3, 2 * (page + 5)},
    };
    PackUses uses;
    ASSERT_OK(pack_tally_uses(&uses, tally));
    assert_int_equal(uses.count, COUNT_OF(expected));
    for (size_t i = 0; i < uses.count; i++) {
        const PackUse *const use = &uses.uses[i];
        const bool is_own = text_equal(use->label.text, own.text);
        assert_string_equal(use->label.text, expected[i].label.text);
        assert_int_equal(use->pack, expected[i].pack);
        assert_int_equal(use->live_bytes, expected[i].live);
        assert_int_equal(use->stored_bytes, is_own ? 5 * use->pack : 1000 + use->pack);
        assert_int_equal(use->plain_bytes, is_own && use->pack == 2 ? 4 : 1 << 20);
        assert_int_equal(use->sha256.bytes[0], is_own ? 0 : use->pack);
    }
}

static void test_pack_tally__knows_only_packs_that_it_was_told_of(void **state)
{
    (void)state;
    AUTO(pack_tally_free) PackTally *tally = pack_tally_new(own);
    ASSERT_ERR_TEXT(CORRUPT, "base/5/1: pack-000004 of 20261120-000000F", entry_count(tally, older, 4, 1));
    AUTO(pack_tally_free) PackTally *other = pack_tally_new(own);
    const PackUse parent = use_of(older, 5);
    pack_tally_know(other, &parent, 1);
    ASSERT_ERR(CORRUPT, entry_count(other, older, 4, 1));
    ASSERT_ERR(CORRUPT, entry_count(other, broken_off, 5, 1));
}

static void test_pack_tally__refuses_a_sum_that_cannot_be(void **state)
{
    (void)state;
    PackUses uses;
    AUTO(pack_tally_free) PackTally *tally = pack_tally_new(own);
    const PlainPlace place = {.label = own, .pack = 2, .size_bytes = 10};
    const PackWritten wrong[] = {written_of(1, 10)}, small[] = {written_of(2, 9)};
    ASSERT_OK(pack_tally_place(tally, &place));
    pack_tally_written(tally, wrong, 1);
    ASSERT_ERR_TEXT(BUG, "10 bytes of backup 20261121-083000I lie in packs that were never written",
                    pack_tally_uses(&uses, tally));
    pack_tally_written(tally, small, 1);
    ASSERT_ERR_TEXT(BUG, "are live, it holds 9", pack_tally_uses(&uses, tally));
}

static void test_pack_tally__may_be_empty(void **state)
{
    (void)state;
    PackUses uses;
    AUTO(pack_tally_free) PackTally *tally = pack_tally_new(own);
    ASSERT_OK(pack_tally_uses(&uses, tally));
    assert_int_equal(uses.count, 0);
}

UNIT_MAIN(cmocka_unit_test(test_pack_tally__counts_exactly_what_is_needed),
          cmocka_unit_test(test_pack_tally__knows_only_packs_that_it_was_told_of),
          cmocka_unit_test(test_pack_tally__refuses_a_sum_that_cannot_be),
          cmocka_unit_test(test_pack_tally__may_be_empty))
