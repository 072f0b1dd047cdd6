/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/place.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>

PlaceText place_text(const PlainPlace *place)
{
    PlaceText text;
    snprintf(text.text, sizeof text.text, "%s/pack-%06" PRIu32 " at %" PRIu64, place->label.text, place->pack,
             place->offset);
    return text;
}

Err *place_check(const PlainPlace *place, Span bytes, const char *what)
{
    if (bytes.len != place->size_bytes)
        return ERR(CORRUPT, "%s in %s has %zu bytes, expected %" PRIu64, what, place_text(place).text,
                   bytes.len, place->size_bytes);
    const Hash128 hash = hash128_of(bytes);
    if (!hash128_equal(&hash, &place->hash))
        return ERR(CORRUPT, "%s in %s has the hash %s, expected %s", what, place_text(place).text,
                   hash128_text(&hash).text, hash128_text(&place->hash).text);
    return NULL;
}

void place_read(PlainPlace *out, JsonReader *reader, uint64_t size_max)
{
    const PlainPlace place = {
        .label = json_read_label(reader, "label"),
        .pack = (uint32_t)json_read_int(reader, "pack", 1, PACK_NUMBER_MAX),
        .offset = (uint64_t)json_read_int(reader, "offset", 0, PACK_PLAIN_MAX),
        .size_bytes = (uint64_t)json_read_int(reader, "size", 0, (int64_t)size_max),
        .hash = json_read_hash128(reader, "hash"),
    };
    if (place.offset + place.size_bytes > (uint64_t)PACK_PLAIN_MAX)
        json_read_fault(reader, "%s ends behind the largest pack", place_text(&place).text);
    if (!reader->fault)
        *out = place;
}

void place_set(json_t *json, const PlainPlace *place)
{
    json_set_text(json, "label", place->label.text);
    json_set_int(json, "pack", place->pack);
    json_set_size(json, "offset", place->offset);
    json_set_size(json, "size", place->size_bytes);
    json_set_hash128(json, "hash", &place->hash);
}
