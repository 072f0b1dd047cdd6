/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What parses as a plan is written and parsed again. */
#include "repo/plan.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    Plan plan, again;
    AUTO(err_free) Err *err = plan_parse(&plan, span_of(data, size), arena);
    if (err)
        return 0;
    err = plan_format(&text, &plan);
    assert(!err);
    err = plan_parse(&again, buf_span(&text), arena);
    assert(!err && again.branch.count == plan.branch.count && again.end_segment == plan.end_segment);
    return 0;
}
