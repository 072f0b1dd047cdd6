/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* A map of changes that can be decoded is encoded and decoded again to the same bytes. */
#include "repo/wal_index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(wal_changes_free) WalChanges *first = NULL;
    AUTO(wal_changes_free) WalChanges *second = NULL;
    AUTO(err_free) Err *err = wal_index_blocks_decode(&first, span_of(data, size));
    if (err)
        return 0;
    AUTO(buf_done) Buf once = {0};
    AUTO(buf_done) Buf twice = {0};
    wal_index_blocks_encode(&once, first);
    err = wal_index_blocks_decode(&second, buf_span(&once));
    assert(!err);
    wal_index_blocks_encode(&twice, second);
    assert(span_equal(buf_span(&once), buf_span(&twice)));
    return 0;
}
