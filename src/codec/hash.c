/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "codec/hash.h"

#include "base/text.h"

/* The calls that OpenSSL 3 only keeps for old programs: the others look for a provider and read openssl.cnf first, which
 * takes a millisecond, a tenth of a whole archive-get. Both run the same code. */
#define OPENSSL_API_COMPAT 0x10101000L

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
/* The plain calls of the shared library use SSE2; these choose AVX2 or AVX-512 at run time and are 8 times faster. */
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#endif

/* xxHash chooses on first use, without a lock. Using it once before there are threads settles the choice. */
__attribute__((constructor)) static void hash_choose(void)
{
    static const uint8_t long_input[512];
    (void)XXH3_128bits(long_input, sizeof long_input);
    (void)XXH3_64bits_withSeed(long_input, sizeof long_input, 1);
}

static Hash128 canonical(XXH128_hash_t hash)
{
    XXH128_canonical_t form;
    XXH128_canonicalFromHash(&form, hash);
    Hash128 out;
    static_assert(sizeof form.digest == sizeof out.bytes, "the canonical form has 16 bytes");
    memcpy(out.bytes, form.digest, sizeof out.bytes);
    return out;
}

Hash128 hash128_of(Span bytes)
{
    return canonical(XXH3_128bits(bytes.ptr, bytes.len));
}

bool hash128_equal(const Hash128 *a, const Hash128 *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

Hash128Text hash128_text(const Hash128 *hash)
{
    Hash128Text out;
    text_hex_format(out.text, hash->bytes, sizeof hash->bytes);
    return out;
}

bool hash128_parse(Hash128 *out, const char *text)
{
    Hash128 parsed;
    if (!text_hex_parse(parsed.bytes, sizeof parsed.bytes, text))
        return false;
    *out = parsed;
    return true;
}

uint64_t hash64_of(Span bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
}

struct Hash128Stream {
    XXH3_state_t *state;
};

static void hash128_stream_restart(Hash128Stream *stream)
{
    const XXH_errorcode code = XXH3_128bits_reset(stream->state);
    assert(code == XXH_OK);
    (void)code;
}

Hash128Stream *hash128_stream_new(void)
{
    Hash128Stream *const stream = mem_new(sizeof *stream);
    stream->state = XXH3_createState();
    if (!stream->state)
        abort();
    hash128_stream_restart(stream);
    return stream;
}

void hash128_stream_add(Hash128Stream *stream, Span bytes)
{
    if (bytes.len) {
        const XXH_errorcode code = XXH3_128bits_update(stream->state, bytes.ptr, bytes.len);
        assert(code == XXH_OK);
        (void)code;
    }
}

Hash128 hash128_stream_end(Hash128Stream *stream)
{
    const Hash128 out = canonical(XXH3_128bits_digest(stream->state));
    hash128_stream_restart(stream);
    return out;
}

void hash128_stream_free(Hash128Stream **stream)
{
    if (!*stream)
        return;
    XXH3_freeState((*stream)->state);
    mem_free(stream);
}

bool sha256_equal(const Sha256 *a, const Sha256 *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

Sha256Text sha256_text(const Sha256 *hash)
{
    Sha256Text out;
    text_hex_format(out.text, hash->bytes, sizeof hash->bytes);
    return out;
}

bool sha256_parse(Sha256 *out, const char *text)
{
    Sha256 parsed;
    if (!text_hex_parse(parsed.bytes, sizeof parsed.bytes, text))
        return false;
    *out = parsed;
    return true;
}

struct Sha256Stream {
    SHA256_CTX context;
};

static void sha256_stream_restart(Sha256Stream *stream)
{
    const int ok = SHA256_Init(&stream->context);
    assert(ok == 1);
    (void)ok;
}

Sha256Stream *sha256_stream_new(void)
{
    Sha256Stream *const stream = mem_new(sizeof *stream);
    sha256_stream_restart(stream);
    return stream;
}

void sha256_stream_add(Sha256Stream *stream, Span bytes)
{
    const int ok = SHA256_Update(&stream->context, bytes.ptr, bytes.len);
    assert(ok == 1);
    (void)ok;
}

Sha256 sha256_stream_end(Sha256Stream *stream)
{
    Sha256 out;
    const int ok = SHA256_Final(out.bytes, &stream->context);
    assert(ok == 1);
    (void)ok;
    sha256_stream_restart(stream);
    return out;
}

void sha256_stream_free(Sha256Stream **stream)
{
    mem_free(stream);
}
