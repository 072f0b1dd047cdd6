/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The check's questions about what is stored, and about the room that is left. */
#include "base/text.h"
#include "job/info_details.h"
#include "job/check_priv.h"
#include "cluster/commit_note.h"
#include "archive/freshness.h"
#include "job/gap_watch.h"
#include "os/clock.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/user.h"
#include "retention/policy.h"

#include <string.h>
#include <unistd.h>

#define DAY_US (24 * INT64_C(3600000000))

enum { FREE_PERCENT_MIN = 5, FREE_SEGMENTS_MIN = 4 };
#define FREE_BYTES_MIN (FREE_SEGMENTS_MIN * (UINT64_C(16) << 20)) /* of segments of the usual size */

/* ---- room ---- */

/* Part of a small disk is little and of a large one much: `need` bytes must be free besides. */
static void room_check(Check *check, const char *name, const char *path, const char *more, uint64_t need)
{
    FolderRoom room;
    Err *err = folder_room(&room, path);
    if (err)
        check_fault(check, name, err);
    else if (room.free_bytes < need)
        check_warning(check, name, "make room: a full disk stops the server or its archiving",
                      "%s free at %s, and it may need %s at once%s", size_text(room.free_bytes).text, path,
                      size_text(need).text, more);
    else if (room.free_bytes < room.total_bytes / 100 * FREE_PERCENT_MIN)
        check_warning(check, name, "make room: a full disk stops the server or its archiving",
                      "%s free of %s at %s%s", size_text(room.free_bytes).text,
                      size_text(room.total_bytes).text, path, more);
    else
        check_good(check, name, "%s free at %s%s", size_text(room.free_bytes).text, path, more);
}

void check_repo_folder(Check *check, const char *url)
{
    const char *const path = text_starts(url, "file://") ? url + strlen("file://") : url;
    EntryInfo info;
    if (path[0] != '/')
        return;
    Err *err = entry_stat_follow(&info, path);
    if (!err && access(path, R_OK | W_OK | X_OK) != 0)
        err = err_hint(ERR(DENIED, "user %s (uid %u) may not write in %s, which belongs to %s, mode %04o",
                           user_current().text, (unsigned)geteuid(), path, user_name(info.uid).text,
                           (unsigned)info.mode),
                       "chown -R %s %s", user_current().text, path);
    if (err)
        check_fault(check, "permission", err);
}

/* A repository must hold what the newest backup took, or else the WAL of some minutes. */
void check_room(Check *check)
{
    for (size_t i = 0; i < check->cluster->repo_count; i++) {
        const char *const url = check->cluster->repos[i].url;
        const char *const path = text_starts(url, "file://") ? url + strlen("file://") : url;
        EntryInfo info;
        AUTO(err_free) Err *err = path[0] == '/' ? entry_stat_follow(&info, path) : NULL;
        if (path[0] == '/' && !err && info.kind == ENTRY_FOLDER)
            room_check(check, "room", path, "",
                       check->newest_bytes > FREE_BYTES_MIN ? check->newest_bytes : FREE_BYTES_MIN);
    }
}

void check_pg_wal(Check *check)
{
    const char *const path = path_join(check->server.data_directory, "pg_wal", check->arena);
    FolderList files;
    Err *err = folder_list(&files, path, check->arena);
    if (err) {
        check_fault(check, "pg_wal", err);
        return;
    }
    uint64_t segments = 0;
    for (size_t i = 0; i < files.count; i++)
        segments += files.entries[i].kind == ENTRY_FILE;
    room_check(
        check, "pg_wal", path,
        arena_textf(check->arena, ", %s of WAL", size_text(segments * check->server.wal_segment_bytes).text),
        FREE_SEGMENTS_MIN * (uint64_t)check->server.wal_segment_bytes);
}

/* ---- what is stored ---- */

static void freshness_check(Check *check, const Info *info)
{
    Freshness fresh;
    if (!lsn_is_valid(info->archived_end)) {
        check_warning(check, "freshness", "the proof below shows whether WAL arrives",
                      "no WAL is archived yet");
        return;
    }
    const FreshnessAsk ask = {.cluster = check->cluster,
                              .generation = &info->generations[info->generation_count - 1].generation,
                              .timeline = info->production,
                              .archived_end = info->archived_end,
                              .archived_commit = info->archived_commit};
    freshness_measure(&fresh, &ask, check->arena);
    const char *const size = arena_text(check->arena, size_text(fresh.bytes).text);
    const char *const age = arena_text(check->arena, duration_text(fresh.age_us).text);
    if (fresh.source == FRESHNESS_UNKNOWN) {
        check_warning(check, "freshness", "give the check a way to the server", "unknown: %s", fresh.why);
    } else if (fresh.age_us > check->cluster->rpo_us) {
        const char *const text = arena_textf(check->arena, "work of the last %s is not safe (%s), rpo is %s",
                                             age, size, duration_text(check->cluster->rpo_us).text);
        check->result->lines[check->result->count++] = (CheckLine){"freshness", CHECK_FAULT, text};
        report_stale(check->report, "check/freshness", "%s", text);
        report_hint(check->report,
                    "what keeps the server from archiving? see the lines on archiver and archiving");
    } else if (fresh.is_idle) {
        check_good(check, "freshness", "everything is archived");
    } else if (!fresh.age_us) {
        check_warning(check, "freshness", "see the lines on archiver and archiving",
                      "%s are not archived yet; since when is not known", size);
    } else {
        check_good(check, "freshness", "%s since %s are not archived yet", size, age);
    }
}

static const InfoBackup *newest_backup(const Info *info)
{
    for (size_t i = info->backup_count; i-- > 0;) {
        if (info->backups[i].state == INFO_BACKUP_GOOD || info->backups[i].state == INFO_BACKUP_BROKEN)
            return &info->backups[i];
    }
    return NULL;
}

static void backup_check(Check *check, const Info *info)
{
    const InfoBackup *const newest = newest_backup(info);
    if (!newest) {
        check_warning(check, "backup", "pgstrata backup", "there is no backup");
        return;
    }
    check->newest_bytes = newest->entry.stored_bytes;
    const int64_t age = clock_now().us - newest->record.stop_time.us;
    const char *const age_text = arena_text(check->arena, duration_text(age).text);
    if (newest->state == INFO_BACKUP_BROKEN)
        check_fault(
            check, "backup",
            err_hint(
                ERR(GAP, "the newest backup %s cannot be restored: WAL %s is missing", newest->label.text,
                    newest->missing.segment_bytes ? wal_name_text(newest->missing).text : "of its branch"),
                "take a new backup now: pgstrata backup"));
    else if (age > promises_backup_age_max_us(&check->cluster->retention))
        check_warning(check, "backup", "is it still run? pgstrata backup",
                      "the newest backup %s is %s old, more than the promises of retention allow",
                      newest->label.text, age_text);
    else
        check_good(check, "backup", "%s, %s old, its WAL is complete", newest->label.text, age_text);
}

/* What a backup shares with older ones is lost with them: full-every bounds how long that goes on. */
static void shared_check(Check *check, const Info *info)
{
    const InfoBackup *const newest = newest_backup(info);
    const int64_t every_us = check->cluster->retention.full_every_us;
    InfoDetails details = {.draw_count = 0};
    Err *err = newest ? info_details(&details, check->cluster, info, newest, check->arena) : NULL;
    if (err) {
        check_fault(check, "shared", err);
        return;
    }
    if (!details.draw_count)
        return;
    const BackupLabel oldest = details.draws[0].label;
    const int64_t age_us = clock_now().us - label_time(oldest).us;
    if (text_equal(oldest.text, newest->label.text))
        check_good(check, "shared", "the newest backup stands by itself");
    else if (every_us && age_us > every_us + DAY_US)
        check_warning(check, "shared", "pgstrata backup --type full",
                      "the newest backup rests on packs of %s, %s old; full-every is %s", oldest.text,
                      duration_text(age_us).text, duration_text(every_us).text);
    else
        check_good(check, "shared", "the newest backup rests on packs of %s, %s old", oldest.text,
                   duration_text(age_us).text);
}

/* Another host may promise less; or more was promised since. Until the next expiry here the grace runs. */
static void promises_check(Check *check, const Info *info)
{
    const unsigned *const reasons = info_reasons(info, &check->cluster->retention, check->arena);
    size_t wanted = 0;
    for (size_t i = 0; i < info->backup_count; i++) {
        const InfoBackup *const backup = &info->backups[i];
        AUTO(buf_done) Buf why = {0};
        wanted += reasons[i] != 0;
        if (!reasons[i] || !backup->is_condemned || backup->is_given_up)
            continue;
        policy_reasons_text(&why, reasons[i]);
        if (*backup->condemned_by)
            check_warning(check, "promises",
                          "pgstrata expire takes it back; give all hosts that expire the same retention",
                          "backup %s was condemned by host %s, and is wanted here: %s", backup->label.text,
                          backup->condemned_by, buf_text(&why));
        else
            check_warning(
                check, "promises",
                "nothing of it is removed meanwhile; \"pgstrata repo repair\" may mend the decision",
                "what was decided about backup %s cannot be read, and it is wanted here: %s",
                backup->label.text, buf_text(&why));
        return;
    }
    check_good(check, "promises", "want %zu of %zu backup%s, and none of them is condemned", wanted,
               info->backup_count, info->backup_count == 1 ? "" : "s");
}

/* "A", or "A to C". */
static const char *gap_names(const InfoGap *gap, Arena *arena)
{
    const WalNameText first = wal_name_text(gap->first), last = wal_name_text(gap->last);
    return text_equal(first.text, last.text) ? arena_text(arena, first.text)
                                             : arena_textf(arena, "%s to %s", first.text, last.text);
}

static void gaps_check(Check *check, const Info *info)
{
    size_t harmful = 0;
    for (size_t i = 0; i < info->gap_count; i++) {
        const InfoGap *const gap = &info->gaps[i];
        const char *const names = gap_names(gap, check->arena);
        harmful += !gap->is_harmless;
        if (gap->is_harmless)
            continue;
        if (gap->break_count)
            check_fault(check, "gaps",
                        err_hint(ERR(GAP, "WAL %s is missing and breaks %zu backup%s", names,
                                     gap->break_count, gap->break_count == 1 ? "" : "s"),
                                 "is it still in a pg_wal? push it; else take a new backup"));
        else
            check_warning(check, "gaps",
                          "no moment can be reached through a gap; newer backups are not touched",
                          "WAL %s is missing", names);
    }
    if (!harmful)
        check_good(check, "gaps", "%s", info->gap_count ? "none behind a backup" : "none");
}

/* What this host committed is still there: the only way to know that a commit was lost. Whether the older ones are as
 * they were written is verify's to say. */
static void commits_check(Check *check)
{
    size_t count = 0;
    for (size_t i = 0; i < check->set->count; i++) {
        Repo *const repo = check->set->repos[i];
        const CommitNotes notes = commit_notes_load(check->cluster->state_dir, repo, check->cluster->name,
                                                    check->report, check->arena);
        Err *err = commit_notes_check(&notes, repo);
        if (err) {
            check_fault(check, "commits", err_detail(err, "In the repository %s.", repo->name));
            return;
        }
        count += notes.count;
    }
    if (count)
        check_good(check, "commits", "%zu commit%s of this host %s", count, count == 1 ? "" : "s",
                   count == 1 ? "is where it was written" : "are where they were written");
    else
        check_skipped(check, "commits", "this host has committed no backup");
}

/* Once, when it is met first, while something can still be done. */
static void new_gaps_check(Check *check)
{
    AUTO(report_done) Report found = {0};
    gap_watch_tell(check->cluster, &found);
    for (size_t i = 0; i < found.count; i++) {
        const Notice *const notice = &found.notices[i];
        if (notice->level == NOTICE_WARNING)
            check_warning(check, "new gap", notice->hint, "%s", notice->text);
    }
}

/* What is told below is of the first repository that knows the cluster. */
static void strangers_check(Check *check, const Info *info)
{
    for (size_t i = 0; i < info->repo_count; i++) {
        const InfoRepo *const repo = &info->repos[i];
        if (!repo->fault && !repo->is_known)
            check_fault(check, "archive",
                        err_hint(ERR(NOT_FOUND, "repository \"%s\" at %s knows no cluster \"%s\"", repo->name,
                                     repo->url, check->cluster->name),
                                 "look whether its url is right and the right disk is mounted there; if the "
                                 "repository is new, run setup"));
    }
}

void check_archive(Check *check)
{
    Info info;
    Err *err = info_gather(&info, check->cluster, check->report, check->arena);
    if (!err && !info.generation_count)
        err =
            err_hint(ERR(NOT_FOUND, "no repository knows cluster \"%s\"", check->cluster->name), "run setup");
    if (err) {
        check_fault(check, "archive", err);
        return;
    }
    strangers_check(check, &info);
    freshness_check(check, &info);
    backup_check(check, &info);
    shared_check(check, &info);
    promises_check(check, &info);
    gaps_check(check, &info);
    new_gaps_check(check);
    commits_check(check);
}
