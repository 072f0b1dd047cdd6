/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "restore/restore_files.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Pack numbers of one label to places in the list, plus one; 0: not met. */
typedef struct LabelPacks {
    BackupLabel label;
    uint32_t *place;
    size_t room;
    uint64_t blocks; /* of all its packs, counted by restore_files_sort() */
} LabelPacks;

void restore_files_init(RestoreFiles *files, Restore *restore)
{
    *files = (RestoreFiles){.restore = restore, .arena = arena_new()};
}

void restore_files_done(RestoreFiles *files)
{
    RestorePack **const packs = (RestorePack **)(void *)files->packs.data;
    for (size_t i = 0; i < files->packs.len / sizeof(RestorePack *); i++) {
        buf_done(&packs[i]->pieces);
        mem_free(&packs[i]);
    }
    LabelPacks *const labels = (LabelPacks *)(void *)files->labels.data;
    for (size_t i = 0; i < files->labels.len / sizeof *labels; i++)
        mem_free(&labels[i].place);
    buf_done(&files->packs);
    buf_done(&files->labels);
    buf_done(&files->files);
    arena_free(&files->arena);
}

static LabelPacks *label_packs(RestoreFiles *files, BackupLabel label)
{
    LabelPacks *labels = (LabelPacks *)(void *)files->labels.data;
    const size_t count = files->labels.len / sizeof *labels;
    /* Neighbours mostly come from the same backup, the one met last. */
    for (size_t i = count; i-- > 0;) {
        if (text_equal(labels[i].label.text, label.text))
            return &labels[i];
    }
    buf_add(&files->labels, &(LabelPacks){.label = label}, sizeof(LabelPacks));
    labels = (LabelPacks *)(void *)files->labels.data;
    return &labels[count];
}

static RestorePack *pack_of(RestoreFiles *files, BackupLabel label, uint32_t number)
{
    LabelPacks *const packs = label_packs(files, label);
    if (number >= packs->room) {
        const size_t room = (size_t)number * 2 + 16;
        packs->place = mem_resize(packs->place, room * sizeof *packs->place);
        memset(packs->place + packs->room, 0, (room - packs->room) * sizeof *packs->place);
        packs->room = room;
    }
    if (!packs->place[number]) {
        RestorePack *const pack = mem_new(sizeof *pack);
        pack->label = label;
        pack->pack = number;
        buf_add(&files->packs, &pack, sizeof(RestorePack *));
        packs->place[number] = (uint32_t)(files->packs.len / sizeof(RestorePack *));
    }
    return ((RestorePack **)(void *)files->packs.data)[packs->place[number] - 1];
}

void restore_files_add(RestoreFiles *files, const RestoreFile *file, const Extent *extents, size_t count)
{
    const uint32_t number = (uint32_t)(files->files.len / sizeof *file);
    RestoreFile kept = *file;
    kept.path = arena_text(files->arena, file->path);
    buf_add(&files->files, &kept, sizeof kept);
    for (size_t i = 0; i < count; i++) {
        const RestorePiece piece = {.offset = extents[i].offset,
                                    .file = number,
                                    .first_block = extents[i].first_block,
                                    .count = extents[i].count};
        RestorePack *const pack = pack_of(files, extents[i].label, extents[i].pack);
        buf_add(&pack->pieces, &piece, sizeof piece);
        pack->blocks += piece.count;
    }
}

static int pack_order(const void *a, const void *b)
{
    const RestorePack *const x = *(RestorePack *const *)a, *const y = *(RestorePack *const *)b;
    if (x->label_blocks != y->label_blocks)
        return x->label_blocks < y->label_blocks ? -1 : 1;
    const int labels = strcmp(x->label.text, y->label.text);
    if (labels)
        return labels;
    return x->pack < y->pack ? -1 : x->pack > y->pack;
}

void restore_files_sort(RestoreFiles *files)
{
    RestorePack **const packs = (RestorePack **)(void *)files->packs.data;
    const size_t count = files->packs.len / sizeof *packs;
    for (size_t i = 0; i < count; i++)
        label_packs(files, packs[i]->label)->blocks += packs[i]->blocks;
    for (size_t i = 0; i < count; i++)
        packs[i]->label_blocks = label_packs(files, packs[i]->label)->blocks;
    qsort(packs, count, sizeof *packs, pack_order);
}

uint64_t restore_piece_bytes(const RestoreFile *file, const RestorePiece *piece)
{
    const uint64_t begin = (uint64_t)piece->first_block * PAGE_BYTES;
    const uint64_t whole = (uint64_t)piece->count * PAGE_BYTES;
    return begin + whole <= file->size_bytes ? whole : file->size_bytes - begin;
}
