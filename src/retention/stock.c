/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "retention/stock.h"

#include "archive/wal_window.h"

#include <stdlib.h>
#include <string.h>

static Err *text_keep(const char **out, Err *err, Arena *arena)
{
    if (!err_is(err, ERR_CORRUPT) && !err_is(err, ERR_UNSUPPORTED) && !err_is(err, ERR_LIMIT))
        return err;
    *out = arena_text(arena, err_text(err));
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
        return err ? text_keep(&stock->fault, err, arena) : NULL;
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

/* ---- lines of descent ---- */

/* Timelines, each once. */
static void timeline_add(Buf *timelines, Timeline timeline)
{
    const Timeline *const known = (const Timeline *)(const void *)timelines->data;
    for (size_t i = 0; i < timelines->len / sizeof *known; i++) {
        if (known[i].id == timeline.id)
            return;
    }
    buf_add(timelines, &timeline, sizeof timeline);
}

/* The line of production's ancestor, which went on behind the point where production left it. */
static Lineage ancestor_line(const Lineage *production, const LineagePart *part, Arena *arena)
{
    const size_t count = (size_t)(part - production->parts) + 1;
    LineagePart *const parts = arena_alloc(arena, count * sizeof *parts);
    memcpy(parts, production->parts, count * sizeof *parts);
    parts[count - 1].end = LINEAGE_OPEN;
    Lineage line = *production;
    line.timeline = part->timeline;
    line.parts = parts;
    line.count = count;
    return line;
}

static Err *other_add(Buf *lines, Stock *stock, Timeline timeline, Arena *arena)
{
    const LineagePart *const part = lineage_part(&stock->production, timeline);
    if (timeline.id == stock->production.timeline.id || hold_is_given_up(&stock->holds, timeline))
        return NULL;
    Lineage line;
    if (part) {
        line = ancestor_line(&stock->production, part, arena);
    } else {
        Err *err = lineage_load(&line, stock->repo, stock->generation, timeline, arena);
        if (err)
            return text_keep(&stock->line_fault, err, arena);
    }
    buf_add(lines, &line, sizeof line);
    return NULL;
}

static Err *others_find(Stock *stock, const BranchRecord *records, size_t count, Arena *arena)
{
    AUTO(buf_done) Buf timelines = {0};
    AUTO(buf_done) Buf lines = {0};
    for (size_t i = 0; i < stock->archive.count; i++)
        timeline_add(&timelines, stock->archive.timelines[i].timeline);
    for (size_t i = 0; i < count; i++)
        timeline_add(&timelines, records[i].timeline);
    for (size_t i = 0; i < stock->count; i++) {
        if (stock->backups[i].entry.is_committed && stock->backups[i].is_readable)
            timeline_add(&timelines, stock->backups[i].record.timeline);
    }
    for (size_t at = 0; at < timelines.len; at += sizeof(Timeline)) {
        Timeline timeline;
        memcpy(&timeline, timelines.data + at, sizeof timeline);
        TRY(other_add(&lines, stock, timeline, arena));
    }
    stock->others = (const Lineage *)(const void *)arena_bytes(arena, buf_span(&lines)).ptr;
    stock->other_count = lines.len / sizeof(Lineage);
    return NULL;
}

/* Without the records of branches nobody knows which line is production's. */
static Err *lines_find(Stock *stock, Arena *arena)
{
    const BranchRecord *records = NULL;
    size_t count = 0;
    Err *err = branch_list(&records, &count, stock->repo, &stock->generation->root, arena);
    const Timeline tip = err ? (Timeline){0} : lineage_production(records, count);
    if (tip.id)
        err = lineage_load(&stock->production, stock->repo, stock->generation, tip, arena);
    if (err)
        return text_keep(&stock->line_fault, err, arena);
    return others_find(stock, records, count, arena);
}

bool stock_line_of(const Lineage **out, const Stock *stock, const BackupRecord *record, size_t at)
{
    for (size_t i = 0; i < stock->other_count; i++) {
        if (!lineage_has_backup(&stock->others[i], record->timeline, record->stop_lsn) || at-- > 0)
            continue;
        *out = &stock->others[i];
        return true;
    }
    return false;
}

/* ---- judging ---- */

static bool is_by_hand(const Hold *fate)
{
    return fate && !fate->fault && fate->by != HOLD_BY_RULE && fate->word != HOLD_REPRIEVED;
}

/* The line along which it can be used: production, a line that was not given up, its own timeline's. */
static Err *line_find(Lineage *out, StockBackup *backup, Stock *stock, Arena *arena)
{
    const BackupRecord *const record = &backup->record;
    const Lineage *other;
    backup->is_placed = true;
    backup->is_on_production =
        stock->production.count && lineage_has_backup(&stock->production, record->timeline, record->stop_lsn);
    const bool has_other = stock_line_of(&other, stock, record, 0);
    *out = backup->is_on_production ? stock->production : has_other ? *other : (Lineage){.count = 0};
    if (out->count)
        return NULL;
    Err *err = lineage_load(out, stock->repo, stock->generation, record->timeline, arena);
    if (!err)
        return NULL;
    backup->is_placed = false;
    return text_keep(&stock->line_fault, err, arena);
}

/* Is its WAL there, and was it given up? */
static Err *backup_judge(StockBackup *backup, Stock *stock, Arena *arena)
{
    const BackupRecord *const record = &backup->record;
    const Lineage *other;
    Lineage line;
    if (!stock->production.count && stock->line_fault)
        return NULL;
    TRY(line_find(&line, backup, stock, arena));
    if (!backup->is_placed)
        return NULL;
    const WalSource source = {
        .repo = stock->repo, .generation = stock->generation, .archive = &stock->archive, .lineage = &line};
    const WalWindow window = wal_window_find(&source, record->start_lsn);
    backup->is_good = record->offline || wal_window_reaches(&window, record->stop_lsn);
    if (!backup->is_good)
        backup->missing = window.missing;
    /* A line that cannot be read may lead on from it. */
    const bool is_left = !backup->is_on_production && hold_is_given_up(&stock->holds, record->timeline) &&
                         !stock->line_fault && !stock_line_of(&other, stock, record, 0);
    backup->is_given_up = is_by_hand(backup->fate) || is_left;
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
    TRY(lines_find(&stock, arena));
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
        if (!backup->entry.is_committed || !backup->is_readable || !backup->is_placed)
            continue;
        places[count] = i;
        PolicyBackup *const judged = &backups[count++];
        *judged = policy_backup(&backup->record, backup->entry.committed);
        judged->is_on_production = backup->is_on_production;
        judged->is_good = backup->is_good;
        judged->is_pinned = hold_is_pinned(&stock->holds, backup->entry.label);
        judged->is_given_up = backup->is_given_up;
        judged->is_forced = backup->is_given_up && backup->fate && backup->fate->by == HOLD_BY_FORCE;
    }
    return (StockAsk){.ask = {.backups = backups, .count = count, .promises = *promises, .now = now},
                      .places = places};
}

static int label_order(const void *label, const void *backup)
{
    return strcmp(((const BackupLabel *)label)->text, ((const StockBackup *)backup)->entry.label.text);
}

/* Asked for each pack that each backup draws on. */
const StockBackup *stock_find(const Stock *stock, BackupLabel label)
{
    return stock->count ? bsearch(&label, stock->backups, stock->count, sizeof *stock->backups, label_order)
                        : NULL;
}

bool stock_is_remains(const StockBackup *backup)
{
    return !backup->entry.is_committed && !backup->entry.has_begin;
}
