/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* An activity that can be decoded is encoded and decoded again to the same bytes. */
#include "repo/wal_index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WalActivity first, second;
    AUTO(err_free) Err *err = wal_index_activity_decode(&first, span_of(data, size));
    if (err)
        return 0;
    AUTO(buf_done) Buf once = {0};
    AUTO(buf_done) Buf twice = {0};
    wal_index_activity_encode(&once, &first);
    err = wal_index_activity_decode(&second, buf_span(&once));
    assert(!err);
    wal_index_activity_encode(&twice, &second);
    assert(span_equal(buf_span(&once), buf_span(&twice)));
    wal_activity_done(&first);
    wal_activity_done(&second);
    return 0;
}
