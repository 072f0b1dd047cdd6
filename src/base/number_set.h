/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/number_set.h - a set of 32-bit numbers
 *
 * Made for the block numbers that a day of WAL changed, a few of each of very many relations or most of a huge one, and
 * for transaction numbers that lie close together. Numbers are kept by stretches of 65,536: a short sorted list while
 * few of them are there, a bitmap of 8 KiB from then on. The blocks of a terabyte take 16 MiB.
 *
 * A NumberSet is a value: zero is the empty set; end it with number_set_done(). The number UINT32_MAX cannot be in it.
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* The set's own. Numbers that share their upper half. */
typedef struct NumberStretch {
    uint32_t high;  /* the upper half */
    uint32_t count; /* numbers in the set */
    uint32_t room;  /* of the list; 0: it is a bitmap */
    union {
        uint16_t *list; /* sorted */
        uint64_t *words;
    };
} NumberStretch;

typedef struct NumberSet {
    NumberStretch *stretches; /* ascending, none empty */
    uint32_t count, room;     /* of stretches */
    uint32_t latest;          /* the stretch added to last; perhaps gone since */
    size_t bytes;             /* memory of all that, without this struct */
} NumberSet;

/* Numbers [first, first + count). */
typedef struct NumberRun {
    uint32_t first, count;
} NumberRun;

void number_set_done(NumberSet *set);

/* Adds the number where that takes no memory and no search: into the bitmap that was added to last. False: nothing was done.
 * Asked for with every record of WAL, so it has no branch that depends on the number. */
MUST static inline bool number_set_mark(NumberSet *set, uint32_t number)
{
    if (set->latest >= set->count)
        return false;
    NumberStretch *const stretch = &set->stretches[set->latest];
    if (stretch->room || stretch->high != number >> 16)
        return false;
    uint64_t *const word = &stretch->words[(number & 0xFFFF) / 64];
    const uint64_t old = *word;
    stretch->count += (uint32_t)(~(old >> number % 64) & 1);
    *word = old | UINT64_C(1) << number % 64;
    return true;
}

void number_set_add(NumberSet *set, uint32_t number);
void number_set_add_run(NumberSet *set, NumberRun run);
/* Adds all numbers of `from`. */
void number_set_join(NumberSet *set, const NumberSet *from);
/* Forgets `limit` and all higher numbers. */
void number_set_cut(NumberSet *set, uint32_t limit);

bool number_set_has(const NumberSet *set, uint32_t number);
uint64_t number_set_count(const NumberSet *set);

/* The first run that begins at `from` or behind it (or the rest of the one that `from` lies in); false when there is
 * none. Runs also end at multiples of 65,536, so two may touch. */
MUST bool number_set_next(NumberRun *out, const NumberSet *set, uint32_t from);
