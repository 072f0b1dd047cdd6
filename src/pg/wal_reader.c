/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/wal_reader.h"

#include "base/buf.h"
#include "base/crc32c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A record whose last page has not come yet. The checksum follows along, because bytes beyond WAL_RECORD_KEPT_MAX are
 * not kept; it covers the body first and the head last. */
typedef struct OpenRecord {
    Lsn start; /* invalid: none is open */
    Timeline timeline;
    uint32_t total;
    uint32_t got;
    uint32_t crc;
    Buf bytes;
} OpenRecord;

struct WalReader {
    WalSegmentHead wal;
    WalEntryFn *each;
    void *arg;
    Lsn page;      /* the next one to come */
    Lsn skip;      /* pages below it are the empty rest behind a switch */
    bool is_begun; /* the first page was read */
    Lsn overwrites;
    OpenRecord open;
    uint32_t head_left; /* bytes still to come of the record begun before the first page */
    Buf head_seam;
    WalProgress progress;
};

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

WalReader *wal_reader_new(const WalSegmentHead *start, WalEntryFn *each, void *arg)
{
    WalReader *const r = mem_new(sizeof *r);
    r->wal = *start;
    r->each = each;
    r->arg = arg;
    r->page = start->address;
    r->progress.timeline = start->timeline;
    return r;
}

void wal_reader_free(WalReader **reader)
{
    if (!*reader)
        return;
    buf_done(&(*reader)->open.bytes);
    buf_done(&(*reader)->head_seam);
    mem_free(reader);
}

WalProgress wal_reader_progress(const WalReader *r)
{
    WalProgress progress = r->progress;
    progress.head_seam = buf_span(&r->head_seam);
    if (lsn_is_valid(r->open.start)) {
        progress.open_start = r->open.start;
        progress.open_total_bytes = r->open.total;
        progress.open_bytes = buf_span(&r->open.bytes);
    }
    return progress;
}

/* Always false, so that checks can return it. */
__attribute__((format(printf, 3, 4))) static bool end_here(WalReader *r, WalEnd end, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->progress.end_text, sizeof r->progress.end_text, format, args);
    va_end(args);
    r->progress.end = end;
    r->open.start = (Lsn){0};
    return false;
}

static bool long_head_fits(WalReader *r, const WalPageHead *head)
{
    if (head->system_id.id != r->wal.system_id.id)
        return end_here(r, WAL_END_PAGE, "page at %s is of system id %s, expected %s", lsn_text(r->page).text,
                        system_id_text(head->system_id).text, system_id_text(r->wal.system_id).text);
    if (head->segment_bytes != r->wal.segment_bytes || head->page_bytes != PAGE_BYTES)
        return end_here(
            r, WAL_END_PAGE,
            "page at %s has segment size %" PRIu32 " and page size %" PRIu32 ", expected %" PRIu32 " and %d",
            lsn_text(r->page).text, head->segment_bytes, head->page_bytes, r->wal.segment_bytes, PAGE_BYTES);
    return true;
}

static bool page_fits(WalReader *r, const WalPageHead *head)
{
    const bool is_first = r->page.at % r->wal.segment_bytes == 0;
    if (head->magic == 0 && head->flags == 0 && head->address.at == 0)
        return end_here(r, WAL_END_ZERO, "page at %s is empty", lsn_text(r->page).text);
    if (head->magic != r->wal.version->wal_page_magic)
        return end_here(r, WAL_END_PAGE, "page at %s has the magic %04X, expected %04X",
                        lsn_text(r->page).text, head->magic, r->wal.version->wal_page_magic);
    if (head->flags & ~WAL_PAGE_FLAGS_KNOWN || (is_first && !(head->flags & WAL_PAGE_LONG)))
        return end_here(r, WAL_END_PAGE, "page at %s has the flags %04X", lsn_text(r->page).text,
                        head->flags);
    if (head->address.at != r->page.at)
        return end_here(r, WAL_END_PAGE, "page at %s holds the address %s", lsn_text(r->page).text,
                        lsn_text(head->address).text);
    if (head->timeline.id < r->progress.timeline.id)
        return end_here(r, WAL_END_PAGE, "page at %s is of timeline %" PRIu32 ", after timeline %" PRIu32,
                        lsn_text(r->page).text, head->timeline.id, r->progress.timeline.id);
    return !(head->flags & WAL_PAGE_LONG) || long_head_fits(r, head);
}

/* Kept apart from the checks of every record, which the compiler then lays into the loop. */
__attribute__((noinline, cold)) static bool end_by_prev(WalReader *r, Lsn start, Lsn prev)
{
    return end_here(r, WAL_END_PREV, "record at %s follows %s, expected %s", lsn_text(start).text,
                    lsn_text(prev).text,
                    lsn_is_valid(r->progress.last) ? lsn_text(r->progress.last).text : "a place before it");
}

__attribute__((noinline, cold)) static bool end_by_crc(WalReader *r, Lsn start, uint32_t crc,
                                                       uint32_t computed)
{
    return end_here(r, WAL_END_CRC, "record at %s has the CRC %08" PRIx32 ", computed %08" PRIx32,
                    lsn_text(start).text, crc, computed);
}

__attribute__((noinline, cold)) static bool end_by_length(WalReader *r, Lsn start, uint32_t total)
{
    if (total == 0)
        return end_here(r, WAL_END_ZERO, "no record at %s", lsn_text(start).text);
    return end_here(r, WAL_END_LENGTH, "record at %s has the length %" PRIu32, lsn_text(start).text, total);
}

/* The successor of the last record names it; the first one found may name anything before itself. */
static bool prev_fits(WalReader *r, Lsn start, Lsn prev)
{
    const Lsn last = r->progress.last;
    const bool fits = lsn_is_valid(last) ? prev.at == last.at : prev.at < start.at;
    return fits || end_by_prev(r, start, prev);
}

static bool crc_fits(WalReader *r, Lsn start, uint32_t crc, uint32_t computed)
{
    return crc == computed || end_by_crc(r, start, crc, computed);
}

static bool length_fits(WalReader *r, Lsn start, uint32_t total)
{
    return (total >= WAL_RECORD_HEAD_BYTES && total <= WAL_RECORD_MAX) || end_by_length(r, start, total);
}

static bool is_switch(const WalRecordHead *head)
{
    return head->manager == WAL_XLOG && (head->info & 0xF0) == WAL_XLOG_SWITCH;
}

static inline Err *deliver(WalReader *r, WalEntry *entry)
{
    if (is_switch(&entry->head)) {
        const uint64_t size = r->wal.segment_bytes;
        entry->end.at = (entry->end.at + size - 1) / size * size;
        r->skip = entry->end;
    }
    entry->overwrites = r->overwrites;
    r->overwrites = (Lsn){0};
    if (!lsn_is_valid(r->progress.first)) {
        r->progress.first = entry->start;
        r->progress.first_prev = entry->head.prev;
    }
    r->progress.last = entry->start;
    r->progress.next = entry->end;
    return r->each(r->arg, entry);
}

/* Takes the next fragment of the open record. */
static bool open_add(WalReader *r, const uint8_t *bytes, size_t size)
{
    OpenRecord *const o = &r->open;
    const size_t head_left = o->got < WAL_RECORD_HEAD_BYTES ? WAL_RECORD_HEAD_BYTES - o->got : 0;
    if (size > head_left)
        o->crc = crc32c_add(o->crc, bytes + head_left, size - head_left);
    const size_t room = WAL_RECORD_KEPT_MAX - o->bytes.len;
    buf_add(&o->bytes, bytes, size < room ? size : room);
    o->got += (uint32_t)size;
    /* The head is whole for the first time: garbage is told before more is gathered. */
    if (head_left && size >= head_left)
        return prev_fits(r, o->start, wal_record_head_decode(o->bytes.data).prev);
    return true;
}

static bool open_begin(WalReader *r, Lsn start, const uint8_t *bytes, size_t size)
{
    OpenRecord *const o = &r->open;
    buf_clear(&o->bytes);
    o->start = start;
    o->timeline = r->progress.timeline;
    o->total = get_u32(bytes);
    o->got = 0;
    o->crc = CRC32C_INIT;
    return open_add(r, bytes, size);
}

static Err *open_finish(WalReader *r, Lsn end)
{
    OpenRecord *const o = &r->open;
    WalEntry entry = {
        .start = o->start,
        .end = end,
        .timeline = o->timeline,
        .head = wal_record_head_decode(o->bytes.data),
        .bytes = buf_span(&o->bytes),
    };
    const uint32_t crc = crc32c_end(crc32c_add(o->crc, o->bytes.data, WAL_RECORD_HEAD_BYTES - 4));
    if (!crc_fits(r, entry.start, entry.head.crc, crc))
        return NULL;
    o->start = (Lsn){0};
    return deliver(r, &entry);
}

/* Every record that begins on the page, from `offset` on. */
static Err *read_records(WalReader *r, const uint8_t *page, size_t offset)
{
    WalEntry entry = {.timeline = r->progress.timeline};
    if (r->page.at + offset < r->skip.at)
        return NULL;
    while (offset < PAGE_BYTES) {
        const uint8_t *const bytes = page + offset;
        const Lsn start = {r->page.at + offset};
        /* Records begin on multiples of eight, so the length is always on the page. */
        const uint32_t total = get_u32(bytes);
        if (!length_fits(r, start, total))
            return NULL;
        if (total > PAGE_BYTES - offset) {
            (void)open_begin(r, start, bytes, PAGE_BYTES - offset);
            return NULL;
        }
        entry.start = start;
        entry.end.at = start.at + padded(total);
        entry.head = wal_record_head_decode(bytes);
        entry.bytes = (Span){bytes, total};
        if (!prev_fits(r, start, entry.head.prev) ||
            !crc_fits(r, start, entry.head.crc, wal_record_crc(entry.bytes)))
            return NULL;
        TRY(deliver(r, &entry));
        offset = entry.end.at - r->page.at; /* behind a switch lies nothing */
    }
    return NULL;
}

/* The page should go on with a record of which `left` bytes are missing. On success *taken of them stand on it. */
static bool continues(WalReader *r, size_t *taken, const WalPageHead *head, uint32_t left)
{
    if (!(head->flags & WAL_PAGE_CONTINUES) || head->rest_bytes != left)
        return end_here(r, WAL_END_CONTINUATION,
                        "page at %s goes on with %" PRIu32 " bytes of a record, expected %" PRIu32,
                        lsn_text(r->page).text, head->flags & WAL_PAGE_CONTINUES ? head->rest_bytes : 0,
                        left);
    const size_t room = PAGE_BYTES - head->head_bytes;
    *taken = left < room ? left : room;
    return true;
}

static Err *continue_open(WalReader *r, const uint8_t *page, const WalPageHead *head)
{
    OpenRecord *const o = &r->open;
    size_t taken;
    if (!continues(r, &taken, head, o->total - o->got) || !open_add(r, page + head->head_bytes, taken))
        return NULL;
    if (o->got < o->total)
        return NULL;
    const size_t offset = head->head_bytes + padded(taken);
    TRY(open_finish(r, (Lsn){r->page.at + offset}));
    return r->progress.end ? NULL : read_records(r, page, offset);
}

static Err *continue_head_seam(WalReader *r, const uint8_t *page, const WalPageHead *head)
{
    size_t taken;
    if (!continues(r, &taken, head, r->head_left))
        return NULL;
    const size_t room = WAL_SEAM_MAX - r->head_seam.len;
    buf_add(&r->head_seam, page + head->head_bytes, taken < room ? taken : room);
    r->head_left -= (uint32_t)taken;
    if (r->head_left)
        return NULL;
    const size_t offset = head->head_bytes + padded(taken);
    r->progress.next.at = r->page.at + offset;
    return read_records(r, page, offset);
}

/* The server crashed in the middle of a record and went on behind it: what is open is void. A record begun before the
 * first page is, too, unless it has come to its end. */
static void give_up_unfinished(WalReader *r)
{
    r->overwrites = r->open.start;
    r->open.start = (Lsn){0};
    if (!r->head_left)
        return;
    r->head_left = r->progress.head_seam_total_bytes = 0;
    buf_clear(&r->head_seam);
}

static Err *read_page(WalReader *r, const uint8_t *page)
{
    const WalPageHead head = wal_page_head_decode(page);
    if (!page_fits(r, &head))
        return NULL;
    r->progress.timeline = head.timeline;
    if (!r->is_begun && head.flags & WAL_PAGE_CONTINUES)
        r->head_left = r->progress.head_seam_total_bytes = head.rest_bytes;
    r->is_begun = true;

    if (head.flags & WAL_PAGE_OVERWRITES)
        give_up_unfinished(r);
    if (lsn_is_valid(r->open.start))
        return continue_open(r, page, &head);
    if (r->head_left)
        return continue_head_seam(r, page, &head);
    if (head.flags & WAL_PAGE_CONTINUES)
        return (void)end_here(r, WAL_END_CONTINUATION,
                              "page at %s goes on with %" PRIu32 " bytes of no record",
                              lsn_text(r->page).text, head.rest_bytes),
               NULL;
    if (!lsn_is_valid(r->progress.next))
        r->progress.next.at = r->page.at + head.head_bytes;
    return read_records(r, page, head.head_bytes);
}

Err *wal_reader_push(WalReader *r, Span pages)
{
    if (pages.len % PAGE_BYTES)
        return ERR(CORRUPT, "WAL pushed at %s ends inside a page: %zu bytes", lsn_text(r->page).text,
                   pages.len);
    for (size_t at = 0; at < pages.len && !r->progress.end; at += PAGE_BYTES) {
        if (r->page.at >= r->skip.at)
            TRY(read_page(r, pages.ptr + at));
        r->page.at += PAGE_BYTES;
    }
    return NULL;
}
