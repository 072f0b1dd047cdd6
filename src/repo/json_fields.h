/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/json_fields.h - the fields of our JSON documents, written and read in one manner
 *
 * LSNs, hashes, labels, system ids and times are text; counts and sizes are integers that fit 63 bits. Each field is
 * asked for by name and type; one that is missing, of another type or out of range is CORRUPT and named. Unknown
 * fields are ignored: later versions may add some. Duplicate keys, bytes that are no UTF-8 and NUL characters are
 * refused by the parser.
 */
#pragma once

#include "base/arena.h"
#include "base/ids.h"
#include "base/instant.h"
#include "codec/hash.h"
#include "repo/label.h"

#include <jansson.h>

/* For AUTO(json_free). */
void json_free(json_t **json);

/* One JSON object and nothing else; `what` names the document in the message. CORRUPT. */
MUST Err *json_parse_object(json_t **out, Span text, const char *what);

/* Reads the fields of one JSON object. It remembers the first fault, which json_read_end() hands over: call it
 * always. After a fault every answer is a zero value. */
typedef struct JsonReader {
    const json_t *json;
    const char *what; /* the document, for messages; borrowed */
    uint32_t line;    /* the line of an NDJSON document, from 1; 0: not one */
    Err *fault;
} JsonReader;

JsonReader json_read(const json_t *json, const char *what);
MUST Err *json_read_end(JsonReader *reader);
/* The first fault the caller found in a value: "<what>: <text>". */
void json_read_fault(JsonReader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool json_read_has(JsonReader *reader, const char *name);             /* there and not null */
const char *json_read_text(JsonReader *reader, const char *name);     /* borrowed; "" on a fault */
const char *json_read_text_opt(JsonReader *reader, const char *name); /* NULL when absent or null */
int64_t json_read_int(JsonReader *reader, const char *name, int64_t lowest, int64_t highest);
uint64_t json_read_size(JsonReader *reader, const char *name); /* 0 .. INT64_MAX */
bool json_read_bool(JsonReader *reader, const char *name);
Lsn json_read_lsn(JsonReader *reader, const char *name);
Lsn json_read_lsn_opt(JsonReader *reader, const char *name);     /* absent or null is 0 */
Instant json_read_instant(JsonReader *reader, const char *name); /* absent or null is INSTANT_NONE */
SystemId json_read_system_id(JsonReader *reader, const char *name);
BackupLabel json_read_label(JsonReader *reader, const char *name);
Hash128 json_read_hash128(JsonReader *reader, const char *name);
Sha256 json_read_sha256(JsonReader *reader, const char *name);
/* The index of the text in `names`, which ends in NULL; another text is UNSUPPORTED. */
unsigned json_read_choice(JsonReader *reader, const char *name, const char *const *names);
/* What json_set_bytes() wrote, in the arena and followed by a NUL. */
Span json_read_bytes(JsonReader *reader, const char *name, Arena *arena);
/* The same for text of a foreign encoding (paths, host names): a NUL inside is a fault. "" on a fault. */
const char *json_read_raw(JsonReader *reader, const char *name, Arena *arena);
/* The same into a field of `size` bytes, its NUL included. */
void json_read_copy(char *to, size_t size, JsonReader *reader, const char *name);
const json_t *json_read_array(JsonReader *reader, const char *name);  /* NULL on a fault */
const json_t *json_read_object(JsonReader *reader, const char *name); /* NULL on a fault */

/* Text of ours, which is UTF-8; NULL gives null. What comes from outside goes through json_set_raw(). */
void json_set_text(json_t *json, const char *name, const char *text);
void json_set_int(json_t *json, const char *name, int64_t value);
void json_set_size(json_t *json, const char *name, uint64_t value);
void json_set_bool(json_t *json, const char *name, int value);
void json_set_lsn(json_t *json, const char *name, Lsn lsn);             /* null for 0 */
void json_set_instant(json_t *json, const char *name, Instant instant); /* null for INSTANT_NONE */
void json_set_system_id(json_t *json, const char *name, SystemId system_id);
void json_set_hash128(json_t *json, const char *name, const Hash128 *hash);
void json_set_sha256(json_t *json, const char *name, const Sha256 *hash);
/* Bytes: as text under `name` when they are UTF-8 without NUL, else in hexadecimal under "<name>_hex". */
void json_set_bytes(json_t *json, const char *name, Span bytes);
void json_set_raw(json_t *json, const char *name, const char *text);
