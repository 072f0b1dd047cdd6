/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

#include "pg/wal_changes.h"

#include "base/buf.h"
#include "base/limits.h"
#include "pg/rel_index.h"
#include "pg/xact.h"

#include <stdio.h>
#include <string.h>

enum { SMGR_CREATE = 0x10, SMGR_TRUNCATE = 0x20, SMGR_TRUNCATE_HEAP = 0x01 };

/* 15 gave CREATE DATABASE a second way and DROP another number (src/include/commands/dbcommands_xlog.h). */
enum { DBASE_CREATE_FILE_COPY = 0x00, DBASE_CREATE_WAL_LOG = 0x10, DBASE_DROP = 0x20, DBASE_DROP_14 = 0x10 };

struct WalChanges {
    RelIndex index;
    WalChange *list; /* by the index */
    size_t room;
    uint32_t *order;  /* of wal_changes_at(); NULL: none was asked for since */
    size_t set_bytes; /* memory of all sets of blocks */
    Buf databases;    /* of WalDatabase */
    char fault[160];  /* "" while the map can be trusted */
};

WalChanges *wal_changes_new(void)
{
    return mem_new(sizeof(WalChanges));
}

void wal_changes_free(WalChanges **changes)
{
    if (!*changes)
        return;
    for (size_t i = 0; i < (*changes)->index.count; i++)
        number_set_done(&(*changes)->list[i].blocks);
    rel_index_done(&(*changes)->index);
    mem_free(&(*changes)->list);
    mem_free(&(*changes)->order);
    buf_done(&(*changes)->databases);
    mem_free(changes);
}

/* ---- finding relations */

static void latest_clear(WalChange *change)
{
    for (int i = 0; i < WAL_CHANGE_LATEST; i++)
        change->latest[i] = WAL_NO_BLOCK;
}

static WalChange *change_add(WalChanges *changes, RelFile file)
{
    if (changes->index.count > changes->room) {
        changes->room = changes->index.room;
        changes->list = mem_resize(changes->list, changes->room * sizeof *changes->list);
    }
    mem_free(&changes->order);
    WalChange *const change = &changes->list[changes->index.count - 1];
    *change = (WalChange){.file = file, .limit = WAL_NO_LIMIT};
    latest_clear(change);
    return change;
}

/* NULL when there is no room for another relation. */
static WalChange *change_get(WalChanges *changes, RelFile file)
{
    const uint32_t count = changes->index.count;
    uint32_t place = rel_index_latest(&changes->index, file);
    if (place != UINT32_MAX)
        return &changes->list[place];
    if (count >= WAL_CHANGES_RELATIONS_MAX && !rel_index_find(&place, &changes->index, file)) {
        wal_changes_give_up(changes, "more than %d relations changed", WAL_CHANGES_RELATIONS_MAX);
        return NULL;
    }
    place = rel_index_add(&changes->index, file);
    return place == count ? change_add(changes, file) : &changes->list[place];
}

const WalChange *wal_changes_find(const WalChanges *changes, RelFile file)
{
    uint32_t place;
    return rel_index_find(&place, &changes->index, file) ? &changes->list[place] : NULL;
}

void wal_changes_sort(WalChanges *changes)
{
    mem_free(&changes->order);
    changes->order = rel_index_order(&changes->index);
}

size_t wal_changes_count(const WalChanges *changes)
{
    return changes->index.count;
}

const WalChange *wal_changes_at(const WalChanges *changes, size_t index)
{
    return &changes->list[changes->order ? changes->order[index] : index];
}

const WalDatabase *wal_changes_databases(const WalChanges *changes, size_t *out_count)
{
    *out_count = changes->databases.len / sizeof(WalDatabase);
    return (const WalDatabase *)(const void *)changes->databases.data;
}

bool wal_changes_has_database(const WalChanges *changes, WalDatabase database)
{
    size_t count;
    const WalDatabase *const list = wal_changes_databases(changes, &count);
    for (size_t i = 0; i < count; i++) {
        if (list[i].tablespace.id == database.tablespace.id && list[i].database.id == database.database.id)
            return true;
    }
    return false;
}

/* ---- marking */

const char *wal_changes_fault(const WalChanges *changes)
{
    return changes->fault[0] ? changes->fault : NULL;
}

void wal_changes_give_up(WalChanges *changes, const char *format, ...)
{
    if (changes->fault[0])
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(changes->fault, sizeof changes->fault, format, args);
    va_end(args);
}

/* What a relation's blocks take has changed from `before`. The largest ones become whole until all fit. */
__attribute__((noinline)) static void bytes_settle(WalChanges *changes, const WalChange *change,
                                                   size_t before)
{
    changes->set_bytes += change->blocks.bytes - before;
    while (changes->set_bytes > WAL_CHANGES_BYTES_MAX) {
        WalChange *most = changes->list;
        size_t most_bytes = 0;
        for (size_t i = 0; i < changes->index.count; i++) {
            const size_t bytes = changes->list[i].blocks.bytes;
            if (bytes > most_bytes) {
                most = &changes->list[i];
                most_bytes = bytes;
            }
        }
        most->limit = 0;
        latest_clear(most);
        number_set_done(&most->blocks);
        changes->set_bytes -= most_bytes;
    }
}

void wal_changes_touch(WalChanges *changes, RelFile file)
{
    (void)change_get(changes, file);
}

void wal_changes_mark(WalChanges *changes, RelFile file, NumberRun run)
{
    WalChange *const change = change_get(changes, file);
    /* Limit 0 already says that every block comes from the file as it is. */
    if (!change || change->limit == 0)
        return;
    const size_t before = change->blocks.bytes;
    number_set_add_run(&change->blocks, run);
    bytes_settle(changes, change, before);
}

static void mark_block(WalChanges *changes, WalChange *change, uint32_t block)
{
    uint32_t *const latest = &change->latest[block % WAL_CHANGE_LATEST];
    /* Limit 0 already says that every block comes from the file as it is. */
    if (change->limit == 0 || block == *latest)
        return;
    *latest = block;
    const size_t before = change->blocks.bytes;
    number_set_add(&change->blocks, block);
    bytes_settle(changes, change, before);
}

void wal_changes_limit(WalChanges *changes, RelFile file, uint32_t blocks)
{
    WalChange *const change = change_get(changes, file);
    if (!change)
        return;
    const size_t before = change->blocks.bytes;
    number_set_cut(&change->blocks, blocks);
    latest_clear(change);
    if (blocks < change->limit)
        change->limit = blocks;
    bytes_settle(changes, change, before);
}

void wal_changes_database(WalChanges *changes, WalDatabase database)
{
    if (wal_changes_has_database(changes, database))
        return;
    if (changes->databases.len / sizeof database == WAL_CHANGES_DATABASES_MAX)
        wal_changes_give_up(changes, "more than %d databases were made", WAL_CHANGES_DATABASES_MAX);
    else
        buf_add(&changes->databases, &database, sizeof database);
}

void wal_changes_join(WalChanges *changes, const WalChanges *later)
{
    for (size_t i = 0; i < later->index.count; i++) {
        const WalChange *const from = &later->list[i];
        wal_changes_touch(changes, from->file);
        if (from->limit != WAL_NO_LIMIT)
            wal_changes_limit(changes, from->file, from->limit);
        NumberRun run = {0, 0};
        while (number_set_next(&run, &from->blocks, run.first + run.count))
            wal_changes_mark(changes, from->file, run);
    }
    size_t count;
    const WalDatabase *const databases = wal_changes_databases(later, &count);
    for (size_t i = 0; i < count; i++)
        wal_changes_database(changes, databases[i]);
    if (wal_changes_fault(later))
        wal_changes_give_up(changes, "%s", wal_changes_fault(later));
}

/* ---- records */

static RelFile file_decode(Dec *dec)
{
    RelFile file = {.tablespace = {dec_u32(dec)}};
    file.database.id = dec_u32(dec);
    file.number.id = dec_u32(dec);
    return file;
}

/* src/include/catalog/storage_xlog.h */
static Err *take_smgr(WalChanges *changes, const WalRecord *record)
{
    Dec dec = dec_begin(record->main);
    if ((record->head.info & 0xF0) == SMGR_CREATE) {
        const RelFile file = file_decode(&dec);
        const uint32_t fork = dec_u32(&dec);
        TRY(dec_end(&dec, "creation of a file"));
        if (fork == PG_FORK_MAIN)
            wal_changes_limit(changes, file, 0);
        else
            wal_changes_touch(changes, file);
        return NULL;
    }
    const uint32_t blocks = dec_u32(&dec);
    const RelFile file = file_decode(&dec);
    const uint32_t flags = dec_u32(&dec);
    TRY(dec_end(&dec, "truncation of a file"));
    if (flags & SMGR_TRUNCATE_HEAP)
        wal_changes_limit(changes, file, blocks);
    else
        wal_changes_touch(changes, file);
    return NULL;
}

static bool is_smgr(const WalRecordHead *head)
{
    const int op = head->info & 0xF0;
    return head->manager == WAL_SMGR && (op == SMGR_CREATE || op == SMGR_TRUNCATE);
}

/* The files that end with the transaction: dropped by its commit, or created in what is rolled back. */
static void take_xact_end(WalChanges *changes, const XactEnd *end)
{
    for (uint32_t i = 0; i < end->file_count; i++)
        wal_changes_limit(changes, xact_end_file(end, i), 0);
}

static int dbase_drop(const PgVersion *version)
{
    return version->major < 15 ? DBASE_DROP_14 : DBASE_DROP;
}

static bool is_dbase(const WalRecordHead *head, const PgVersion *version)
{
    const int op = head->info & 0xF0;
    return head->manager == WAL_DBASE && (op == DBASE_CREATE_FILE_COPY || op == dbase_drop(version) ||
                                          (op == DBASE_CREATE_WAL_LOG && version->major >= 15));
}

static Err *take_dbase(WalChanges *changes, const PgVersion *version, const WalRecord *record)
{
    Dec dec = dec_begin(record->main);
    const Oid database = {dec_u32(&dec)};
    const bool is_drop = (record->head.info & 0xF0) == dbase_drop(version);
    const uint32_t count = is_drop ? dec_u32(&dec) : 1;
    for (uint32_t i = 0; i < count && !dec.is_short; i++) {
        const Oid tablespace = {dec_u32(&dec)};
        wal_changes_database(changes, (WalDatabase){tablespace, database});
    }
    return dec_end(&dec, "creation or end of a database");
}

/* A record that means more than its block references say. */
static Err *take_special(WalChanges *changes, const PgVersion *version, const WalRecord *record)
{
    if (is_smgr(&record->head))
        return take_smgr(changes, record);
    if (is_dbase(&record->head, version))
        return take_dbase(changes, version, record);
    if (record->head.info & WAL_RECORD_SPECIAL)
        return ERR(UNSUPPORTED,
                   "it changes files in a way this program does not know (manager %u, info %02X)",
                   record->head.manager, record->head.info);
    return NULL;
}

void wal_changes_record(WalChanges *changes, const PgVersion *version, Lsn start, const WalRecord *record,
                        const XactEnd *end)
{
    AUTO(err_free) Err *err = end ? NULL : take_special(changes, version, record);
    if (end)
        take_xact_end(changes, end);
    if (err)
        wal_changes_give_up(changes, "record at %s: %s", lsn_text(start).text, err_text(err));
    for (unsigned i = 0; i < record->block_count; i++) {
        const WalBlock *const block = &record->blocks[i];
        WalChange *const change = change_get(changes, block->file);
        if (change && block->fork == PG_FORK_MAIN)
            mark_block(changes, change, block->block);
    }
}

__attribute__((noinline)) static void other_plain(WalChanges *changes, WalTouch touch)
{
    WalChange *const change = change_get(changes, wal_touch_file(touch));
    if (change && wal_touch_fork(touch) == PG_FORK_MAIN)
        mark_block(changes, change, wal_touch_block(touch));
}

/* The shortest way is that of a relation met lately, many of whose blocks have changed. */
void wal_changes_plain(WalChanges *changes, WalTouch touch)
{
    const uint32_t place = rel_index_latest(&changes->index, wal_touch_file(touch));
    if (place == UINT32_MAX || wal_touch_fork(touch) != PG_FORK_MAIN ||
        !number_set_mark(&changes->list[place].blocks, wal_touch_block(touch)))
        other_plain(changes, touch);
}
