/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/landing.h"

#include "base/buf.h"

#include <assert.h>
#include <string.h>

static Err *keep_begin(Landing *landing, uint64_t size_bytes)
{
    const BufLanding *const self = (const BufLanding *)landing;
    buf_cut(self->to, self->before);
    buf_reserve(self->to, size_bytes);
    buf_grown(self->to, size_bytes);
    return NULL;
}

static Err *keep_write(Landing *landing, uint64_t offset, Span bytes)
{
    const BufLanding *const self = (const BufLanding *)landing;
    assert(offset + bytes.len <= self->to->len - self->before);
    if (bytes.len)
        memcpy(self->to->data + self->before + offset, bytes.ptr, bytes.len);
    return NULL;
}

BufLanding buf_landing(struct Buf *to)
{
    static const LandingOps ops = {keep_begin, keep_write};
    return (BufLanding){.landing = {.ops = &ops}, .to = to, .before = to->len};
}
