/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/file_hash.h"

Err *file_hash(Hash128 *out, uint64_t *size_bytes, const char *path, File *to)
{
    uint8_t bytes[64 * 1024];
    AUTO(file_close) File *file = NULL;
    AUTO(hash128_stream_free) Hash128Stream *stream = hash128_stream_new();
    TRY(file_open_read_opts(&file, path, (FileReadOpts){.no_follow = true, .is_sequential = true}));
    uint64_t at = 0;
    for (size_t got = sizeof bytes; got == sizeof bytes; at += got) {
        TRY(file_read_at(&got, file, bytes, sizeof bytes, at));
        hash128_stream_add(stream, span_of(bytes, got));
        if (to)
            TRY(file_write(to, span_of(bytes, got)));
    }
    *out = hash128_stream_end(stream);
    *size_bytes = at;
    return NULL;
}
