/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as the name of a WAL file, with a segment size that the first byte chooses; a name that was taken is written
 * the same again, and lies where its neighbours and its LSNs say. */
#include "pg/wal_name.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[64];
    if (size < 1 || size > sizeof text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    const uint32_t segment_bytes = WAL_SEGMENT_BYTES_MIN << data[0] % 11;
    (void)wal_name_is_archivable(text);

    WalName name;
    if (!wal_name_matches(&name, text, segment_bytes))
        return 0;
    assert(wal_name_is_archivable(text));
    assert(strcmp(wal_name_text(name).text, text) == 0);
    if (name.kind == WAL_NAME_HISTORY)
        return 0;
    const WalName next = wal_name_next(name);
    assert(wal_name_compare(wal_name_prev(next), wal_name_segment(name)) == 0);
    assert(wal_name_start(next).at == wal_name_end(name).at);
    assert(wal_name_of_lsn(name.timeline, wal_name_start(name), segment_bytes).segment == name.segment);
    assert(wal_name_before_lsn(name.timeline, wal_name_end(name), segment_bytes).segment == name.segment);
    return 0;
}
