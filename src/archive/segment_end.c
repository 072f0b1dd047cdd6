/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/segment_end.h"

#include "os/file.h"
#include "os/path.h"
#include "pg/wal_reader.h"

static Err *nothing_kept(void *arg, const WalEntry *entry)
{
    (void)arg, (void)entry;
    return NULL;
}

/* The whole file, when it is what its name says. */
static Err *segment_read(Buf *out, WalSegmentHead *head, const char *folder, WalName name,
                         const Generation *generation)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = path_join(folder, wal_name_text(name).text, arena);
    TRY(file_read_all(out, path, name.segment_bytes));
    TRY_AS(wal_segment_head_decode(head, buf_span(out)), "reading %s", path);
    TRY_AS(wal_segment_head_check(head, &(WalSegmentHead){.version = head->version,
                                                          .system_id = generation->system_id,
                                                          .segment_bytes = name.segment_bytes,
                                                          .timeline = name.timeline,
                                                          .address = wal_name_start(name)}),
           "reading %s", path);
    if (out->len != name.segment_bytes)
        return ERR(CORRUPT, "%s has %zu bytes, a segment has %u", path, out->len, name.segment_bytes);
    return NULL;
}

/* A file that was recycled for later is none of this name. */
static Err *is_there(bool *out, const char *folder, WalName name, const Generation *generation)
{
    AUTO(buf_done) Buf plain = {0};
    WalSegmentHead head;
    Err *err = segment_read(&plain, &head, folder, name, generation);
    *out = !err;
    if (err_is(err, ERR_NOT_FOUND) || err_is(err, ERR_CORRUPT) || err_is(err, ERR_UNSUPPORTED))
        err_free(&err);
    return err;
}

/* A reader that has read the segment before, so that a record over the border can be checked; or a fresh one, when that
 * is not there or does not lead up to the border. */
static WalReader *reader_make(const char *folder, WalName name, const WalSegmentHead *head,
                              const Generation *generation)
{
    AUTO(wal_reader_free) WalReader *reader = NULL;
    AUTO(buf_done) Buf plain = {0};
    WalSegmentHead before;
    AUTO(err_free) Err *err = NULL;
    if (name.segment > 0) {
        WalName prev = wal_name_prev(name);
        prev.timeline = head->timeline; /* who wrote the begin of this one wrote the end of that one */
        err = segment_read(&plain, &before, folder, prev, generation);
        if (!err) {
            reader = wal_reader_new(&before, nothing_kept, NULL);
            err = wal_reader_push(reader, buf_span(&plain));
        }
    }
    if (reader && !err && !wal_reader_progress(reader).end)
        return TAKE(reader);
    return wal_reader_new(head, nothing_kept, NULL);
}

Err *segment_end_find(SegmentEnd *out, const char *folder, WalName name, const Generation *generation)
{
    AUTO(buf_done) Buf plain = {0};
    WalSegmentHead head;
    TRY(segment_read(&plain, &head, folder, name, generation));
    SegmentEnd end = {.is_finished = false};
    TRY(is_there(&end.is_finished, folder, wal_name_next(name), generation));
    if (!end.is_finished) {
        AUTO(wal_reader_free) WalReader *reader = reader_make(folder, name, &head, generation);
        TRY(wal_reader_push(reader, buf_span(&plain)));
        const WalProgress progress = wal_reader_progress(reader);
        end.is_finished = progress.end == WAL_END_NONE;
        end.has_record = progress.next.at > wal_name_start(name).at + WAL_PAGE_LONG_HEAD_BYTES;
        end.at = progress.next;
    }
    *out = end;
    return NULL;
}
