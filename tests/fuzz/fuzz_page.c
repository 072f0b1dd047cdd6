/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any bytes as a page: never a crash, and the same checksum with and without vector instructions. */
#include "pg/page.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t page[PAGE_BYTES] = {0};
    memcpy(page, data, size < sizeof page ? size : sizeof page);
    const uint32_t block = get_u32(page + 4);
    const uint16_t checksum = page_checksum(page, block);
    assert(checksum && checksum == page_checksum_portable(page, block));

    const PageRules rules = {
        .has_checksums = true, .start = {get_u32(page + 24)}, .end = {get_u32(page + 28)}};
    assert(page_check(page, block, &rules) < PAGE_STATE_COUNT);
    put_u16(page + 8, checksum);
    const PageState state = page_check(page, block, &rules);
    assert(state != PAGE_BAD_CHECKSUM && state != PAGE_REWRITTEN);
    assert((pages_good(span_of(page, sizeof page), block, &rules) == 1) == (state <= PAGE_NEW));
    assert(*page_state_text(state));
    return 0;
}
