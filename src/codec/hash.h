/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * codec/hash.h - the three hashes of the format
 *
 * XXH3-128 finds damage in what we read (frames, indexes, plain segments), XXH3-64 with a seed compares pages, SHA-256
 * names whole objects. A Hash128 holds the canonical form of xxHash: big-endian, the high half first, as `xxhsum -H2`
 * prints it. On x86-64 the fastest instructions are chosen at run time.
 *
 * Threads: functions are pure; a stream belongs to one thread.
 */
#pragma once

#include "base/bytes.h"

typedef struct Hash128 {
    uint8_t bytes[16];
} Hash128;

typedef struct Sha256 {
    uint8_t bytes[32];
} Sha256;

/* Lower-case hexadecimal digits. */
typedef struct Hash128Text {
    char text[33];
} Hash128Text;

typedef struct Sha256Text {
    char text[65];
} Sha256Text;

Hash128 hash128_of(Span bytes);
bool hash128_equal(const Hash128 *a, const Hash128 *b);
Hash128Text hash128_text(const Hash128 *hash);
/* Exactly 32 hexadecimal digits, either case; false on anything else. */
bool hash128_parse(Hash128 *out, const char *text);

/* XXH3-64 of `bytes` under `seed`. */
uint64_t hash64_of(Span bytes, uint64_t seed);

/* XXH3-128 of bytes that come in pieces: new, add…, end. After the end it stands at the beginning again. */
typedef struct Hash128Stream Hash128Stream;
MUST Hash128Stream *hash128_stream_new(void);
void hash128_stream_add(Hash128Stream *stream, Span bytes);
Hash128 hash128_stream_end(Hash128Stream *stream);
void hash128_stream_free(Hash128Stream **stream);

bool sha256_equal(const Sha256 *a, const Sha256 *b);
Sha256Text sha256_text(const Sha256 *hash);
/* Exactly 64 hexadecimal digits, either case; false on anything else. */
bool sha256_parse(Sha256 *out, const char *text);

/* SHA-256 in the same manner. */
typedef struct Sha256Stream Sha256Stream;
MUST Sha256Stream *sha256_stream_new(void);
void sha256_stream_add(Sha256Stream *stream, Span bytes);
Sha256 sha256_stream_end(Sha256Stream *stream);
void sha256_stream_free(Sha256Stream **stream);
