/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "retention/stock.h"

#include "archive/wal_window.h"
#include "base/text.h"

#include <string.h>

static Err *fault_keep(Stock *stock, Err *err, Arena *arena)
{
    if (!err_is(err, ERR_CORRUPT) && !err_is(err, ERR_UNSUPPORTED) && !err_is(err, ERR_LIMIT))
        return err;
    stock->fault = arena_text(arena, err_text(err));
    err_free(&err);
    return NULL;
}

/* What has gone since it was listed is as if it had gone before. */
static Err *content_read(StockBackup *backup, Stock *stock, Arena *arena)
{
    const KeyRoot *const root = &stock->generation->root;
    const BackupLabel label = backup->entry.label;
    Err *err = NULL;
    if (backup->entry.is_committed)
        err = backup_record_load(&backup->record, stock->repo, root, label, arena);
    else if (backup->entry.has_begin)
        err = backup_begin_load(&backup->begin, stock->repo, root, label, arena);
    else
        return NULL;
    backup->is_readable = !err;
    if (!err_is(err, ERR_NOT_FOUND))
        return err ? fault_keep(stock, err, arena) : NULL;
    err_free(&err);
    backup->entry.is_committed = backup->entry.has_begin = false;
    stock->is_overtaken = true;
    return NULL;
}

static Err *backups_read(Stock *stock, Arena *arena)
{
    const BackupEntry *entries;
    TRY(backup_list(&entries, &stock->count, stock->repo, &stock->generation->root, arena));
    stock->backups = arena_alloc(arena, stock->count * sizeof *stock->backups);
    for (size_t i = 0; i < stock->count; i++) {
        StockBackup *const backup = &stock->backups[i];
        backup->entry = entries[i];
        backup->pin = hold_find(&stock->holds, HOLD_PINS, entries[i].label.text);
        backup->fate = hold_find(&stock->holds, HOLD_FATES, entries[i].label.text);
        TRY(content_read(backup, stock, arena));
    }
    return NULL;
}

static Err *production_find(Stock *stock, Arena *arena)
{
    const BranchRecord *records;
    size_t count;
    TRY(branch_list(&records, &count, stock->repo, &stock->generation->root, arena));
    const Timeline tip = lineage_production(records, count);
    return tip.id ? lineage_load(&stock->production, stock->repo, stock->generation, tip, arena) : NULL;
}

/* Is its WAL there, along the production branch or, for another one, its own timeline's? */
static Err *backup_judge(StockBackup *backup, const Stock *stock, Arena *arena)
{
    const BackupRecord *const record = &backup->record;
    Lineage own = stock->production;
    backup->is_on_production =
        own.count && lineage_has_backup(&stock->production, record->timeline, record->stop_lsn);
    if (!backup->is_on_production)
        TRY(lineage_load(&own, stock->repo, stock->generation, record->timeline, arena));
    const WalSource source = {
        .repo = stock->repo, .generation = stock->generation, .archive = &stock->archive, .lineage = &own};
    const WalWindow window = wal_window_find(&source, record->start_lsn);
    backup->is_good = record->offline || wal_window_reaches(&window, record->stop_lsn);
    if (!backup->is_good)
        backup->missing = window.missing;
    const bool is_by_hand = backup->fate && !backup->fate->fault && backup->fate->by != HOLD_BY_RULE &&
                            backup->fate->word != HOLD_REPRIEVED;
    backup->is_given_up =
        is_by_hand || (!backup->is_on_production && hold_is_given_up(&stock->holds, record->timeline));
    return NULL;
}

static void holds_imagine(HoldList *list, const HoldList *imagined, Arena *arena)
{
    Hold *const holds = arena_alloc(arena, (list->count + imagined->count) * sizeof *holds);
    size_t count = imagined->count;
    if (count)
        memcpy(holds, imagined->holds, count * sizeof *holds);
    for (size_t i = 0; i < list->count; i++) {
        if (!hold_find(imagined, list->holds[i].folder, list->holds[i].subject))
            holds[count++] = list->holds[i];
    }
    list->holds = holds;
    list->count = count;
}

Err *stock_take(Stock *out, Repo *repo, const Generation *generation, const HoldList *imagined, Arena *arena)
{
    Stock stock = {.repo = repo, .generation = generation};
    TRY(hold_list(&stock.holds, repo, &generation->root, arena));
    holds_imagine(&stock.holds, imagined, arena);
    TRY(backups_read(&stock, arena));
    TRY(wal_archive_list(&stock.archive, repo, generation, arena));
    TRY(production_find(&stock, arena));
    for (size_t i = 0; i < stock.count; i++) {
        if (stock.backups[i].entry.is_committed && stock.backups[i].is_readable)
            TRY(backup_judge(&stock.backups[i], &stock, arena));
    }
    *out = stock;
    return NULL;
}

StockAsk stock_ask(const Stock *stock, const Promises *promises, Instant now, Arena *arena)
{
    PolicyBackup *const backups = arena_alloc(arena, stock->count * sizeof *backups);
    size_t *const places = arena_alloc(arena, stock->count * sizeof *places);
    size_t count = 0;
    for (size_t i = 0; i < stock->count; i++) {
        const StockBackup *const backup = &stock->backups[i];
        if (!backup->entry.is_committed || !backup->is_readable)
            continue;
        places[count] = i;
        backups[count++] = (PolicyBackup){.label = backup->entry.label,
                                          .start_lsn = backup->record.start_lsn,
                                          .stop_lsn = backup->record.stop_lsn,
                                          .start_time = backup->record.start_time,
                                          .stop_time = backup->record.stop_time,
                                          .stored = backup->entry.committed,
                                          .is_on_production = backup->is_on_production,
                                          .is_good = backup->is_good,
                                          .is_pinned = hold_is_pinned(&stock->holds, backup->entry.label),
                                          .is_given_up = backup->is_given_up,
                                          .is_forced = backup->is_given_up && backup->fate &&
                                                       backup->fate->by == HOLD_BY_FORCE};
    }
    return (StockAsk){.ask = {.backups = backups, .count = count, .promises = *promises, .now = now},
                      .places = places};
}

const StockBackup *stock_find(const Stock *stock, BackupLabel label)
{
    for (size_t i = 0; i < stock->count; i++) {
        if (text_equal(stock->backups[i].entry.label.text, label.text))
            return &stock->backups[i];
    }
    return NULL;
}

bool stock_is_remains(const StockBackup *backup)
{
    return !backup->entry.is_committed && !backup->entry.has_begin;
}
