/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_object.h"

#include "pg/wal_page.h"
#include "repo/frame_pool.h"

#include <inttypes.h>

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

/* The records of a segment as the bytes of a summary. */
static Err *summary_make(Buf *out, Span plain)
{
    WalSegmentHead head;
    TRY(wal_segment_head_decode(&head, plain));
    AUTO(wal_summary_done) WalSummary summary;
    wal_summary_init(&summary, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_summary_entry, &summary);
    TRY(wal_reader_push(reader, plain));
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

Err *wal_object_encode(Buf *out, Err **index_fault, const WalObjectSpec *spec, Span plain)
{
    const Generation *const generation = spec->generation;
    const bool is_segment = spec->name.kind == WAL_NAME_SEGMENT;
    if (is_segment && plain.len != generation->segment_bytes)
        return ERR(CORRUPT, "WAL segment %s has %zu bytes, expected %u", wal_name_text(spec->name).text,
                   plain.len, generation->segment_bytes);
    const WalFacts facts = {.system_id = generation->system_id,
                            .timeline = spec->name.timeline,
                            .major = generation->major,
                            .segment_bytes = generation->segment_bytes,
                            .plain_bytes = plain.len,
                            .plain_hash = hash128_of(plain)};
    AUTO(buf_done) Buf facts_bytes = {0};
    if (is_segment || spec->name.kind == WAL_NAME_PARTIAL)
        facts_encode(&facts_bytes, &facts);

    const Key key = key_wal(&generation->root, spec->name);
    const ContainerSpec container = {.kind = wal_object_kind(spec->name.kind),
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
                                      .aside = is_segment ? indexing_run : NULL,
                                      .arg = &indexing}));
    if (indexing.summary.len)
        TRY(container_section(writer, SECTION_WAL_SUMMARY, buf_span(&indexing.summary)));
    ContainerSummary written;
    TRY(container_finish(&written, writer));
    *index_fault = TAKE(indexing.fault);
    return NULL;
}

static Err *object_open(ContainerReader **out, WalFacts *facts, Store *store, const KeyRoot *root,
                        WalName name)
{
    const Key key = key_wal(root, name);
    const ContainerExpect expect = {.kind = wal_object_kind(name.kind), .name = key_object_name(key.text)};
    AUTO(container_close) ContainerReader *reader = NULL;
    TRY(container_open(&reader, store, key.text, &expect));
    TRY_AS(facts_decode(facts, container_info(reader)->facts), "reading %s", key.text);
    if (facts->timeline.id != name.timeline.id || facts->segment_bytes != name.segment_bytes ||
        facts->plain_bytes != container_info(reader)->summary.plain_bytes)
        return ERR(CORRUPT, "%s tells of timeline %u, segments of %u bytes and %" PRIu64 " plain bytes",
                   key.text, facts->timeline.id, facts->segment_bytes, facts->plain_bytes);
    *out = TAKE(reader);
    return NULL;
}

Err *wal_object_facts(WalFacts *out, Store *store, const KeyRoot *root, WalName name)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    WalFacts facts = {.major = 0};
    TRY(object_open(&reader, &facts, store, root, name));
    *out = facts;
    return NULL;
}

Err *wal_object_summary(WalSummary *out, bool *has_summary, Store *store, const KeyRoot *root, WalName name)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    WalFacts facts;
    TRY(object_open(&reader, &facts, store, root, name));
    Span section;
    const bool is_there = container_section_find(&section, reader, SECTION_WAL_SUMMARY);
    if (is_there)
        TRY_AS(wal_index_summary_decode(out, section), "reading %s", key_wal(root, name).text);
    *has_summary = is_there;
    return NULL;
}

Err *wal_object_read(Buf *plain, Store *store, const KeyRoot *root, WalName name)
{
    const Key key = key_wal(root, name);
    const ContainerExpect expect = {.kind = wal_object_kind(name.kind), .name = key_object_name(key.text)};
    const size_t before = plain->len;
    TRY(container_load(plain, store, key.text, &expect, WAL_SEGMENT_BYTES_MAX));
    if (name.kind == WAL_NAME_SEGMENT && plain->len - before != name.segment_bytes) {
        const size_t bytes = plain->len - before;
        buf_cut(plain, before);
        return ERR(CORRUPT, "%s holds %zu bytes, a segment has %u", key.text, bytes, name.segment_bytes);
    }
    return NULL;
}
