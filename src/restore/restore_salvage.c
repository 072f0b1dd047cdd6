/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The old data directory may hold WAL that the archive has not got: the last commits before the accident. It goes to the
 * archive before anything here changes. Of the segment that was being written the records go, as a tail: should the
 * restore be given up and the old server be started again, it finishes that segment, and archives it whole.
 *
 * A server that was promoted while no repository could be reached has a timeline that the archive does not know. It is
 * judged as archive-push would judge it. What waits for the archiver and is not rightful is moved aside, not lost.
 */
#include "base/log.h"
#include "base/text.h"
#include "restore/restore_priv.h"
#include "archive/segment_end.h"
#include "archive/wal_rights.h"
#include "archive/wal_store.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

typedef struct Salvage {
    Restore *restore;
    WalStore to;
    WalArchive archive;
    const BranchRecord *records;
    size_t record_count;
    const char *pg_wal;
    FolderList files;
    uint64_t given_up;
} Salvage;

static bool has_record(const Salvage *salvage, Timeline timeline)
{
    for (size_t i = 0; i < salvage->record_count; i++) {
        if (salvage->records[i].timeline.id == timeline.id)
            return true;
    }
    return false;
}

static bool name_at(WalName *out, const Salvage *salvage, size_t at)
{
    return wal_name_matches(out, salvage->files.entries[at].name,
                            salvage->restore->from.generation.segment_bytes);
}

/* Only what the archive's rightful owner wrote, and only where the archive has something of that timeline already or
 * nothing at all: older segments were let go on purpose. */
static bool is_wanted(const Salvage *salvage, WalName name)
{
    const bool is_rightful = has_record(salvage, name.timeline);
    const WalTimeline *const stored = wal_archive_timeline(&salvage->archive, name.timeline);
    if (name.kind == WAL_NAME_HISTORY)
        return is_rightful && !(stored && stored->has_history);
    if (name.kind != WAL_NAME_SEGMENT || !is_rightful)
        return false;
    if (!stored || !stored->range_count)
        return true;
    return name.segment >= stored->ranges[0].first_segment && !wal_timeline_has(stored, name.segment);
}

static Err *is_ready(bool *out, const Salvage *salvage, const char *name)
{
    EntryInfo info;
    Arena *const arena = salvage->restore->arena;
    TRY(entry_stat(&info, arena_textf(arena, "%s/archive_status/%s.ready", salvage->pg_wal, name)));
    *out = info.kind != ENTRY_ABSENT;
    return NULL;
}

static bool is_unsound(const Err *err)
{
    return err_is(err, ERR_CORRUPT) || err_is(err, ERR_REFUSED) || err_is(err, ERR_UNSUPPORTED);
}

/* A segment that was made ready or recycled for later carries zeros or old content and is none; one that waits for the
 * archiver is WAL that somebody may want to look at. */
static Err *unsound_keep(Salvage *salvage, const char *name, const Err *why)
{
    Restore *const restore = salvage->restore;
    bool waits;
    TRY(is_ready(&waits, salvage, name));
    if (!waits) {
        log_debug("not salvaged: %s", err_text(why));
        return NULL;
    }
    report_warn(restore->report, "restore/SALVAGE", "%s could not be salvaged: %s", name, err_text(why));
    return restore_set_aside(restore, arena_textf(restore->arena, "pg_wal/%s", name));
}

/* A server that is started after a power cut must not find less in its file than the archive got. */
static Err *file_settle(const char *path)
{
    AUTO(file_close) File *file = NULL;
    TRY(file_open_read(&file, path));
    return file_sync(file);
}

static Err *tail_make(WalParcel **out, const Salvage *salvage, const char *path, Lsn end)
{
    TRY(file_settle(path));
    return wal_parcel_make_tail(out, &salvage->to, path, end);
}

/* How much of a segment is WAL. One that waits for the archiver goes as the archiver would send it. `*out` is 0 when
 * there is nothing in it, or no more than the archive has. */
static Err *segment_measure(uint32_t *out, const Salvage *salvage, WalName name)
{
    bool is_done;
    SegmentEnd end = {.is_finished = true};
    TRY(is_ready(&is_done, salvage, wal_name_text(name).text));
    if (!is_done)
        TRY(segment_end_find(&end, salvage->pg_wal, name, &salvage->restore->from.generation));
    *out = name.segment_bytes;
    if (end.is_finished)
        return NULL;
    /* It may have been made of a longer tail, by a recovery that stopped before its end. */
    const uint32_t stored =
        wal_timeline_covered(wal_archive_timeline(&salvage->archive, name.timeline), name.segment);
    const uint64_t start = wal_name_start(name).at;
    *out = end.has_record && end.at.at >= start + stored ? (uint32_t)(end.at.at - start) : 0;
    return NULL;
}

/* What of the file goes to the archive; `*out` stays NULL when there is nothing in it. */
static Err *parcel_make(WalParcel **out, const Salvage *salvage, WalName name, const char *path)
{
    if (name.kind != WAL_NAME_SEGMENT)
        return wal_parcel_make(out, &salvage->to, path);
    uint32_t bytes;
    TRY(segment_measure(&bytes, salvage, name));
    if (bytes == name.segment_bytes)
        return wal_parcel_make(out, &salvage->to, path);
    return bytes ? tail_make(out, salvage, path, (Lsn){wal_name_start(name).at + bytes}) : NULL;
}

static Err *file_salvage(Salvage *salvage, WalName name)
{
    Restore *const restore = salvage->restore;
    if (restore->options->no_salvage) {
        salvage->given_up++;
        return NULL;
    }
    const char *const text = arena_text(restore->arena, wal_name_text(name).text);
    const char *const path =
        restore_path(restore, arena_textf(restore->arena, "pg_wal/%s", text), restore->arena);
    AUTO(wal_parcel_free) WalParcel *parcel = NULL;
    AUTO(err_free) Err *err = parcel_make(&parcel, salvage, name, path);
    if (is_unsound(err))
        return unsound_keep(salvage, text, err);
    if (!err && !parcel)
        return NULL;
    if (!err)
        err = wal_parcel_store(parcel, &salvage->to);
    if (err)
        return err_hint(err_doing(TAKE(err), "salvaging %s before the restore", text),
                        "--no-salvage gives up what the archive has not got");
    restore->result.salvaged_segments++;
    return NULL;
}

static Err *records_load(Salvage *salvage)
{
    const RestoreFrom *const from = &salvage->restore->from;
    Arena *const arena = salvage->restore->arena;
    TRY(wal_archive_list(&salvage->archive, from->repo, &from->generation, arena));
    return branch_list(&salvage->records, &salvage->record_count, from->repo, &from->generation.root, arena);
}

static Err *salvage_prepare(Salvage *salvage, const char *pg_wal)
{
    Restore *const restore = salvage->restore;
    const RestoreFrom *const from = &restore->from;
    Arena *const arena = restore->arena;
    salvage->pg_wal = pg_wal;
    RepoOptions *const options = arena_alloc(arena, from->set->count * sizeof *options);
    for (size_t i = 0; i < from->set->count; i++) {
        for (size_t j = 0; j < restore->cluster->repo_count; j++) {
            if (text_equal(restore->cluster->repos[j].name, from->set->repos[i]->name))
                options[i] = restore->cluster->repos[j];
        }
    }
    salvage->to = (WalStore){.set = from->set, .options = options, .generation = &from->generation};
    TRY(records_load(salvage));
    Err *err = folder_list(&salvage->files, pg_wal, arena);
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    return err;
}

/* A copy's WAL is not the cluster's, though its segments have the same names. */
static Err *is_copy(bool *out, const Restore *restore, const char *folder)
{
    EntryInfo clone;
    TRY(entry_stat(&clone, path_join(folder, RESTORE_CLONE_MARKER, restore->arena)));
    *out = clone.kind != ENTRY_ABSENT;
    return NULL;
}

/* ---- timelines that the archive does not know */

static Err *has_waiting(bool *out, const Salvage *salvage, Timeline timeline)
{
    *out = false;
    for (size_t i = 0; i < salvage->files.count && !*out; i++) {
        WalName name;
        if (name_at(&name, salvage, i) && name.timeline.id == timeline.id)
            TRY(is_ready(out, salvage, salvage->files.entries[i].name));
    }
    return NULL;
}

static Err *branch_claim(Salvage *salvage, Timeline timeline)
{
    Restore *const restore = salvage->restore;
    const WalClaim claim = {restore->place.folder, salvage->pg_wal, timeline};
    AUTO(err_free) Err *err = wal_rights_check(&salvage->to, &claim);
    if (is_unsound(err)) {
        report_warn(restore->report, "restore/SALVAGE", "timeline %u of %s could not be salvaged: %s",
                    timeline.id, salvage->pg_wal, err_text(err));
        return NULL;
    }
    if (err)
        return err_hint(err_doing(TAKE(err), "salvaging timeline %u before the restore", timeline.id),
                        "--no-salvage gives up what the archive has not got");
    report_note(restore->report, "restore/BRANCH",
                "%s has timeline %u of this cluster, which is archived now", salvage->pg_wal, timeline.id);
    restore->has_new_branch = true;
    return records_load(salvage);
}

/* Their names stand in the order of the timelines: a parent comes before its child. */
static Err *branches_claim(Salvage *salvage)
{
    for (size_t i = 0; i < salvage->files.count && !salvage->restore->options->no_salvage; i++) {
        WalName name;
        bool waits = false;
        if (!name_at(&name, salvage, i) || name.kind != WAL_NAME_HISTORY ||
            has_record(salvage, name.timeline))
            continue;
        TRY(has_waiting(&waits, salvage, name.timeline));
        if (waits)
            TRY(branch_claim(salvage, name.timeline));
    }
    return NULL;
}

static Err *is_archived(bool *out, const Salvage *salvage, WalName name)
{
    const RestoreFrom *const from = &salvage->restore->from;
    ObjectInfo info;
    Err *err = store_stat(&info, from->repo->store, key_wal(&from->generation.root, name).text);
    *out = !err;
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    return err;
}

/* A backup's own note is no WAL, and nobody needs it. */
static Err *is_stranger(bool *out, const Salvage *salvage, WalName name)
{
    bool waits, is_there;
    *out = false;
    if (name.kind == WAL_NAME_BACKUP || is_wanted(salvage, name))
        return NULL;
    TRY(is_ready(&waits, salvage, wal_name_text(name).text));
    if (!waits)
        return NULL;
    TRY(is_archived(&is_there, salvage, name));
    *out = !is_there;
    return NULL;
}

static Err *strangers_find(Salvage *salvage)
{
    Restore *const restore = salvage->restore;
    const char **const found = arena_alloc(restore->arena, (salvage->files.count + 1) * sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < salvage->files.count; i++) {
        WalName name;
        bool is_it = false;
        if (name_at(&name, salvage, i))
            TRY(is_stranger(&is_it, salvage, name));
        if (is_it && restore->options->no_salvage)
            salvage->given_up++;
        else if (is_it)
            found[count++] = salvage->files.entries[i].name;
    }
    restore->strangers = found;
    restore->stranger_count = count;
    return NULL;
}

/* Behind a link pg_wal may lie on another file system, where a file cannot be renamed to. */
static Err *stranger_keep(Restore *restore, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo info;
    TRY(entry_stat(&info, restore_path(restore, "pg_wal", arena)));
    if (info.kind != ENTRY_LINK)
        return restore_set_aside(restore, path);
    AUTO(buf_done) Buf bytes = {0};
    const char *const to = path_join(restore->place.aside, path, arena);
    TRY(file_read_all(&bytes, restore_path(restore, path, arena), restore->from.generation.segment_bytes));
    TRY(folder_make_all(path_parent(to, arena), 0700));
    return file_write_durable(to, buf_span(&bytes), 0600);
}

Err *restore_strangers_keep(Restore *restore)
{
    if (!restore->stranger_count || restore->place.ground == GROUND_UNREADABLE)
        return NULL; /* all of it was moved aside */
    for (size_t i = 0; i < restore->stranger_count; i++)
        TRY(stranger_keep(restore, path_join("pg_wal", restore->strangers[i], restore->arena)));
    report_warn(restore->report, "restore/STRANGE_WAL",
                "%zu file%s in %s/pg_wal waited for the archiver and %s of no timeline that may be archived; "
                "moved to %s",
                restore->stranger_count, restore->stranger_count == 1 ? "" : "s", restore->place.folder,
                restore->stranger_count == 1 ? "is" : "are", restore->place.aside);
    return NULL;
}

static void salvage_tell(const Salvage *salvage)
{
    Restore *const restore = salvage->restore;
    if (salvage->given_up)
        report_warn(restore->report, "restore/GIVEN_UP",
                    "%llu file%s of WAL in %s/pg_wal %s not in the archive and given up",
                    (unsigned long long)salvage->given_up, salvage->given_up == 1 ? "" : "s",
                    restore->place.folder, salvage->given_up == 1 ? "was" : "were");
    if (restore->result.salvaged_segments)
        report_note(restore->report, "restore/SALVAGED", "salvaged from %s/pg_wal: %llu file%s of WAL",
                    restore->place.folder, (unsigned long long)restore->result.salvaged_segments,
                    restore->result.salvaged_segments == 1 ? "" : "s");
}

Err *restore_salvage(Restore *restore)
{
    /* Also one that carries no mark: somebody may have copied the folder and started a server on it. */
    if (restore->place.ground == GROUND_FREE || !restore->place.is_own_place)
        return NULL;
    bool has_nothing;
    TRY(is_copy(&has_nothing, restore, restore->place.folder));
    if (has_nothing)
        return NULL;
    progress_phase(restore->options->progress, "salvaging WAL");
    Salvage salvage = {.restore = restore};
    TRY(salvage_prepare(&salvage, restore_path(restore, "pg_wal", restore->arena)));
    TRY(branches_claim(&salvage));
    for (size_t i = 0; i < salvage.files.count; i++) {
        WalName name;
        if (name_at(&name, &salvage, i) && is_wanted(&salvage, name))
            TRY(file_salvage(&salvage, name));
    }
    TRY(strangers_find(&salvage));
    salvage_tell(&salvage);
    return NULL;
}

/* What is no segment of its name, though it waits for the archiver, will not be stored. */
static Err *segment_look(uint32_t *out, const Salvage *salvage, WalName name)
{
    SegmentEnd end;
    TRY(segment_end_find(&end, salvage->pg_wal, name, &salvage->restore->from.generation));
    return segment_measure(out, salvage, name);
}

Err *restore_salvage_look(WalLocal *out, Restore *restore, const char *folder)
{
    bool has_nothing;
    *out = (WalLocal){.folder = path_join(folder, "pg_wal", restore->arena)};
    TRY(is_copy(&has_nothing, restore, folder));
    if (has_nothing)
        return NULL;
    Salvage salvage = {.restore = restore};
    TRY(salvage_prepare(&salvage, out->folder));
    WalLocalFile *const files = arena_alloc(restore->arena, (salvage.files.count + 1) * sizeof *files);
    for (size_t i = 0; i < salvage.files.count; i++) {
        WalName name;
        uint32_t bytes = 0;
        if (!name_at(&name, &salvage, i) || name.kind != WAL_NAME_SEGMENT || !is_wanted(&salvage, name))
            continue;
        Err *err = segment_look(&bytes, &salvage, name);
        /* Recycled for later, made ahead, gone by now, or damaged: salvage itself says more. */
        if (err_is_unreadable(err))
            err_free(&err);
        TRY(err);
        if (bytes)
            files[out->count++] = (WalLocalFile){name, bytes};
    }
    out->files = files;
    return NULL;
}
