/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Backups on top of others, of a made-up stopped cluster whose WAL is made to order. */
#include "unit.h"

#include "base/crc32c.h"
#include "base/text.h"
#include "unit/pg/fixture.h"

#include "fake/stopped_cluster.h"
#include "fake/wal.h"
#include "pg/wal_name.h"
#include "repo/place_store.h"

#include <sys/resource.h>
#include <unistd.h>

enum { CONTROL_CRC_AT = 288 }; /* of major 15 */

typedef struct World {
    StoppedCluster cluster;
    FakeWal wal;
    Repo *repo;
    Arena *arena;
    BackupResult result; /* of the last backup */
    Report report;
} World;

/* The control file of a server that was shut down at this point, after a checkpoint that began there. */
static void control_set(World *world, Lsn at)
{
    AUTO(buf_done) Buf control = {0};
    fixture_read(&control, 15, "pg_control.shut_down");
    uint8_t *const p = control.data;
    put_u64(p, FAKE_WAL_SYSTEM_ID);
    put_u64(p + 32, at.at); /* checkPoint */
    put_u64(p + 40, at.at); /* redo */
    put_u32(p + 48, 1);     /* timelines: this and the one before */
    put_u32(p + 52, 1);
    put_u64(p + 136, 0); /* minRecoveryPoint */
    put_u32(p + 228, FAKE_WAL_SEGMENT);
    put_u32(p + CONTROL_CRC_AT, crc32c(span_of(p, CONTROL_CRC_AT)));
    cluster_file(&world->cluster, "global/pg_control", buf_span(&control));
}

/* All WAL made so far into pg_wal, and the server stopped behind it. */
static void server_stop(World *world)
{
    const Lsn at = fake_wal_at(&world->wal);
    AUTO(buf_done) Buf bytes = {0};
    buf_add(&bytes, world->wal.bytes.data, world->wal.bytes.len);
    while (bytes.len % FAKE_WAL_SEGMENT)
        buf_add_u8(&bytes, 0);
    for (size_t i = 0; i < bytes.len; i += FAKE_WAL_SEGMENT) {
        const WalName name = wal_name_of_lsn((Timeline){1}, (Lsn){world->wal.start.at + i}, FAKE_WAL_SEGMENT);
        char path[64];
        snprintf(path, sizeof path, "pg_wal/%s", wal_name_text(name).text);
        cluster_file(&world->cluster, path, span_of(bytes.data + i, FAKE_WAL_SEGMENT));
    }
    control_set(world, at);
}

static void world_begin(World *world)
{
    *world = (World){.arena = arena_new()};
    fake_wal_begin(&world->wal, 15);
    fake_wal_filler(&world->wal, 100);
    stopped_cluster_begin(&world->cluster);
    server_stop(world);
    cluster_repository(&world->cluster);
    ASSERT_OK(repo_open(&world->repo, &(RepoSpec){.name = "r1", .url = world->cluster.repo}));
}

static void world_done(World *world)
{
    report_done(&world->report);
    arena_free(&world->arena);
    repo_free(&world->repo);
    fake_wal_done(&world->wal);
    stopped_cluster_done(&world->cluster);
}

static void back_up(World *world, BackupType type)
{
    Progress progress = {.phase = ""};
    report_done(&world->report);
    ASSERT_OK(backup_run(&world->result, &world->cluster.options,
                         &(BackupOptions){.type = type, .offline = true}, &progress, &world->report));
}

/* As a server that begins the next segment. */
static void segment_switch(World *world)
{
    fake_wal_main(&world->wal, WAL_XLOG, WAL_XLOG_SWITCH, (Xid){0}, (Span){0});
    fake_wal_pad_segment(&world->wal);
}

/* A heap record that changes one block, in a segment of its own: the map knows segments, not records. */
static void wal_mark(World *world, uint32_t relation, uint32_t block)
{
    segment_switch(world);
    AUTO(buf_done) Buf rest = {0};
    buf_add_u8(&rest, 0); /* block reference 0: main fork, no data */
    buf_add_u8(&rest, 0);
    buf_add_u16(&rest, 0);
    buf_add_u32(&rest, 1663);
    buf_add_u32(&rest, 5);
    buf_add_u32(&rest, relation);
    buf_add_u32(&rest, block);
    fake_wal_record(&world->wal, &(WalRecordHead){.manager = WAL_HEAP, .xid = {700}}, buf_span(&rest));
    segment_switch(world);
}

/* Changes a page of a file behind the server's back: only WAL, or a comparison, can tell. */
static void page_change(const World *world, const char *path, uint32_t block, uint8_t with)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FILE *const file = fopen(path_join(world->cluster.data, path, arena), "r+b");
    assert_non_null(file);
    uint8_t page[PAGE_BYTES];
    assert_int_equal(fseeko(file, (off_t)block * PAGE_BYTES, SEEK_SET), 0);
    assert_int_equal(fread(page, 1, sizeof page, file), sizeof page);
    memset(page + 100, with, 200);
    put_u16(page + 8, 0);
    put_u16(page + 8, page_checksum(page, block));
    assert_int_equal(fseeko(file, (off_t)block * PAGE_BYTES, SEEK_SET), 0);
    assert_int_equal(fwrite(page, 1, sizeof page, file), sizeof page);
    assert_int_equal(fclose(file), 0);
}

/* What the last backup says of a file; NULL when it has none. */
static const ManifestEntry *entry_of(World *world, const char *path)
{
    BackupRecord record;
    ASSERT_OK(
        backup_record_load(&record, world->repo, &world->cluster.root, world->result.label, world->arena));
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(world->repo->store, &world->cluster.root);
    AUTO(manifest_close) ManifestReader *reader = NULL;
    ASSERT_OK(manifest_open(&reader, place_leaf_in(places), &record.manifest_root));
    for (;;) {
        ManifestEntry entry;
        bool is_end = false;
        ASSERT_OK(manifest_next(&entry, &is_end, reader));
        if (is_end)
            return NULL;
        if (!text_equal(entry.path, path))
            continue;
        ManifestEntry *const kept = arena_alloc(world->arena, sizeof *kept);
        *kept = entry;
        const Span extents = span_of(entry.extents, entry.extent_count * sizeof(Extent));
        kept->extents = (const Extent *)(const void *)arena_bytes(world->arena, extents).ptr;
        return kept;
    }
}

/* Blocks of the file that the last backup stored itself. */
static uint32_t blocks_own(World *world, const char *path)
{
    const ManifestEntry *const entry = entry_of(world, path);
    assert_non_null(entry);
    uint32_t blocks = 0;
    for (size_t i = 0; i < entry->extent_count; i++)
        blocks +=
            text_equal(entry->extents[i].label.text, world->result.label.text) ? entry->extents[i].count : 0;
    return blocks;
}

/* The file as the backup has it is the file as it is. */
static void assert_kept(World *world, const char *path)
{
    const ManifestEntry *const entry = entry_of(world, path);
    assert_non_null(entry);
    AUTO(buf_done) Buf content = {0};
    for (uint64_t i = 0; i < entry->size_bytes; i++)
        buf_add_u8(&content, 0);
    for (size_t i = 0; i < entry->extent_count; i++) {
        const Extent *const extent = &entry->extents[i];
        const uint64_t begin = (uint64_t)extent->first_block * PAGE_BYTES;
        uint64_t size = (uint64_t)extent->count * PAGE_BYTES;
        if (size > entry->size_bytes - begin)
            size = entry->size_bytes - begin;
        AUTO(pack_close) PackReader *pack = NULL;
        const Key key = key_pack(&world->cluster.root, extent->label, extent->pack);
        ASSERT_OK(pack_open(&pack, world->repo->store, &key));
        AUTO(buf_done) Buf bytes = {0};
        BufSink to = buf_sink(&bytes, size);
        ASSERT_OK(container_read(pack_container(pack), extent->offset, size, &to.sink));
        memcpy(content.data + begin, bytes.data, size);
    }
    AUTO(buf_done) Buf there = {0};
    ASSERT_OK(file_read_all(&there, path_join(world->cluster.data, path, world->arena), 1 << 30));
    assert_int_equal(there.len, content.len);
    assert_memory_equal(there.data, content.data, content.len);
}

static const char *note_text(const World *world, const char *code)
{
    for (size_t i = 0; i < world->report.count; i++) {
        if (text_equal(world->report.notices[i].code, code))
            return world->report.notices[i].text;
    }
    return "";
}

static void test_incr__reads_the_blocks_that_wal_names(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 500);
    cluster_pages(&world.cluster, "base/5/16385", 500);
    back_up(&world, BACKUP_INCR); /* there is nothing to build on */
    const BackupLabel full = world.result.label;
    assert_int_equal(label_type(full), BACKUP_FULL);
    assert_int_equal(world.result.type, BACKUP_FULL);
    assert_non_null(strstr(note_text(&world, "backup/FULL_INSTEAD"), "there is no backup yet"));

    page_change(&world, "base/5/16384", 7, 'a');
    page_change(&world, "base/5/16384", 8, 'b');
    page_change(&world, "base/5/16384", 499, 'c');
    wal_mark(&world, 16384, 7);
    wal_mark(&world, 16384, 8);
    wal_mark(&world, 16384, 499);
    server_stop(&world);
    back_up(&world, BACKUP_INCR);
    assert_int_equal(label_type(world.result.label), BACKUP_INCR);
    assert_string_equal(world.result.parent.text, full.text);
    assert_string_equal(note_text(&world, "backup/EVERY_BLOCK"), "");
    assert_int_equal(blocks_own(&world, "base/5/16384"), 3);
    assert_int_equal(blocks_own(&world, "base/5/16385"), 0);
    assert_kept(&world, "base/5/16384");
    assert_kept(&world, "base/5/16385");
    assert_true(world.result.read_bytes < 3 * FAKE_WAL_SEGMENT);
}

/* What was stored twice over: an extent of the first, of the second, and of the third backup in one file. */
static void test_incr__builds_on_one_that_builds_on_another(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    back_up(&world, BACKUP_FULL);
    const BackupLabel full = world.result.label;
    for (uint32_t i = 0; i < 3; i++) {
        page_change(&world, "base/5/16384", 10 + i, (uint8_t)('a' + i));
        wal_mark(&world, 16384, 10 + i);
        server_stop(&world);
        back_up(&world, BACKUP_INCR);
        assert_int_equal(blocks_own(&world, "base/5/16384"), 1);
        assert_kept(&world, "base/5/16384");
    }
    back_up(&world, BACKUP_DIFF); /* on the full one: all three once more */
    assert_int_equal(label_type(world.result.label), BACKUP_DIFF);
    assert_string_equal(world.result.parent.text, full.text);
    assert_int_equal(blocks_own(&world, "base/5/16384"), 3);
    assert_kept(&world, "base/5/16384");
}

static void byte_flip(World *world, const char *path, long offset)
{
    FILE *const file = fopen(path_join(world->cluster.data, path, world->arena), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

/* An incremental backup that checks itself; an error is returned. */
static Err *back_up_checking(World *world)
{
    Progress progress = {.phase = ""};
    report_done(&world->report);
    return backup_run(&world->result, &world->cluster.options,
                      &(BackupOptions){.type = BACKUP_INCR, .offline = true, .self_check = true}, &progress,
                      &world->report);
}

static void test_self_check__finds_what_no_wal_names(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 500);
    back_up(&world, BACKUP_FULL);
    page_change(&world, "base/5/16384", 7, 'a');
    wal_mark(&world, 16384, 7);
    server_stop(&world);
    ASSERT_OK(back_up_checking(&world));
    assert_int_equal(world.result.checked.blocks, 499);
    assert_int_equal(world.result.checked.differences + world.result.checked.hints, 0);

    const BackupLabel last = world.result.label;
    byte_flip(&world, "base/5/16384", 300 * PAGE_BYTES + 4); /* the LSN */
    ASSERT_ERR_TEXT(CORRUPT, "1 blocks changed without WAL since", back_up_checking(&world));
    assert_non_null(
        strstr(note_text(&world, "backup/CORRUPT"), "block 300 of base/5/16384 changed without WAL"));
    back_up(&world, BACKUP_INCR); /* nobody looks */
    assert_string_equal(world.result.parent.text, last.text);
}

static void test_self_check__tells_hints_from_changes(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 40);
    back_up(&world, BACKUP_FULL);
    byte_flip(&world, "base/5/16384", 20 * PAGE_BYTES + 20); /* pd_prune_xid */
    ASSERT_OK(back_up_checking(&world));
    assert_int_equal(world.result.checked.hints, 1);
    assert_int_equal(world.result.checked.blocks, 40);
}

static void test_self_check__sees_a_bit_of_a_visibility_map(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 4);
    cluster_pages(&world.cluster, "base/5/16384_vm", 1);
    back_up(&world, BACKUP_FULL);
    page_change(&world, "base/5/16384_vm", 0, 'v');
    ASSERT_ERR(CORRUPT, back_up_checking(&world));
    assert_non_null(strstr(note_text(&world, "backup/CORRUPT"), "block 0 of base/5/16384_vm"));
}

static void test_self_check__reads_blocks_of_zeros_too(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    AUTO(buf_done) Buf zeros = {0};
    memset(buf_reserve(&zeros, 3 * PAGE_BYTES), 0, 3 * PAGE_BYTES);
    buf_grown(&zeros, 3 * PAGE_BYTES);
    cluster_file(&world.cluster, "base/5/16384", buf_span(&zeros));
    back_up(&world, BACKUP_FULL);
    ASSERT_OK(back_up_checking(&world));
    assert_int_equal(world.result.checked.blocks, 3);
    zeros.data[2 * PAGE_BYTES + 5000] = 1;
    cluster_file(&world.cluster, "base/5/16384", buf_span(&zeros));
    ASSERT_ERR(CORRUPT, back_up_checking(&world));
    assert_non_null(strstr(note_text(&world, "backup/CORRUPT"), "block 2 of base/5/16384"));
}

static void test_incr__lists_the_packs_it_draws_on(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    back_up(&world, BACKUP_FULL);
    const BackupLabel full = world.result.label;
    page_change(&world, "base/5/16384", 10, 'x');
    wal_mark(&world, 16384, 10);
    server_stop(&world);
    back_up(&world, BACKUP_INCR);
    PackUses uses;
    ASSERT_OK(backup_packs_load(&uses, world.repo, &world.cluster.root, world.result.label, world.arena));
    uint64_t older = 0, own = 0;
    for (size_t i = 0; i < uses.count; i++)
        *(text_equal(uses.uses[i].label.text, full.text) ? &older : &own) += uses.uses[i].live_bytes;
    assert_true(older >= UINT64_C(299) * PAGE_BYTES && older < UINT64_C(302) * PAGE_BYTES);
    assert_true(own >= PAGE_BYTES);
    BackupBegin begin;
    ASSERT_OK(backup_begin_load(&begin, world.repo, &world.cluster.root, world.result.label, world.arena));
    assert_int_equal(begin.may_draw_on_count, 1);
    assert_string_equal(begin.may_draw_on[0].text, full.text);
}

static void test_incr__compares_every_block_when_wal_is_missing(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    cluster_pages(&world.cluster, "base/5/16384_vm", 2);
    back_up(&world, BACKUP_FULL);
    page_change(&world, "base/5/16384", 10, 'x');
    page_change(&world, "base/5/16384_vm", 1, 'x');
    for (int i = 0; i < 3; i++)
        segment_switch(&world);
    fake_wal_filler(&world.wal, 100);
    server_stop(&world);
    ASSERT_OK(file_remove(path_join(
        world.cluster.data,
        arena_textf(world.arena, "pg_wal/%s",
                    wal_name_text(wal_name_of_lsn((Timeline){1}, (Lsn){world.wal.start.at + FAKE_WAL_SEGMENT},
                                                  FAKE_WAL_SEGMENT))
                        .text),
        world.arena)));
    back_up(&world, BACKUP_INCR);
    assert_non_null(strstr(note_text(&world, "backup/EVERY_BLOCK"), "is missing"));
    assert_int_equal(label_type(world.result.label), BACKUP_INCR);
    assert_int_equal(blocks_own(&world, "base/5/16384"), 1);
    assert_int_equal(blocks_own(&world, "base/5/16384_vm"), 1);
    assert_kept(&world, "base/5/16384");
    assert_kept(&world, "base/5/16384_vm");
}

static void test_incr__stores_a_grown_and_a_cut_file_right(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    cluster_pages(&world.cluster, "base/5/16385", 300);
    cluster_file(&world.cluster, "postgresql.conf", fixture_text("port = 1\n"));
    back_up(&world, BACKUP_FULL);
    cluster_pages(&world.cluster, "base/5/16384", 310);
    cluster_pages(&world.cluster, "base/5/16385", 290);
    cluster_file(&world.cluster, "postgresql.conf", fixture_text("port = 1\nwork_mem = 1MB\n"));
    cluster_pages(&world.cluster, "base/5/16386", 3); /* new */
    server_stop(&world);
    back_up(&world, BACKUP_INCR);
    assert_int_equal(blocks_own(&world, "base/5/16384"), 10);
    assert_int_equal(blocks_own(&world, "base/5/16385"), 0);
    assert_int_equal(blocks_own(&world, "base/5/16386"), 3);
    assert_int_equal(blocks_own(&world, "postgresql.conf"), 1);
    assert_kept(&world, "base/5/16384");
    assert_kept(&world, "base/5/16385");
    assert_kept(&world, "base/5/16386");
    assert_kept(&world, "postgresql.conf");
}

static void test_incr__forgets_what_was_removed(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 3);
    back_up(&world, BACKUP_FULL);
    ASSERT_OK(file_remove(path_join(world.cluster.data, "base/5/16384", world.arena)));
    back_up(&world, BACKUP_INCR);
    assert_null(entry_of(&world, "base/5/16384"));
}

/* Nothing was changed: nothing but the control file and its like is read, and the list of files is the old one. */
static void test_incr__of_nothing_stores_next_to_nothing(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    for (int i = 0; i < 3000; i++) {
        char path[32];
        snprintf(path, sizeof path, "base/5/%d", 20000 + i);
        cluster_file(&world.cluster, path, fixture_text(""));
    }
    cluster_pages(&world.cluster, "base/5/16384", 300);
    back_up(&world, BACKUP_FULL);
    const uint64_t full_bytes = world.result.stored_bytes;
    back_up(&world, BACKUP_INCR);
    assert_int_equal(blocks_own(&world, "base/5/16384"), 0);
    assert_true(full_bytes > 2400000); /* the pages do not compress */
    assert_true(world.result.stored_bytes < 20000);
}

/* A page that the parent found damaged is looked at again, and told again. */
static void test_incr__looks_at_damaged_pages_again(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = path_join(world.cluster.data, "base/5/16384", arena);
    AUTO(buf_done) Buf sound = {0};
    ASSERT_OK(file_read_all(&sound, path, 1 << 30));
    sound.data[20 * PAGE_BYTES + 1000] ^= 1;
    cluster_file(&world.cluster, "base/5/16384", buf_span(&sound));
    back_up(&world, BACKUP_FULL);
    assert_int_equal(world.result.bad_pages, 1);
    back_up(&world, BACKUP_INCR);
    assert_int_equal(world.result.bad_pages, 1);
    sound.data[20 * PAGE_BYTES + 1000] ^= 1; /* mended from elsewhere */
    cluster_file(&world.cluster, "base/5/16384", buf_span(&sound));
    back_up(&world, BACKUP_INCR);
    assert_int_equal(world.result.bad_pages, 0);
    assert_kept(&world, "base/5/16384");
}

/* A backup whose packs are not all there is no parent. */
static void test_incr__builds_on_nothing_that_is_damaged(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    back_up(&world, BACKUP_FULL);
    const BackupLabel first = world.result.label;
    back_up(&world, BACKUP_FULL);
    const Key key = key_pack(&world.cluster.root, world.result.label, 1);
    ASSERT_OK(store_remove(world.repo->store, key.text));
    back_up(&world, BACKUP_INCR);
    assert_string_equal(world.result.parent.text, first.text);
    assert_non_null(strstr(note_text(&world, "backup/PARENT_DAMAGED"), "is missing or damaged"));
    const Key key_first = key_pack(&world.cluster.root, first, 1);
    ASSERT_OK(store_remove(world.repo->store, key_first.text));
    back_up(&world, BACKUP_INCR);
    assert_int_equal(world.result.type, BACKUP_FULL);
    assert_non_null(strstr(note_text(&world, "backup/FULL_INSTEAD"), "is missing or damaged"));
}

/* Files that make a leaf of the list each thousand. */
static void files_make(World *world, int count)
{
    for (int i = 0; i < count; i++) {
        char path[256];
        snprintf(path, sizeof path, "extra/%04d%0200d", i, 0);
        cluster_file(&world->cluster, path, fixture_text(""));
    }
}

/* One bit of the frame that holds a plain byte of a pack. */
static void frame_damage(World *world, const PlainPlace *place)
{
    AUTO(pack_close) PackReader *pack = NULL;
    const Key key = key_pack(&world->cluster.root, place->label, place->pack);
    ASSERT_OK(pack_open(&pack, world->repo->store, &key));
    const char *const path = path_join(world->cluster.repo, key.text, world->arena);
    AUTO(buf_done) Buf bytes = {0};
    ASSERT_OK(file_read_all(&bytes, path, 1 << 30));
    size_t at = 8 + get_u32(bytes.data + 4); /* the head is a skippable frame */
    FrameSpan frame = {0};
    for (uint64_t plain = 0; plain <= place->offset; plain += frame.plain_bytes) {
        at += frame.stored_bytes;
        assert_true(container_frame_at(&frame, pack_container(pack), plain));
    }
    bytes.data[at + frame.stored_bytes / 2] ^= 4;
    ASSERT_OK(file_remove(path));
    ASSERT_OK(file_write_durable(path, buf_span(&bytes), 0600));
}

static PlainPlace leaf_place(World *world, size_t at)
{
    BackupRecord record;
    ASSERT_OK(
        backup_record_load(&record, world->repo, &world->cluster.root, world->result.label, world->arena));
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(world->repo->store, &world->cluster.root);
    AUTO(manifest_close) ManifestReader *reader = NULL;
    ASSERT_OK(manifest_open(&reader, place_leaf_in(places), &record.manifest_root));
    assert_true(at < manifest_leaf_count(reader));
    return manifest_leaf_place(reader, at);
}

/* From a damaged leaf of the parent's list on nothing is known: it is stored again, and no list refers to that leaf. */
static void test_incr__goes_on_behind_a_damaged_list(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    files_make(&world, 3000);
    cluster_pages(&world.cluster, "zeta", 20);
    back_up(&world, BACKUP_FULL);
    const PlainPlace second = leaf_place(&world, 1);
    frame_damage(&world, &second);
    back_up(&world, BACKUP_INCR);
    assert_non_null(strstr(note_text(&world, "backup/PARENT_DAMAGED"), "stored again"));
    assert_int_equal(blocks_own(&world, "base/5/16384"), 0);
    assert_int_equal(blocks_own(&world, "zeta"), 20);
    assert_kept(&world, "base/5/16384");
    assert_kept(&world, "zeta");
    back_up(&world, BACKUP_INCR);
    assert_string_equal(note_text(&world, "backup/PARENT_DAMAGED"), "");
    assert_int_equal(blocks_own(&world, "zeta"), 0);
}

/* Of a parent whose list has lost its root nothing is known. */
static void test_incr__goes_on_without_a_list(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    cluster_pages(&world.cluster, "base/5/16384", 300);
    back_up(&world, BACKUP_FULL);
    BackupRecord record;
    ASSERT_OK(backup_record_load(&record, world.repo, &world.cluster.root, world.result.label, world.arena));
    frame_damage(&world, &record.manifest_root);
    back_up(&world, BACKUP_INCR);
    assert_string_not_equal(note_text(&world, "backup/PARENT_DAMAGED"), "");
    assert_int_equal(blocks_own(&world, "base/5/16384"), 300);
    assert_kept(&world, "base/5/16384");
}

static RepoSet *set_of(Repo *repo)
{
    return repo_set_of(&repo, 1);
}

/* Frees the set and leaves its repository to the caller. */
static void set_let_go(RepoSet **set)
{
    (*set)->count = 0;
    repo_set_free(set);
}

/* -- a parent in very many pieces ------------------------------------------------------------------------------------ */

enum { PIECES_FILES = 16, PIECES = 65536, PIECES_PACK = 100 };

static ManifestEntry pieces_entry(char *path, size_t room, Extent *extents, uint32_t file, BackupLabel label)
{
    snprintf(path, room, "base/5/%u", 30000 + file);
    for (uint32_t i = 0; i < PIECES; i++)
        extents[i] = (Extent){2 * i, 1, label, PIECES_PACK + file, (uint64_t)i * PAGE_BYTES};
    return (ManifestEntry){.path = path,
                           .mode = 0600,
                           .size_bytes = UINT64_C(2) * PIECES * PAGE_BYTES,
                           .extents = extents,
                           .extent_count = PIECES};
}

/* The files themselves take no room on the disk, and each has a pack that only seems to hold it. */
static void pieces_make(World *world, Buf *uses, ManifestWriter *manifest, BackupLabel label)
{
    AUTO(mem_free) Extent *extents = mem_new(PIECES * sizeof *extents);
    for (uint32_t file = 0; file < PIECES_FILES; file++) {
        char path[64];
        const ManifestEntry entry = pieces_entry(path, sizeof path, extents, file, label);
        ASSERT_OK(manifest_add(manifest, &entry));
        cluster_file(&world->cluster, path, (Span){0});
        assert_int_equal(
            truncate(path_join(world->cluster.data, path, world->arena), (off_t)entry.size_bytes), 0);
        const Key key = key_pack(&world->cluster.root, label, PIECES_PACK + file);
        ASSERT_OK(file_write_durable(path_join(world->cluster.repo, key.text, world->arena),
                                     fixture_text("pack"), 0600));
        const PackUse use = {.label = label,
                             .pack = PIECES_PACK + file,
                             .stored_bytes = 4,
                             .plain_bytes = (uint64_t)PIECES * PAGE_BYTES,
                             .live_bytes = (uint64_t)PIECES * PAGE_BYTES};
        buf_add(uses, &use, sizeof use);
    }
}

/* A sanitizer keeps what was freed. */
#if defined(__clang__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PIECES_KIB_MAX = 1024 * 1024 };
#else
enum { PIECES_KIB_MAX = 48 * 1024 };
#endif

static size_t peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss;
}

/* 16 files of 1 GB, each in 65,536 pieces: 42 MB of pieces in the parent, and as much or more comes of it. */
static void test_incr__holds_few_pieces_at_a_time(void **state)
{
    (void)state;
    AUTO(world_done) World world;
    world_begin(&world);
    back_up(&world, BACKUP_FULL);
    BackupRecord record;
    ASSERT_OK(backup_record_load(&record, world.repo, &world.cluster.root, world.result.label, world.arena));
    AUTO(buf_done) Buf uses = {0};
    Counter begun = {0};
    AUTO(set_let_go) RepoSet *set = set_of(world.repo);
    BackupBegin begin;
    ASSERT_OK(backup_begin_load(&begin, world.repo, &world.cluster.root, record.label, world.arena));
    begin.label.text[0] = '3'; /* later than any */
    ASSERT_OK(backup_begin_write(set, &world.cluster.root, &begin));
    record.label = begin.label;
    AUTO(pack_writer_free) PackWriter *packs = NULL;
    ASSERT_OK(pack_writer_new(&packs, &(PackWriterSpec){.stores = set->stores,
                                                        .store_count = 1,
                                                        .root = &world.cluster.root,
                                                        .label = record.label,
                                                        .packs_begun = &begun,
                                                        .codec = CODEC_ZSTD,
                                                        .level = 1}));
    PlaceWriter leaves = {.packs = packs, .label = record.label};
    AUTO(manifest_writer_free) ManifestWriter *manifest = manifest_writer_new(place_leaf_out(&leaves));
    pieces_make(&world, &uses, manifest, record.label);
    ASSERT_OK(manifest_finish(&record.manifest_root, manifest));
    ASSERT_OK(pack_finish(packs));
    size_t count;
    const PackWritten *const written = pack_writer_packs(packs, &count);
    assert_int_equal(count, 1);
    AUTO(buf_done) Buf all = {0};
    const PackUse own = {.label = record.label,
                         .pack = written->pack,
                         .stored_bytes = written->summary.stored_bytes,
                         .plain_bytes = written->summary.plain_bytes,
                         .live_bytes = written->summary.plain_bytes};
    buf_add(&all, &own, sizeof own);
    buf_add(&all, uses.data, uses.len);
    ASSERT_OK(backup_packs_write(set, &world.cluster.root, record.label,
                                 (PackUses){(const PackUse *)(const void *)all.data, all.len / sizeof own}));
    BackupCommit commit;
    ASSERT_OK(backup_record_write(&commit, set, &world.cluster.root, &record));
    const size_t before = peak_kib();
    back_up(&world, BACKUP_INCR);
    assert_string_equal(world.result.parent.text, record.label.text);
    const ManifestEntry *const entry = entry_of(&world, "base/5/30007");
    assert_int_equal(entry->extent_count, PIECES);
    assert_int_equal(blocks_own(&world, "base/5/30007"), 0);
    assert_true(peak_kib() - before < PIECES_KIB_MAX);
}

UNIT_MAIN(cmocka_unit_test(test_incr__holds_few_pieces_at_a_time),
          cmocka_unit_test(test_incr__goes_on_behind_a_damaged_list),
          cmocka_unit_test(test_incr__goes_on_without_a_list),
          cmocka_unit_test(test_incr__reads_the_blocks_that_wal_names),
          cmocka_unit_test(test_incr__builds_on_one_that_builds_on_another),
          cmocka_unit_test(test_incr__lists_the_packs_it_draws_on),
          cmocka_unit_test(test_incr__compares_every_block_when_wal_is_missing),
          cmocka_unit_test(test_incr__stores_a_grown_and_a_cut_file_right),
          cmocka_unit_test(test_incr__forgets_what_was_removed),
          cmocka_unit_test(test_incr__of_nothing_stores_next_to_nothing),
          cmocka_unit_test(test_incr__looks_at_damaged_pages_again),
          cmocka_unit_test(test_incr__builds_on_nothing_that_is_damaged),
          cmocka_unit_test(test_self_check__finds_what_no_wal_names),
          cmocka_unit_test(test_self_check__tells_hints_from_changes),
          cmocka_unit_test(test_self_check__sees_a_bit_of_a_visibility_map),
          cmocka_unit_test(test_self_check__reads_blocks_of_zeros_too))
