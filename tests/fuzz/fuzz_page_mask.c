/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any two pages: never a crash, and their order makes no difference. The input holds the parts of a page that say how to
 * read it, and then the differences of the other page: a place in two bytes, a value in one. */
#include "pg/page.h"
#include "pg/page_mask.h"

#include <assert.h>
#include <string.h>

static Span part_take(Span input, uint8_t *to, size_t len)
{
    const Span part = span_cut(input, 0, len);
    memcpy(to, part.ptr, part.len);
    return span_cut(input, part.len, input.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t a[PAGE_BYTES] = {0}, b[PAGE_BYTES];
    Span input = part_take(span_of(data, size), a, 24);
    input = part_take(input, a + PAGE_BYTES - 16, 16);
    input = part_take(input, a + 24, 256);
    input = part_take(input, a + 4096, 1024);
    memcpy(b, a, sizeof b);
    for (; input.len >= 3; input = span_cut(input, 3, input.len))
        b[get_u16(input.ptr) % PAGE_BYTES] = input.ptr[2];

    const PageDiff diff = page_diff(a, b);
    assert(diff < PAGE_DIFF_COUNT && *page_diff_text(diff));
    assert((diff == PAGE_EQUAL) == (memcmp(a, b, sizeof a) == 0));
    assert((diff <= PAGE_DIFFERS_HINTS) == (page_diff(b, a) <= PAGE_DIFFERS_HINTS));
    assert(page_diff(a, a) == PAGE_EQUAL);

    page_mask(a);
    page_mask(b);
    assert((memcmp(a, b, sizeof a) == 0) == (diff <= PAGE_DIFFERS_HINTS));
    return 0;
}
