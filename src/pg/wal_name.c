/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_name.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* src/include/postmaster/pgarch.h: MIN_XFN_CHARS, MAX_XFN_CHARS, VALID_XFN_CHARS */
enum { ARCHIVABLE_CHARS_MIN = 16, ARCHIVABLE_CHARS_MAX = 40 };
static const char archivable_chars[] = "0123456789ABCDEF.history.backup.partial";

bool wal_segment_bytes_is_valid(uint64_t segment_bytes)
{
    return segment_bytes >= WAL_SEGMENT_BYTES_MIN && segment_bytes <= WAL_SEGMENT_BYTES_MAX &&
           (segment_bytes & (segment_bytes - 1)) == 0;
}

static uint64_t segments_per_log(uint32_t segment_bytes)
{
    assert(wal_segment_bytes_is_valid(segment_bytes));
    return (UINT64_C(1) << 32) / segment_bytes;
}

/* What may follow the 24 digits. */
static bool suffix_parse(WalName *name, const char *suffix)
{
    uint64_t offset;
    if (!*suffix) {
        name->kind = WAL_NAME_SEGMENT;
        return true;
    }
    if (text_equal(suffix, ".partial")) {
        name->kind = WAL_NAME_PARTIAL;
        return true;
    }
    if (*suffix != '.' || !text_hex_upper(&offset, suffix + 1, 8) || !text_equal(suffix + 9, ".backup") ||
        offset >= name->segment_bytes)
        return false;
    name->kind = WAL_NAME_BACKUP;
    name->offset = (uint32_t)offset;
    return true;
}

bool wal_name_matches(WalName *out, const char *text, uint32_t segment_bytes)
{
    uint64_t timeline, log, segment;
    WalName name = {.segment_bytes = segment_bytes};
    if (!text_hex_upper(&timeline, text, 8) || timeline == 0)
        return false;
    name.timeline.id = (uint32_t)timeline;
    if (text_equal(text + 8, ".history")) {
        name.kind = WAL_NAME_HISTORY;
        *out = name;
        return true;
    }
    if (!text_hex_upper(&log, text + 8, 8) || !text_hex_upper(&segment, text + 16, 8) ||
        segment >= segments_per_log(segment_bytes) || !suffix_parse(&name, text + 24))
        return false;
    name.segment = log * segments_per_log(segment_bytes) + segment;
    if (name.segment == UINT64_MAX / segment_bytes) /* its end is no LSN: nothing can follow it */
        return false;
    *out = name;
    return true;
}

Err *wal_name_parse(WalName *out, const char *text, uint32_t segment_bytes)
{
    if (wal_name_matches(out, text, segment_bytes))
        return NULL;
    return ERR(USAGE, "\"%s\" is not the name of a WAL file with segments of %" PRIu32 " bytes", text,
               segment_bytes);
}

WalNameText wal_name_text(WalName name)
{
    WalNameText out;
    if (name.kind == WAL_NAME_HISTORY) {
        snprintf(out.text, sizeof out.text, "%08" PRIX32 ".history", name.timeline.id);
        return out;
    }
    const uint64_t per_log = segments_per_log(name.segment_bytes);
    const int len =
        snprintf(out.text, sizeof out.text, "%08" PRIX32 "%08" PRIX32 "%08" PRIX32, name.timeline.id,
                 (uint32_t)(name.segment / per_log), (uint32_t)(name.segment % per_log));
    char *const suffix = out.text + len;
    const size_t room = sizeof out.text - (size_t)len;
    if (name.kind == WAL_NAME_PARTIAL)
        snprintf(suffix, room, ".partial");
    if (name.kind == WAL_NAME_BACKUP)
        snprintf(suffix, room, ".%08" PRIX32 ".backup", name.offset);
    return out;
}

WalName wal_name_of_history(Timeline timeline, uint32_t segment_bytes)
{
    return (WalName){.kind = WAL_NAME_HISTORY, .timeline = timeline, .segment_bytes = segment_bytes};
}

WalName wal_name_of_lsn(Timeline timeline, Lsn lsn, uint32_t segment_bytes)
{
    assert(wal_segment_bytes_is_valid(segment_bytes));
    return (WalName){.timeline = timeline, .segment = lsn.at / segment_bytes, .segment_bytes = segment_bytes};
}

WalName wal_name_before_lsn(Timeline timeline, Lsn end, uint32_t segment_bytes)
{
    assert(end.at != 0);
    return wal_name_of_lsn(timeline, (Lsn){end.at - 1}, segment_bytes);
}

WalName wal_name_segment(WalName name)
{
    assert(name.kind != WAL_NAME_HISTORY);
    name.kind = WAL_NAME_SEGMENT;
    name.offset = 0;
    return name;
}

Lsn wal_name_start(WalName name)
{
    assert(name.kind != WAL_NAME_HISTORY);
    return (Lsn){name.segment * name.segment_bytes};
}

Lsn wal_name_end(WalName name)
{
    return (Lsn){wal_name_start(name).at + name.segment_bytes};
}

WalName wal_name_next(WalName name)
{
    assert(name.segment < UINT64_MAX / name.segment_bytes);
    name = wal_name_segment(name);
    name.segment++;
    return name;
}

WalName wal_name_prev(WalName name)
{
    assert(name.segment > 0);
    name = wal_name_segment(name);
    name.segment--;
    return name;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int wal_name_compare(WalName a, WalName b)
{
    int order = compare_u64(a.timeline.id, b.timeline.id);
    if (!order)
        order = compare_u64(a.segment, b.segment);
    if (!order)
        order = compare_u64(a.kind, b.kind);
    return order ? order : compare_u64(a.offset, b.offset);
}

bool wal_name_is_archivable(const char *name)
{
    const size_t len = strlen(name);
    return len >= ARCHIVABLE_CHARS_MIN && len <= ARCHIVABLE_CHARS_MAX &&
           strspn(name, archivable_chars) == len;
}
