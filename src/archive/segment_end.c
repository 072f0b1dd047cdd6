/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/segment_end.h"

#include "os/file.h"
#include "os/path.h"
#include "pg/wal_reader.h"

enum { READ_BYTES = 256 * 1024 }; /* of whole pages; segments have a multiple of it */

static Err *nothing_kept(void *arg, const WalEntry *entry)
{
    (void)arg, (void)entry;
    return NULL;
}

/* The file, when it is what its name says; by its head and size, so that the many of a pg_wal are not read. */
static Err *segment_open(File **out, WalSegmentHead *head, const char *folder, WalName name,
                         const Generation *generation)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(file_close) File *file = NULL;
    const char *const path = path_join(folder, wal_name_text(name).text, arena);
    uint8_t first[WAL_PAGE_LONG_HEAD_BYTES];
    size_t count;
    uint64_t size;
    TRY(file_open_read(&file, path));
    TRY(file_read_at(&count, file, first, sizeof first, 0));
    TRY_AS(wal_segment_head_decode(head, span_of(first, count)), "reading %s", path);
    TRY_AS(wal_segment_head_check(head, &(WalSegmentHead){.version = head->version,
                                                          .system_id = generation->system_id,
                                                          .segment_bytes = name.segment_bytes,
                                                          .timeline = name.timeline,
                                                          .address = wal_name_start(name)}),
           "reading %s", path);
    TRY(file_size(&size, file));
    if (size != name.segment_bytes)
        return ERR(CORRUPT, "%s has %llu bytes, a segment has %u", path, (unsigned long long)size,
                   name.segment_bytes);
    *out = TAKE(file);
    return NULL;
}

/* A file that was recycled for later is none of this name. */
static Err *is_there(bool *out, const char *folder, WalName name, const Generation *generation)
{
    AUTO(file_close) File *file = NULL;
    WalSegmentHead head;
    Err *err = segment_open(&file, &head, folder, name, generation);
    *out = !err;
    if (err_is_unreadable(err))
        err_free(&err);
    return err;
}

static Err *pages_push(WalReader *reader, const File *file, uint32_t segment_bytes)
{
    AUTO(buf_done) Buf piece = {0};
    for (uint64_t at = 0; at < segment_bytes && !wal_reader_progress(reader).end; at += READ_BYTES) {
        size_t count;
        buf_clear(&piece);
        TRY(file_read_at(&count, file, buf_reserve(&piece, READ_BYTES), READ_BYTES, at));
        if (count < READ_BYTES)
            return ERR(CORRUPT, "%s was cut while it was read", file_path(file));
        buf_grown(&piece, count);
        TRY(wal_reader_push(reader, buf_span(&piece)));
    }
    return NULL;
}

/* A reader that has read the segment before, so that a record over the border can be checked; or a fresh one, when that
 * is not there or does not lead up to the border. */
static WalReader *reader_make(const char *folder, WalName name, const WalSegmentHead *head,
                              const Generation *generation)
{
    AUTO(wal_reader_free) WalReader *reader = NULL;
    AUTO(file_close) File *file = NULL;
    WalSegmentHead before;
    AUTO(err_free) Err *err = NULL;
    if (name.segment > 0) {
        WalName prev = wal_name_prev(name);
        prev.timeline = head->timeline; /* who wrote the begin of this one wrote the end of that one */
        err = segment_open(&file, &before, folder, prev, generation);
        if (!err) {
            reader = wal_reader_new(&before, nothing_kept, NULL);
            err = pages_push(reader, file, name.segment_bytes);
        }
    }
    if (reader && !err && !wal_reader_progress(reader).end)
        return TAKE(reader);
    return wal_reader_new(head, nothing_kept, NULL);
}

Err *segment_end_find(SegmentEnd *out, const char *folder, WalName name, const Generation *generation)
{
    AUTO(file_close) File *file = NULL;
    WalSegmentHead head;
    TRY(segment_open(&file, &head, folder, name, generation));
    SegmentEnd end = {.is_finished = false};
    TRY(is_there(&end.is_finished, folder, wal_name_next(name), generation));
    if (!end.is_finished) {
        AUTO(wal_reader_free) WalReader *reader = reader_make(folder, name, &head, generation);
        TRY(pages_push(reader, file, name.segment_bytes));
        const WalProgress progress = wal_reader_progress(reader);
        end.is_finished = progress.end == WAL_END_NONE;
        end.has_record = progress.next.at > wal_name_start(name).at + WAL_PAGE_LONG_HEAD_BYTES;
        end.at = progress.next;
    }
    *out = end;
    return NULL;
}
