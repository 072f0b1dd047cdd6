/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/limits.h"
#include "repo/wal_index.h"
#include "repo/wal_index_priv.h"

enum { SEAMS_VERSION = 1 };

static Span seam_cut(Span bytes)
{
    return span_cut(bytes, 0, WAL_SEAM_MAX);
}

WalSeams wal_seams_of(const WalProgress *progress)
{
    return (WalSeams){.first_prev = progress->first_prev,
                      .last = progress->last,
                      .head_total_bytes = progress->head_seam_total_bytes,
                      .head = seam_cut(progress->head_seam),
                      .tail_total_bytes = progress->open_total_bytes,
                      .tail_bytes = (uint32_t)progress->open_bytes.len,
                      .tail = seam_cut(progress->open_bytes)};
}

static void seam_encode(Buf *out, Span bytes)
{
    buf_add_u32(out, (uint32_t)bytes.len);
    buf_add(out, bytes.ptr, bytes.len);
}

void wal_index_seams_encode(Buf *out, const WalSeams *seams)
{
    buf_add_u16(out, SEAMS_VERSION);
    buf_add_u16(out, 0);
    buf_add_u64(out, seams->first_prev.at);
    buf_add_u64(out, seams->last.at);
    buf_add_u32(out, seams->head_total_bytes);
    seam_encode(out, seams->head);
    buf_add_u32(out, seams->tail_total_bytes);
    buf_add_u32(out, seams->tail_bytes);
    seam_encode(out, seams->tail);
}

Err *wal_index_seams_decode(WalSeams *out, Span section)
{
    Dec d = dec_begin(section);
    TRY(wal_section_version_decode(&d, SEAMS_VERSION, "seams of a WAL index"));
    dec_skip(&d, 2);
    WalSeams seams = {.first_prev = {dec_u64(&d)}};
    seams.last.at = dec_u64(&d);
    seams.head_total_bytes = dec_u32(&d);
    seams.head = dec_bytes(&d, dec_u32(&d));
    seams.tail_total_bytes = dec_u32(&d);
    seams.tail_bytes = dec_u32(&d);
    seams.tail = dec_bytes(&d, dec_u32(&d));
    TRY(dec_end_exact(&d, "seams of a WAL index"));
    if (seams.head.len > seams.head_total_bytes || seams.tail.len > seams.tail_bytes ||
        seams.tail_bytes > seams.tail_total_bytes)
        return ERR(CORRUPT, "seams of a WAL index: %zu bytes of %u, %zu of %u of %u", seams.head.len,
                   seams.head_total_bytes, seams.tail.len, seams.tail_bytes, seams.tail_total_bytes);
    *out = seams;
    return NULL;
}
