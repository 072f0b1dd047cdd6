/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/filenode_map.h"

#include "base/crc32c.h"

#include <inttypes.h>

enum {
    MAGIC = 0x592717,
    HEAD_BYTES = 8, /* magic, count */
    ENTRY_BYTES = 8,
    ENTRIES_13_TO_15 = 62,
    FILE_BYTES_13_TO_15 = 512, /* 4 bytes of padding behind the CRC */
    FILE_BYTES_16 = HEAD_BYTES + FILENODE_MAP_MAX * ENTRY_BYTES + 4,
};

static FilenodeMap entries_decode(const uint8_t *p, uint32_t count)
{
    FilenodeMap map = {.count = count};
    for (uint32_t i = 0; i < count; i++, p += ENTRY_BYTES) {
        map.entries[i].relation.id = get_u32(p);
        map.entries[i].file.id = get_u32(p + 4);
    }
    return map;
}

Err *filenode_map_decode(FilenodeMap *out, Span bytes)
{
    if (bytes.len != FILE_BYTES_13_TO_15 && bytes.len != FILE_BYTES_16)
        return ERR(CORRUPT, "pg_filenode.map has %zu bytes, expected %d or %d", bytes.len,
                   FILE_BYTES_13_TO_15, FILE_BYTES_16);
    const uint32_t room = bytes.len == FILE_BYTES_16 ? FILENODE_MAP_MAX : ENTRIES_13_TO_15;
    const size_t crc_at = HEAD_BYTES + room * ENTRY_BYTES;
    const uint32_t magic = get_u32(bytes.ptr), count = get_u32(bytes.ptr + 4);
    const uint32_t stored = get_u32(bytes.ptr + crc_at), computed = crc32c(span_cut(bytes, 0, crc_at));
    if (magic != MAGIC)
        return ERR(CORRUPT, "pg_filenode.map has magic %06" PRIx32 ", expected %06x", magic, MAGIC);
    if (count > room)
        return ERR(CORRUPT, "pg_filenode.map announces %" PRIu32 " entries and has room for %" PRIu32, count,
                   room);
    if (stored != computed)
        return ERR(CORRUPT, "pg_filenode.map CRC is %08" PRIx32 ", computed %08" PRIx32, stored, computed);
    *out = entries_decode(bytes.ptr + HEAD_BYTES, count);
    return NULL;
}

bool filenode_map_find(Oid *file, const FilenodeMap *map, Oid relation)
{
    for (uint32_t i = 0; i < map->count; i++) {
        if (map->entries[i].relation.id == relation.id) {
            *file = map->entries[i].file;
            return true;
        }
    }
    return false;
}
