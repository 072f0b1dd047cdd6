/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/wal_index_show.h"

#include "repo/json_fields.h"

static json_t *file_json(RelFile file)
{
    json_t *const json = json_object();
    output_json_count(json, "tablespace", file.tablespace.id);
    output_json_count(json, "database", file.database.id);
    output_json_count(json, "file", file.number.id);
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
    output_json_count(json, "count", xacts->count);
    if (xacts->count) {
        json_set_instant(json, "first_time", xacts->min);
        json_set_instant(json, "last_time", xacts->max);
    }
    return json;
}

static json_t *parameters_json(const WalParameters *parameters)
{
    json_t *const json = json_object();
    json_set_int(json, "max_connections", parameters->max_connections);
    json_set_int(json, "max_worker_processes", parameters->max_worker_processes);
    json_set_int(json, "max_wal_senders", parameters->max_wal_senders);
    json_set_int(json, "max_prepared_transactions", parameters->max_prepared_transactions);
    json_set_int(json, "max_locks_per_transaction", parameters->max_locks_per_transaction);
    json_set_int(json, "wal_level", parameters->wal_level);
    json_set_bool(json, "wal_log_hints", parameters->wal_log_hints);
    json_set_bool(json, "track_commit_timestamp", parameters->track_commit_timestamp);
    return json;
}

static json_t *event_json(const WalEvent *event)
{
    json_t *const json = json_object();
    json_set_text(json, "kind", wal_event_name(event->kind));
    json_set_lsn(json, "lsn", event->start);
    json_object_set_new(json, "text", output_json_text(event->text ? event->text : ""));
    if (event->kind == WAL_EVENT_PARAMETERS)
        json_object_set_new(json, "parameters", parameters_json(&event->parameters));
    return json;
}

static void set_summary(json_t *to, const WalSummary *summary)
{
    output_json_count(to, "records", summary->records);
    json_set_lsn(to, "first_lsn", summary->progress.first);
    json_set_lsn(to, "next_lsn", summary->progress.next);
    json_set_text(to, "end", summary->progress.end_text);
    json_object_set_new(to, "commits", xacts_json(&summary->commits));
    json_object_set_new(to, "aborts", xacts_json(&summary->aborts));
    output_json_count(to, "xid_min", summary->xid_min.id);
    output_json_count(to, "xid_max", summary->xid_max.id);
    json_t *const events = json_array();
    for (uint32_t i = 0; i < summary->event_count; i++)
        json_array_append_new(events, event_json(wal_summary_event(summary, i)));
    json_object_set_new(to, "events", events);
    output_json_count(to, "events_dropped", summary->events_dropped);
    output_json_count(to, "unread", summary->unread);
}

/* ---- blocks */

static json_t *change_json(const WalChange *change)
{
    json_t *const json = file_json(change->file);
    json_object_set_new(json, "limit",
                        change->limit == WAL_NO_LIMIT ? json_null() : json_integer(change->limit));
    json_object_set_new(json, "blocks", runs_json(&change->blocks));
    return json;
}

static json_t *changes_json(const WalChanges *changes)
{
    json_t *const json = json_object(), *const databases = json_array(), *const relations = json_array();
    const char *const fault = wal_changes_fault(changes);
    json_object_set_new(json, "fault", fault ? output_json_text(fault) : json_null());
    size_t count;
    const WalDatabase *const list = wal_changes_databases(changes, &count);
    for (size_t i = 0; i < count; i++) {
        json_t *const database = json_object();
        output_json_count(database, "tablespace", list[i].tablespace.id);
        output_json_count(database, "database", list[i].database.id);
        json_array_append_new(databases, database);
    }
    for (size_t i = 0; i < wal_changes_count(changes); i++)
        json_array_append_new(relations, change_json(wal_changes_at(changes, i)));
    json_object_set_new(json, "databases", databases);
    json_object_set_new(json, "relations", relations);
    return json;
}

/* ---- activity */

static void set_rows(json_t *to, uint64_t inserts, uint64_t updates, uint64_t deletes)
{
    output_json_count(to, "inserts", inserts);
    output_json_count(to, "updates", updates);
    output_json_count(to, "deletes", deletes);
}

static json_t *act_json(const WalAct *act)
{
    json_t *const json = json_object();
    json_set_text(json, "kind", wal_act_name(act->kind));
    output_json_count(json, "tablespace", act->file.tablespace.id);
    output_json_count(json, "database", act->file.database.id);
    const bool is_relation =
        act->kind == WAL_ACT_LOCK || act->kind == WAL_ACT_TRUNCATE || act->kind == WAL_ACT_DROP_RELATION;
    if (act->kind != WAL_ACT_DROP_DATABASE)
        output_json_count(json, is_relation ? "relation" : "file", act->file.number.id);
    if (act->kind == WAL_ACT_ROWS)
        set_rows(json, act->inserts, act->updates, act->deletes);
    return json;
}

static json_t *note_json(const WalXactNote *note)
{
    json_t *const json = json_object(), *const acts = json_array();
    output_json_count(json, "xid", note->xid.id);
    output_json_count(json, "top_xid", note->top.id);
    json_set_text(json, "state", note->state == WAL_XACT_COMMITTED ? "committed" : "open");
    output_json_count(json, "database", note->database.id);
    json_set_lsn(json, "lsn", note->end);
    json_set_instant(json, "time", note->time);
    for (uint32_t i = 0; i < note->act_count; i++)
        json_array_append_new(acts, act_json(&note->acts[i]));
    json_object_set_new(json, "acts", acts);
    output_json_count(json, "acts_dropped", note->acts_dropped);
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
    json_object_set_new(json, "relations", relations);
    json_object_set_new(json, "committed", runs_json(&activity->committed));
    json_object_set_new(json, "aborted", runs_json(&activity->aborted));
    json_object_set_new(json, "transactions", notes);
    output_json_count(json, "transactions_dropped", activity->notes_dropped);
    output_json_count(json, "unread", activity->unread);
    return json;
}

/* ---- all */

static json_t *seams_json(const WalSeams *seams)
{
    json_t *const json = json_object();
    json_set_lsn(json, "first_previous_lsn", seams->first_prev);
    json_set_lsn(json, "last_lsn", seams->last);
    output_json_count(json, "head_bytes", seams->head_total_bytes);
    output_json_count(json, "head_stored_bytes", seams->head.len);
    output_json_count(json, "tail_record_bytes", seams->tail_total_bytes);
    output_json_count(json, "tail_bytes", seams->tail_bytes);
    output_json_count(json, "tail_stored_bytes", seams->tail.len);
    return json;
}

json_t *wal_index_json(const WalShown *shown)
{
    json_t *const json = json_object();
    json_set_text(json, "segment", wal_name_text(shown->name).text);
    json_set_text(json, "system_id", system_id_text(shown->system_id).text);
    output_json_count(json, "major", shown->major);
    json_set_text(json, "repository", shown->repo);
    json_set_bool(json, "is_stored", shown->is_stored);
    json_object_set_new(json, "fault", shown->fault ? output_json_text(err_text(shown->fault)) : json_null());
    if (shown->fault)
        return json;
    set_summary(json, &shown->summary);
    json_object_set_new(json, "blocks", changes_json(shown->changes));
    json_object_set_new(json, "activity", activity_json(&shown->activity));
    json_object_set_new(json, "seams", seams_json(&shown->seams));
    return json;
}
