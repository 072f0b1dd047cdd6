/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * make_repository REPOSITORY CODEC FIRST SECOND WAL: a small repository for the independent reader
 *
 * FIRST and SECOND are folders that stand for a data directory at two moments: they become a full and an incremental
 * backup, made block by block out of the room's own parts. WAL holds files as pg_wal has them, of 1 MiB segments.
 */
#include "base/limits.h"
#include "base/text.h"
#include "os/clock.h"
#include "repo/backup_set.h"
#include "repo/branch.h"
#include "repo/hold_wal.h"
#include "repo/place_store.h"
#include "repo/wal_object.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 1 << 20, FOLDERS_OPEN = 16, TARGET_BYTES = 4096 };

/* A sorted list of paths below a folder. nftw() has no argument to pass on, so it is here. */
static struct {
    Arena *arena;
    const char *paths[1000];
    size_t count, root_len;
} found;

static int path_add(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    if (at->level > 0 && found.count < COUNT_OF(found.paths))
        found.paths[found.count++] = arena_text(found.arena, path + found.root_len);
    return 0;
}

static int path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void paths_find(const char *folder)
{
    found.count = 0;
    found.root_len = strlen(folder) + 1;
    nftw(folder, path_add, FOLDERS_OPEN, FTW_PHYS);
    qsort(found.paths, found.count, sizeof *found.paths, path_compare);
}

static Err *file_bytes(Buf *out, const char *folder, const char *path)
{
    char whole[TARGET_BYTES];
    snprintf(whole, sizeof whole, "%s/%s", folder, path);
    FILE *const file = fopen(whole, "rb");
    if (!file)
        return ERR(IO, "cannot open %s", whole);
    size_t got;
    do {
        got = fread(buf_reserve(out, SEGMENT_BYTES), 1, SEGMENT_BYTES, file);
        buf_grown(out, got);
    } while (got);
    fclose(file);
    return NULL;
}

typedef struct Maker {
    RepoSet *set;
    Generation generation;
    CodecKind codec;
    Arena *arena;
} Maker;

/* A backup being made, and the one it is made upon. */
typedef struct Backup {
    const Maker *maker;
    const char *folder, *parent_folder;
    BackupLabel label, parent_label;
    PlainPlace parent_root;
    PackWriter *packs;
    PackTally *tally;
    Counter packs_begun;
    uint64_t files, size_bytes;
} Backup;

/* The parent's extents of a file, as single blocks; 0 pack: zeros or not there. */
static Err *parent_blocks(Extent *out, size_t count, const Backup *backup, const char *path)
{
    memset(out, 0, count * sizeof *out);
    if (!backup->parent_folder)
        return NULL;
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(backup->maker->set->stores[0], &backup->maker->generation.root);
    AUTO(manifest_close) ManifestReader *reader = NULL;
    TRY(manifest_open(&reader, place_leaf_in(places), &backup->parent_root));
    ManifestEntry entry = {0};
    bool is_end = false;
    do
        TRY(manifest_next(&entry, &is_end, reader));
    while (!is_end && !text_equal(entry.path, path));
    for (size_t i = 0; !is_end && i < entry.extent_count; i++) {
        for (uint32_t at = 0; at < entry.extents[i].count && entry.extents[i].first_block + at < count;
             at++) {
            Extent *const block = &out[entry.extents[i].first_block + at];
            *block = entry.extents[i];
            block->offset += (uint64_t)at * PAGE_BYTES;
        }
    }
    return NULL;
}

static Err *block_add(Buf *extents, Backup *backup, const ManifestEntry *entry, uint32_t block, Span page)
{
    const PackRun run = {
        .path = entry->path, .file_offset = (uint64_t)block * PAGE_BYTES, .file_bytes = entry->size_bytes};
    PackPlace place;
    TRY(pack_add(&place, backup->packs, &run, page));
    extents_add(extents, &(Extent){.first_block = block,
                                   .count = 1,
                                   .label = backup->label,
                                   .pack = place.pack,
                                   .offset = place.offset});
    return NULL;
}

/* Blocks that are zero are left out; those that the parent has the same are taken from there. */
static Err *file_add(Buf *extents, Backup *backup, ManifestEntry *entry)
{
    AUTO(buf_done) Buf now = {0};
    AUTO(buf_done) Buf before = {0};
    TRY(file_bytes(&now, backup->folder, entry->path));
    entry->size_bytes = now.len;
    const size_t blocks = (now.len + PAGE_BYTES - 1) / PAGE_BYTES;
    Extent *const parent = arena_alloc(backup->maker->arena, (blocks + 1) * sizeof *parent);
    TRY(parent_blocks(parent, blocks, backup, entry->path));
    if (backup->parent_folder) {
        Err *absent = file_bytes(&before, backup->parent_folder, entry->path);
        err_free(&absent);
    }
    for (uint32_t i = 0; i < blocks; i++) {
        const Span page = span_cut(buf_span(&now), (size_t)i * PAGE_BYTES, PAGE_BYTES);
        parent[i].first_block = i;
        parent[i].count = 1;
        if (span_is_zero(page))
            continue;
        if (parent[i].pack &&
            span_equal(page, span_cut(buf_span(&before), (size_t)i * PAGE_BYTES, PAGE_BYTES)))
            extents_add(extents, &parent[i]);
        else
            TRY(block_add(extents, backup, entry, i, page));
    }
    backup->files++;
    backup->size_bytes += now.len;
    return NULL;
}

static Err *entry_add(ManifestWriter *writer, Backup *backup, const char *path)
{
    char whole[TARGET_BYTES], target[TARGET_BYTES] = "";
    struct stat info;
    snprintf(whole, sizeof whole, "%s/%s", backup->folder, path);
    if (lstat(whole, &info))
        return ERR(IO, "cannot stat %s", whole);
    AUTO(buf_done) Buf extents = {0};
    ManifestEntry entry = {
        .path = path,
        .mode = info.st_mode & 07777,
        .modified = {(int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000}};
    if (S_ISDIR(info.st_mode)) {
        entry.kind = MANIFEST_FOLDER;
    } else if (S_ISLNK(info.st_mode)) {
        entry.kind = MANIFEST_LINK;
        if (readlink(whole, target, sizeof target - 1) < 0)
            return ERR(IO, "cannot read the link %s", whole);
        entry.link_target = target;
    } else {
        TRY(file_add(&extents, backup, &entry));
    }
    entry.extents = (const Extent *)(const void *)extents.data;
    entry.extent_count = extents.len / sizeof(Extent);
    TRY(pack_tally_entry(backup->tally, &entry));
    return manifest_add(writer, &entry);
}

static Err *parent_packs_know(Backup *backup)
{
    PackUses parent;
    if (!backup->parent_folder)
        return NULL;
    TRY(backup_packs_load(&parent, backup->maker->set->repos[0], &backup->maker->generation.root,
                          backup->parent_label, backup->maker->arena));
    pack_tally_know(backup->tally, parent.uses, parent.count);
    return NULL;
}

/* `parent` must outlive the writer. */
static Err *parent_leaves_reuse(ManifestReader **parent, ManifestWriter *writer, const Backup *backup,
                                LeafIn in)
{
    size_t count;
    if (!backup->parent_folder)
        return NULL;
    TRY(manifest_open(parent, in, &backup->parent_root));
    const ManifestLeaf *const leaves = manifest_leaves(*parent, &count);
    manifest_writer_reuse(writer, leaves, count);
    return NULL;
}

static Err *packs_commit(Backup *backup)
{
    size_t own = 0;
    PackUses uses;
    const PackWritten *const written = pack_writer_packs(backup->packs, &own);
    pack_tally_written(backup->tally, written, own);
    TRY(pack_tally_uses(&uses, backup->tally));
    return backup_packs_write(backup->maker->set, &backup->maker->generation.root, backup->label, uses);
}

static Err *record_commit(const Backup *backup, const PlainPlace *root, const SideItem *side)
{
    static const char label_file[] = "START WAL LOCATION: 0/2000028\n";
    const BackupRecord record = {.label = backup->label,
                                 .timeline = {1},
                                 .start_lsn = {0x2000028},
                                 .checkpoint_lsn = {0x2000060},
                                 .stop_lsn = {0x2000138},
                                 .start_time = clock_now(),
                                 .stop_time = clock_now(),
                                 .major = 15,
                                 .server_version = "15",
                                 .files = backup->files,
                                 .size_bytes = backup->size_bytes,
                                 .stored_bytes = pack_writer_stored_bytes(backup->packs),
                                 .manifest_root = *root,
                                 .backup_label_file = span_of(label_file, sizeof label_file - 1),
                                 .side = side,
                                 .side_count = 1,
                                 .note = "caf\xe9"};
    BackupCommit commit;
    return backup_record_write(&commit, backup->maker->set, &backup->maker->generation.root, &record);
}

static Err *backup_make(PlainPlace *root, Backup *backup)
{
    const Maker *const maker = backup->maker;
    const BackupBegin begin = {.label = backup->label,
                               .start_lsn = {0x2000028},
                               .timeline = {1},
                               .created = clock_now(),
                               .host = "here",
                               .data_directory = backup->folder,
                               .may_draw_on = &backup->parent_label,
                               .may_draw_on_count = backup->parent_folder != NULL};
    TRY(backup_begin_write(maker->set, &maker->generation.root, &begin));
    const PackWriterSpec spec = {.stores = maker->set->stores,
                                 .store_count = maker->set->count,
                                 .root = &maker->generation.root,
                                 .label = backup->label,
                                 .packs_begun = &backup->packs_begun,
                                 .codec = maker->codec,
                                 .level = codec_level_default(maker->codec)};
    AUTO(pack_writer_free) PackWriter *packs = NULL;
    AUTO(pack_tally_free) PackTally *tally = pack_tally_new(backup->label);
    AUTO(place_reader_free) PlaceReader *parent_places = place_reader_new(maker->set->stores[0], spec.root);
    AUTO(manifest_close) ManifestReader *parent = NULL;
    TRY(pack_writer_new(&packs, &spec));
    backup->packs = packs;
    backup->tally = tally;
    TRY(parent_packs_know(backup));
    PlaceWriter places = {.packs = packs, .label = backup->label, .tally = tally};
    AUTO(manifest_writer_free) ManifestWriter *writer = manifest_writer_new(place_leaf_out(&places));
    TRY(parent_leaves_reuse(&parent, writer, backup, place_leaf_in(parent_places)));
    paths_find(backup->folder);
    for (size_t i = 0; i < found.count; i++)
        TRY(entry_add(writer, backup, found.paths[i]));
    TRY(manifest_finish(root, writer));
    SideItem side = {.name = "config/postgresql.conf"};
    TRY(place_put(&side.place, packs, backup->label, span_of("port = 5432\n", 12)));
    TRY(pack_tally_place(tally, &side.place));
    TRY(pack_finish(packs));
    TRY(packs_commit(backup));
    return record_commit(backup, root, &side);
}

/* A file of pg_wal, or a tail by the name that it has in the repository. */
static Err *wal_name_read(WalObjectSpec *spec, WalTail *tail, const char *path)
{
    if (!key_wal_tail_matches(tail, path, SEGMENT_BYTES))
        return wal_name_parse(&spec->name, path, SEGMENT_BYTES);
    spec->name = tail->name;
    spec->tail = tail;
    return NULL;
}

static Err *wal_store(const Maker *maker, const char *folder, const char *path)
{
    WalTail tail;
    const KeyRoot *const root = &maker->generation.root;
    AUTO(buf_done) Buf plain = {0};
    AUTO(buf_done) Buf object = {0};
    AUTO(err_free) Err *index_fault = NULL;
    WalObjectSpec spec = {
        .generation = &maker->generation, .codec = maker->codec, .level = codec_level_default(maker->codec)};
    TRY(wal_name_read(&spec, &tail, path));
    TRY(file_bytes(&plain, folder, path));
    TRY(wal_object_encode(&object, &index_fault, &spec, buf_span(&plain)));
    const Key key = spec.tail ? key_wal_tail(root, spec.tail) : key_wal(root, spec.name);
    return repo_set_put(maker->set, key.text, buf_span(&object));
}

static Err *wal_make(const Maker *maker, const char *folder)
{
    const BranchRecord branch = {
        .timeline = {1}, .host = "here", .data_directory = "/srv/main", .created = clock_now()};
    TRY(branch_write(maker->set, &maker->generation.root, &branch));
    paths_find(folder);
    for (size_t i = 0; i < found.count; i++)
        TRY(wal_store(maker, folder, found.paths[i]));
    return NULL;
}

/* A decision of each kind, and one that followed another. */
static Err *holds_make(const Maker *maker, BackupLabel label)
{
    Repo *const repo = maker->set->repos[0];
    const KeyRoot *const root = &maker->generation.root;
    const WalWanted wanted[] = {{{1}, 2, 5}, {{2}, 5, WAL_WANTED_OPEN}};
    Hold pin = hold_next(HOLD_PINS, label.text, HOLD_PINNED, NULL);
    pin.note = "caf\xe9";
    pin.by = HOLD_BY_HAND;
    const Hold unpin = hold_next(HOLD_PINS, label.text, HOLD_UNPINNED, &pin);
    const Hold fate = hold_next(HOLD_FATES, label.text, HOLD_CONDEMNED, NULL);
    const Hold lost = hold_next(HOLD_TIMELINES, "0000000A", HOLD_GIVEN_UP, NULL);
    TRY(hold_write(repo, root, &pin));
    TRY(hold_write(repo, root, &unpin));
    TRY(hold_write(repo, root, &fate));
    TRY(hold_write(repo, root, &lost));
    TRY(hold_gone_write(repo, root, (BackupLabel){"20261120-083000F"}));
    return hold_wal_write(repo, root, 1, &(WalWantedList){wanted, COUNT_OF(wanted)});
}

static Err *all_make(Maker *maker, char **args)
{
    TRY(codec_parse(&maker->codec, args[2]));
    Repo *repo = NULL;
    TRY(repo_init(&repo, &(RepoSpec){.name = "main", .url = args[1]}));
    maker->set = repo_set_of(&repo, 1);
    const Generation wanted = {.root = {.cluster = "main"},
                               .system_id = {7654321098765432101},
                               .major = 15,
                               .catalog_version = 202209061,
                               .segment_bytes = SEGMENT_BYTES,
                               .block_bytes = PAGE_BYTES,
                               .relation_segment_blocks = 131072};
    TRY(generation_create(&maker->generation, maker->set, &wanted));
    TRY(wal_make(maker, args[5]));
    PlainPlace root;
    Backup full = {.maker = maker, .folder = args[3], .label = {"20261121-083000F"}};
    TRY(backup_make(&root, &full));
    TRY(holds_make(maker, full.label));
    Backup incr = {.maker = maker,
                   .folder = args[4],
                   .label = {"20261122-083000I"},
                   .parent_folder = args[3],
                   .parent_label = full.label,
                   .parent_root = root};
    return backup_make(&root, &incr);
}

int main(int count, char **args)
{
    if (count != 6) {
        fprintf(stderr, "usage: make_repository REPOSITORY CODEC FIRST SECOND WAL\n");
        return 2;
    }
    found.arena = arena_new();
    Maker maker = {.arena = arena_new()};
    AUTO(err_free) Err *err = all_make(&maker, args);
    if (err)
        fprintf(stderr, "make_repository: %s (%s)\n", err_text(err), err_origin(err));
    repo_set_free(&maker.set);
    arena_free(&maker.arena);
    arena_free(&found.arena);
    return err != NULL;
}
