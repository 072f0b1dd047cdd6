/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/number_set.h"

#include <string.h>

enum {
    STRETCH_BITS = 16,
    STRETCH_NUMBERS = 1 << STRETCH_BITS,
    STRETCH_WORDS = STRETCH_NUMBERS / 64,
    LIST_FIRST = 4,
    /* A longer list costs more to insert into than a bitmap costs memory: sooner where numbers come one by one, hundreds of
     * thousands from a segment of WAL, than where the runs of many sets are joined. */
    LIST_MAX_ONES = 128,
    LIST_MAX_RUNS = 1024,
};

static uint16_t low_of(uint32_t number)
{
    return (uint16_t)(number & (STRETCH_NUMBERS - 1));
}

static size_t stretch_bytes(const NumberStretch *stretch)
{
    return stretch->room ? stretch->room * sizeof *stretch->list : STRETCH_WORDS * sizeof *stretch->words;
}

/* The index of the first stretch with this upper half or a higher one. */
static uint32_t stretch_index(const NumberSet *set, uint32_t high)
{
    /* Numbers mostly come ascending. */
    if (set->count && set->stretches[set->count - 1].high < high)
        return set->count;
    uint32_t begin = 0, end = set->count;
    while (begin < end) {
        const uint32_t middle = (begin + end) / 2;
        if (set->stretches[middle].high < high)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static NumberStretch *stretch_get(NumberSet *set, uint32_t high)
{
    const uint32_t at = stretch_index(set, high);
    set->latest = at;
    if (at < set->count && set->stretches[at].high == high)
        return &set->stretches[at];
    if (set->count == set->room) {
        set->bytes -= set->room * sizeof *set->stretches;
        set->room = set->room ? set->room * 2 : 1;
        set->bytes += set->room * sizeof *set->stretches;
        set->stretches = mem_resize(set->stretches, set->room * sizeof *set->stretches);
    }
    NumberStretch *const place = &set->stretches[at];
    memmove(place + 1, place, (set->count - at) * sizeof *place);
    set->count++;
    *place = (NumberStretch){.high = high, .room = LIST_FIRST};
    place->list = mem_new(LIST_FIRST * sizeof *place->list);
    set->bytes += stretch_bytes(place);
    return place;
}

static void stretch_done(NumberSet *set, NumberStretch *stretch)
{
    set->bytes -= stretch_bytes(stretch);
    if (stretch->room)
        mem_free(&stretch->list);
    else
        mem_free(&stretch->words);
}

void number_set_done(NumberSet *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        stretch_done(set, &set->stretches[i]);
    mem_free(&set->stretches);
    *set = (NumberSet){.stretches = NULL};
}

static void list_to_words(NumberStretch *stretch)
{
    uint64_t *const words = mem_new(STRETCH_WORDS * sizeof *words);
    for (uint32_t i = 0; i < stretch->count; i++)
        words[stretch->list[i] / 64] |= UINT64_C(1) << stretch->list[i] % 64;
    mem_free(&stretch->list);
    stretch->words = words;
    stretch->room = 0;
}

/* The index of the first entry that is `low` or higher. */
static uint32_t list_index(const NumberStretch *stretch, uint16_t low)
{
    uint32_t begin = 0, end = stretch->count;
    while (begin < end) {
        const uint32_t middle = (begin + end) / 2;
        if (stretch->list[middle] < low)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static void list_add(NumberStretch *stretch, uint16_t low)
{
    const uint32_t at = list_index(stretch, low);
    if (at < stretch->count && stretch->list[at] == low)
        return;
    if (stretch->count == stretch->room) {
        stretch->room *= 2;
        stretch->list = mem_resize(stretch->list, stretch->room * sizeof *stretch->list);
    }
    uint16_t *const place = &stretch->list[at];
    memmove(place + 1, place, (stretch->count - at) * sizeof *place);
    *place = low;
    stretch->count++;
}

static void word_set(NumberStretch *stretch, uint32_t low)
{
    uint64_t *const word = &stretch->words[low / 64];
    const uint64_t bit = UINT64_C(1) << low % 64;
    stretch->count += !(*word & bit);
    *word |= bit;
}

/* Numbers [low, low + count) of a bitmap, a word at a time. */
static void words_add(NumberStretch *stretch, uint32_t low, uint32_t count)
{
    const uint32_t end = low + count;
    while (low < end) {
        const uint32_t next = (low / 64 + 1) * 64 < end ? (low / 64 + 1) * 64 : end;
        const uint64_t mask = UINT64_MAX >> (64 - (next - low)) << low % 64;
        uint64_t *const word = &stretch->words[low / 64];
        stretch->count += (uint32_t)__builtin_popcountll(mask & ~*word);
        *word |= mask;
        low = next;
    }
}

/* Numbers [low, low + count) of one stretch. */
static void stretch_add(NumberStretch *stretch, uint32_t low, uint32_t count, uint32_t list_max)
{
    if (stretch->room && stretch->count + count > list_max)
        list_to_words(stretch);
    if (!stretch->room && count == 1) {
        word_set(stretch, low);
        return;
    }
    if (!stretch->room) {
        words_add(stretch, low, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        list_add(stretch, (uint16_t)(low + i));
}

static void add_run(NumberSet *set, NumberRun run, uint32_t list_max)
{
    while (run.count) {
        const uint32_t left = STRETCH_NUMBERS - low_of(run.first);
        const uint32_t count = run.count < left ? run.count : left;
        NumberStretch *const stretch = stretch_get(set, run.first >> STRETCH_BITS);
        set->bytes -= stretch_bytes(stretch);
        stretch_add(stretch, low_of(run.first), count, list_max);
        set->bytes += stretch_bytes(stretch);
        run.first += count;
        run.count -= count;
    }
}

void number_set_add_run(NumberSet *set, NumberRun run)
{
    add_run(set, run, LIST_MAX_RUNS);
}

void number_set_add(NumberSet *set, uint32_t number)
{
    if (!number_set_mark(set, number))
        add_run(set, (NumberRun){number, 1}, LIST_MAX_ONES);
}

void number_set_join(NumberSet *set, const NumberSet *from)
{
    NumberRun run = {0, 0};
    while (number_set_next(&run, from, run.first + run.count))
        number_set_add_run(set, run);
}

/* Leaves the numbers below `low` of a stretch. */
static void stretch_cut(NumberStretch *stretch, uint16_t low)
{
    if (stretch->room) {
        stretch->count = list_index(stretch, low);
        return;
    }
    const unsigned word = low / 64;
    stretch->words[word] &= (UINT64_C(1) << low % 64) - 1;
    memset(stretch->words + word + 1, 0, (STRETCH_WORDS - word - 1) * sizeof *stretch->words);
    stretch->count = 0;
    for (unsigned i = 0; i <= word; i++)
        stretch->count += (uint32_t)__builtin_popcountll(stretch->words[i]);
}

void number_set_cut(NumberSet *set, uint32_t limit)
{
    const uint32_t high = limit >> STRETCH_BITS;
    uint32_t kept = stretch_index(set, high);
    if (kept < set->count && set->stretches[kept].high == high) {
        stretch_cut(&set->stretches[kept], low_of(limit));
        kept += set->stretches[kept].count > 0;
    }
    for (uint32_t i = kept; i < set->count; i++)
        stretch_done(set, &set->stretches[i]);
    set->count = kept;
}

static const NumberStretch *stretch_find(const NumberSet *set, uint32_t high)
{
    const uint32_t at = stretch_index(set, high);
    return at < set->count && set->stretches[at].high == high ? &set->stretches[at] : NULL;
}

bool number_set_has(const NumberSet *set, uint32_t number)
{
    const NumberStretch *const stretch = stretch_find(set, number >> STRETCH_BITS);
    const uint16_t low = low_of(number);
    if (!stretch)
        return false;
    if (!stretch->room)
        return stretch->words[low / 64] >> low % 64 & 1;
    const uint32_t at = list_index(stretch, low);
    return at < stretch->count && stretch->list[at] == low;
}

uint64_t number_set_count(const NumberSet *set)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < set->count; i++)
        count += set->stretches[i].count;
    return count;
}

/* ---- runs; inside a stretch numbers go up to STRETCH_NUMBERS */

static bool list_next(NumberRun *out, const NumberStretch *stretch, uint32_t from)
{
    uint32_t at = list_index(stretch, (uint16_t)from);
    if (at == stretch->count)
        return false;
    *out = (NumberRun){stretch->list[at], 1};
    while (++at < stretch->count && stretch->list[at] == out->first + out->count)
        out->count++;
    return true;
}

/* The first block at or behind `from` that is in the set (`flip` 0) or not in it (all ones); STRETCH_NUMBERS for none. */
static uint32_t words_seek(const NumberStretch *stretch, uint32_t from, uint64_t flip)
{
    for (uint32_t at = from; at < STRETCH_NUMBERS; at = (at / 64 + 1) * 64) {
        const uint64_t word = (stretch->words[at / 64] ^ flip) >> at % 64;
        if (word)
            return at + (uint32_t)__builtin_ctzll(word);
    }
    return STRETCH_NUMBERS;
}

static bool words_next(NumberRun *out, const NumberStretch *stretch, uint32_t from)
{
    const uint32_t first = words_seek(stretch, from, 0);
    if (first == STRETCH_NUMBERS)
        return false;
    *out = (NumberRun){first, words_seek(stretch, first, UINT64_MAX) - first};
    return true;
}

bool number_set_next(NumberRun *out, const NumberSet *set, uint32_t from)
{
    const uint32_t high = from >> STRETCH_BITS;
    for (uint32_t i = stretch_index(set, high); i < set->count; i++) {
        const NumberStretch *const stretch = &set->stretches[i];
        const uint32_t low = stretch->high == high ? low_of(from) : 0;
        if (stretch->room ? list_next(out, stretch, low) : words_next(out, stretch, low)) {
            out->first += stretch->high << STRETCH_BITS;
            return true;
        }
    }
    return false;
}
