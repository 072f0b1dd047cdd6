/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Packs of others are a sorted list that is searched; extents come in runs of the same pack, so the one that was found
 * last is looked at first. Own packs are numbered from 1 and become known only while they are counted: an array by
 * number.
 */
#include "repo/pack_tally.h"

#include "base/limits.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct PackTally {
    BackupLabel label;
    Buf older; /* of PackUse; sorted once counting has begun */
    bool is_counting;
    size_t last;  /* the one found last */
    Buf own_live; /* of uint64_t, by number - 1 */
    Buf written;  /* of PackWritten */
    Buf uses;     /* of PackUse: the result */
};

PackTally *pack_tally_new(BackupLabel label)
{
    PackTally *const tally = mem_new(sizeof *tally);
    tally->label = label;
    return tally;
}

void pack_tally_free(PackTally **tally)
{
    if (!*tally)
        return;
    buf_done(&(*tally)->older);
    buf_done(&(*tally)->own_live);
    buf_done(&(*tally)->written);
    buf_done(&(*tally)->uses);
    mem_free(tally);
}

static PackUse *older_uses(const PackTally *tally)
{
    return (PackUse *)(void *)tally->older.data;
}

static size_t older_count(const PackTally *tally)
{
    return tally->older.len / sizeof(PackUse);
}

void pack_tally_know(PackTally *tally, const PackUse *uses, size_t count)
{
    assert(!tally->is_counting);
    for (size_t i = 0; i < count; i++) {
        PackUse use = uses[i];
        use.live_bytes = 0;
        buf_add(&tally->older, &use, sizeof use);
    }
}

static int use_compare(const void *a, const void *b)
{
    const PackUse *const x = a, *const y = b;
    const int order = strcmp(x->label.text, y->label.text);
    return order ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

static void counting_begin(PackTally *tally)
{
    PackUse *const uses = older_uses(tally);
    const size_t count = older_count(tally);
    size_t kept = 0;
    if (count)
        qsort(uses, count, sizeof *uses, use_compare);
    for (size_t i = 0; i < count; i++) {
        if (!kept || use_compare(&uses[kept - 1], &uses[i]) != 0)
            uses[kept++] = uses[i];
    }
    buf_cut(&tally->older, kept * sizeof *uses);
    tally->is_counting = true;
}

static uint64_t *own_live(PackTally *tally, uint32_t pack)
{
    const size_t wanted = pack * sizeof(uint64_t);
    if (wanted > tally->own_live.len) {
        const size_t more = wanted - tally->own_live.len;
        memset(buf_reserve(&tally->own_live, more), 0, more);
        buf_grown(&tally->own_live, more);
    }
    return (uint64_t *)(void *)tally->own_live.data + (pack - 1);
}

static Err *bytes_count(PackTally *tally, const BackupLabel *label, uint32_t pack, uint64_t bytes)
{
    assert(pack >= 1 && pack <= PACK_NUMBER_MAX);
    if (!tally->is_counting)
        counting_begin(tally);
    if (text_equal(label->text, tally->label.text)) {
        *own_live(tally, pack) += bytes;
        return NULL;
    }
    const PackUse wanted = {.label = *label, .pack = pack};
    PackUse *const uses = older_uses(tally);
    const size_t count = older_count(tally);
    PackUse *use = count ? &uses[tally->last] : NULL;
    if (use && use_compare(use, &wanted) != 0)
        use = bsearch(&wanted, uses, count, sizeof *uses, use_compare);
    if (!use)
        return ERR(CORRUPT, "pack-%06" PRIu32 " of %s is drawn on and in no list of packs", pack,
                   label->text);
    tally->last = (size_t)(use - uses);
    use->live_bytes += bytes;
    return NULL;
}

Err *pack_tally_entry(PackTally *tally, const ManifestEntry *entry)
{
    for (size_t i = 0; i < entry->extent_count; i++) {
        const Extent *const extent = &entry->extents[i];
        const uint64_t left = entry->size_bytes - (uint64_t)extent->first_block * PAGE_BYTES;
        const uint64_t whole = (uint64_t)extent->count * PAGE_BYTES;
        TRY_AS(bytes_count(tally, &extent->label, extent->pack, left < whole ? left : whole), "%s",
               entry->path);
    }
    return NULL;
}

Err *pack_tally_place(PackTally *tally, const PlainPlace *place)
{
    return place->size_bytes ? bytes_count(tally, &place->label, place->pack, place->size_bytes) : NULL;
}

void pack_tally_written(PackTally *tally, const PackWritten *packs, size_t count)
{
    if (count)
        buf_add(&tally->written, packs, count * sizeof *packs);
}

static Err *use_add(PackTally *tally, const PackUse *use)
{
    if (use->live_bytes > use->plain_bytes)
        return ERR(BUG, "%" PRIu64 " bytes of pack-%06" PRIu32 " of %s are live, it holds %" PRIu64,
                   use->live_bytes, use->pack, use->label.text, use->plain_bytes);
    buf_add(&tally->uses, use, sizeof *use);
    return NULL;
}

static int written_compare(const void *a, const void *b)
{
    const uint32_t x = ((const PackWritten *)a)->pack, y = ((const PackWritten *)b)->pack;
    return (x > y) - (x < y);
}

static Err *own_uses_add(PackTally *tally)
{
    PackWritten *const written = (PackWritten *)(void *)tally->written.data;
    const size_t count = tally->written.len / sizeof *written;
    if (count)
        qsort(written, count, sizeof *written, written_compare);
    uint64_t unaccounted = 0;
    for (size_t i = 0; i < tally->own_live.len / sizeof(uint64_t); i++)
        unaccounted += ((const uint64_t *)(const void *)tally->own_live.data)[i];
    for (size_t i = 0; i < count; i++) {
        const ContainerSummary *const summary = &written[i].summary;
        const PackUse use = {.label = tally->label,
                             .pack = written[i].pack,
                             .stored_bytes = summary->stored_bytes,
                             .plain_bytes = summary->plain_bytes,
                             .live_bytes = *own_live(tally, written[i].pack),
                             .sha256 = summary->sha256};
        unaccounted -= use.live_bytes;
        TRY(use_add(tally, &use));
    }
    if (unaccounted)
        return ERR(BUG, "%" PRIu64 " bytes of backup %s lie in packs that were never written", unaccounted,
                   tally->label.text);
    return NULL;
}

Err *pack_tally_uses(PackUses *out, PackTally *tally)
{
    buf_clear(&tally->uses);
    const PackUse *const older = older_uses(tally);
    const size_t count = older_count(tally);
    size_t i = 0;
    for (; i < count && strcmp(older[i].label.text, tally->label.text) < 0; i++) {
        if (older[i].live_bytes)
            TRY(use_add(tally, &older[i]));
    }
    TRY(own_uses_add(tally));
    for (; i < count; i++) {
        if (older[i].live_bytes)
            TRY(use_add(tally, &older[i]));
    }
    *out = (PackUses){(const PackUse *)(const void *)tally->uses.data, tally->uses.len / sizeof(PackUse)};
    return NULL;
}
