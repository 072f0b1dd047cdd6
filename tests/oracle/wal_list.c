/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/oracle/wal_list.c - prints every record of WAL segments, for comparison with PostgreSQL's own readers
 *
 * wal_list [-t] SEGMENT...  reads the files one after another as one stream and prints a line a record:
 *     start prev manager info length xid main-bytes block...
 * a block as id:tablespace/database/file:fork:number:image:data, image empty or hole offset, hole bytes, stored bytes
 * and codec. Last come the end of WAL and the summary, each on lines that begin with '#'. With -t nothing is printed
 * but, for each file, the CPU time per 16 MB for finding and checking the records alone, which is the floor, for reader and
 * summary, and for the whole index: the fastest of ten passes.
 */
#include "repo/wal_index.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Listing {
    WalSummary summary;
    const PgVersion *version;
} Listing;

static void die(Err *err)
{
    (void)fprintf(stderr, "wal_list: %s\n", err_text(err));
    exit(1);
}

static void must(Err *err)
{
    if (err)
        die(err);
}

static Span file_read(const char *path)
{
    FILE *const in = fopen(path, "rb");
    if (!in) {
        perror(path);
        exit(1);
    }
    (void)fseek(in, 0, SEEK_END);
    const size_t size = (size_t)ftell(in);
    rewind(in);
    uint8_t *const bytes = mem_new(size + 1);
    if (fread(bytes, 1, size, in) != size) {
        perror(path);
        exit(1);
    }
    (void)fclose(in);
    return span_of(bytes, size);
}

static void print_block(const WalBlock *b)
{
    static const char *const codecs[] = {"plain", "pglz", "lz4", "zstd"};
    printf(" %u:%" PRIu32 "/%" PRIu32 "/%" PRIu32 ":%d:%" PRIu32 ":", b->id, b->file.tablespace.id,
           b->file.database.id, b->file.number.id, (int)b->fork, b->block);
    if (b->has_image)
        printf("%u,%u,%zu,%s%s", b->image.hole_offset, b->image.hole_bytes, b->image.bytes.len,
               codecs[b->image.codec], b->image.is_applied ? "" : ",check");
    printf(":%zu", b->data.len);
}

static Err *print_entry(void *arg, const WalEntry *entry)
{
    static WalRecord record;
    Listing *const listing = arg;
    TRY(wal_summary_entry(&listing->summary, entry));
    TRY_AS(wal_record_decode(&record, listing->version, entry->bytes), "record at %s",
           lsn_text(entry->start).text);
    printf("%" PRIX64 " %" PRIX64 " %" PRIX64 " %u %02X %" PRIu32 " %" PRIu32 " %zu", entry->start.at,
           entry->end.at, entry->head.prev.at, entry->head.manager, entry->head.info, entry->head.total_bytes,
           entry->head.xid.id, record.main.len);
    for (unsigned i = 0; i < record.block_count; i++)
        print_block(&record.blocks[i]);
    printf("\n");
    return NULL;
}

static void print_summary(const WalSummary *s)
{
    printf("# records %" PRIu64 " commits %" PRIu64 " aborts %" PRIu64 " xids %" PRIu32 " %" PRIu32
           " wal_level %d\n",
           s->records, s->commits.count, s->aborts.count, s->xid_min.id, s->xid_max.id,
           (int)s->wal_level_min);
    printf("# commit times %s %s %s\n", instant_text(s->commits.min).text, instant_text(s->commits.max).text,
           instant_text(s->commits.last).text);
    printf("# unread %" PRIu32 " %s\n", s->unread, s->unread_text);
    for (uint32_t i = 0; i < s->event_count; i++) {
        const WalEvent *const e = wal_summary_event(s, i);
        printf("# event %d at %s: lsn %s timeline %" PRIu32 " from %" PRIu32 " oid %" PRIu32
               " level %d connections %d %s %s\n",
               (int)e->kind, lsn_text(e->start).text, lsn_text(e->lsn).text, e->timeline.id, e->previous.id,
               e->tablespace.id, (int)e->wal_level, e->parameters.max_connections, instant_text(e->time).text,
               e->text ? e->text : "");
    }
    printf("# end %d at %s: %s\n", (int)s->progress.end, lsn_text(s->progress.next).text,
           s->progress.end_text);
}

static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static Err *entry_count(void *arg, const WalEntry *entry)
{
    (void)entry;
    ++*(uint64_t *)arg;
    return NULL;
}

static double walk_ms(Span file)
{
    WalSegmentHead head;
    uint64_t records = 0;
    const double begin = cpu_ms();
    must(wal_segment_head_decode(&head, file));
    WalReader *reader = wal_reader_new(&head, entry_count, &records);
    must(wal_reader_push(reader, file));
    wal_reader_free(&reader);
    return cpu_ms() - begin;
}

static double summary_ms(uint64_t *records, Span file)
{
    WalSegmentHead head;
    WalSummary summary;
    const double begin = cpu_ms();
    must(wal_segment_head_decode(&head, file));
    wal_summary_init(&summary, head.version);
    WalReader *reader = wal_reader_new(&head, wal_summary_entry, &summary);
    must(wal_reader_push(reader, file));
    *records = summary.records;
    wal_reader_free(&reader);
    wal_summary_done(&summary);
    return cpu_ms() - begin;
}

static double index_ms(size_t *bytes, Span file)
{
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    const double begin = cpu_ms();
    must(wal_sections_of(&sections, file));
    *bytes = sections.summary.len + sections.blocks.len + sections.activity.len + sections.seams.len;
    return cpu_ms() - begin;
}

static void measure(const char *name, Span file)
{
    enum { PASSES = 10 };
    double walk = 1e9, summary = 1e9, index = 1e9;
    uint64_t records = 0;
    size_t bytes = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        const double a = summary_ms(&records, file), b = index_ms(&bytes, file);
        const double c = walk_ms(file);
        walk = c < walk ? c : walk;
        summary = a < summary ? a : summary;
        index = b < index ? b : index;
    }
    const double segments = (double)file.len / (16 << 20);
    printf("%s: %.0f records per 16 MB; walk %.2f ms, summary %.2f ms, index %.2f ms, %.0f bytes\n", name,
           (double)records / segments, walk / segments, summary / segments, index / segments,
           (double)bytes / segments);
}

static void list(const Span *files, int count)
{
    WalSegmentHead head;
    Listing listing;
    must(wal_segment_head_decode(&head, files[0]));
    listing.version = head.version;
    wal_summary_init(&listing.summary, head.version);
    WalReader *reader = wal_reader_new(&head, print_entry, &listing);
    for (int i = 0; i < count; i++)
        must(wal_reader_push(reader, files[i]));
    wal_summary_finish(&listing.summary, reader);
    print_summary(&listing.summary);
    wal_reader_free(&reader);
    wal_summary_done(&listing.summary);
}

int main(int argc, char **argv)
{
    const bool is_timed = argc > 1 && strcmp(argv[1], "-t") == 0;
    const int first = is_timed ? 2 : 1;
    const int count = argc - first;
    if (count <= 0)
        return 2;
    Span *files = mem_new((size_t)count * sizeof *files);
    for (int i = 0; i < count; i++)
        files[i] = file_read(argv[first + i]);
    for (int i = 0; is_timed && i < count; i++)
        measure(argv[first + i], files[i]);
    if (!is_timed)
        list(files, count);
    for (int i = 0; i < count; i++)
        free((void *)files[i].ptr);
    mem_free(&files);
    return 0;
}
