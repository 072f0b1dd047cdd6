/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The file: "PGSTSEEN", u32 version, u32 zero, u64 objects; for each key hash, size, modified, read, plain bytes,
 * SHA-256, little-endian; XXH3-128 of all that.
 */
#include "job/verify_seen.h"

#include "base/limits.h"
#include "cluster/state_folder.h"
#include "os/file.h"
#include "os/folder.h"

#include <stdlib.h>
#include <string.h>

enum { SEEN_VERSION = 2, SEEN_HEAD_BYTES = 24, SEEN_OBJECT_BYTES = 80, SEEN_MODE = 0640, FOLDER_MODE = 0750 };

static const char magic[8] = {'P', 'G', 'S', 'T', 'S', 'E', 'E', 'N'};

struct VerifySeen {
    Buf objects; /* of SeenObject */
};

VerifySeen *verify_seen_new(void)
{
    return mem_new(sizeof(VerifySeen));
}

void verify_seen_free(VerifySeen **seen)
{
    if (!*seen)
        return;
    buf_done(&(*seen)->objects);
    mem_free(seen);
}

static Hash128 key_hash(const char *key)
{
    return hash128_of(span_of(key, strlen(key)));
}

void verify_seen_add(VerifySeen *seen, const char *key, const SeenObject *object)
{
    SeenObject own = *object;
    own.key = key_hash(key);
    if (seen->objects.len / sizeof own < VERIFY_SEEN_MAX)
        buf_add(&seen->objects, &own, sizeof own);
}

static int seen_compare(const void *a, const void *b)
{
    const SeenObject *const x = a, *const y = b;
    return memcmp(&x->key, &y->key, sizeof x->key);
}

void verify_seen_sort(VerifySeen *seen)
{
    if (seen->objects.len)
        qsort(seen->objects.data, seen->objects.len / sizeof(SeenObject), sizeof(SeenObject), seen_compare);
}

static SeenObject *object_of(const VerifySeen *seen, const char *key)
{
    const SeenObject wanted = {.key = key_hash(key)};
    return seen->objects.len ? bsearch(&wanted, seen->objects.data, seen->objects.len / sizeof wanted,
                                       sizeof wanted, seen_compare)
                             : NULL;
}

/* No object is found that has no bytes. */
void verify_seen_forget(VerifySeen *seen, const char *key)
{
    SeenObject *const object = object_of(seen, key);
    if (object)
        object->size_bytes = 0;
}

bool verify_seen_find(SeenObject *out, const VerifySeen *seen, const char *key, const ObjectInfo *info)
{
    const SeenObject *const found = object_of(seen, key);
    if (!found || found->size_bytes != info->size_bytes || found->modified.us != info->modified.us)
        return false;
    *out = *found;
    return true;
}

static void object_encode(Buf *to, const SeenObject *object)
{
    buf_add(to, object->key.bytes, sizeof object->key.bytes);
    buf_add_u64(to, object->size_bytes);
    buf_add_u64(to, (uint64_t)object->modified.us);
    buf_add_u64(to, (uint64_t)object->read.us);
    buf_add_u64(to, object->plain_bytes);
    buf_add(to, object->sha256.bytes, sizeof object->sha256.bytes);
}

static SeenObject object_decode(Dec *dec)
{
    SeenObject object;
    memcpy(object.key.bytes, dec_bytes(dec, sizeof object.key.bytes).ptr, sizeof object.key.bytes);
    object.size_bytes = dec_u64(dec);
    object.modified.us = (int64_t)dec_u64(dec);
    object.read.us = (int64_t)dec_u64(dec);
    object.plain_bytes = dec_u64(dec);
    memcpy(object.sha256.bytes, dec_bytes(dec, sizeof object.sha256.bytes).ptr, sizeof object.sha256.bytes);
    return object;
}

static Err *seen_decode(VerifySeen *seen, Span bytes)
{
    Dec dec = dec_begin(bytes);
    const Span begin = dec_bytes(&dec, sizeof magic);
    const uint32_t version = dec_u32(&dec);
    dec_skip(&dec, 4);
    const uint64_t count = dec_u64(&dec);
    TRY(dec_end(&dec, "head"));
    if (!span_equal(begin, span_of(magic, sizeof magic)) || version != SEEN_VERSION)
        return ERR(UNSUPPORTED, "it is of another version");
    const size_t hash_bytes = sizeof((Hash128 *)0)->bytes;
    if (count > VERIFY_SEEN_MAX || bytes.len != SEEN_HEAD_BYTES + count * SEEN_OBJECT_BYTES + hash_bytes)
        return ERR(CORRUPT, "it has %zu bytes and %lu objects", bytes.len, (unsigned long)count);
    const Hash128 hash = hash128_of(span_cut(bytes, 0, bytes.len - hash_bytes));
    if (memcmp(hash.bytes, bytes.ptr + bytes.len - hash_bytes, hash_bytes) != 0)
        return ERR(CORRUPT, "its hash is another");
    for (uint64_t i = 0; i < count; i++) {
        const SeenObject object = object_decode(&dec);
        buf_add(&seen->objects, &object, sizeof object);
    }
    return dec_end(&dec, "objects");
}

static Err *seen_read(VerifySeen *seen, const char *state_dir, const Repo *repo, const char *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf bytes = {0};
    const char *folder = NULL;
    TRY(state_folder_of(&folder, state_dir, "verify", repo, arena));
    const char *const path = arena_textf(arena, "%s/%s", folder, cluster);
    TRY(file_read_all(&bytes, path, SEEN_HEAD_BYTES + (size_t)(VERIFY_SEEN_MAX + 1) * SEEN_OBJECT_BYTES));
    TRY_AS(seen_decode(seen, buf_span(&bytes)), "%s", path);
    verify_seen_sort(seen);
    return NULL;
}

VerifySeen *verify_seen_load(const char *state_dir, const Repo *repo, const char *cluster, Report *report)
{
    VerifySeen *seen = verify_seen_new();
    Err *err = state_dir ? seen_read(seen, state_dir, repo, cluster) : NULL;
    if (!err)
        return seen;
    verify_seen_free(&seen);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return verify_seen_new();
    }
    report_survived(report, err_hint(err, "everything is read, and the file is written anew at the end"));
    return verify_seen_new();
}

Err *verify_seen_save(const VerifySeen *seen, const char *state_dir, const Repo *repo, const char *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf bytes = {0};
    const char *folder = NULL;
    TRY(state_folder_of(&folder, state_dir, "verify", repo, arena));
    TRY(folder_make_all(folder, FOLDER_MODE));
    const SeenObject *const objects = (const SeenObject *)(const void *)seen->objects.data;
    const size_t count = seen->objects.len / sizeof *objects;
    buf_add(&bytes, magic, sizeof magic);
    buf_add_u32(&bytes, SEEN_VERSION);
    buf_add_u32(&bytes, 0);
    buf_add_u64(&bytes, count);
    for (size_t i = 0; i < count; i++)
        object_encode(&bytes, &objects[i]);
    const Hash128 hash = hash128_of(buf_span(&bytes));
    buf_add(&bytes, hash.bytes, sizeof hash.bytes);
    return file_write_durable(arena_textf(arena, "%s/%s", folder, cluster), buf_span(&bytes), SEEN_MODE);
}
