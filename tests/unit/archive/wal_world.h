/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/unit/archive/wal_world.h - the WAL of a real server, a folder to put it in, two repositories in memory
 *
 * The fixture's segments have 1 MB; the last one is of timeline 2. Included after unit.h.
 */
#pragma once

#include "fake/folder.h"
#include "fake/wal.h"
#include "archive/wal_store.h"
#include "os/file.h"
#include "os/folder.h"
#include "pg/wal_page.h"
#include "store/faulty.h"
#include "store/mem.h"

#include <string.h>

#define WORLD_MAJOR 15

typedef struct World {
    TestFolder folder;
    Buf stream;
    size_t segments;
    Generation generation;
    Repo *a, *b;
    Store *faulty_a, *faulty_b;
    RepoSet *set;
    RepoOptions options[2];
    WalStore to;
} World;

static inline Repo *world_repo(Store **faulty, const char *name)
{
    *faulty = faulty_store_new(mem_store_new());
    Repo *repo = NULL;
    ASSERT_OK(repo_init_store(&repo, name, *faulty));
    return repo;
}

static inline Span world_segment(const World *world, size_t at)
{
    return span_cut(buf_span(&world->stream), at * FAKE_WAL_SEGMENT, FAKE_WAL_SEGMENT);
}

/* What the segment says it is. */
static inline WalName world_name(const World *world, size_t at)
{
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, world_segment(world, at)));
    return wal_name_of_lsn(head.timeline, head.address, FAKE_WAL_SEGMENT);
}

static inline void world_begin(World *world)
{
    *world = (World){.folder = test_folder()};
    fake_wal_fixture(&world->stream, WORLD_MAJOR);
    world->segments = world->stream.len / FAKE_WAL_SEGMENT;
    WalSegmentHead head;
    ASSERT_OK(wal_segment_head_decode(&head, world_segment(world, 0)));
    world->a = world_repo(&world->faulty_a, "a");
    world->b = world_repo(&world->faulty_b, "b");
    world->set = repo_set_of((Repo *[]){world->a, world->b}, 2);
    const Generation wanted = {.root = {.cluster = "main"},
                               .system_id = head.system_id,
                               .major = WORLD_MAJOR,
                               .catalog_version = 202209061,
                               .segment_bytes = FAKE_WAL_SEGMENT,
                               .block_bytes = PAGE_BYTES,
                               .relation_segment_blocks = 131072};
    ASSERT_OK(generation_create(&world->generation, world->set, &wanted));
    world->options[0] =
        (RepoOptions){.name = "a", .is_required = true, .codec = CODEC_ZSTD, .compress_level = 1};
    world->options[1] =
        (RepoOptions){.name = "b", .is_required = true, .codec = CODEC_LZ4, .compress_level = 1};
    world->to =
        (WalStore){.set = world->set, .options = world->options, .generation = &world->generation, .jobs = 2};
    ASSERT_OK(folder_make(test_path(&world->folder, "pg_wal"), 0700));
}

static inline void world_done(World *world)
{
    repo_set_free(&world->set);
    buf_done(&world->stream);
    test_folder_done(&world->folder);
}

/* Writes pg_wal/NAME and returns its path. */
static inline const char *world_file(const World *world, const char *name, Span bytes)
{
    AUTO(buf_done) Buf inner = {0};
    buf_addf(&inner, "pg_wal/%s", name);
    const char *const path = test_path(&world->folder, buf_text(&inner));
    ASSERT_OK(file_write_durable(path, bytes, 0600));
    return path;
}

static inline const char *world_segment_file(const World *world, size_t at)
{
    return world_file(world, wal_name_text(world_name(world, at)).text, world_segment(world, at));
}

static inline bool world_has(const World *world, const Repo *repo, WalName name)
{
    ObjectInfo info;
    Err *err = store_stat(&info, repo->store, key_wal(&world->generation.root, name).text);
    const bool has = !err;
    err_free(&err);
    return has;
}
