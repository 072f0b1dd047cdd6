/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/archive/archive_unit.h - archives in memory for the tests of this room. Included after unit.h. */
#pragma once

#include "fake/wal.h"
#include "repo/branch.h"
#include "repo/wal_object.h"
#include "store/mem.h"

static const Generation unit_generation = {.root = {"main", 1},
                                           .system_id = {FAKE_WAL_SYSTEM_ID},
                                           .major = 15,
                                           .catalog_version = 202209061,
                                           .segment_bytes = FAKE_WAL_SEGMENT,
                                           .block_bytes = PAGE_BYTES,
                                           .relation_segment_blocks = 131072};

static inline Repo *new_repo(const char *name)
{
    Repo *repo = NULL;
    ASSERT_OK(repo_init_store(&repo, name, mem_store_new()));
    return repo;
}

static inline void put_wal_file(Repo *repo, WalName name, Span plain)
{
    const WalObjectSpec spec = {
        .generation = &unit_generation, .name = name, .codec = CODEC_ZSTD, .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(wal_object_encode(&object, &index_fault, &spec, plain));
    ASSERT_OK(repo_put(repo, key_wal(&unit_generation.root, name).text, buf_span(&object)));
}

/* Bytes [from, to) of the segment's `plain`. */
static inline void put_tail(Repo *repo, const WalTail *tail, Span plain)
{
    const WalObjectSpec spec = {
        .generation = &unit_generation, .name = tail->name, .tail = tail, .codec = CODEC_ZSTD, .level = 1};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    ASSERT_OK(
        wal_object_encode(&object, &index_fault, &spec, span_cut(plain, tail->from, tail->to - tail->from)));
    ASSERT_OK(repo_put(repo, key_wal_tail(&unit_generation.root, tail).text, buf_span(&object)));
}

static inline void put_history(Repo *repo, uint32_t timeline, const char *text)
{
    put_wal_file(repo, wal_name_of_history((Timeline){timeline}, FAKE_WAL_SEGMENT),
                 span_of(text, strlen(text)));
}

static inline WalName segment_name(uint32_t timeline, uint64_t segment)
{
    return wal_name_of_lsn((Timeline){timeline}, (Lsn){segment * FAKE_WAL_SEGMENT}, FAKE_WAL_SEGMENT);
}

static inline void put_branch(Repo *repo, uint32_t timeline, uint32_t parent, Lsn switch_lsn)
{
    RepoSet *set = repo_set_of(&repo, 1);
    const BranchRecord record = {.timeline = {timeline},
                                 .parent = {parent},
                                 .switch_lsn = switch_lsn,
                                 .origin = BRANCH_SETUP,
                                 .host = "db1",
                                 .data_directory = "/srv/data",
                                 .created = {1}};
    ASSERT_OK(branch_write(set, &unit_generation.root, &record));
    set->count = 0; /* the repository stays the caller's */
    repo_set_free(&set);
}

/* A commit at so many seconds after 2026-01-01 00:00:00 UTC. */
static inline Instant second(int64_t seconds)
{
    return (Instant){INT64_C(1767225600000000) + seconds * 1000000};
}

static inline Lsn add_commit(FakeWal *wal, uint32_t xid, int64_t seconds)
{
    uint8_t time[8];
    put_u64(time, (uint64_t)instant_to_pg(second(seconds)));
    return fake_wal_main(wal, WAL_XACT, 0, (Xid){xid}, span_of(time, sizeof time));
}

static inline Lsn add_restore_point(FakeWal *wal, const char *name, int64_t seconds)
{
    uint8_t main[72] = {0};
    put_u64(main, (uint64_t)instant_to_pg(second(seconds)));
    memcpy(main + 8, name, strlen(name));
    return fake_wal_main(wal, WAL_XLOG, WAL_XLOG_RESTORE_POINT, (Xid){0}, span_of(main, sizeof main));
}

/* Filler until exactly `left` bytes of the segment are left, a multiple of 8 below 1000. */
static inline void fill_segment(FakeWal *wal, size_t left)
{
    size_t room;
    while ((room = FAKE_WAL_SEGMENT - wal->bytes.len % FAKE_WAL_SEGMENT) > left + 200)
        fake_wal_filler(wal, room > left + 8192 ? 4000 : 64);
    fake_wal_filler(wal, room - left);
}

/* Stores segments [from, to) of the stream under a timeline's names; the last one is filled up with zeros. */
static inline void put_segments(Repo *repo, FakeWal *wal, uint32_t timeline, uint64_t from, uint64_t to)
{
    fake_wal_pad_segment(wal);
    for (uint64_t at = from; at < to; at++)
        put_wal_file(
            repo, segment_name(timeline, at),
            span_cut(buf_span(&wal->bytes), at * FAKE_WAL_SEGMENT - wal->start.at, FAKE_WAL_SEGMENT));
}

/* Segments with a commit each, at so many seconds as their number times ten. */
static inline void put_days(Repo *repo, uint32_t timeline, uint64_t first, uint64_t last)
{
    AUTO(fake_wal_done) FakeWal wal;
    fake_wal_begin(&wal, 15);
    for (uint64_t at = 5; at <= last; at++) {
        add_commit(&wal, (uint32_t)(800 + at), (int64_t)at * 10);
        fill_segment(&wal, 0);
    }
    put_segments(repo, &wal, timeline, first, last + 1);
}
