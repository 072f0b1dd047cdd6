/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/info_json.h"

#include "cli/output.h"
#include "job/gap_watch.h"
#include "repo/json_fields.h"
#include "retention/policy.h"

static void set_text(json_t *to, const char *name, const char *text)
{
    json_object_set_new(to, name, text ? output_json_text(text) : json_null());
}

static void set_segment(json_t *to, const char *name, WalName segment)
{
    json_set_text(to, name, segment.segment_bytes ? wal_name_text(segment).text : NULL);
}

static json_t *bad_pages_json(const BackupRecord *record)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < record->bad_page_listed; i++) {
        json_t *const page = json_object();
        set_text(page, "path", record->bad_pages[i].path);
        output_json_count(page, "block", record->bad_pages[i].block);
        set_text(page, "relation", record->bad_pages[i].relation);
        json_array_append_new(list, page);
    }
    return list;
}

static void set_record(json_t *to, const BackupRecord *record)
{
    json_set_lsn(to, "start_lsn", record->start_lsn);
    json_set_lsn(to, "stop_lsn", record->stop_lsn);
    json_set_instant(to, "start_time", record->start_time);
    json_set_instant(to, "stop_time", record->stop_time);
    output_json_count(to, "timeline", record->timeline.id);
    output_json_count(to, "size_bytes", record->size_bytes);
    output_json_count(to, "files", record->files);
    json_set_bool(to, "from_standby", record->from_standby);
    json_set_bool(to, "offline", record->offline);
    json_set_bool(to, "checksums", record->has_checksums);
    set_text(to, "server_version", record->server_version);
    set_text(to, "note", record->note);
    output_json_count(to, "bad_page_count", record->bad_page_count);
    json_object_set_new(to, "bad_pages", bad_pages_json(record));
}

static void set_details(json_t *to, const InfoDetails *details)
{
    json_t *const draws = json_array();
    for (size_t i = 0; i < details->draw_count; i++) {
        json_t *const draw = json_object();
        set_text(draw, "label", details->draws[i].label.text);
        output_json_count(draw, "packs", details->draws[i].packs);
        output_json_count(draw, "stored_bytes", details->draws[i].stored_bytes);
        output_json_count(draw, "plain_bytes", details->draws[i].plain_bytes);
        output_json_count(draw, "live_bytes", details->draws[i].live_bytes);
        json_array_append_new(draws, draw);
    }
    json_object_set_new(to, "draws_on", draws);
    json_t *const tablespaces = json_array();
    for (size_t i = 0; i < details->tablespaces.count; i++) {
        json_t *const tablespace = json_object();
        output_json_count(tablespace, "oid", details->tablespaces.links[i].tablespace.id);
        set_text(tablespace, "path", details->tablespaces.links[i].path);
        json_array_append_new(tablespaces, tablespace);
    }
    json_object_set_new(to, "tablespaces", tablespaces);
}

static void set_decisions(json_t *to, const InfoBackup *backup, unsigned reasons)
{
    json_t *const kept_by = json_array();
    for (PolicyReason reason = 0; reason < POLICY_REASON_COUNT; reason++) {
        if (reasons & 1U << reason)
            json_array_append_new(kept_by, json_string(policy_reason_name(reason)));
    }
    json_set_bool(to, "pinned", backup->is_pinned);
    set_text(to, "pin_note", backup->pin_note);
    json_set_bool(to, "condemned", backup->is_condemned);
    json_set_instant(to, "condemned_since", backup->condemned);
    json_object_set_new(to, "kept_by", kept_by);
}

json_t *info_backup_json(const InfoBackup *backup, unsigned reasons, const InfoDetails *details)
{
    json_t *const json = json_object();
    set_text(json, "label", backup->label.text);
    set_text(json, "type", backup_type_name(label_type(backup->label)));
    set_text(json, "state", info_state_name(backup->state));
    if (backup->state == INFO_BACKUP_GOOD || backup->state == INFO_BACKUP_BROKEN)
        set_record(json, &backup->record);
    output_json_count(json, "stored_bytes", backup->entry.stored_bytes);
    set_segment(json, "missing_wal", backup->missing);
    set_decisions(json, backup, reasons);
    if (details)
        set_details(json, details);
    return json;
}

static json_t *repos_json(const Info *info)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < info->repo_count; i++) {
        json_t *const repo = json_object();
        set_text(repo, "name", info->repos[i].name);
        set_text(repo, "url", info->repos[i].url);
        set_text(repo, "fault", info->repos[i].fault);
        json_set_bool(repo, "has_cluster", info->repos[i].is_known);
        json_array_append_new(list, repo);
    }
    return list;
}

static json_t *generations_json(const Info *info)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < info->generation_count; i++) {
        const Generation *const generation = &info->generations[i].generation;
        json_t *const json = json_object();
        output_json_count(json, "number", generation->root.generation);
        set_text(json, "system_id", system_id_text(generation->system_id).text);
        output_json_count(json, "major", generation->major);
        json_set_instant(json, "created", generation->created);
        output_json_count(json, "backups", info->generations[i].backups);
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *ranges_json(const WalTimeline *wal, uint32_t segment_bytes)
{
    json_t *const list = json_array();
    for (size_t i = 0; wal && i < wal->range_count; i++) {
        const Lsn first = {wal->ranges[i].first_segment * segment_bytes};
        const Lsn last = {wal->ranges[i].last_segment * segment_bytes};
        json_t *const range = json_object();
        set_segment(range, "first", wal_name_of_lsn(wal->timeline, first, segment_bytes));
        set_segment(range, "last", wal_name_of_lsn(wal->timeline, last, segment_bytes));
        json_array_append_new(list, range);
    }
    return list;
}

static json_t *tails_json(const WalTimeline *wal, uint32_t segment_bytes)
{
    json_t *const list = json_array();
    for (size_t i = 0; wal && i < wal->covered_count; i++) {
        const Lsn start = {wal->covered[i].segment * segment_bytes};
        json_t *const tail = json_object();
        set_segment(tail, "segment", wal_name_of_lsn(wal->timeline, start, segment_bytes));
        json_set_lsn(tail, "end_lsn", (Lsn){start.at + wal->covered[i].bytes});
        json_array_append_new(list, tail);
    }
    return list;
}

static json_t *timelines_json(const Info *info)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < info->timeline_count; i++) {
        const InfoTimeline *const timeline = &info->timelines[i];
        const Generation *const today = &info->generations[info->generation_count - 1].generation;
        json_t *const json = json_object();
        output_json_count(json, "timeline", timeline->timeline.id);
        json_object_set_new(json, "parent",
                            timeline->parent.id ? json_integer(timeline->parent.id) : json_null());
        json_set_lsn(json, "switch_lsn", timeline->switch_lsn);
        json_set_bool(json, "rightful", timeline->record != NULL);
        set_text(json, "origin", timeline->record ? branch_origin_name(timeline->record->origin) : NULL);
        json_set_bool(json, "production", timeline->is_on_production);
        output_json_count(json, "segments", timeline->wal ? timeline->wal->segments : 0);
        output_json_count(json, "stored_bytes", timeline->wal ? timeline->wal->stored_bytes : 0);
        json_object_set_new(json, "ranges", ranges_json(timeline->wal, today->segment_bytes));
        json_object_set_new(json, "unfinished", tails_json(timeline->wal, today->segment_bytes));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *windows_json(const Info *info)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < info->window_count; i++) {
        const InfoWindow *const window = &info->windows[i];
        json_t *const json = json_object();
        output_json_count(json, "timeline", window->branch.id);
        json_set_bool(json, "production", window->branch.id == info->production.id);
        json_set_instant(json, "from_time", window->from_time);
        json_set_instant(json, "to_time", window->to_time);
        json_set_lsn(json, "from_lsn", window->from_lsn);
        json_set_lsn(json, "to_lsn", window->to_lsn);
        set_text(json, "first_backup", window->first_backup.text);
        set_text(json, "last_backup", window->last_backup.text);
        output_json_count(json, "backups", window->backups);
        json_set_bool(json, "ends_in_gap", window->ends_in_gap);
        set_segment(json, "next_wal", window->missing);
        json_array_append_new(list, json);
    }
    return list;
}

/* Null: not known, or not before the next backup. */
static void gap_cost_set(json_t *json, const Info *info, const InfoGap *gap)
{
    const GapCost cost = gap_cost(info, gap);
    const Instant to = cost.backup ? cost.backup->record.stop_time : INSTANT_NONE;
    json_set_text(json, "lost_from_lsn", lsn_text(cost.from_lsn).text);
    json_set_instant(json, "lost_from_time", cost.from_time);
    json_set_instant(json, "lost_to_time", to);
    json_set_text(json, "next_backup", cost.backup ? cost.backup->label.text : NULL);
}

static json_t *gaps_json(const Info *info)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < info->gap_count; i++) {
        json_t *const gap = json_object(), *const breaks = json_array();
        output_json_count(gap, "timeline", info->gaps[i].branch.id);
        set_segment(gap, "first", info->gaps[i].first);
        set_segment(gap, "last", info->gaps[i].last);
        output_json_count(gap, "segments", info->gaps[i].segments);
        for (size_t j = 0; j < info->gaps[i].break_count; j++)
            json_array_append_new(breaks, json_string(info->gaps[i].breaks[j].text));
        json_object_set_new(gap, "breaks", breaks);
        json_set_bool(gap, "harmless", info->gaps[i].is_harmless);
        gap_cost_set(gap, info, &info->gaps[i]);
        json_array_append_new(list, gap);
    }
    return list;
}

static json_t *freshness_json(const Info *info, const Freshness *fresh)
{
    static const char *const sources[] = {
        [FRESHNESS_UNKNOWN] = "unknown", [FRESHNESS_SERVER] = "server", [FRESHNESS_CONTROL] = "control file"};
    const bool is_known = fresh->source != FRESHNESS_UNKNOWN;
    json_t *const json = json_object();
    set_text(json, "source", sources[fresh->source]);
    set_text(json, "fault", fresh->why);
    json_set_lsn(json, "archived_lsn", info->archived_end);
    json_set_instant(json, "archived_commit_time", info->archived_commit);
    json_set_lsn(json, "current_lsn", fresh->current);
    json_object_set_new(json, "idle", is_known ? json_boolean(fresh->is_idle) : json_null());
    json_object_set_new(json, "unsafe_bytes",
                        is_known ? json_integer((json_int_t)fresh->bytes) : json_null());
    json_object_set_new(json, "unsafe_seconds",
                        is_known ? json_real((double)fresh->age_us / 1e6) : json_null());
    return json;
}

/* One word for a monitor: what is wrong with the newest backup, or with the way from it to now. */
static const char *status_of(const Info *info)
{
    const InfoBackup *newest = NULL;
    for (size_t i = 0; i < info->backup_count; i++) {
        if (info->backups[i].entry.is_committed)
            newest = &info->backups[i];
    }
    if (!newest)
        return "no backup";
    if (newest->state != INFO_BACKUP_GOOD)
        return info_state_name(newest->state);
    for (size_t i = 0; i < info->window_count; i++) {
        if (info->windows[i].branch.id == info->production.id && !info->windows[i].ends_in_gap)
            return "ok";
    }
    return "gap";
}

void info_json(json_t *json, const Info *info, const unsigned *reasons, const Freshness *fresh)
{
    json_t *const backups = json_array();
    for (size_t i = 0; i < info->backup_count; i++)
        json_array_append_new(backups, info_backup_json(&info->backups[i], reasons[i], NULL));
    set_text(json, "status", status_of(info));
    json_object_set_new(json, "repositories", repos_json(info));
    json_object_set_new(json, "generations", generations_json(info));
    json_object_set_new(json, "production_timeline",
                        info->production.id ? json_integer(info->production.id) : json_null());
    json_object_set_new(json, "backups", backups);
    json_object_set_new(json, "windows", windows_json(info));
    json_object_set_new(json, "gaps", gaps_json(info));
    json_object_set_new(json, "timelines", timelines_json(info));
    json_object_set_new(json, "freshness", freshness_json(info, fresh));
}
