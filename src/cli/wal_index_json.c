/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/wal_index_show.h"

static void set(json_t *to, const char *name, json_t *value)
{
    json_object_set_new(to, name, value);
}

static void set_count(json_t *to, const char *name, uint64_t count)
{
    set(to, name, json_integer((json_int_t)count));
}

static void set_lsn(json_t *to, const char *name, Lsn lsn)
{
    set(to, name, lsn_is_valid(lsn) ? json_string(lsn_text(lsn).text) : json_null());
}

static void set_time(json_t *to, const char *name, Instant time)
{
    set(to, name, instant_is_none(time) ? json_null() : json_string(instant_text(time).text));
}

static json_t *file_json(RelFile file)
{
    json_t *const json = json_object();
    set_count(json, "tablespace", file.tablespace.id);
    set_count(json, "database", file.database.id);
    set_count(json, "file", file.number.id);
    return json;
}

/* Runs as [first, count]; two of the set that touch become one. */
static json_t *runs_json(const NumberSet *numbers)
{
    json_t *const list = json_array();
    NumberRun run = {0, 0}, next;
    while (number_set_next(&next, numbers, run.first + run.count)) {
        if (run.count && next.first == run.first + run.count) {
            run.count += next.count;
            json_array_remove(list, json_array_size(list) - 1);
        } else {
            run = next;
        }
        json_t *const pair = json_array();
        json_array_append_new(pair, json_integer(run.first));
        json_array_append_new(pair, json_integer(run.count));
        json_array_append_new(list, pair);
    }
    return list;
}

/* ---- summary */

static json_t *xacts_json(const WalXactTimes *xacts)
{
    json_t *const json = json_object();
    set_count(json, "count", xacts->count);
    if (xacts->count) {
        set_time(json, "first_time", xacts->min);
        set_time(json, "last_time", xacts->max);
    }
    return json;
}

static json_t *parameters_json(const WalParameters *parameters)
{
    json_t *const json = json_object();
    set(json, "max_connections", json_integer(parameters->max_connections));
    set(json, "max_worker_processes", json_integer(parameters->max_worker_processes));
    set(json, "max_wal_senders", json_integer(parameters->max_wal_senders));
    set(json, "max_prepared_transactions", json_integer(parameters->max_prepared_transactions));
    set(json, "max_locks_per_transaction", json_integer(parameters->max_locks_per_transaction));
    set(json, "wal_level", json_integer(parameters->wal_level));
    set(json, "wal_log_hints", json_boolean(parameters->wal_log_hints));
    set(json, "track_commit_timestamp", json_boolean(parameters->track_commit_timestamp));
    return json;
}

static json_t *event_json(const WalEvent *event)
{
    json_t *const json = json_object();
    set(json, "kind", json_string(wal_event_name(event->kind)));
    set_lsn(json, "lsn", event->start);
    set(json, "text", output_json_text(event->text ? event->text : ""));
    if (event->kind == WAL_EVENT_PARAMETERS)
        set(json, "parameters", parameters_json(&event->parameters));
    return json;
}

static void set_summary(json_t *to, const WalSummary *summary)
{
    set_count(to, "records", summary->records);
    set_lsn(to, "first_lsn", summary->progress.first);
    set_lsn(to, "next_lsn", summary->progress.next);
    set(to, "end", json_string(summary->progress.end_text));
    set(to, "commits", xacts_json(&summary->commits));
    set(to, "aborts", xacts_json(&summary->aborts));
    set_count(to, "xid_min", summary->xid_min.id);
    set_count(to, "xid_max", summary->xid_max.id);
    json_t *const events = json_array();
    for (uint32_t i = 0; i < summary->event_count; i++)
        json_array_append_new(events, event_json(wal_summary_event(summary, i)));
    set(to, "events", events);
    set_count(to, "events_dropped", summary->events_dropped);
    set_count(to, "unread", summary->unread);
}

/* ---- blocks */

static json_t *change_json(const WalChange *change)
{
    json_t *const json = file_json(change->file);
    set(json, "limit", change->limit == WAL_NO_LIMIT ? json_null() : json_integer(change->limit));
    set(json, "blocks", runs_json(&change->blocks));
    return json;
}

static json_t *changes_json(const WalChanges *changes)
{
    json_t *const json = json_object(), *const databases = json_array(), *const relations = json_array();
    const char *const fault = wal_changes_fault(changes);
    set(json, "fault", fault ? output_json_text(fault) : json_null());
    size_t count;
    const WalDatabase *const list = wal_changes_databases(changes, &count);
    for (size_t i = 0; i < count; i++) {
        json_t *const database = json_object();
        set_count(database, "tablespace", list[i].tablespace.id);
        set_count(database, "database", list[i].database.id);
        json_array_append_new(databases, database);
    }
    for (size_t i = 0; i < wal_changes_count(changes); i++)
        json_array_append_new(relations, change_json(wal_changes_at(changes, i)));
    set(json, "databases", databases);
    set(json, "relations", relations);
    return json;
}

/* ---- activity */

static void set_rows(json_t *to, uint64_t inserts, uint64_t updates, uint64_t deletes)
{
    set_count(to, "inserts", inserts);
    set_count(to, "updates", updates);
    set_count(to, "deletes", deletes);
}

static json_t *act_json(const WalAct *act)
{
    json_t *const json = json_object();
    set(json, "kind", json_string(wal_act_name(act->kind)));
    set_count(json, "tablespace", act->file.tablespace.id);
    set_count(json, "database", act->file.database.id);
    const bool is_relation =
        act->kind == WAL_ACT_LOCK || act->kind == WAL_ACT_TRUNCATE || act->kind == WAL_ACT_DROP_RELATION;
    if (act->kind != WAL_ACT_DROP_DATABASE)
        set_count(json, is_relation ? "relation" : "file", act->file.number.id);
    if (act->kind == WAL_ACT_ROWS)
        set_rows(json, act->inserts, act->updates, act->deletes);
    return json;
}

static json_t *note_json(const WalXactNote *note)
{
    json_t *const json = json_object(), *const acts = json_array();
    set_count(json, "xid", note->xid.id);
    set_count(json, "top_xid", note->top.id);
    set(json, "state", json_string(note->state == WAL_XACT_COMMITTED ? "committed" : "open"));
    set_count(json, "database", note->database.id);
    set_lsn(json, "lsn", note->end);
    set_time(json, "time", note->time);
    for (uint32_t i = 0; i < note->act_count; i++)
        json_array_append_new(acts, act_json(&note->acts[i]));
    set(json, "acts", acts);
    set_count(json, "acts_dropped", note->acts_dropped);
    return json;
}

static json_t *activity_json(const WalActivity *activity)
{
    json_t *const json = json_object(), *const relations = json_array(), *const notes = json_array();
    for (size_t i = 0; i < activity->row_count; i++) {
        const WalRows *const rows = &activity->rows[i];
        json_t *const relation = file_json(rows->file);
        set_rows(relation, rows->inserts, rows->updates, rows->deletes);
        json_array_append_new(relations, relation);
    }
    for (size_t i = 0; i < activity->note_count; i++)
        json_array_append_new(notes, note_json(&activity->notes[i]));
    set(json, "relations", relations);
    set(json, "committed", runs_json(&activity->committed));
    set(json, "aborted", runs_json(&activity->aborted));
    set(json, "transactions", notes);
    set_count(json, "transactions_dropped", activity->notes_dropped);
    set_count(json, "unread", activity->unread);
    return json;
}

/* ---- all */

static json_t *seams_json(const WalSeams *seams)
{
    json_t *const json = json_object();
    set_lsn(json, "first_previous_lsn", seams->first_prev);
    set_lsn(json, "last_lsn", seams->last);
    set_count(json, "head_bytes", seams->head_total_bytes);
    set_count(json, "head_stored_bytes", seams->head.len);
    set_count(json, "tail_record_bytes", seams->tail_total_bytes);
    set_count(json, "tail_bytes", seams->tail_bytes);
    set_count(json, "tail_stored_bytes", seams->tail.len);
    return json;
}

json_t *wal_index_json(const WalShown *shown)
{
    json_t *const json = json_object();
    set(json, "segment", json_string(wal_name_text(shown->name).text));
    set(json, "system_id", json_string(system_id_text(shown->system_id).text));
    set_count(json, "major", shown->major);
    set(json, "repository", json_string(shown->repo));
    set(json, "is_stored", json_boolean(shown->is_stored));
    set(json, "fault", shown->fault ? output_json_text(err_text(shown->fault)) : json_null());
    if (shown->fault)
        return json;
    set_summary(json, &shown->summary);
    set(json, "blocks", changes_json(shown->changes));
    set(json, "activity", activity_json(&shown->activity));
    set(json, "seams", seams_json(&shown->seams));
    return json;
}
