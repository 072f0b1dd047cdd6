/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * What tells the server how to recover: backup_label and tablespace_map as the server gave them, a signal file, our
 * settings, the plan for archive-get.
 *
 * Settings go to postgresql.auto.conf, which counts last. What an earlier recovery or production left anywhere
 * (targets, commands, a primary to follow) is emptied there first: a server that sees two targets refuses to start.
 */
#include "base/limits.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "cluster/recovery_spent.h"
#include "restore/restore_priv.h"
#include "cluster/server_conf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "pg/conf_file.h"
#include "pg/tablespace_map.h"
#include "repo/place_store.h"

#include <string.h>

/* Emptied before ours follow. */
static const char *const foreign[] = {
    "recovery_target",         "recovery_target_name",
    "recovery_target_time",    "recovery_target_xid",
    "recovery_target_lsn",     "recovery_end_command",
    "archive_cleanup_command", "primary_conninfo",
    "primary_slot_name",       NULL,
};
/* All names that we set in postgresql.auto.conf; older lines of theirs go. */
static const char *const replaced[] = {
    "recovery_target",          "recovery_target_name",
    "recovery_target_time",     "recovery_target_xid",
    "recovery_target_lsn",      "recovery_end_command",
    "archive_cleanup_command",  "primary_conninfo",
    "primary_slot_name",        "recovery_prefetch",
    "recovery_target_timeline", "recovery_target_inclusive",
    "recovery_target_action",   "recovery_min_apply_delay",
    "restore_command",          "hot_standby",
    "promote_trigger_file",     NULL,
};

typedef struct Writing {
    Restore *restore;
    ControlFile control;
    Arena *arena;
    Buf conf; /* postgresql.auto.conf, ours */
} Writing;

static void writing_done(Writing *writing)
{
    buf_done(&writing->conf);
    arena_free(&writing->arena);
}

static Err *file_put(const Writing *writing, const char *name, Span bytes)
{
    mode_t mode;
    TRY(restore_file_mode(&mode, writing->restore));
    return file_write_durable(restore_path(writing->restore, name, writing->arena), bytes, mode);
}

/* An absent file is an empty one. */
static Err *file_take(Buf *out, const Writing *writing, const char *name)
{
    Err *err = file_read_all(out, restore_path(writing->restore, name, writing->arena), PG_CONF_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    return err;
}

/* ---- backup_label, tablespace_map */

static Err *tablespace_map_write(const Writing *writing)
{
    const Span text = writing->restore->way.backup.tablespace_map_file;
    const TablespaceMapStyle style = tablespace_map_style(text);
    TablespaceMap map;
    TRY(tablespace_map_parse(&map, text, style, writing->arena));
    TablespaceLink *const links = arena_alloc(writing->arena, (map.count + 1) * sizeof *links);
    for (size_t i = 0; i < map.count; i++)
        links[i] = (TablespaceLink){map.links[i].tablespace,
                                    restore_tablespace_folder(writing->restore, map.links[i].tablespace)};
    AUTO(buf_done) Buf out = {0};
    TRY(tablespace_map_format(&out, &(TablespaceMap){links, map.count}, style));
    return file_put(writing, "tablespace_map", buf_span(&out));
}

static Err *labels_write(const Writing *writing)
{
    const BackupRecord *const backup = &writing->restore->way.backup;
    if (backup->backup_label_file.len)
        TRY(file_put(writing, "backup_label", backup->backup_label_file));
    return backup->tablespace_map_file.len ? tablespace_map_write(writing) : NULL;
}

/* ---- the target */

/* With an offset in digits: names of zones, "Z" too, are not known to a server that is starting. */
static const char *server_time(Instant time, Arena *arena)
{
    const Civil at = instant_civil(time);
    return arena_textf(arena, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", at.year, at.month, at.day, at.hour,
                       at.minute, at.second, at.us);
}

static Err *target_write(Writing *writing)
{
    static const char *const actions[] = {
        [RESTORE_PROMOTE] = "promote", [RESTORE_PAUSE] = "pause", [RESTORE_SHUTDOWN] = "shutdown"};
    const RestoreWay *const way = &writing->restore->way;
    Buf *const conf = &writing->conf;
    Arena *const arena = writing->arena;
    TRY(pg_conf_add(conf, "recovery_target_timeline", arena_textf(arena, "%u", way->lineage.timeline.id)));
    switch (way->target.kind) {
    case WAL_TARGET_END:
        return NULL;
    case WAL_TARGET_TIME:
        TRY(pg_conf_add(conf, "recovery_target_time", server_time(way->target.time, arena)));
        break;
    case WAL_TARGET_XID:
        TRY(pg_conf_add(conf, "recovery_target_xid", arena_textf(arena, "%u", way->target.xid.id)));
        break;
    case WAL_TARGET_LSN:
        TRY(pg_conf_add(conf, "recovery_target_lsn", lsn_text(way->target.lsn).text));
        break;
    case WAL_TARGET_NAME:
        TRY(pg_conf_add(conf, "recovery_target_name", way->target.name));
        break;
    case WAL_TARGET_IMMEDIATE:
        TRY(pg_conf_add(conf, "recovery_target", "immediate"));
        break;
    }
    TRY(pg_conf_add(conf, "recovery_target_inclusive", way->target.is_exclusive ? "off" : "on"));
    return pg_conf_add(conf, "recovery_target_action", actions[writing->restore->options->action]);
}

static Err *recovery_write(Writing *writing)
{
    Buf *const conf = &writing->conf;
    const Restore *const restore = writing->restore;
    buf_add_text(conf, "# pgstrata restore: what other recoveries left, emptied\n");
    for (const char *const *name = foreign; *name; name++)
        TRY(pg_conf_add(conf, *name, ""));
    if (restore->from.version->major <= 15)
        TRY(pg_conf_add(conf, "promote_trigger_file", ""));
    TRY(pg_conf_add(conf, "recovery_min_apply_delay", "0"));
    buf_add_text(conf, "# pgstrata restore: this recovery\n");
    TRY(pg_conf_add(conf, "restore_command", restore->options->restore_command));
    TRY(pg_conf_add(conf, "hot_standby", "on"));
    /* Looking ahead, the server would ask for the segment that is missing behind the target, and give up. */
    if (restore->from.version->major >= 15 && restore->way.window.is_gap)
        TRY(pg_conf_add(conf, "recovery_prefetch", "off"));
    if (restore->place.role != PLAN_STANDBY)
        return target_write(writing);
    if (restore->options->primary_conninfo)
        TRY(pg_conf_add(conf, "primary_conninfo", restore->options->primary_conninfo));
    return pg_conf_add(conf, "recovery_target_timeline", "latest");
}

/* ---- settings that recovery demands */

typedef struct Demand {
    const char *name;
    int64_t initial; /* the server's default */
    int64_t needed;
} Demand;

static Err *demand_write(Writing *writing, const Demand *demand, const PgConf *conf, const PgConf *automatic)
{
    const char *set = pg_conf_find(automatic, demand->name);
    if (!set)
        set = pg_conf_find(conf, demand->name);
    int64_t value = demand->initial;
    if (set && !text_i64(&value, set))
        value = 0;
    if (value >= demand->needed)
        return NULL;
    report_note(writing->restore->report, "restore/RAISED",
                "%s is raised from %lld to %lld, which recovery demands", demand->name, (long long)value,
                (long long)demand->needed);
    return pg_conf_add(&writing->conf, demand->name,
                       arena_textf(writing->arena, "%lld", (long long)demand->needed));
}

static int64_t most(uint32_t at_backup, const WindowFacts *facts, int32_t met)
{
    return facts->has_parameters && met > (int64_t)at_backup ? met : (int64_t)at_backup;
}

static Err *demands_write(Writing *writing, Span old_automatic)
{
    const char *file = restore_config_elsewhere(writing->restore, writing->arena);
    if (!file)
        file = restore_path(writing->restore, "postgresql.conf", writing->arena);
    ServerConf conf;
    PgConf automatic;
    TRY(server_conf_read(&conf, file, writing->arena));
    TRY(pg_conf_parse(&automatic, old_automatic, writing->arena));
    const ControlSettings *const at_backup = &writing->control.settings;
    const WindowFacts *const facts = &writing->restore->way.facts;
    const WalParameters *const met = &facts->parameters;
    const Demand demands[] = {
        {"max_connections", 100, most(at_backup->max_connections, facts, met->max_connections)},
        {"max_worker_processes", 8, most(at_backup->max_worker_processes, facts, met->max_worker_processes)},
        {"max_wal_senders", 10, most(at_backup->max_wal_senders, facts, met->max_wal_senders)},
        {"max_prepared_transactions", 0,
         most(at_backup->max_prepared_transactions, facts, met->max_prepared_transactions)},
        {"max_locks_per_transaction", 64,
         most(at_backup->max_locks_per_transaction, facts, met->max_locks_per_transaction)},
    };
    for (size_t i = 0; i < COUNT_OF(demands); i++)
        TRY(demand_write(writing, &demands[i], &conf.conf, &automatic));
    uint16_t *const port = &writing->restore->result.port;
    TRY(restore_port_choose(port, writing->restore, &conf.conf, &automatic));
    return *port ? pg_conf_add(&writing->conf, "port", arena_textf(writing->arena, "%u", *port)) : NULL;
}

/* ---- a copy */

static Err *isolate_write(Writing *writing)
{
    const Restore *const restore = writing->restore;
    static const char hba[] =
        "# pgstrata restore --isolate\nlocal all all peer\nlocal replication all peer\n";
    TRY(file_put(writing, "pgstrata.hba.conf", span_of(hba, strlen(hba))));
    TRY(pg_conf_add(&writing->conf, "listen_addresses", ""));
    TRY(pg_conf_add(&writing->conf, "unix_socket_directories", restore->place.folder));
    return pg_conf_add(&writing->conf, "hba_file",
                       restore_path(restore, "pgstrata.hba.conf", writing->arena));
}

static Err *clone_write(Writing *writing)
{
    static const char marker[] = "A copy made by pgstrata restore. It archives nothing.\n";
    TRY(file_put(writing, RESTORE_CLONE_MARKER, span_of(marker, strlen(marker))));
    TRY(pg_conf_add(&writing->conf, "archive_mode", "off"));
    return pg_conf_add(&writing->conf, "archive_command", "");
}

/* ---- the plan */

static History history_of(const Lineage *lineage, Arena *arena)
{
    HistoryEntry *const entries = arena_alloc(arena, lineage->count * sizeof *entries);
    for (size_t i = 0; i + 1 < lineage->count; i++)
        entries[i] = (HistoryEntry){lineage->parts[i].timeline, lineage->parts[i].end, ""};
    return (History){.timeline = lineage->timeline, .entries = entries, .count = lineage->count - 1};
}

static Err *plan_write(const Writing *writing)
{
    const Restore *const restore = writing->restore;
    const RestoreWay *const way = &restore->way;
    const RepoSet *const set = restore->from.set;
    PlanRepo *const repos = arena_alloc(writing->arena, set->count * sizeof *repos);
    for (size_t i = 0; i < set->count; i++)
        repos[i] = (PlanRepo){
            .name = set->repos[i]->name, .url = restore->from.options[i].url, .id = set->repos[i]->id};
    const uint32_t segment = restore->from.generation.segment_bytes;
    const History history = history_of(&way->lineage, writing->arena);
    const PlanBranch branch = plan_branch_make(&history, way->backup.start_lsn, segment, writing->arena);
    const uint64_t first = branch.stretches[branch.count - 1].first_segment;
    const uint64_t last = way->window.segments ? way->window.first_segment + way->window.segments - 1 : first;
    const HostName host = cluster_host_name();
    const Plan plan = {.role = restore->place.role,
                       .root = restore->from.generation.root,
                       .system_id = restore->from.generation.system_id,
                       .segment_bytes = segment,
                       .repos = repos,
                       .repo_count = set->count,
                       .branch = branch,
                       .has_end = restore->place.role != PLAN_STANDBY,
                       .end_segment = restore->place.role == PLAN_STANDBY ? 0
                                      : last > first                      ? last
                                                                          : first,
                       .backup = way->backup.label,
                       .target = restore->options->target_text,
                       .host = host.text,
                       .data_directory = restore->place.folder,
                       .created = clock_now()};
    AUTO(buf_done) Buf text = {0};
    TRY(plan_format(&text, &plan));
    return file_put(writing, PLAN_FILE_NAME, buf_span(&text));
}

static Err *control_take(ControlFile *out, const Restore *restore, Span bytes)
{
    ControlCrc crc;
    TRY_AS(control_decode(out, &crc, bytes), "reading global/pg_control of backup %s",
           restore->way.backup.label.text);
    if (!control_crc_is_good(crc))
        return err_doing(control_crc_error(crc), "reading global/pg_control of backup %s",
                         restore->way.backup.label.text);
    if (out->system_id.id != restore->from.generation.system_id.id)
        return ERR(CORRUPT, "backup %s is of system id %s, its generation of %s",
                   restore->way.backup.label.text, system_id_text(out->system_id).text,
                   system_id_text(restore->from.generation.system_id).text);
    return NULL;
}

/* What an earlier restore into this folder left and this one does not want. */
static Err *leftovers_remove(const Writing *writing)
{
    static const char *const names[] = {"recovery.signal",     "standby.signal", RESTORE_CLONE_MARKER,
                                        PLAN_FILE_NAME,        "pgstrata.log",   "pgstrata.hba.conf",
                                        RECOVERY_SETTINGS_FILE};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        TRY(file_remove(restore_path(writing->restore, names[i], writing->arena)));
    return NULL;
}

Err *restore_settings_write(Restore *restore, Span control)
{
    AUTO(writing_done) Writing writing = {.restore = restore, .arena = arena_new()};
    TRY(control_take(&writing.control, restore, control));
    TRY(leftovers_remove(&writing));
    TRY(labels_write(&writing));
    AUTO(buf_done) Buf old = {0};
    AUTO(buf_done) Buf automatic = {0};
    TRY(file_take(&old, &writing, "postgresql.auto.conf"));
    TRY(recovery_write(&writing));
    if (restore->place.role != PLAN_STANDBY)
        TRY(file_put(&writing, RECOVERY_SETTINGS_FILE, buf_span(&writing.conf)));
    /* A server panics on a folder where it expects a link (xlogrecovery.c: CheckTablespaceDirectory). */
    if (restore->has_inner_tablespaces)
        TRY(pg_conf_add(&writing.conf, "allow_in_place_tablespaces", "on"));
    if (!restore->place.is_own_place)
        TRY(restore_conf_write(restore));
    if (restore->place.role == PLAN_CLONE)
        TRY(clone_write(&writing));
    if (restore->options->isolate)
        TRY(isolate_write(&writing));
    TRY(demands_write(&writing, buf_span(&old)));
    pg_conf_copy_without(&automatic, buf_span(&old), replaced);
    buf_add(&automatic, writing.conf.data, writing.conf.len);
    TRY(file_put(&writing, "postgresql.auto.conf", buf_span(&automatic)));
    TRY(plan_write(&writing));
    if (restore->place.role == PLAN_STANDBY)
        return file_put(&writing, "standby.signal", (Span){0});
    /* The backup of a stopped server without any WAL behind it starts from its own pg_wal; there is nothing to
     * recover. */
    return restore->way.target.kind == WAL_TARGET_END ? NULL
                                                      : file_put(&writing, "recovery.signal", (Span){0});
}
