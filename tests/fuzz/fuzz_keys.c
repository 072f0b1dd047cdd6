/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as the last part of a key, with a segment size that the first byte chooses; what is taken is written the same
 * again. */
#include "repo/keys.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *last_part(const Key *key)
{
    return strrchr(key->text, '/') + 1;
}

static void wal_check(const char *text, uint32_t segment_bytes)
{
    const KeyRoot root = {"main", 1};
    WalName name;
    if (!key_wal_matches(&name, text, segment_bytes))
        return;
    const Key key = key_wal(&root, name);
    if (name.kind == WAL_NAME_PARTIAL)
        assert(strncmp(last_part(&key), text, strlen(last_part(&key))) == 0);
    else
        assert(strcmp(last_part(&key), text) == 0);
}

static void tail_check(const char *text, uint32_t segment_bytes)
{
    const KeyRoot root = {"main", 1};
    WalTail tail;
    if (!key_wal_tail_matches(&tail, text, segment_bytes))
        return;
    const Key key = key_wal_tail(&root, &tail), stem = key_wal_stem(&root, tail.name);
    assert(strcmp(last_part(&key), text) == 0);
    assert(strncmp(key.text, stem.text, strlen(stem.text)) == 0);
    assert(tail.from < tail.to && tail.to < segment_bytes);
    WalName name;
    assert(!key_wal_matches(&name, text, segment_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[80];
    if (size < 1 || size > sizeof text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    const uint32_t segment_bytes = WAL_SEGMENT_BYTES_MIN << data[0] % 11;
    uint32_t number;
    (void)key_generation_matches(&number, text);
    (void)key_pack_matches(&number, text);
    wal_check(text, segment_bytes);
    tail_check(text, segment_bytes);
    return 0;
}
