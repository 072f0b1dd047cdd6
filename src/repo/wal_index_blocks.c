/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_index.h"

#include "base/limits.h"
#include "repo/wal_index_priv.h"

#include <inttypes.h>
#include <string.h>

enum { BLOCKS_VERSION = 1 };
/* Bits of a relation. */
enum { IS_NEAR = 1, HAS_LIMIT = 2 };

/* ---- writing */

/* `before` is the relation written last; zero for the first one, which no relation is near to. */
static void change_encode(Buf *out, const WalChange *change, RelFile before)
{
    const bool has_limit = change->limit != WAL_NO_LIMIT;
    buf_add_u8(
        out, (uint8_t)((wal_file_is_near(change->file, before) ? IS_NEAR : 0) | (has_limit ? HAS_LIMIT : 0)));
    wal_file_encode(out, change->file, before);
    if (has_limit)
        buf_add_varint(out, change->limit);
    wal_runs_encode(out, &change->blocks);
}

void wal_index_blocks_encode(Buf *out, WalChanges *changes)
{
    const char *const fault = wal_changes_fault(changes);
    wal_changes_sort(changes);
    buf_add_u16(out, BLOCKS_VERSION);
    const size_t fault_len = fault ? strlen(fault) : 0;
    buf_add_u16(out, (uint16_t)fault_len);
    buf_add(out, fault, fault_len);
    size_t count;
    const WalDatabase *const databases = wal_changes_databases(changes, &count);
    buf_add_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        buf_add_varint(out, databases[i].tablespace.id);
        buf_add_varint(out, databases[i].database.id);
    }
    buf_add_varint(out, wal_changes_count(changes));
    RelFile before = {{0}, {0}, {0}};
    for (size_t i = 0; i < wal_changes_count(changes); i++) {
        const WalChange *const change = wal_changes_at(changes, i);
        change_encode(out, change, before);
        before = change->file;
    }
}

/* ---- reading */

typedef struct Reading {
    WalChanges *changes;
    Dec dec;
    RelFile file;         /* read last */
    uint64_t blocks_left; /* more than a segment can name are damage */
} Reading;

static Err *change_read(Reading *reading)
{
    Dec *const dec = &reading->dec;
    const uint8_t flags = dec_u8(dec);
    wal_file_decode(&reading->file, dec, flags & IS_NEAR);
    const uint32_t limit = flags & HAS_LIMIT ? wal_number_decode(dec) : WAL_NO_LIMIT;
    AUTO(number_set_done) NumberSet blocks = {0};
    TRY(wal_runs_decode(&blocks, &reading->blocks_left, dec));
    wal_changes_touch(reading->changes, reading->file);
    if (flags & HAS_LIMIT)
        wal_changes_limit(reading->changes, reading->file, limit);
    NumberRun run = {0, 0};
    while (number_set_next(&run, &blocks, run.first + run.count))
        wal_changes_mark(reading->changes, reading->file, run);
    return NULL;
}

static Err *databases_read(Reading *reading)
{
    const uint64_t count = dec_varint(&reading->dec);
    if (count > WAL_CHANGES_DATABASES_MAX)
        return ERR(CORRUPT, "blocks of a WAL index name %" PRIu64 " databases", count);
    for (uint64_t i = 0; i < count; i++) {
        const Oid tablespace = {wal_number_decode(&reading->dec)},
                  database = {wal_number_decode(&reading->dec)};
        TRY(dec_end(&reading->dec, "blocks of a WAL index"));
        wal_changes_database(reading->changes, (WalDatabase){tablespace, database});
    }
    return NULL;
}

static Err *section_read(Reading *reading)
{
    Dec *const dec = &reading->dec;
    TRY(wal_section_version_decode(dec, BLOCKS_VERSION, "blocks of a WAL index"));
    const Span fault = dec_bytes(dec, dec_u16(dec));
    if (fault.len)
        wal_changes_give_up(reading->changes, "%.*s", (int)fault.len, (const char *)fault.ptr);
    TRY(databases_read(reading));
    const uint64_t count = dec_varint(dec);
    for (uint64_t i = 0; i < count; i++)
        TRY(change_read(reading));
    return dec_end_exact(dec, "blocks of a WAL index");
}

Err *wal_index_blocks_decode(WalChanges **out, Span section)
{
    AUTO(wal_changes_free) WalChanges *changes = wal_changes_new();
    TRY(section_read(
        &(Reading){.changes = changes, .dec = dec_begin(section), .blocks_left = WAL_INDEX_BLOCKS_MAX}));
    *out = TAKE(changes);
    return NULL;
}
