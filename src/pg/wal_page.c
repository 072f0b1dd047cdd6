/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_page.h"

#include "pg/wal_name.h"

#include <inttypes.h>

WalPageHead wal_page_head_decode(const uint8_t *page)
{
    WalPageHead head = {
        .magic = get_u16(page),
        .flags = get_u16(page + 2),
        .timeline = {get_u32(page + 4)},
        .address = {get_u64(page + 8)},
        .rest_bytes = get_u32(page + 16),
        .head_bytes = WAL_PAGE_HEAD_BYTES,
    };
    if (head.flags & WAL_PAGE_LONG) {
        head.head_bytes = WAL_PAGE_LONG_HEAD_BYTES;
        head.system_id = (SystemId){get_u64(page + 24)};
        head.segment_bytes = get_u32(page + 32);
        head.page_bytes = get_u32(page + 36);
    }
    return head;
}

Err *wal_segment_head_decode(WalSegmentHead *out, Span first_bytes)
{
    if (first_bytes.len < WAL_PAGE_LONG_HEAD_BYTES)
        return ERR(CORRUPT, "WAL segment has %zu bytes, its header alone has %d", first_bytes.len,
                   WAL_PAGE_LONG_HEAD_BYTES);
    const WalPageHead page = wal_page_head_decode(first_bytes.ptr);
    const PgVersion *version = NULL;
    TRY(pg_version_of_wal_magic(&version, page.magic));
    if (!(page.flags & WAL_PAGE_LONG) || page.flags & ~WAL_PAGE_FLAGS_KNOWN)
        return ERR(
            CORRUPT,
            "WAL segment begins with page flags %04X, expected a long header (bit 2) and bits up to %04X",
            page.flags, WAL_PAGE_FLAGS_KNOWN);
    if (page.page_bytes != PAGE_BYTES)
        return err_hint(
            ERR(UNSUPPORTED, "WAL page size is %" PRIu32 ", expected %d", page.page_bytes, PAGE_BYTES),
            "only servers built with the default WAL block size are supported");
    if (!wal_segment_bytes_is_valid(page.segment_bytes))
        return ERR(CORRUPT,
                   "WAL segment size is %" PRIu32 ", expected a power of two from %" PRIu32 " to %" PRIu32,
                   page.segment_bytes, WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_BYTES_MAX);
    if (page.timeline.id == 0)
        return ERR(CORRUPT, "WAL segment names timeline 0, expected 1 or above");
    if (page.address.at % page.segment_bytes)
        return ERR(CORRUPT, "WAL segment has the address %s, which is no multiple of its size %" PRIu32,
                   lsn_text(page.address).text, page.segment_bytes);
    *out = (WalSegmentHead){version, page.system_id, page.segment_bytes, page.timeline, page.address};
    return NULL;
}

Err *wal_segment_head_check(const WalSegmentHead *head, const WalSegmentHead *expected)
{
    if (head->version->major != expected->version->major)
        return ERR(CORRUPT, "WAL segment is of PostgreSQL %" PRIu32 ", expected %" PRIu32,
                   head->version->major, expected->version->major);
    if (head->system_id.id != expected->system_id.id)
        return err_hint(ERR(CORRUPT, "WAL segment is of the cluster with system id %s, expected %s",
                            system_id_text(head->system_id).text, system_id_text(expected->system_id).text),
                        "was the cluster made anew, or does another one archive under this name?");
    if (head->segment_bytes != expected->segment_bytes)
        return ERR(CORRUPT, "WAL segment size is %" PRIu32 ", expected %" PRIu32, head->segment_bytes,
                   expected->segment_bytes);
    if (head->address.at != expected->address.at)
        return err_hint(ERR(CORRUPT, "WAL segment holds the address %s, expected %s by its name",
                            lsn_text(head->address).text, lsn_text(expected->address).text),
                        "the file is a recycled one that was never filled, or it was renamed");
    if (head->timeline.id > expected->timeline.id)
        return ERR(CORRUPT, "WAL segment is of timeline %" PRIu32 ", expected %" PRIu32 " or an ancestor",
                   head->timeline.id, expected->timeline.id);
    return NULL;
}
