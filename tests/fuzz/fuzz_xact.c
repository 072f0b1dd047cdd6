/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/fuzz/fuzz_xact.c - any commit or abort is read or refused, and what it lists can be read to the end */
#include "pg/xact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static WalRecord record;
    const PgVersion *version = NULL;
    if (size < 2)
        return 0;
    Err *err = pg_version_of_major(&version, PG_MAJOR_FIRST + data[0] % 6);
    assert(!err);
    record.head = (WalRecordHead){.manager = WAL_XACT, .info = data[1], .xid = {700}};
    if (!xact_is_end(&record.head))
        return 0;
    uint8_t *const main = malloc(size - 1);
    memcpy(main, data + 2, size - 2);
    record.main = span_of(main, size - 2);

    XactEnd end;
    err = xact_end_decode(&end, version, &record);
    if (!err) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < end.subxact_count; i++)
            sum += xact_end_subxact(&end, i).id;
        for (uint32_t i = 0; i < end.file_count; i++)
            sum += xact_end_file(&end, i).number.id;
        for (size_t i = 0; i < end.prepared_name.len; i++)
            assert(end.prepared_name.ptr[i]);
        assert(end.dropped_stats_count <= end.dropped_stats.len);
        record.head.info = (uint8_t)sum; /* so that the reads are not left out */
    }
    err_free(&err);
    free(main);
    return 0;
}
