/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_object.h"

#include "repo/frame_pool.h"
#include "store/mirror.h"

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

/* ---- a part of a file: all of it, or a tail of a segment */

typedef struct Part {
    WalName name;
    const WalTail *tail; /* NULL: all of it */
} Part;

static Part part_of(const WalObjectSpec *spec)
{
    return (Part){spec->name, spec->tail};
}

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

/* ---- making: one look at each piece, in order, while others compress the pieces before */

typedef struct Making {
    const WalObjectSpec *spec;
    const WalPlain *from;
    Hash128Stream *stream;
    Hash128 hash;        /* at the end */
    WalIndexer *indexer; /* NULL: no segment, or its records cannot be read */
    Err *index_fault;    /* why they cannot */
    bool is_first;
} Making;

static void making_done(Making *making)
{
    hash128_stream_free(&making->stream);
    wal_indexer_free(&making->indexer);
    err_free(&making->index_fault);
}

/* What cannot be indexed is stored all the same. */
static void index_add(Making *making, Span piece)
{
    if (making->index_fault || !part_is_indexed(part_of(making->spec)))
        return;
    if (making->is_first)
        making->index_fault = wal_indexer_new(&making->indexer, piece);
    if (!making->index_fault)
        making->index_fault = wal_indexer_push(making->indexer, piece);
}

static Err *piece_read(void *arg, uint8_t *to, size_t size)
{
    Making *const making = arg;
    TRY(making->from->read(making->from->arg, to, size));
    hash128_stream_add(making->stream, span_of(to, size));
    index_add(making, span_of(to, size));
    making->is_first = false;
    return NULL;
}

static void facts_add(Buf *out, const Making *making)
{
    const Generation *const generation = making->spec->generation;
    const Part part = part_of(making->spec);
    const WalFacts facts = {.system_id = generation->system_id,
                            .timeline = making->spec->name.timeline,
                            .major = generation->major,
                            .segment_bytes = generation->segment_bytes,
                            .plain_bytes = making->from->size_bytes,
                            .plain_hash = making->hash};
    if (part_bytes(part) || part.name.kind == WAL_NAME_PARTIAL)
        facts_encode(out, &facts);
}

/* False when there is none, or none that a container takes. */
static bool sections_make(WalSections *out, Making *making)
{
    if (!making->indexer || making->index_fault)
        return false;
    wal_indexer_finish(out, making->indexer);
    const size_t bytes = out->summary.len + out->blocks.len + out->activity.len + out->seams.len;
    if (bytes > WAL_INDEX_BYTES_MAX)
        making->index_fault =
            ERR(LIMIT, "its index has %zu bytes, at most %d are stored", bytes, WAL_INDEX_BYTES_MAX);
    return !making->index_fault;
}

static Err *sections_put(ContainerWriter *writer, Making *making)
{
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    if (!sections_make(&sections, making))
        return NULL;
    TRY(container_section(writer, SECTION_WAL_SUMMARY, buf_span(&sections.summary)));
    TRY(container_section(writer, SECTION_WAL_BLOCKS, buf_span(&sections.blocks)));
    TRY(container_section(writer, SECTION_WAL_ACTIVITY, buf_span(&sections.activity)));
    return container_section(writer, SECTION_WAL_SEAMS, buf_span(&sections.seams));
}

static Err *object_write(Buf *out, Making *making, const FrameList *frames)
{
    const WalObjectSpec *const spec = making->spec;
    AUTO(buf_done) Buf facts = {0};
    facts_add(&facts, making);
    const Key key = part_key(&spec->generation->root, part_of(spec));
    const ContainerSpec container = {.kind = part_kind(part_of(spec)),
                                     .name = key_object_name(spec->key ? spec->key : key.text),
                                     .codec = spec->codec,
                                     .level = spec->level,
                                     .facts = buf_span(&facts)};
    BufSink to = buf_sink(out, SIZE_MAX);
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    TRY(container_begin(&writer, &container, &to.sink));
    TRY(frame_list_put(writer, frames));
    TRY(sections_put(writer, making));
    ContainerSummary written;
    return container_finish(&written, writer);
}

Err *wal_object_make(Buf *out, WalMade *made, const WalObjectSpec *spec, const WalPlain *from)
{
    TRY(part_size_check(part_of(spec), wal_name_text(spec->name).text, from->size_bytes));
    AUTO(making_done)
    Making making = {.spec = spec, .from = from, .stream = hash128_stream_new(), .is_first = true};
    AUTO(frame_list_free) FrameList *frames = NULL;
    TRY(frame_list_make(&frames, &(FrameMaking){.codec = spec->codec,
                                                .level = spec->level,
                                                .jobs = spec->jobs,
                                                .size_bytes = from->size_bytes,
                                                .read = piece_read,
                                                .arg = &making}));
    making.hash = hash128_stream_end(making.stream);
    TRY(object_write(out, &making, frames));
    *made = (WalMade){making.hash, TAKE(making.index_fault)};
    return NULL;
}

static Err *memory_read(void *arg, uint8_t *to, size_t size)
{
    Span *const left = arg;
    memcpy(to, left->ptr, size);
    *left = span_cut(*left, size, left->len);
    return NULL;
}

Err *wal_object_encode(Buf *out, Err **index_fault, const WalObjectSpec *spec, Span plain)
{
    WalMade made;
    TRY(wal_object_make(out, &made, spec,
                        &(WalPlain){.size_bytes = plain.len, .read = memory_read, .arg = &plain}));
    *index_fault = made.index_fault;
    return NULL;
}

/* ---- reading */

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

static bool section_copy(Buf *out, const ContainerReader *reader, SectionType type)
{
    Span section;
    const bool is_there = container_section_find(&section, reader, type);
    if (is_there)
        buf_add(out, section.ptr, section.len);
    return is_there;
}

static Err *part_sections(WalSections *out, bool *has_sections, Store *store, const KeyRoot *root, Part part)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    WalFacts facts;
    TRY(part_open(&reader, &facts, store, root, part));
    *has_sections = section_copy(&sections.summary, reader, SECTION_WAL_SUMMARY) &&
                    section_copy(&sections.blocks, reader, SECTION_WAL_BLOCKS) &&
                    section_copy(&sections.activity, reader, SECTION_WAL_ACTIVITY) &&
                    section_copy(&sections.seams, reader, SECTION_WAL_SEAMS);
    if (*has_sections) {
        *out = sections;
        sections = (WalSections){.summary = {0}};
    }
    return NULL;
}

/* Lets a part of the right size through and no other, before a byte of it has landed. */
typedef struct SizedLanding {
    Landing landing;
    Landing *to;
    Part part;
    const char *key;
} SizedLanding;

static Err *sized_begin(Landing *landing, uint64_t size_bytes)
{
    const SizedLanding *const self = (const SizedLanding *)landing;
    TRY(part_size_check(self->part, self->key, size_bytes));
    return land_begin(self->to, size_bytes);
}

static Err *sized_write(Landing *landing, uint64_t offset, Span bytes)
{
    return land_write(((const SizedLanding *)landing)->to, offset, bytes);
}

static Err *part_land(Landing *to, Store *store, const KeyRoot *root, Part part, int jobs)
{
    static const LandingOps ops = {sized_begin, sized_write};
    const Key key = part_key(root, part);
    const ContainerExpect expect = {.kind = part_kind(part), .name = key_object_name(key.text)};
    SizedLanding sized = {.landing = {.ops = &ops}, .to = to, .part = part, .key = key.text};
    return container_land(&sized.landing, store, key.text, &expect,
                          (ContainerLandOpts){.limit_bytes = WAL_SEGMENT_BYTES_MAX, .jobs = jobs});
}

static Err *part_copy_read(Buf *plain, Store *store, const KeyRoot *root, Part part)
{
    BufLanding to = buf_landing(plain);
    Err *const err = part_land(&to.landing, store, root, part, 0);
    if (err)
        buf_cut(plain, to.before);
    return err;
}

static Err *part_read(Buf *plain, Store *store, const KeyRoot *root, Part part)
{
    const Key key = part_key(root, part);
    AUTO(copies_done) Copies copies = copies_of(store, key.text);
    Store *copy;
    while (copies_next(&copy, &copies)) {
        Err *const err = part_copy_read(plain, copy, root, part);
        if (!err)
            return NULL;
        copies_bad(&copies, err);
    }
    return copies_none(&copies);
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

Err *wal_object_index(WalIndex *out, bool *has_index, Store *store, const KeyRoot *root, WalName name)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    WalFacts facts;
    TRY(part_open(&reader, &facts, store, root, (Part){name, NULL}));
    Span summary, blocks, seams;
    const bool is_there = container_section_find(&summary, reader, SECTION_WAL_SUMMARY) &&
                          container_section_find(&blocks, reader, SECTION_WAL_BLOCKS) &&
                          container_section_find(&seams, reader, SECTION_WAL_SEAMS);
    if (is_there)
        TRY_AS(wal_index_decode(out, summary, blocks, seams), "reading %s", key_wal(root, name).text);
    *has_index = is_there;
    return NULL;
}

/* Each may be missing; what is there must make sense. */
static Err *sections_check(WalChecked *out, const ContainerReader *reader)
{
    AUTO(wal_summary_done) WalSummary summary = {0};
    AUTO(wal_changes_free) WalChanges *changes = NULL;
    AUTO(wal_activity_done) WalActivity activity = {0};
    WalSeams seams;
    Span sections[4];
    const bool has_summary = container_section_find(&sections[0], reader, SECTION_WAL_SUMMARY);
    const bool has_blocks = container_section_find(&sections[1], reader, SECTION_WAL_BLOCKS);
    const bool has_activity = container_section_find(&sections[2], reader, SECTION_WAL_ACTIVITY);
    const bool has_seams = container_section_find(&sections[3], reader, SECTION_WAL_SEAMS);
    if (has_summary)
        TRY(wal_index_summary_decode(&summary, sections[0]));
    if (has_blocks)
        TRY(wal_index_blocks_decode(&changes, sections[1]));
    if (has_activity)
        TRY(wal_index_activity_decode(&activity, sections[2]));
    if (has_seams)
        TRY(wal_index_seams_decode(&seams, sections[3]));
    out->has_index = has_summary && has_blocks && has_activity && has_seams;
    if (out->has_index)
        out->joint = wal_joint_of(&summary, &seams);
    return NULL;
}

Err *wal_object_check(WalChecked *out, Store *store, const KeyRoot *root, WalName name)
{
    AUTO(container_close) ContainerReader *reader = NULL;
    WalChecked checked = {.has_index = false};
    TRY(part_open(&reader, &checked.facts, store, root, (Part){name, NULL}));
    TRY(container_check(reader, NULL));
    TRY_AS(sections_check(&checked, reader), "reading %s", key_wal(root, name).text);
    checked.summary = container_info(reader)->summary;
    *out = checked;
    return NULL;
}

Err *wal_object_sections(WalSections *out, bool *has_sections, Store *store, const KeyRoot *root,
                         WalName name)
{
    return part_sections(out, has_sections, store, root, (Part){name, NULL});
}

Err *wal_object_land(Landing *to, Store *store, const KeyRoot *root, WalName name, int jobs)
{
    return part_land(to, store, root, (Part){name, NULL}, jobs);
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

Err *wal_tail_sections(WalSections *out, bool *has_sections, Store *store, const KeyRoot *root,
                       const WalTail *tail)
{
    return part_sections(out, has_sections, store, root, (Part){tail->name, tail});
}

Err *wal_tail_read(Buf *plain, Store *store, const KeyRoot *root, const WalTail *tail)
{
    return part_read(plain, store, root, (Part){tail->name, tail});
}
