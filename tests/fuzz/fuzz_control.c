/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any bytes as a control file, with a CRC made to fit, so that what lies behind that check is reached too. */
#include "base/crc32c.h"
#include "pg/control.h"
#include "pg/wal_name.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void file_try(Span bytes)
{
    ControlFile file;
    ControlCrc crc;
    Err *err = control_decode(&file, &crc, bytes);
    if (err) {
        err_free(&err);
        return;
    }
    if (!control_crc_is_good(crc))
        return;
    assert(wal_segment_bytes_is_valid(file.wal_segment_bytes));
    assert(file.relation_segment_blocks > 0);
    assert(*control_state_text(file.state));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t crc_places[] = {288, 292};
    uint8_t bytes[CONTROL_FILE_BYTES] = {0};
    file_try(span_of(data, size));
    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    for (size_t i = 0; i < COUNT_OF(crc_places); i++) {
        put_u32(bytes + crc_places[i], crc32c(span_of(bytes, crc_places[i])));
        file_try(span_of(bytes, sizeof bytes));
    }
    return 0;
}
