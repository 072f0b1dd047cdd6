/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_object.h"

#include "pg/wal_page.h"
#include "repo/frame_pool.h"

#include <inttypes.h>
#include <string.h>

ContainerKind wal_object_kind(WalNameKind kind)
{
    static const ContainerKind kinds[] = {[WAL_NAME_SEGMENT] = CONTAINER_WAL,
                                          [WAL_NAME_PARTIAL] = CONTAINER_WAL_PARTIAL,
                                          [WAL_NAME_BACKUP] = CONTAINER_BACKUP_HISTORY,
                                          [WAL_NAME_HISTORY] = CONTAINER_HISTORY};
    return kinds[kind];
}

static void facts_encode(Buf *out, const WalFacts *facts)
{
    buf_add_u64(out, facts->system_id.id);
    buf_add_u32(out, facts->timeline.id);
    buf_add_u32(out, facts->segment_bytes);
    buf_add_u32(out, facts->major);
    buf_add_u32(out, 0);
    buf_add_u64(out, facts->plain_bytes);
    buf_add(out, facts->plain_hash.bytes, sizeof facts->plain_hash.bytes);
}

static Err *facts_decode(WalFacts *out, Span bytes)
{
    Dec d = dec_begin(bytes);
    WalFacts facts = {.system_id = {dec_u64(&d)}};
    facts.timeline.id = dec_u32(&d);
    facts.segment_bytes = dec_u32(&d);
    facts.major = dec_u32(&d);
    dec_skip(&d, 4);
    facts.plain_bytes = dec_u64(&d);
    const Span hash = dec_bytes(&d, sizeof facts.plain_hash.bytes);
    for (size_t i = 0; i < hash.len; i++)
        facts.plain_hash.bytes[i] = hash.ptr[i];
    TRY(dec_end_exact(&d, "facts of a WAL object"));
    *out = facts;
    return NULL;
}

/* The records of a segment as the bytes of a summary. What ends inside a page is filled up with zeros. */
static Err *summary_make(Buf *out, Span plain)
{
    WalSegmentHead head;
    TRY(wal_segment_head_decode(&head, plain));
    AUTO(wal_summary_done) WalSummary summary;
    wal_summary_init(&summary, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_summary_entry, &summary);
    const size_t whole = plain.len - plain.len % PAGE_BYTES;
    const Span rest = span_cut(plain, whole, SIZE_MAX);
    TRY(wal_reader_push(reader, span_cut(plain, 0, whole)));
    if (rest.len) {
        uint8_t page[PAGE_BYTES] = {0};
        memcpy(page, rest.ptr, rest.len);
        TRY(wal_reader_push(reader, span_of(page, sizeof page)));
    }
    wal_summary_finish(&summary, reader);
    wal_index_summary_encode(out, &summary);
    return NULL;
}

typedef struct Indexing {
    Span plain;
    Buf summary; /* empty when the records could not be read */
    Err *fault;  /* why */
} Indexing;

static void indexing_done(Indexing *indexing)
{
    buf_done(&indexing->summary);
    err_free(&indexing->fault);
}

static Err *indexing_run(void *arg)
{
    Indexing *const indexing = arg;
    indexing->fault = summary_make(&indexing->summary, indexing->plain);
    return NULL;
}

/* ---- a part of a file: all of it, or a tail of a segment */

typedef struct Part {
    WalName name;
    const WalTail *tail; /* NULL: all of it */
} Part;

static ContainerKind part_kind(Part part)
{
    return part.tail ? CONTAINER_WAL_TAIL : wal_object_kind(part.name.kind);
}

static Key part_key(const KeyRoot *root, Part part)
{
    return part.tail ? key_wal_tail(root, part.tail) : key_wal(root, part.name);
}

/* How many bytes it has: known for segments and their tails, 0 for other files. */
static size_t part_bytes(Part part)
{
    if (part.tail)
        return part.tail->to - part.tail->from;
    return part.name.kind == WAL_NAME_SEGMENT ? part.name.segment_bytes : 0;
}

static Err *part_size_check(Part part, const char *what, size_t bytes)
{
    if (!part_bytes(part) || bytes == part_bytes(part))
        return NULL;
    return ERR(CORRUPT, "%s %s has %zu bytes, expected %zu", part.tail ? "tail" : "WAL segment", what, bytes,
               part_bytes(part));
}

static bool part_is_indexed(Part part)
{
    return part.tail ? part.tail->from == 0 : part.name.kind == WAL_NAME_SEGMENT;
}

Err *wal_object_encode(Buf *out, Err **index_fault, const WalObjectSpec *spec, Span plain)
{
    const Generation *const generation = spec->generation;
    const Part part = {spec->name, spec->tail};
    const Key key = part_key(&generation->root, part);
    TRY(part_size_check(part, wal_name_text(spec->name).text, plain.len));
    const WalFacts facts = {.system_id = generation->system_id,
                            .timeline = spec->name.timeline,
                            .major = generation->major,
                            .segment_bytes = generation->segment_bytes,
                            .plain_bytes = plain.len,
                            .plain_hash = hash128_of(plain)};
    AUTO(buf_done) Buf facts_bytes = {0};
    if (part_bytes(part) || spec->name.kind == WAL_NAME_PARTIAL)
        facts_encode(&facts_bytes, &facts);

    const ContainerSpec container = {.kind = part_kind(part),
                                     .name = key_object_name(spec->key ? spec->key : key.text),
                                     .codec = spec->codec,
                                     .level = spec->level,
                                     .facts = buf_span(&facts_bytes)};
    BufSink to = buf_sink(out, SIZE_MAX);
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    TRY(container_begin(&writer, &container, &to.sink));
    AUTO(indexing_done) Indexing indexing = {.plain = plain};
    TRY(frame_pool_write(writer, plain,
                         &(FramePool){.codec = spec->codec,
                                      .level = spec->level,
                                      .jobs = spec->jobs,
                                      .aside = part_is_indexed(part) ? indexing_run : NULL,
                                      .arg = &indexing}));
    if (indexing.summary.len)
        TRY(container_section(writer, SECTION_WAL_SUMMARY, buf_span(&indexing.summary)));
    ContainerSummary written;
    TRY(container_finish(&written, writer));
    *index_fault = TAKE(indexing.fault);
    return NULL;
}

static Err *part_open(ContainerReader **out, WalFacts *facts, Store *store, const KeyRoot *root, Part part)
{
    const Key key = part_key(root, part);
    const ContainerExpect expect = {.kind = part_kind(part), .name = key_object_name(key.text)};
    AUTO(container_close) ContainerReader *reader = NULL;
    TRY(container_open(&reader, store, key.text, &expect));
    TRY_AS(facts_decode(facts, container_info(reader)->facts), "reading %s", key.text);
    if (facts->timeline.id != part.name.timeline.id || facts->segment_bytes != part.name.segment_bytes ||
        facts->plain_bytes != container_info(reader)->summary.plain_bytes)
        return ERR(CORRUPT, "%s tells of timeline %u, segments of %u bytes and %" PRIu64 " plain bytes",
                   key.text, facts->timeline.id, facts->segment_bytes, facts->plain_bytes);
    *out = TAKE(reader);
    return NULL;
}

static Err *part_facts(WalFacts *out, Store *store, const KeyRoot *root, Part part)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    WalFacts facts = {.major = 0};
    TRY(part_open(&reader, &facts, store, root, part));
    *out = facts;
    return NULL;
}

static Err *part_summary(WalSummary *out, bool *has_summary, Store *store, const KeyRoot *root, Part part)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    WalFacts facts;
    TRY(part_open(&reader, &facts, store, root, part));
    Span section;
    const bool is_there = container_section_find(&section, reader, SECTION_WAL_SUMMARY);
    if (is_there)
        TRY_AS(wal_index_summary_decode(out, section), "reading %s", part_key(root, part).text);
    *has_summary = is_there;
    return NULL;
}

static Err *part_read(Buf *plain, Store *store, const KeyRoot *root, Part part)
{
    const Key key = part_key(root, part);
    const ContainerExpect expect = {.kind = part_kind(part), .name = key_object_name(key.text)};
    const size_t before = plain->len;
    TRY(container_load(plain, store, key.text, &expect, WAL_SEGMENT_BYTES_MAX));
    Err *err = part_size_check(part, key.text, plain->len - before);
    if (err)
        buf_cut(plain, before);
    return err;
}

/* ---- the two kinds */

Err *wal_object_facts(WalFacts *out, Store *store, const KeyRoot *root, WalName name)
{
    return part_facts(out, store, root, (Part){name, NULL});
}

Err *wal_object_summary(WalSummary *out, bool *has_summary, Store *store, const KeyRoot *root, WalName name)
{
    return part_summary(out, has_summary, store, root, (Part){name, NULL});
}

Err *wal_object_read(Buf *plain, Store *store, const KeyRoot *root, WalName name)
{
    return part_read(plain, store, root, (Part){name, NULL});
}

Err *wal_tail_facts(WalFacts *out, Store *store, const KeyRoot *root, const WalTail *tail)
{
    return part_facts(out, store, root, (Part){tail->name, tail});
}

Err *wal_tail_summary(WalSummary *out, bool *has_summary, Store *store, const KeyRoot *root,
                      const WalTail *tail)
{
    return part_summary(out, has_summary, store, root, (Part){tail->name, tail});
}

Err *wal_tail_read(Buf *plain, Store *store, const KeyRoot *root, const WalTail *tail)
{
    return part_read(plain, store, root, (Part){tail->name, tail});
}
