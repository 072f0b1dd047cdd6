/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/place.h - a range of a pack's plain bytes
 *
 * What is not a file of the cluster and still lies in a pack (manifest leaves and roots, side data) is found by label,
 * pack number, plain offset and length, and checked by its hash.
 */
#pragma once

#include "codec/hash.h"
#include "repo/json_fields.h"
#include "repo/label.h"

typedef struct PlainPlace {
    BackupLabel label;
    uint32_t pack; /* 1 .. PACK_NUMBER_MAX */
    uint64_t offset;
    uint64_t size_bytes;
    Hash128 hash; /* XXH3-128 of these bytes */
} PlainPlace;

/* "20261121-083000F/pack-000001 at 4711", for messages. */
typedef struct PlaceText {
    char text[80];
} PlaceText;
PlaceText place_text(const PlainPlace *place);

/* CORRUPT unless the hash of `bytes` and their number are the place's; `what` says what they are. */
MUST Err *place_check(const PlainPlace *place, Span bytes, const char *what);

/* Fields label, pack, offset, size, hash of a JSON object. `size_max` bounds the length. */
void place_read(PlainPlace *out, JsonReader *reader, uint64_t size_max);
void place_set(json_t *json, const PlainPlace *place);
