/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/rel_index.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 64 };

void rel_index_done(RelIndex *index)
{
    mem_free(&index->files);
    mem_free(&index->slots);
    *index = (RelIndex){.files = NULL};
}

/* Where the file stands, or the free slot where it belongs. */
static size_t slot_of(const RelIndex *index, RelFile file)
{
    const uint64_t key =
        file.number.id ^ (uint64_t)file.database.id << 32 ^ (uint64_t)file.tablespace.id << 16;
    const uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(mixed >> 32) & (index->slot_count - 1);
    while (index->slots[slot] && !rel_file_equal(index->files[index->slots[slot] - 1], file))
        slot = (slot + 1) & (index->slot_count - 1);
    return slot;
}

static void slots_grow(RelIndex *index)
{
    mem_free(&index->slots);
    index->slot_count = index->slot_count ? index->slot_count * 2 : SLOTS_FIRST;
    index->slots = mem_new(index->slot_count * sizeof *index->slots);
    for (uint32_t i = 0; i < index->count; i++)
        index->slots[slot_of(index, index->files[i])] = i + 1;
}

uint32_t rel_index_add(RelIndex *index, RelFile file)
{
    const uint32_t latest = rel_index_latest(index, file);
    if (latest != UINT32_MAX)
        return latest;
    if ((size_t)index->count * 2 >= index->slot_count)
        slots_grow(index);
    const size_t slot = slot_of(index, file);
    if (!index->slots[slot]) {
        if (index->count == index->room) {
            index->room = index->room ? index->room * 2 : SLOTS_FIRST / 2;
            index->files = mem_resize(index->files, index->room * sizeof *index->files);
        }
        index->files[index->count++] = file;
        index->slots[slot] = index->count;
    }
    index->latest[file.number.id % REL_INDEX_LATEST] = (RelLatest){file, index->slots[slot]};
    return index->slots[slot] - 1;
}

bool rel_index_find(uint32_t *out, const RelIndex *index, RelFile file)
{
    if (!index->slot_count)
        return false;
    const uint32_t found = index->slots[slot_of(index, file)];
    if (found)
        *out = found - 1;
    return found != 0;
}

static int by_file(const void *a, const void *b, void *files)
{
    const RelFile *const x = (const RelFile *)files + *(const uint32_t *)a;
    const RelFile *const y = (const RelFile *)files + *(const uint32_t *)b;
    if (x->tablespace.id != y->tablespace.id)
        return x->tablespace.id < y->tablespace.id ? -1 : 1;
    if (x->database.id != y->database.id)
        return x->database.id < y->database.id ? -1 : 1;
    return x->number.id < y->number.id ? -1 : x->number.id > y->number.id;
}

uint32_t *rel_index_order(const RelIndex *index)
{
    uint32_t *const order = mem_new((index->count + 1) * sizeof *order);
    for (uint32_t i = 0; i < index->count; i++)
        order[i] = i;
    if (index->count)
        qsort_r(order, index->count, sizeof *order, by_file, index->files);
    return order;
}
