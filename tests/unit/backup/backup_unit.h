/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/backup/backup_unit.h - generations and backups in memory. Included after archive_unit.h. */
#pragma once

#include "pg/page.h"
#include "repo/backup_set.h"
#include "repo/place_store.h"

#define SEGMENT(n) ((Lsn){UINT64_C(n) * FAKE_WAL_SEGMENT})

static inline RepoSet *set_of(Repo *repo)
{
    return repo_set_of(&repo, 1);
}

/* Frees the set and leaves its repository to the caller. */
static inline void set_let_go(RepoSet **set)
{
    (*set)->count = 0;
    repo_set_free(set);
}

static inline void put_generation(Repo *repo)
{
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    Generation out;
    ASSERT_OK(generation_create(&out, set, &unit_generation));
    assert_int_equal(out.root.generation, 1);
}

static inline BackupLabel label_of(const char *text)
{
    BackupLabel label;
    ASSERT_OK(label_parse(&label, text));
    return label;
}

static inline void put_begin(Repo *repo, const char *label)
{
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    const BackupBegin begin = {.label = label_of(label),
                               .start_lsn = SEGMENT(5),
                               .timeline = {1},
                               .created = second(0),
                               .host = "db1",
                               .data_directory = "/srv/data"};
    ASSERT_OK(backup_begin_write(set, &unit_generation.root, &begin));
}

/* A backup without data: begin, packs, backup. It ended a second after its label. */
static inline void put_backup(Repo *repo, const char *text, uint32_t timeline, Lsn start, Lsn stop)
{
    put_begin(repo, text);
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    const BackupLabel label = label_of(text);
    const BackupRecord record = {.label = label,
                                 .timeline = {timeline},
                                 .start_lsn = start,
                                 .checkpoint_lsn = start,
                                 .stop_lsn = stop,
                                 .start_time = label_time(label),
                                 .stop_time = {label_time(label).us + 1000000},
                                 .major = 15,
                                 .server_version = "15.18",
                                 .manifest_root = {.label = label, .pack = 1, .size_bytes = 1},
                                 .note = ""};
    ASSERT_OK(backup_packs_write(set, &unit_generation.root, label, (PackUses){NULL, 0}));
    BackupCommit commit;
    ASSERT_OK(backup_record_write(&commit, set, &unit_generation.root, &record));
}

/* A sound page of block `block`, last changed at `lsn`; what is on it follows from both. */
static inline void fake_page(uint8_t *page, uint32_t block, Lsn lsn)
{
    for (size_t i = 0; i < PAGE_BYTES; i++)
        page[i] = (uint8_t)(i * i >> 7);
    const uint16_t header[] = {(uint16_t)(lsn.at >> 32),
                               (uint16_t)(lsn.at >> 48),
                               (uint16_t)lsn.at,
                               (uint16_t)(lsn.at >> 16),
                               0,
                               0,
                               24,
                               PAGE_BYTES,
                               PAGE_BYTES,
                               PAGE_BYTES | 4,
                               0,
                               0};
    memcpy(page, header, sizeof header);
    const uint16_t checksum = page_checksum(page, block);
    memcpy(page + 8, &checksum, sizeof checksum);
}

/* A backup with two files in a pack, a manifest in the same, and nothing else. */
typedef struct FakeBackup {
    Lsn start, stop;
    Span pages; /* of base/1/1259 */
    const BadPage *bad;
    size_t bad_listed, bad_count;
    bool has_no_checksums;
    bool is_damaged; /* marked so in the pack */
} FakeBackup;

static inline void put_fake_backup(Repo *repo, const char *text, const FakeBackup *fake)
{
    put_begin(repo, text);
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    const BackupLabel label = label_of(text);
    Counter begun = {0};
    const PackWriterSpec spec = {.stores = set->stores,
                                 .store_count = 1,
                                 .root = &unit_generation.root,
                                 .label = label,
                                 .packs_begun = &begun,
                                 .codec = CODEC_ZSTD,
                                 .level = 1};
    AUTO(pack_writer_free) PackWriter *packs = NULL;
    ASSERT_OK(pack_writer_new(&packs, &spec));
    PackPlace a, b;
    ASSERT_OK(pack_add(&a, packs,
                       &(PackRun){.path = "base/1/1259",
                                  .file_bytes = fake->pages.len,
                                  .is_damaged = fake->is_damaged,
                                  .is_complete = true},
                       fake->pages));
    ASSERT_OK(pack_add(&b, packs,
                       &(PackRun){.path = "base/1/PG_VERSION", .file_bytes = 3, .is_complete = true},
                       span_of("15\n", 3)));
    PlaceWriter leaves = {.packs = packs, .label = label};
    AUTO(manifest_writer_free) ManifestWriter *manifest = manifest_writer_new(place_leaf_out(&leaves));
    const Extent first = {0, (uint32_t)(fake->pages.len / PAGE_BYTES), label, a.pack, a.offset},
                 second = {0, 1, label, b.pack, b.offset};
    const ManifestEntry entries[] = {
        {.kind = MANIFEST_FOLDER, .path = "base", .mode = 0700},
        {.kind = MANIFEST_FOLDER, .path = "base/1", .mode = 0700},
        {.path = "base/1/1259",
         .mode = 0600,
         .size_bytes = fake->pages.len,
         .extents = &first,
         .extent_count = 1},
        {.path = "base/1/PG_VERSION", .mode = 0600, .size_bytes = 3, .extents = &second, .extent_count = 1}};
    for (size_t i = 0; i < COUNT_OF(entries); i++)
        ASSERT_OK(manifest_add(manifest, &entries[i]));
    BackupRecord record = {.label = label,
                           .timeline = {1},
                           .start_lsn = fake->start,
                           .checkpoint_lsn = fake->start,
                           .stop_lsn = fake->stop,
                           .start_time = label_time(label),
                           .stop_time = {label_time(label).us + 1000000},
                           .has_checksums = !fake->has_no_checksums,
                           .major = 15,
                           .server_version = "15.18",
                           .files = 2,
                           .size_bytes = fake->pages.len + 3,
                           .bad_pages = fake->bad,
                           .bad_page_listed = fake->bad_listed,
                           .bad_page_count = fake->bad_count,
                           .note = ""};
    ASSERT_OK(manifest_finish(&record.manifest_root, manifest));
    ASSERT_OK(pack_finish(packs));
    size_t count;
    const PackWritten *const written = pack_writer_packs(packs, &count);
    assert_int_equal(count, 1);
    const PackUse use = {.label = label,
                         .pack = written->pack,
                         .stored_bytes = written->summary.stored_bytes,
                         .plain_bytes = written->summary.plain_bytes,
                         .live_bytes = written->summary.plain_bytes,
                         .sha256 = written->summary.sha256};
    ASSERT_OK(backup_packs_write(set, &unit_generation.root, label, (PackUses){&use, 1}));
    BackupCommit commit;
    ASSERT_OK(backup_record_write(&commit, set, &unit_generation.root, &record));
}

static inline void put_full_backup(Repo *repo, const char *text, Lsn start, Lsn stop)
{
    static uint8_t pages[3 * PAGE_BYTES];
    for (uint32_t i = 0; i < sizeof pages / PAGE_BYTES; i++)
        fake_page(pages + i * PAGE_BYTES, i, (Lsn){SEGMENT(5).at - 8});
    put_fake_backup(repo, text,
                    &(FakeBackup){.start = start, .stop = stop, .pages = span_of(pages, sizeof pages)});
}
