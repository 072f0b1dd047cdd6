/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The old data directory may hold WAL that the archive has not got: the last commits before the accident. It goes to the
 * archive before anything here changes. The segment that was being written goes as it is: its valid records end where
 * the server stopped, and this server will never write it again.
 */
#include "base/log.h"
#include "base/text.h"
#include "job/restore_priv.h"
#include "job/wal_store.h"
#include "os/folder.h"
#include "os/path.h"

typedef struct Salvage {
    Restore *restore;
    WalStore to;
    WalArchive archive;
    const BranchRecord *records;
    size_t record_count;
    FolderList files;
    uint64_t given_up;
} Salvage;

/* Only what the archive's rightful owner wrote, and only where the archive has something of that timeline already or
 * nothing at all: older segments were let go on purpose. */
static bool is_wanted(const Salvage *salvage, WalName name)
{
    bool is_rightful = false;
    for (size_t i = 0; i < salvage->record_count; i++)
        is_rightful |= salvage->records[i].timeline.id == name.timeline.id;
    const WalTimeline *const stored = wal_archive_timeline(&salvage->archive, name.timeline);
    if (name.kind == WAL_NAME_HISTORY)
        return is_rightful && !(stored && stored->has_history);
    if (name.kind != WAL_NAME_SEGMENT || !is_rightful)
        return false;
    if (!stored || !stored->range_count)
        return true;
    return name.segment >= stored->ranges[0].first_segment && !wal_timeline_has(stored, name.segment);
}

static Err *is_ready(bool *out, const Restore *restore, const char *name)
{
    EntryInfo info;
    Arena *const arena = restore->arena;
    TRY(entry_stat(&info,
                   restore_path(restore, arena_textf(arena, "pg_wal/archive_status/%s.ready", name), arena)));
    *out = info.kind != ENTRY_ABSENT;
    return NULL;
}

/* A segment that was recycled for later carries old content and is none; one that waits for the archiver is WAL that
 * somebody may want to look at. */
static Err *unsound_keep(Salvage *salvage, const char *name, const Err *why)
{
    Restore *const restore = salvage->restore;
    bool waits;
    TRY(is_ready(&waits, restore, name));
    if (!waits) {
        log_debug("not salvaged: %s", err_text(why));
        return NULL;
    }
    report_warn(restore->report, "restore/SALVAGE", "%s could not be salvaged: %s", name, err_text(why));
    return restore_set_aside(restore, arena_textf(restore->arena, "pg_wal/%s", name));
}

static Err *file_salvage(Salvage *salvage, const char *name)
{
    Restore *const restore = salvage->restore;
    if (restore->options->no_salvage) {
        salvage->given_up++;
        return NULL;
    }
    const char *const path =
        restore_path(restore, arena_textf(restore->arena, "pg_wal/%s", name), restore->arena);
    AUTO(wal_parcel_free) WalParcel *parcel = NULL;
    AUTO(err_free) Err *err = wal_parcel_make(&parcel, &salvage->to, path);
    if (err_is(err, ERR_CORRUPT) || err_is(err, ERR_REFUSED))
        return unsound_keep(salvage, name, err);
    if (!err)
        err = wal_parcel_store(parcel, &salvage->to);
    if (err)
        return err_hint(err_doing(TAKE(err), "salvaging %s before the restore", name),
                        "--no-salvage gives up what the archive has not got");
    restore->result.salvaged_segments++;
    return NULL;
}

static Err *salvage_prepare(Salvage *salvage)
{
    Restore *const restore = salvage->restore;
    const RestoreFrom *const from = &restore->from;
    Arena *const arena = restore->arena;
    RepoOptions *const options = arena_alloc(arena, from->set->count * sizeof *options);
    for (size_t i = 0; i < from->set->count; i++) {
        for (size_t j = 0; j < restore->cluster->repo_count; j++) {
            if (text_equal(restore->cluster->repos[j].name, from->set->repos[i]->name))
                options[i] = restore->cluster->repos[j];
        }
    }
    salvage->to = (WalStore){.set = from->set, .options = options, .generation = &from->generation};
    TRY(wal_archive_list(&salvage->archive, from->repo, &from->generation, arena));
    TRY(branch_list(&salvage->records, &salvage->record_count, from->repo, &from->generation.root, arena));
    Err *err = folder_list(&salvage->files, restore_path(restore, "pg_wal", arena), arena);
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    return err;
}

Err *restore_salvage(Restore *restore)
{
    if (restore->place.ground == GROUND_FREE)
        return NULL;
    EntryInfo clone;
    TRY(entry_stat(&clone, restore_path(restore, RESTORE_CLONE_MARKER, restore->arena)));
    if (clone.kind != ENTRY_ABSENT)
        return NULL;
    progress_phase(restore->options->progress, "salvaging WAL");
    Salvage salvage = {.restore = restore};
    TRY(salvage_prepare(&salvage));
    for (size_t i = 0; i < salvage.files.count; i++) {
        WalName name;
        const char *const text = salvage.files.entries[i].name;
        if (wal_name_matches(&name, text, restore->from.generation.segment_bytes) &&
            is_wanted(&salvage, name))
            TRY(file_salvage(&salvage, text));
    }
    if (salvage.given_up)
        report_warn(restore->report, "restore/GIVEN_UP",
                    "%llu files of WAL in %s/pg_wal are not in the archive and were given up",
                    (unsigned long long)salvage.given_up, restore->place.folder);
    if (restore->result.salvaged_segments)
        report_note(restore->report, "restore/SALVAGED", "%llu files of WAL were salvaged from %s/pg_wal",
                    (unsigned long long)restore->result.salvaged_segments, restore->place.folder);
    return NULL;
}
