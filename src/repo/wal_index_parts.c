/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_index_priv.h"

#include <inttypes.h>

Err *wal_section_version_decode(Dec *dec, unsigned known, const char *what)
{
    const unsigned version = dec_u16(dec);
    if (version == known || dec->is_short)
        return NULL;
    return ERR(UNSUPPORTED, "written by a newer pgstrata: %s of version %u; this program reads %u", what,
               version, known);
}

uint32_t wal_number_decode(Dec *dec)
{
    const uint64_t value = dec_varint(dec);
    dec->is_short |= value > UINT32_MAX;
    return (uint32_t)value;
}

void wal_runs_encode(Buf *out, const NumberSet *set)
{
    AUTO(buf_done) Buf runs = {0};
    uint64_t count = 0;
    uint32_t end = 0;
    NumberRun run = {0, 0};
    while (number_set_next(&run, set, end)) {
        buf_add_varint(&runs, run.first - end);
        buf_add_varint(&runs, run.count - 1);
        end = run.first + run.count;
        count++;
    }
    buf_add_varint(out, count);
    buf_add(out, runs.data, runs.len);
}

Err *wal_runs_decode(NumberSet *set, uint64_t *left, Dec *dec)
{
    const uint64_t count = dec_varint(dec);
    uint64_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t first = at + wal_number_decode(dec), length = (uint64_t)wal_number_decode(dec) + 1;
        TRY(dec_end(dec, "runs of a WAL index"));
        at = first + length;
        if (at > UINT32_MAX || length > *left)
            return ERR(CORRUPT, "runs of a WAL index: %" PRIu64 " numbers from %" PRIu64, length, first);
        *left -= length;
        number_set_add_run(set, (NumberRun){(uint32_t)first, (uint32_t)length});
    }
    return dec_end(dec, "runs of a WAL index");
}

bool wal_file_is_near(RelFile file, RelFile before)
{
    return file.tablespace.id == before.tablespace.id && file.database.id == before.database.id;
}

void wal_file_encode(Buf *out, RelFile file, RelFile before)
{
    if (wal_file_is_near(file, before)) {
        buf_add_varint(out, file.number.id - before.number.id);
        return;
    }
    buf_add_varint(out, file.tablespace.id);
    buf_add_varint(out, file.database.id);
    buf_add_varint(out, file.number.id);
}

void wal_file_decode(RelFile *file, Dec *dec, bool is_near)
{
    if (is_near) {
        file->number.id += wal_number_decode(dec);
        return;
    }
    file->tablespace.id = wal_number_decode(dec);
    file->database.id = wal_number_decode(dec);
    file->number.id = wal_number_decode(dec);
}
