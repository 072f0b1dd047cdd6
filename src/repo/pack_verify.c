/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/pack_verify.h"

#include "base/text.h"
#include "pg/pgdata_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Blocks whose hashes are looked up at once. */
enum { BLOCKS_AT_ONCE = FRAME_PLAIN_MAX / PAGE_BYTES };

/* Takes the plain bytes of a pack in order and holds them against its runs. */
typedef struct PageSink {
    Sink sink;
    const PackReader *pack;
    const PageJudge *judge;
    PackProof *proof;
    PackRuns *runs;
    PackRunEntry run;
    uint64_t run_at; /* bytes of the run that were checked */
    bool is_relation;
    uint32_t fork_block; /* of the run's first block */
    Buf pending;         /* of a block that lies in two frames */
} PageSink;

Err *page_judge_of(PageJudge *out, const BackupRecord *record, const Generation *generation)
{
    const PgVersion *version;
    TRY(pg_version_of_major(&version, record->major));
    *out = (PageJudge){
        .rules = {.has_checksums = record->has_checksums,
                  .start = record->offline ? (Lsn){0} : record->start_lsn},
        .segment_blocks = generation->relation_segment_blocks,
        .version = version,
        .known = record->bad_pages,
        .known_count = record->bad_page_listed,
        .is_known_all = record->bad_page_count <= record->bad_page_listed,
    };
    return NULL;
}

static bool is_known(const PageSink *sink, uint32_t block)
{
    const PageJudge *const judge = sink->judge;
    for (size_t i = 0; i < judge->known_count; i++) {
        if (judge->known[i].block == block && text_equal(judge->known[i].path, sink->run.path))
            return true;
    }
    return !judge->is_known_all;
}

static void page_bad(PageSink *sink, const uint8_t *page, uint32_t block)
{
    const PageState state = page_check(page, block, &sink->judge->rules);
    if (state == PAGE_REWRITTEN || is_known(sink, block))
        return;
    if (!sink->proof->bad_pages++)
        (void)snprintf(sink->proof->first_bad, sizeof sink->proof->first_bad, "%s, block %" PRIu32 ": %s",
                       sink->run.path, block, page_state_text(state));
}

static void pages_judge(PageSink *sink, Span pages)
{
    const uint32_t first = sink->fork_block + (uint32_t)(sink->run_at / PAGE_BYTES);
    const size_t count = pages.len / PAGE_BYTES;
    for (size_t at = 0; at < count; at++) {
        const uint8_t *const from = pages.ptr + at * PAGE_BYTES;
        at += pages_good(span_of(from, (count - at) * PAGE_BYTES), first + (uint32_t)at, &sink->judge->rules);
        if (at < count)
            page_bad(sink, pages.ptr + at * PAGE_BYTES, first + (uint32_t)at);
    }
}

/* Whole blocks of the run, at most BLOCKS_AT_ONCE; only its last one may be short. */
static Err *blocks_check(PageSink *sink, Span bytes)
{
    uint64_t hashes[BLOCKS_AT_ONCE];
    const size_t count = pages_of(bytes.len);
    const uint64_t seed = pack_seed(sink->pack);
    TRY(pack_page_hashes(hashes, sink->pack, sink->run.plain_offset + sink->run_at, count));
    for (size_t i = 0; i < count; i++) {
        if (hash64_of(span_cut(bytes, i * PAGE_BYTES, PAGE_BYTES), seed) != hashes[i])
            return ERR(CORRUPT, "its list of page hashes contradicts its bytes at \"%s\", byte %" PRIu64,
                       sink->run.path, sink->run.file_offset + sink->run_at + i * PAGE_BYTES);
    }
    if (sink->is_relation)
        pages_judge(sink, bytes);
    sink->run_at += bytes.len;
    return NULL;
}

static Err *run_next(PageSink *sink)
{
    if (!pack_runs_next(&sink->run, sink->runs))
        return ERR(CORRUPT, "it has more bytes than its list of files");
    sink->run_at = 0;
    sink->is_relation = false;
    const PageJudge *const judge = sink->judge;
    if (!judge || !judge->version || !sink->run.path[0])
        return NULL;
    const PgdataPath kind = pgdata_path_classify(sink->run.path, judge->version);
    sink->is_relation = kind.kind == PGDATA_RELATION && !sink->run.is_damaged; /* its writer knew */
    sink->fork_block = (uint32_t)(sink->run.file_offset / PAGE_BYTES);
    if (sink->is_relation)
        sink->fork_block += kind.relation.segment * judge->segment_blocks;
    return NULL;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Takes what it can use of `bytes` and says how much that was. */
static Err *some_take(size_t *out, PageSink *sink, Span bytes)
{
    const uint64_t left = sink->run.bytes - sink->run_at;
    const size_t block = least(left, PAGE_BYTES);
    if (!sink->pending.len && bytes.len >= block) { /* the usual way: no copy */
        size_t whole = least(left, least(bytes.len, (size_t)BLOCKS_AT_ONCE * PAGE_BYTES));
        if (whole < left)
            whole -= whole % PAGE_BYTES;
        *out = whole;
        return blocks_check(sink, span_cut(bytes, 0, whole));
    }
    *out = least(bytes.len, block - sink->pending.len);
    buf_add(&sink->pending, bytes.ptr, *out);
    if (sink->pending.len < block)
        return NULL;
    TRY(blocks_check(sink, buf_span(&sink->pending)));
    buf_clear(&sink->pending);
    return NULL;
}

static Err *page_sink_write(Sink *base, Span bytes)
{
    PageSink *const sink = (PageSink *)base;
    while (bytes.len) {
        size_t taken = 0;
        if (sink->run_at == sink->run.bytes)
            TRY(run_next(sink));
        TRY(some_take(&taken, sink, bytes));
        bytes = span_cut(bytes, taken, bytes.len);
    }
    return NULL;
}

static Err *page_sink_finish(Sink *base)
{
    (void)base; /* the index was checked: the runs have as many bytes as the pack */
    return NULL;
}

/* It lives on the stack of its user. */
static void page_sink_free(Sink *base)
{
    (void)base;
}

static const SinkOps page_sink_ops = {
    .write = page_sink_write, .finish = page_sink_finish, .free = page_sink_free};

static void page_sink_done(PageSink *sink)
{
    pack_runs_free(&sink->runs);
    buf_done(&sink->pending);
}

Err *pack_verify(PackProof *out, Store *store, const Key *key, const PageJudge *judge)
{
    AUTO(pack_close) PackReader *pack = NULL;
    PackProof proof = {.bad_pages = 0};
    TRY(pack_open(&pack, store, key));
    AUTO(page_sink_done)
    PageSink pages = {.sink = {.ops = &page_sink_ops},
                      .pack = pack,
                      .judge = judge,
                      .proof = &proof,
                      .runs = pack_runs_new(pack)};
    TRY(container_check(pack_container(pack), &pages.sink));
    proof.summary = container_info(pack_container(pack))->summary;
    *out = proof;
    return NULL;
}
