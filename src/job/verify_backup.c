/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Backups, followed from their commit: the list of packs against the packs that are there, the manifest to its last
 * extent, side data. The first thing wrong with a backup is told; it is enough to know that it cannot be trusted.
 */
#include "job/verify_priv.h"

#include "base/text.h"
#include "flow/pool.h"
#include "os/signal.h"
#include "pg/control.h"
#include "repo/place_store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One committed backup, in the hands of one worker. */
typedef struct Following {
    VerifyRun *run;
    const Generation *generation;
    BackupLabel label;
    BackupRecord record;
    PackUses packs;
} Following;

static Err *pack_compare_seen(const Following *of, const PackUse *use)
{
    const PackSeen *const seen = verify_pack(of->run, of->generation->root.generation, use->label, use->pack);
    const Key key = key_pack(&of->generation->root, use->label, use->pack);
    if (!seen)
        return ERR(CORRUPT, "it draws on %s, which is not there", key.text);
    if (seen->is_newer)
        return ERR(UNSUPPORTED, "it draws on %s, which a newer pgstrata wrote", key.text);
    if (seen->is_damaged)
        return ERR(CORRUPT, "it draws on %s, which is damaged", key.text);
    if (seen->stored_bytes != use->stored_bytes)
        return ERR(CORRUPT, "it draws on %s with %" PRIu64 " bytes, there are %" PRIu64, key.text,
                   use->stored_bytes, seen->stored_bytes);
    if (of->run->work->options.depth == VERIFY_ALL && !sha256_equal(&seen->sha256, &use->sha256))
        return ERR(CORRUPT, "it draws on %s with SHA-256 %s, that object has %s", key.text,
                   sha256_text(&use->sha256).text, sha256_text(&seen->sha256).text);
    return NULL;
}

static int use_compare(const void *a, const void *b)
{
    const PackUse *const x = a, *const y = b;
    const int order = strcmp(x->label.text, y->label.text);
    return order ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

/* Are plain bytes [offset, offset + size) in a pack that the backup lists? */
static Err *bytes_check(const Following *of, const PackUse *wanted, uint64_t offset, uint64_t size)
{
    const PackUse *const use =
        of->packs.count ? bsearch(wanted, of->packs.uses, of->packs.count, sizeof *wanted, use_compare)
                        : NULL;
    if (!use)
        return ERR(CORRUPT, "pack-%06" PRIu32 " of %s is not in its list of packs", wanted->pack,
                   wanted->label.text);
    const PackSeen *const seen = verify_pack(of->run, of->generation->root.generation, use->label, use->pack);
    if (!seen || offset > seen->plain_bytes || size > seen->plain_bytes - offset)
        return ERR(CORRUPT,
                   "bytes %" PRIu64 " to %" PRIu64 " of pack-%06" PRIu32
                   " of %s are asked for, it holds %" PRIu64,
                   offset, offset + size, use->pack, use->label.text, seen ? seen->plain_bytes : 0);
    return NULL;
}

static Err *place_in_packs(const Following *of, const PlainPlace *place)
{
    const PackUse wanted = {.label = place->label, .pack = place->pack};
    return place->size_bytes ? bytes_check(of, &wanted, place->offset, place->size_bytes) : NULL;
}

static Err *entry_check(const Following *of, const ManifestEntry *entry)
{
    for (size_t i = 0; i < entry->extent_count; i++) {
        const Extent *const extent = &entry->extents[i];
        const PackUse wanted = {.label = extent->label, .pack = extent->pack};
        const uint64_t begin = (uint64_t)extent->first_block * PAGE_BYTES;
        const uint64_t most = (uint64_t)extent->count * PAGE_BYTES;
        const uint64_t left = entry->size_bytes - begin; /* the reader saw to it that it begins inside */
        TRY_AS(bytes_check(of, &wanted, extent->offset, left < most ? left : most), "%s", entry->path);
    }
    return NULL;
}

/* The control file says of which cluster the files are: a backup may have been copied from another one's repository,
 * where all its objects have the same names. */
static Err *control_check(const Following *of, Span bytes)
{
    ControlFile control;
    ControlCrc crc;
    TRY_AS(control_decode(&control, &crc, bytes), SIDE_CONTROL);
    const SystemId known = of->generation->system_id;
    if (known.id && control.system_id.id != known.id)
        return ERR(CORRUPT, "it is of the cluster with system id %s, its generation is of %s",
                   system_id_text(control.system_id).text, system_id_text(known).text);
    return control_crc_is_good(crc) ? NULL : control_crc_error(crc);
}

/* The one beside the files, where there is one, counts, and not the one among them. */
static bool has_side_control(const BackupRecord *record)
{
    bool is_there = false;
    for (size_t i = 0; i < record->side_count; i++)
        is_there |= text_equal(record->side[i].name, SIDE_CONTROL);
    return is_there;
}

static Err *entry_control_check(const Following *of, const ManifestEntry *entry)
{
    if (!text_equal(entry->path, SIDE_CONTROL) || entry->extent_count != 1 || has_side_control(&of->record))
        return NULL;
    const Extent *const extent = &entry->extents[0];
    const Key key = key_pack(&of->generation->root, extent->label, extent->pack);
    AUTO(pack_close) PackReader *pack = NULL;
    AUTO(buf_done) Buf bytes = {0};
    BufSink to = buf_sink(&bytes, PAGE_BYTES);
    TRY(pack_open(&pack, of->run->repo->store, &key));
    TRY(container_read(pack_container(pack), extent->offset, entry->size_bytes, &to.sink));
    return control_check(of, buf_span(&bytes));
}

static Err *side_check(const Following *of, PlaceReader *places, const SideItem *item)
{
    AUTO(buf_done) Buf bytes = {0};
    TRY_AS(place_in_packs(of, &item->place), "%s", item->name);
    TRY_AS(place_get(&bytes, places, &item->place), "%s", item->name);
    return text_equal(item->name, SIDE_CONTROL) ? control_check(of, buf_span(&bytes)) : NULL;
}

static Err *manifest_check(const Following *of)
{
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(of->run->repo->store, &of->generation->root);
    AUTO(manifest_close) ManifestReader *manifest = NULL;
    TRY(place_in_packs(of, &of->record.manifest_root));
    TRY(manifest_open(&manifest, place_leaf_in(places), &of->record.manifest_root));
    for (size_t i = 0; i < manifest_leaf_count(manifest); i++) {
        const PlainPlace leaf = manifest_leaf_place(manifest, i);
        TRY(place_in_packs(of, &leaf));
    }
    for (;;) {
        ManifestEntry entry;
        bool is_end;
        TRY(manifest_next(&entry, &is_end, manifest));
        if (is_end)
            break;
        TRY(entry_check(of, &entry));
        TRY(entry_control_check(of, &entry));
    }
    const ManifestTotals totals = manifest_totals(manifest);
    if (totals.files != of->record.files || totals.size_bytes != of->record.size_bytes)
        return ERR(CORRUPT,
                   "the manifest has %" PRIu64 " files of %" PRIu64 " bytes, the record says %" PRIu64
                   " of %" PRIu64,
                   totals.files, totals.size_bytes, of->record.files, of->record.size_bytes);
    for (size_t i = 0; i < of->record.side_count; i++)
        TRY(side_check(of, places, &of->record.side[i]));
    return NULL;
}

/* Whose packs it needs: those of a label that is gone otherwise are no orphans then. They are in order of label. */
static void labels_drawn(const Following *of)
{
    const uint32_t generation = of->generation->root.generation;
    lock_take(&of->run->lock);
    for (size_t i = 0; i < of->packs.count; i++) {
        const DrawnLabel drawn = {generation, of->packs.uses[i].label};
        if (!i || !text_equal(drawn.label.text, of->packs.uses[i - 1].label.text))
            buf_add(&of->run->drawn, &drawn, sizeof drawn);
    }
    lock_release(&of->run->lock);
}

static bool is_drawn_on(const VerifyRun *run, uint32_t generation, BackupLabel label)
{
    const DrawnLabel *const drawn = (const DrawnLabel *)(const void *)run->drawn.data;
    for (size_t i = 0; i < run->drawn.len / sizeof *drawn; i++) {
        if (drawn[i].generation == generation && text_equal(drawn[i].label.text, label.text))
            return true;
    }
    return false;
}

static Err *backup_follow(Following *of, Arena *arena)
{
    const KeyRoot *const root = &of->generation->root;
    BackupBegin begin;
    const CommitNote *const note = commit_note_find(&of->run->notes, root->generation, of->label);
    TRY(backup_record_load(&of->record, of->run->repo, root, of->label, arena));
    if (note)
        TRY(commit_note_check(note, of->run->repo));
    TRY(backup_begin_load(&begin, of->run->repo, root, of->label, arena));
    TRY(backup_packs_load(&of->packs, of->run->repo, root, of->label, arena));
    labels_drawn(of);
    for (size_t i = 0; i < of->packs.count; i++)
        TRY(pack_compare_seen(of, &of->packs.uses[i]));
    return of->run->work->options.depth == VERIFY_ALL ? manifest_check(of) : NULL;
}

static bool is_in_scope(const VerifyRun *run, BackupLabel label)
{
    return !run->scope.is_limited || text_equal(run->scope.label.text, label.text);
}

/* A label that is not committed: running, broken off, or what is left of something. */
static Err *uncommitted_tell(VerifyState *state, VerifyRun *run, const KeyRoot *root,
                             const BackupEntry *entry)
{
    const CommitNote *const note = commit_note_find(&run->notes, root->generation, entry->label);
    if (verify_is_removed(run, root->generation, entry->label) &&
        !is_drawn_on(run, root->generation, entry->label)) {
        report_note(&run->found, "verify/REMOVED", "backup %s was condemned; %s of it are still there",
                    entry->label.text, size_text(entry->stored_bytes).text);
        return NULL;
    }
    /* Nothing is lost that another host removes at this moment: the check knows. */
    Err *lost = note && !verify_is_removed(run, root->generation, entry->label)
                    ? commit_note_check(note, run->repo)
                    : NULL;
    if (lost) {
        *state = VERIFY_DAMAGED;
        if (entry->has_begin && entry->has_packs) /* all but the commit is there */
            verify_lost(run, key_backup_object(root, entry->label, "backup").text, CONTAINER_BACKUP, true);
        return verify_found(run, lost);
    }
    if (entry->has_begin) {
        report_note(&run->found, "verify/INTERRUPTED",
                    "backup %s is running or was interrupted: %" PRIu32 " packs, %s", entry->label.text,
                    entry->pack_count, size_text(entry->stored_bytes).text);
        return NULL;
    }
    if (is_drawn_on(run, root->generation, entry->label)) {
        report_note(&run->found, "verify/SHARED",
                    "backup %s is gone; %" PRIu32 " of its packs, %s, stay for the backups that draw on them",
                    entry->label.text, entry->pack_count, size_text(entry->stored_bytes).text);
        return NULL;
    }
    report_warn(&run->found, "verify/ORPHAN",
                "%" PRIu32 " packs of %s have neither a begin nor a commit: %s that no backup of that label "
                "accounts for",
                entry->pack_count, entry->label.text, size_text(entry->stored_bytes).text);
    report_hint(&run->found,
                "an expiry was cut off and goes on with the next one, or both objects were lost; no "
                "committed backup draws on these packs");
    return NULL;
}

/* The backups of one generation, and which of them the workers follow. */
typedef struct BackupRun {
    VerifyRun *run;
    VerifyBackup *backups;
    size_t count;
} BackupRun;

static Err *backups_produce(void *arg, Pool *pool)
{
    const BackupRun *const of = arg;
    for (size_t i = 0; i < of->count; i++) {
        if (of->backups[i].state == VERIFY_GOOD)
            TRY(pool_push(pool, &of->backups[i]));
    }
    return NULL;
}

/* Was it removed on purpose since it was listed? The commit goes first, and word of the removal comes before it. */
static Err *removed_ask(bool *out, const Following *of, Arena *arena)
{
    Repo *const repo = of->run->repo;
    const KeyRoot *const root = &of->generation->root;
    ObjectInfo info;
    HoldList holds;
    bool is_gone;
    *out = false;
    Err *err = store_stat(&info, repo->store, key_backup_object(root, of->label, "backup").text);
    if (!err_is(err, ERR_NOT_FOUND))
        return err;
    err_free(&err);
    TRY(hold_is_gone(&is_gone, repo, root, of->label));
    TRY(hold_list(&holds, repo, root, arena));
    *out = is_gone || hold_is_removing(&holds, of->label);
    return NULL;
}

/* All of them, so that a repair finds them at once. */
static void packs_lost(const Following *of)
{
    for (size_t i = 0; i < of->packs.count; i++) {
        const PackUse *const use = &of->packs.uses[i];
        const KeyRoot *const root = &of->generation->root;
        if (!verify_pack(of->run, root->generation, use->label, use->pack))
            verify_lost(of->run, key_pack(root, use->label, use->pack).text, CONTAINER_PACK, true);
    }
}

static Err *backup_fault(VerifyBackup *backup, const Following *of, Err *err)
{
    packs_lost(of);
    backup->state = err_is(err, ERR_UNSUPPORTED) ? VERIFY_NEWER : VERIFY_DAMAGED;
    err = err_doing(err, "backup %s cannot be restored as it was", backup->label.text);
    if (backup->state == VERIFY_NEWER)
        return verify_found(of->run, err_hint(err, "restore it with a newer pgstrata"));
    return verify_found(
        of->run, err_hint(err, "copy what is missing from another repository, or take a full backup now; "
                               "files that draw on other packs can still be restored"));
}

static void removed_tell(VerifyBackup *backup, VerifyRun *run)
{
    backup->state = VERIFY_INTERRUPTED;
    lock_take(&run->lock);
    report_note(&run->found, "verify/REMOVED", "backup %s was removed while it was looked at",
                backup->label.text);
    lock_release(&run->lock);
}

static Err *backup_work(void *arg, Pool *pool, void *state, void *unit)
{
    VerifyBackup *const backup = unit;
    VerifyRun *const run = ((BackupRun *)arg)->run;
    (void)pool;
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    Following of = {.run = run,
                    .generation = &verify_generation(run, backup->generation)->generation,
                    .label = backup->label};
    AUTO(err_free) Err *err = backup_follow(&of, arena);
    bool is_removed = false;
    counter_add(&run->work->progress->files_done, 1);
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return TAKE(err);
    if (err)
        TRY(removed_ask(&is_removed, &of, arena));
    if (is_removed)
        removed_tell(backup, run);
    return err && !is_removed ? backup_fault(backup, &of, TAKE(err)) : NULL;
}

/* A commit stands for these: without them it cannot be followed. */
static void parts_lost(VerifyRun *run, const KeyRoot *root, const BackupEntry *entry)
{
    if (!entry->has_begin)
        verify_lost(run, key_backup_object(root, entry->label, "begin").text, CONTAINER_BEGIN, true);
    if (!entry->has_packs)
        verify_lost(run, key_backup_object(root, entry->label, "packs").text, CONTAINER_PACKS, true);
}

static Err *uncommitted_judge(BackupRun *of, const VerifyGeneration *generation)
{
    for (size_t i = 0, at = 0; i < generation->backup_count; i++) {
        const BackupEntry *const entry = &generation->backups[i];
        if (!is_in_scope(of->run, entry->label))
            continue;
        VerifyBackup *const backup = &of->backups[at++];
        if (entry->is_committed && backup->state == VERIFY_INTERRUPTED)
            continue; /* removed meanwhile */
        if (entry->is_committed)
            parts_lost(of->run, &generation->generation.root, entry);
        else
            TRY(uncommitted_tell(&backup->state, of->run, &generation->generation.root, entry));
    }
    return NULL;
}

Err *verify_backups(VerifyRun *run, const VerifyGeneration *generation)
{
    const KeyRoot *const root = &generation->generation.root;
    const BackupEntry *const entries = generation->backups;
    const size_t count = generation->backup_count;
    BackupRun of = {.run = run, .backups = arena_alloc(run->arena, count * sizeof *of.backups)};
    for (size_t i = 0; i < count; i++) {
        if (!is_in_scope(run, entries[i].label))
            continue;
        of.backups[of.count++] =
            (VerifyBackup){.repo = arena_text(run->arena, run->repo->name),
                           .generation = root->generation,
                           .label = entries[i].label,
                           .state = entries[i].is_committed ? VERIFY_GOOD : VERIFY_INTERRUPTED,
                           .from_time = INSTANT_NONE,
                           .to_time = INSTANT_NONE};
    }
    progress_phase(run->work->progress, "following backups");
    const PoolSpec spec = {.workers = (size_t)run->work->cluster->jobs,
                           .arg = &of,
                           .produce = backups_produce,
                           .work = backup_work,
                           .stop_check = signal_check};
    TRY(pool_run(&spec));
    TRY(uncommitted_judge(&of, generation)); /* now it is known which packs are drawn on */
    buf_add(&run->backups, of.backups, of.count * sizeof(VerifyBackup));
    return NULL;
}
