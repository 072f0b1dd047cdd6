/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_priv.h"

#include "archive/file_hash.h"
#include "os/clock.h"
#include "os/entry.h"
#include "os/path.h"
#include "os/signal.h"

/* How often a repository is asked whether a segment has come. */
enum { WAL_LOOK_MS = 100 };
/* How often during the copy. A checkpoint may remove a segment, but not within seconds of its end. */
enum { WAL_WATCH_US = 1000000 };
/* Segments before the start that are looked at until one is archived: more are behind only where archiving has
 * stopped. */
enum { RECOGNISE_MAX = 256 };

/* In which repository is the object missing? NULL: in none. */
static Err *missing_in(const char **repo_name, const Backup *backup, WalName name)
{
    const Key key = key_wal(&backup->generation.root, name);
    for (size_t i = 0; i < backup->set->count; i++) {
        ObjectInfo info;
        AUTO(err_free) Err *err = store_stat(&info, backup->set->stores[i], key.text);
        if (err_is(err, ERR_NOT_FOUND)) {
            *repo_name = backup->set->repos[i]->name;
            return NULL;
        }
        if (err)
            return TAKE(err);
    }
    *repo_name = NULL;
    return NULL;
}

/* The server believes that it has archived the segment: waiting longer would not bring it. */
static Err *server_is_done(bool *out, const Backup *backup, WalName name)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const done = arena_textf(arena, "%s/pg_wal/archive_status/%s.done", backup->cluster->pgdata,
                                         wal_name_text(name).text);
    EntryInfo info;
    TRY(entry_stat(&info, done));
    *out = info.kind != ENTRY_ABSENT;
    return NULL;
}

static Err *segment_store(Backup *backup, WalName name, const char *repo_name)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const text = wal_name_text(name).text;
    const char *const path = arena_textf(arena, "%s/pg_wal/%s", backup->cluster->pgdata, text);
    if (backup->record.from_standby)
        return err_hint(ERR(GAP, "WAL segment %s, which this backup needs, did not come to repository %s",
                            text, repo_name),
                        "the backup of a standby waits for the primary's archiving: see that it works there, "
                        "call pg_switch_wal() on an idle primary, or raise archive-timeout");
    Err *const err = wal_store_file(&backup->wal, path);
    if (err)
        return err_hint(err_doing(err, "storing WAL segment %s, which this backup needs", text),
                        "\"pgstrata check\" tells why archiving does not bring it");
    report_warn(backup->report, "backup/WAL_STORED",
                "WAL segment %s was not archived and was stored by the backup itself", text);
    report_hint(backup->report, "archiving does not work: run \"pgstrata check\"");
    return NULL;
}

static Err *segment_await(Backup *backup, WalName name, int64_t deadline_us)
{
    bool was_done = false;
    for (;;) {
        const char *repo_name = NULL;
        TRY(missing_in(&repo_name, backup, name));
        if (!repo_name)
            return NULL;
        if (was_done || clock_monotonic_us() >= deadline_us)
            return segment_store(backup, name, repo_name);
        if (!backup->record.from_standby)
            TRY(server_is_done(&was_done, backup,
                               name)); /* looked at before the repository is asked once more */
        TRY(signal_check());
        if (!was_done)
            clock_sleep_ms(WAL_LOOK_MS);
    }
}

Err *backup_wal_watch(Backup *backup)
{
    const int64_t now_us = clock_monotonic_us();
    if (backup->record.offline || backup->record.from_standby ||
        now_us - backup->wal_looked_us < WAL_WATCH_US)
        return NULL;
    backup->wal_looked_us = now_us;
    for (;;) {
        bool is_done = false;
        TRY(server_is_done(&is_done, backup, backup->wal_next));
        if (!is_done)
            return NULL;
        const char *repo_name = NULL;
        TRY(missing_in(&repo_name, backup, backup->wal_next));
        if (repo_name)
            TRY(segment_store(backup, backup->wal_next, repo_name));
        backup->wal_next = wal_name_next(backup->wal_next);
    }
}

/* -- is the archive's WAL the server's? ------------------------------------------------------------------------------ */

static Err *alien_refuse(const Backup *backup, WalName name, const Repo *repo, Hash128 there, Hash128 here)
{
    return err_hint(
        err_detail(ERR(REFUSED, "WAL segment %s in repository %s is not the one of this server",
                       wal_name_text(name).text, repo->name),
                   "There: XXH3-128 %s. In %s/pg_wal: XXH3-128 %s.", hash128_text(&there).text,
                   backup->cluster->pgdata, hash128_text(&here).text),
        "the data directory is a copy that was started, or was rolled back to a snapshot: no backup of it "
        "could be restored with this archive. Give a copy a cluster of its own in the configuration; what "
        "shall go on as production needs a new timeline, which \"pgstrata restore\" gives it");
}

/* Asks a repository; `*is_known` when it has the segment, which is the file `path` then. */
static Err *object_compare(bool *is_known, const Backup *backup, WalName name, const Repo *repo,
                           const char *path)
{
    WalFacts facts;
    Hash128 here;
    uint64_t size_bytes;
    Err *err = wal_object_facts(&facts, repo->store, &backup->generation.root, name);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    if (err)
        return err_doing(err, "comparing WAL segment %s with the server's", wal_name_text(name).text);
    *is_known = true;
    TRY(file_hash(&here, &size_bytes, path, NULL));
    return hash128_equal(&facts.plain_hash, &here) ? NULL
                                                   : alien_refuse(backup, name, repo, facts.plain_hash, here);
}

/* A name proves nothing: a data directory that was copied and started, or rolled back to a snapshot, writes other WAL
 * under the names that the archive has. Each record names the one before it, so one segment speaks for all before.
 * `*is_known` when nothing more is to be learned: it was compared, or the server has removed it. */
static Err *segment_compare(bool *is_known, const Backup *backup, WalName name)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path =
        arena_textf(arena, "%s/pg_wal/%s", backup->cluster->pgdata, wal_name_text(name).text);
    EntryInfo info;
    TRY(entry_stat(&info, path));
    *is_known = info.kind == ENTRY_ABSENT;
    for (size_t i = 0; i < backup->set->count && info.kind != ENTRY_ABSENT; i++) {
        Err *err = object_compare(is_known, backup, name, backup->set->repos[i], path);
        if (!err_is(err, ERR_NOT_FOUND)) /* removed at this moment */
            TRY(err);
        else
            err_free(&err);
    }
    return NULL;
}

Err *backup_wal_recognise(const Backup *backup)
{
    const BackupRecord *const record = &backup->record;
    const uint64_t segment_bytes = backup->generation.segment_bytes;
    if (record->from_standby)
        return NULL; /* it may hold a segment that has not come to its end */
    Lsn end = {record->start_lsn.at / segment_bytes * segment_bytes};
    bool is_known = false;
    for (int i = 0; i < RECOGNISE_MAX && end.at > 0 && !is_known; i++, end.at -= segment_bytes) {
        const WalName name = wal_name_before_lsn(record->timeline, end, backup->generation.segment_bytes);
        Err *err = segment_compare(&is_known, backup, name);
        if (!err_is(err, ERR_CORRUPT)) /* a damaged one this backup does not need */
            TRY(err);
        else
            err_free(&err);
    }
    return NULL;
}

/* Above timeline 1 recovery asks for the history file first. The one in pg_wal is the server's own. */
static Err *history_store(Backup *backup)
{
    if (backup->record.timeline.id == 1)
        return NULL;
    AUTO(arena_free) Arena *arena = arena_new();
    const WalName name = wal_name_of_history(backup->record.timeline, backup->generation.segment_bytes);
    const char *const path =
        arena_textf(arena, "%s/pg_wal/%s", backup->cluster->pgdata, wal_name_text(name).text);
    EntryInfo info;
    TRY(entry_stat(&info, path));
    return info.kind == ENTRY_ABSENT ? NULL : wal_store_file(&backup->wal, path);
}

Err *backup_wal_prove(Backup *backup)
{
    progress_phase(backup->progress, "waiting for WAL");
    TRY(history_store(backup));
    const uint32_t segment_bytes = backup->generation.segment_bytes;
    const int64_t deadline_us = clock_monotonic_us() + backup->cluster->archive_timeout_ms * 1000;
    WalName name = backup->wal_next;
    const WalName last = wal_name_before_lsn(backup->record.timeline, backup->record.stop_lsn, segment_bytes);
    for (; wal_name_compare(name, last) <= 0; name = wal_name_next(name))
        TRY(segment_await(backup, name, deadline_us));
    bool is_known;
    return backup->record.from_standby ? NULL : segment_compare(&is_known, backup, last);
}
