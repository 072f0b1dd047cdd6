/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/fuzz/fuzz_frame.c - any bytes as a frame of each codec: the exact number of plain bytes, or CORRUPT */
#include "base/limits.h"
#include "codec/codec.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Byte 0 chooses the codec, bytes 1 to 3 the length that is expected. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Codec *codecs[3];
    if (size < 4)
        return 0;
    const CodecKind kind = (CodecKind)(data[0] % 3);
    if (!codecs[kind]) {
        Err *err = codec_new(&codecs[kind], kind, codec_level_default(kind));
        assert(!err);
        err_free(&err);
    }
    const size_t plain_bytes = 1 + (data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16) % FRAME_PLAIN_MAX;
    AUTO(mem_free) uint8_t *plain = mem_new(plain_bytes);
    AUTO(err_free) Err *err = codec_decompress(plain, plain_bytes, codecs[kind], span_of(data + 4, size - 4));
    assert(!err || err_is(err, ERR_CORRUPT));
    return 0;
}
