/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Seams that can be decoded come back as the same bytes. */
#include "repo/wal_index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WalSeams seams;
    AUTO(err_free) Err *err = wal_index_seams_decode(&seams, span_of(data, size));
    if (err)
        return 0;
    AUTO(buf_done) Buf again = {0};
    wal_index_seams_encode(&again, &seams);
    assert(again.len == size && span_equal(span_cut(buf_span(&again), 4, size), span_of(data + 4, size - 4)));
    return 0;
}
