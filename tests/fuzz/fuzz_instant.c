/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/fuzz/fuzz_instant.c - any text is parsed or refused, and what was parsed survives being formatted */
#include "base/instant.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[64];
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;

    Instant first, second;
    Err *err = instant_parse(&first, text);
    if (err) {
        err_free(&err);
        return 0;
    }
    const InstantText written = instant_text(first);
    err = instant_parse(&second, written.text);
    assert(!err && second.us == first.us);
    return 0;
}
