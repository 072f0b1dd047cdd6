/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any bytes as a relation map, with a CRC made to fit, so that what lies behind that check is reached too. */
#include "base/crc32c.h"
#include "pg/filenode_map.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void map_try(Span bytes)
{
    FilenodeMap map;
    Err *err = filenode_map_decode(&map, bytes);
    if (err) {
        err_free(&err);
        return;
    }
    assert(map.count <= FILENODE_MAP_MAX);
    for (uint32_t i = 0; i < map.count; i++) {
        Oid file;
        assert(filenode_map_find(&file, &map, map.entries[i].relation));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t sizes[] = {512, 524}, crc_places[] = {504, 520};
    map_try(span_of(data, size));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        uint8_t bytes[524] = {0};
        memcpy(bytes, data, size < sizes[i] ? size : sizes[i]);
        put_u32(bytes + crc_places[i], crc32c(span_of(bytes, crc_places[i])));
        map_try(span_of(bytes, sizes[i]));
    }
    return 0;
}
