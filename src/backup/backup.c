/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup.h"

#include "base/text.h"
#include "db/backup_api.h"
#include "db/server.h"
#include "flow/ticker.h"
#include "backup/backup_base.h"
#include "backup/backup_older.h"
#include "cluster/cluster.h"
#include "cluster/postmaster.h"
#include "cluster/recovery_spent.h"
#include "archive/wal_rights.h"
#include "os/clock.h"
#include "os/entry.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/lock_file.h"
#include "os/path.h"
#include "os/user.h"
#include "pg/backup_label.h"
#include "repo/hold.h"
#include "source/local.h"

#include <string.h>

enum {
    CONTROL_TRIES = 10, /* two torn reads in a row are rare */
    SESSION_LOOK_MS = 1000,
    BASE_TRIES_MAX = 3, /* of an expiry that condemns one parent after the other */
    CHECKPOINT_BYTES_MAX =
        256, /* the record has 114 (xlog.c, CreateCheckPoint), and page headers may stand in it */
};

static void backup_done(Backup *backup)
{
    pack_writer_free(&backup->own_packs);
    base_free(&backup->base);
    resume_free(&backup->resume);
    source_free(&backup->source);
    repo_set_free(&backup->set);
    pack_tally_free(&backup->tally);
    buf_done(&backup->bad_pages);
    buf_done(&backup->suspects);
    lock_done(&backup->lock);
    arena_free(&backup->arena);
}

static void db_close(Connection **connection)
{
    connection_close(connection);
}

/* -- before anything is written ------------------------------------------------------------------------------------ */

static Err *generation_of(Backup *backup)
{
    TRY(cluster_control_read(&backup->control, backup->cluster->pgdata));
    Err *const err =
        generation_find(&backup->generation, backup->set, backup->cluster->name, backup->control.system_id);
    if (err_is(err, ERR_NOT_FOUND))
        return err_hint(err,
                        "run \"pgstrata setup\" once for this cluster (again after initdb or pg_upgrade)");
    return err;
}

/* A server that was shut down starts from the checkpoint that ended it, whose record may go on in the next segment. A
 * standby replays what it has got, wherever that ends: of its WAL all is taken. */
static FilterOptions filter_of(const Backup *backup)
{
    const ControlFile *const control = &backup->control;
    FilterOptions filter = {.version = *control->version, .keeps_wal = backup->options->offline};
    if (control->state == CONTROL_SHUT_DOWN) {
        filter.wal_segment_bytes = backup->generation.segment_bytes;
        filter.wal_first = control->checkpoint.redo.at / filter.wal_segment_bytes;
        filter.wal_last = (control->checkpoint_lsn.at + CHECKPOINT_BYTES_MAX) / filter.wal_segment_bytes;
    }
    return filter;
}

static Err *backup_open(Backup *backup)
{
    const ClusterOptions *const cluster = backup->cluster;
    if (!cluster->pgdata)
        return err_hint(ERR(USAGE, "cluster %s has no data directory in the configuration", cluster->name),
                        "set pgdata in [cluster %s], or give --pgdata", cluster->name);
    TRY(wal_rights_markers(cluster->pgdata));
    TRY(cluster_repos_open(&backup->set, cluster));
    TRY(generation_of(backup));
    backup->wal =
        (WalStore){.set = backup->set, .options = cluster->repos, .generation = &backup->generation};
    backup->filter = filter_of(backup);
    backup->rules.has_checksums = backup->control.data_checksum_version != 0;
    BackupRecord *const record = &backup->record;
    record->has_checksums = backup->rules.has_checksums;
    record->major = backup->generation.major;
    record->offline = backup->options->offline;
    record->note = backup->options->note ? backup->options->note : "";
    /* A server that runs says more; a stopped one is known by its major. */
    record->server_version = arena_textf(backup->arena, "%u", backup->generation.major);
    return source_local_open(&backup->source, cluster->pgdata);
}

static Err *backup_lock(LockFile **out, const Backup *backup)
{
    Err *const denied = folder_make_all(backup->cluster->lock_dir, 0750);
    if (err_is(denied, ERR_DENIED))
        return err_hint(denied, "\"pgstrata setup\", run as root, makes it for user %s", user_current().text);
    TRY(denied);
    const char *const path =
        arena_textf(backup->arena, "%s/%s.backup.lock", backup->cluster->lock_dir, backup->cluster->name);
    Err *const err = lock_file_take(out, path);
    return err_is(err, ERR_BUSY) ? err_doing(err, "another backup of cluster %s", backup->cluster->name)
                                 : err;
}

/* Finds what to build on; where there is nothing, or where it saves no reading, that is told. */
static Err *base_choose(Backup *backup)
{
    const BackupOptions *const options = backup->options;
    if (options->type == BACKUP_FULL)
        return NULL;
    const char *why = NULL;
    TRY(base_find(&backup->base, &why, backup, options->type));
    if (!backup->base)
        report_note(backup->report, "backup/FULL_INSTEAD", "this will be a full backup: %s", why);
    else if (!backup->base->changes)
        report_note(backup->report, "backup/EVERY_BLOCK", "every block is read and compared with %s: %s",
                    backup->base->record.label.text, backup->base->reason);
    return NULL;
}

/* The parent decides the type, and the type is part of the label. */
static Err *label_choose(Backup *backup)
{
    const BackupType type = backup->base ? backup->options->type : BACKUP_FULL;
    backup->record.parent = backup->base ? backup->base->record.label : (BackupLabel){{0}};
    return backup_label_choose(&backup->record.label, backup->set, &backup->generation.root, type,
                               clock_now());
}

/* Interrupted backups are younger than any that the parent draws on. */
static const BackupLabel *labels_drawn_on(size_t *count, const Backup *backup)
{
    AUTO(buf_done) Buf labels = {0};
    size_t base_count = 0;
    if (backup->base) {
        const BackupLabel *const base = base_labels(&base_count, backup->base, backup->arena);
        buf_add(&labels, base, base_count * sizeof *base);
    }
    if (backup->resume)
        buf_add(&labels, backup->resume->labels, backup->resume->label_count * sizeof(BackupLabel));
    *count = labels.len / sizeof(BackupLabel);
    return (const BackupLabel *)(const void *)arena_bytes(backup->arena, buf_span(&labels)).ptr;
}

WalPlaces backup_wal_places(const Backup *backup, Repo *repo)
{
    return (WalPlaces){.data_directory = backup->cluster->pgdata,
                       .repo = repo,
                       .generation = &backup->generation,
                       .timeline = backup->record.timeline};
}

/* A standby has no WAL of its own; its interrupted backups serve nobody. */
static Err *mark_take(WalMark *out, const Backup *backup)
{
    ControlFile control;
    if (backup->record.from_standby)
        return NULL;
    TRY(cluster_control_read(&control, backup->cluster->pgdata));
    const WalPlaces places = backup_wal_places(backup, NULL);
    return wal_mark_take(out, &places, control.checkpoint_lsn);
}

static Err *begin_write(Backup *backup)
{
    TRY(label_choose(backup));
    const HostName host = cluster_host_name();
    BackupRecord *const record = &backup->record;
    BackupBegin begin = {.label = record->label,
                         .start_lsn = record->start_lsn,
                         .timeline = record->timeline,
                         .created = clock_now(),
                         .from_standby = record->from_standby,
                         .offline = record->offline,
                         .has_checksums = record->has_checksums,
                         .server_started = backup->server_started,
                         .host = host.text,
                         .data_directory = backup->cluster->pgdata};
    TRY(mark_take(&begin.mark, backup));
    begin.may_draw_on = labels_drawn_on(&begin.may_draw_on_count, backup);
    TRY(backup_begin_reserve(&begin, backup->set, &backup->generation.root));
    record->label = begin.label;
    return NULL;
}

static Err *older_find(Backup *backup)
{
    TRY(base_choose(backup));
    TRY(rewrite_find(backup));
    return resume_find(&backup->resume, backup);
}

/* REFUSED: something of it was condemned meanwhile. */
static Err *older_check(const Backup *backup)
{
    const KeyRoot *const root = &backup->generation.root;
    if (backup->base)
        TRY(hold_draw_check(backup->set, root, &backup->base->record.label, 1));
    if (!backup->resume)
        return NULL;
    return hold_draw_check(backup->set, root, backup->resume->labels, backup->resume->label_count);
}

/* A parent that is condemned at this moment is seen either by the search, or after `begin` says that it is needed: then
 * another one is looked for, and the label just taken stays a backup that was never made. */
static Err *base_begin(Backup *backup)
{
    for (int i = 0;; i++) {
        TRY(older_find(backup));
        TRY(begin_write(backup));
        Err *err = older_check(backup);
        if (!err_is(err, ERR_REFUSED) || i == BASE_TRIES_MAX)
            return err;
        err_free(&err);
        base_free(&backup->base);
        resume_free(&backup->resume);
    }
}

static Err *writers_make(Backup *backup)
{
    BackupRecord *const record = &backup->record;
    backup->tally = pack_tally_new(record->label);
    if (backup->base)
        pack_tally_know(backup->tally, backup->base->packs.uses, backup->base->packs.count);
    if (backup->resume) {
        size_t count;
        const PackUse *const packs = stored_runs_packs(&count, backup->resume->runs);
        pack_tally_know(backup->tally, packs, count);
    }
    const PackWriterSpec spec = {.stores = backup->set->stores,
                                 .store_count = backup->set->count,
                                 .root = &backup->generation.root,
                                 .label = record->label,
                                 .packs_begun = &backup->packs_begun,
                                 .codec = backup->wal.options[0].codec,
                                 .level = backup->wal.options[0].compress_level};
    return pack_writer_new(&backup->own_packs, &spec);
}

/* -- a running server ------------------------------------------------------------------------------------------------ */

static Err *server_connect(Connection **out, Backup *backup)
{
    const ConnectionOptions *const to = &backup->cluster->connection;
    TRY(db_connect(out, &(DbOptions){.host = to->host,
                                     .port = to->port,
                                     .user = to->user,
                                     .dbname = to->dbname,
                                     .service = to->service}));
    ServerInfo server;
    TRY(server_info_read(&server, *out, backup->arena));
    if (server.system_id.id != backup->control.system_id.id)
        return err_hint(
            ERR(REFUSED, "the server at %s has system identifier %s, the data directory %s has %s",
                connection_place(*out), system_id_text(server.system_id).text, backup->cluster->pgdata,
                system_id_text(backup->control.system_id).text),
            "host, port and pgdata in [cluster %s] belong to different servers", backup->cluster->name);
    if (text_equal(server.wal_level, "minimal"))
        return err_hint(ERR(REFUSED, "wal_level of the server is minimal: no backup can be made consistent"),
                        "\"pgstrata setup\" sets wal_level to replica; the server must be restarted");
    backup->server_started = server.started;
    backup->record.from_standby = server.is_in_recovery;
    backup->record.timeline = server.timeline;
    backup->record.server_version = server.version_text;
    return NULL;
}

static void checkpoint_wait_tell(void *arg, int64_t waited_ms)
{
    (void)waited_ms;
    progress_phase(arg, "waiting for checkpoint");
}

static Err *server_start(BackupSession **out, Backup *backup, Connection *connection)
{
    progress_phase(backup->progress, "waiting for checkpoint");
    /* Not the backup's own label: that one may still be moved on when it is reserved. */
    const char *const label =
        arena_textf(backup->arena, "pgstrata backup of cluster %s", backup->cluster->name);
    TRY(backup_api_start(
        out, connection,
        &(BackupStartOptions){
            .label = label, .is_fast = true, .on_wait = checkpoint_wait_tell, .wait_arg = backup->progress}));
    const BackupStart *const start = backup_session_start(*out);
    backup->record.start_lsn = start->lsn;
    backup->record.timeline = start->timeline;
    backup->record.start_time = start->time;
    backup->rules.start = start->lsn;
    backup->wal_next = wal_name_of_lsn(start->timeline, start->lsn, backup->generation.segment_bytes);
    return NULL;
}

/* The bytes of a control file that was not being written while it was read. */
static Err *control_bytes_read(Buf *out, const Backup *backup)
{
    const char *const path = path_join(backup->cluster->pgdata, "global/pg_control", backup->arena);
    ControlCrc crc = {0};
    for (int i = 0; i < CONTROL_TRIES; i++) {
        ControlFile control;
        buf_clear(out);
        TRY(cluster_control_read(&control, backup->cluster->pgdata)); /* waits for one that is whole */
        TRY(file_read_all(out, path, CONTROL_FILE_BYTES));
        TRY_AS(control_decode(&control, &crc, buf_span(out)), "reading %s", path);
        if (control_crc_is_good(crc))
            return NULL;
    }
    return err_doing(control_crc_error(crc), "reading %s", path);
}

/* A standby's copy is consistent from the recovery point in its control file on, which must be read after all else. A
 * primary may have been writing it when it was copied among the others; a torn one would start no server. */
static Err *control_store_last(Backup *backup)
{
    AUTO(buf_done) Buf bytes = {0};
    TRY(control_bytes_read(&bytes, backup));
    BackupRecord *const record = &backup->record;
    SideItem *const items = arena_alloc(backup->arena, (record->side_count + 1) * sizeof *items);
    if (record->side_count)
        memcpy(items, record->side, record->side_count * sizeof *items);
    items[record->side_count].name = SIDE_CONTROL;
    TRY(backup_place_put(&items[record->side_count].place, backup, buf_span(&bytes)));
    record->side = items;
    record->side_count++;
    return NULL;
}

/* What began on one timeline and is consistent on the next only could be rolled forward along neither. */
static Err *timeline_check(const Backup *backup)
{
    ControlFile control;
    TRY(cluster_control_read(&control, backup->cluster->pgdata));
    const Timeline now = control.min_recovery_timeline;
    if (!backup->record.from_standby || !now.id || now.id == backup->record.timeline.id)
        return NULL;
    return err_hint(ERR(REFUSED, "the standby went over from timeline %u to %u while it was backed up",
                        backup->record.timeline.id, now.id),
                    "run the backup again");
}

static Err *server_stop(Backup *backup, BackupSession *session)
{
    AUTO(backup_stop_done) BackupStop stop = {0};
    TRY(backup_api_stop(&stop, session));
    BackupRecord *const record = &backup->record;
    record->stop_lsn = stop.lsn;
    record->stop_time = stop.time;
    record->backup_label_file = arena_bytes(backup->arena, buf_span(&stop.label));
    record->tablespace_map_file = arena_bytes(backup->arena, buf_span(&stop.map));
    BackupLabelFile label;
    TRY(backup_label_parse(&label, record->backup_label_file, backup->arena));
    record->checkpoint_lsn = label.checkpoint;
    if (label.start.at != record->start_lsn.at)
        return ERR(BUG, "backup_label starts at %s, the server said %s", lsn_text(label.start).text,
                   lsn_text(record->start_lsn).text);
    if (label.start_timeline.id != record->timeline.id) {
        record->timeline = label.start_timeline;
        backup->wal_next =
            wal_name_of_lsn(record->timeline, record->start_lsn, backup->generation.segment_bytes);
    }
    return NULL;
}

static void session_abandon(BackupSession **session)
{
    backup_api_abandon(session);
}

typedef struct SessionWatch {
    Backup *backup;
    Connection *connection; /* nobody else uses it while the copy goes on */
} SessionWatch;

static void session_look(void *arg)
{
    const SessionWatch *const watch = arg;
    AUTO(err_free) Err *err = connection_check(watch->connection);
    if (err)
        counter_set(&watch->backup->session_lost, 1);
}

/* A session that ends takes its backup with it: hours of copying would then be for nothing. */
static Err *copy_watched(Backup *backup, Connection *connection)
{
    SessionWatch watch = {backup, connection};
    Ticker *ticker;
    TRY(ticker_start(&ticker, SESSION_LOOK_MS, session_look, &watch));
    Err *err = backup_copy(backup);
    ticker_stop(&ticker);
    Err *lost = err && counter_get(&backup->session_lost) ? connection_check(connection) : NULL;
    if (!lost)
        return err;
    err_free(&err);
    return err_hint(err_doing(lost, "copying the files"),
                    "the server's log says why it ended; then run the backup again");
}

static Err *backup_online(Backup *backup)
{
    AUTO(db_close) Connection *connection = NULL;
    AUTO(session_abandon) BackupSession *session = NULL;
    TRY(server_connect(&connection, backup));
    if (!backup->record.from_standby)
        spent_settings_reset(connection, backup->cluster->pgdata, backup->report);
    TRY(server_start(&session, backup, connection));
    TRY(backup_wal_recognise(backup));
    TRY(base_begin(backup));
    TRY(writers_make(backup));
    TRY(copy_watched(backup, connection));
    TRY(backup_side_store(backup, connection));
    TRY(control_store_last(backup));
    TRY(server_stop(backup, TAKE(session)));
    TRY(timeline_check(backup));
    TRY(backup_wal_prove(backup));
    TRY(backup_self_check(backup, connection));
    return backup_commit(backup);
}

/* -- a stopped server ------------------------------------------------------------------------------------------------ */

/* Whatever process has the number now: who is sure may remove the file. */
static Err *running_refuse(const Backup *backup)
{
    PostmasterTrace trace;
    int64_t pid;
    TRY(postmaster_trace(&trace, &pid, backup->cluster->pgdata));
    if (trace == POSTMASTER_GONE)
        return NULL;
    return err_hint(ERR(REFUSED, "the server of %s is running (postmaster.pid names process %lld)",
                        backup->cluster->pgdata, (long long)pid),
                    "stop it in order (pg_ctl stop -m fast), or leave out --offline");
}

static Err *stopped_check(const Backup *backup, const ControlFile *control)
{
    TRY(running_refuse(backup));
    if (!control_state_is_shut_down(control->state))
        return err_hint(ERR(REFUSED, "the server of %s was not shut down cleanly: its state is \"%s\"",
                            backup->cluster->pgdata, control_state_text(control->state)),
                        "start it and stop it in order (pg_ctl stop -m fast), then back it up");
    return NULL;
}

static Err *backup_offline(Backup *backup)
{
    BackupRecord *const record = &backup->record;
    TRY(stopped_check(backup, &backup->control));
    record->timeline = backup->control.checkpoint.timeline;
    record->start_lsn = backup->control.checkpoint.redo;
    record->checkpoint_lsn = backup->control.checkpoint_lsn;
    record->stop_lsn =
        lsn_max(lsn_max(record->start_lsn, record->checkpoint_lsn), backup->control.min_recovery_point);
    record->start_time = clock_now();
    TRY(backup_wal_recognise(backup));
    TRY(base_begin(backup));
    TRY(writers_make(backup));
    TRY(backup_copy(backup));
    ControlFile after;
    TRY(cluster_control_read(&after, backup->cluster->pgdata));
    TRY(stopped_check(backup, &after));
    if (after.checkpoint_lsn.at != record->checkpoint_lsn.at)
        return err_hint(
            ERR(REFUSED, "the server of %s was started while it was backed up", backup->cluster->pgdata),
            "keep it stopped until the backup is done, or leave out --offline");
    record->stop_time = clock_now();
    TRY(backup_self_check(backup, NULL));
    return backup_commit(backup);
}

/* -- the use case ---------------------------------------------------------------------------------------------------- */

/* Where a backup would start that began now. */
static Err *now_read(Backup *backup, Connection *connection)
{
    ServerPosition position;
    TRY(server_position_read(&position, connection));
    backup->record.start_lsn = position.is_in_recovery ? position.replayed : position.flushed;
    return NULL;
}

/* All that could refuse the backup, and how much there is to read. */
static Err *backup_rehearse(Backup *backup)
{
    AUTO(db_close) Connection *connection = NULL;
    BackupRecord *const record = &backup->record;
    if (backup->options->offline) {
        TRY(stopped_check(backup, &backup->control));
        record->timeline = backup->control.checkpoint.timeline;
        record->start_lsn = backup->control.checkpoint.redo;
    } else {
        TRY(server_connect(&connection, backup));
        TRY(now_read(backup, connection));
    }
    TRY(older_find(backup));
    return backup_measure(backup);
}

static void result_fill(BackupResult *out, const Backup *backup, int64_t begun_us)
{
    const BackupRecord *const record = &backup->record;
    *out = (BackupResult){.label = record->label,
                          .files = record->files,
                          .size_bytes = record->size_bytes,
                          .type = backup->base ? backup->options->type : BACKUP_FULL,
                          .parent = backup->base ? backup->base->record.label : (BackupLabel){{0}},
                          .read_bytes = counter_get(&backup->read_bytes),
                          .stored_bytes = record->stored_bytes + backup->commit.stored_bytes,
                          .bad_pages = record->bad_page_count,
                          .start_lsn = record->start_lsn,
                          .stop_lsn = record->stop_lsn,
                          .stop_time = record->stop_time,
                          .duration_us = clock_monotonic_us() - begun_us,
                          .checked = backup->checked};
}

Err *backup_run(BackupResult *out, const ClusterOptions *cluster, const BackupOptions *options,
                Progress *progress, Report *report)
{
    const int64_t begun_us = clock_monotonic_us();
    AUTO(backup_done)
    Backup backup = {
        .cluster = cluster, .options = options, .progress = progress, .report = report, .arena = arena_new()};
    backup.server_started = INSTANT_NONE;
    lock_init(&backup.lock);
    AUTO(lock_file_free) LockFile *lock = NULL;
    TRY(backup_open(&backup));
    if (options->dry_run) {
        TRY(backup_rehearse(&backup));
    } else {
        TRY(backup_lock(&lock, &backup));
        TRY(options->offline ? backup_offline(&backup) : backup_online(&backup));
    }
    result_fill(out, &backup, begun_us);
    return NULL;
}
