/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* wal-index: the summary of one segment, for people and programs. */
#include "cli/command.h"
#include "cli/local_time.h"
#include "conf/resolve.h"
#include "archive/wal_show.h"

#include <inttypes.h>
#include <string.h>

static const char *event_name(WalEventKind kind)
{
    static const char *const names[] = {
        [WAL_EVENT_CHECKPOINT] = "checkpoint",
        [WAL_EVENT_CHECKPOINT_REDO] = "checkpoint redo",
        [WAL_EVENT_END_OF_RECOVERY] = "end of recovery",
        [WAL_EVENT_PARAMETERS] = "parameters",
        [WAL_EVENT_RESTORE_POINT] = "restore point",
        [WAL_EVENT_BACKUP_END] = "end of backup",
        [WAL_EVENT_FULL_PAGE_WRITES] = "full_page_writes",
        [WAL_EVENT_SWITCH] = "switch",
        [WAL_EVENT_OVERWRITE] = "overwritten record",
        [WAL_EVENT_TABLESPACE_CREATE] = "tablespace created",
        [WAL_EVENT_TABLESPACE_DROP] = "tablespace dropped",
    };
    return (size_t)kind < COUNT_OF(names) && names[kind] ? names[kind] : "unknown";
}

static json_t *xacts_show(Output *out, const char *what, const WalXactTimes *xacts)
{
    if (xacts->count)
        output_text(out, "%-11s %" PRIu64 ", from %s to %s\n", what, xacts->count,
                    local_time_text(xacts->min).text, local_time_text(xacts->max).text);
    else
        output_text(out, "%-11s none\n", what);
    json_t *const json = json_pack("{s:I}", "count", (json_int_t)xacts->count);
    if (xacts->count) {
        json_object_set_new(json, "first_time", json_string(instant_text(xacts->min).text));
        json_object_set_new(json, "last_time", json_string(instant_text(xacts->max).text));
    }
    return json;
}

static json_t *event_show(Output *out, const WalEvent *event)
{
    const char *const text = event->text ? event->text : "";
    output_text(out, "  %-18s %s%s%s\n", lsn_text(event->start).text, event_name(event->kind),
                *text ? " " : "", text);
    return json_pack("{s:s, s:s, s:o}", "kind", event_name(event->kind), "lsn", lsn_text(event->start).text,
                     "text", output_json_text(text));
}

static void summary_show(Output *out, const WalSummary *summary)
{
    const WalProgress *const progress = &summary->progress;
    output_text(out, "%-11s %" PRIu64 ", from %s to %s\n", "records", summary->records,
                lsn_text(progress->first).text, lsn_text(progress->next).text);
    if (progress->end != WAL_END_NONE)
        output_text(out, "%-11s %s\n", "ends", progress->end_text);
    json_t *const json = out->document;
    json_object_set_new(json, "records", json_integer((json_int_t)summary->records));
    json_object_set_new(json, "first_lsn", json_string(lsn_text(progress->first).text));
    json_object_set_new(json, "next_lsn", json_string(lsn_text(progress->next).text));
    json_object_set_new(json, "end", json_string(progress->end_text));
    json_object_set_new(json, "commits", xacts_show(out, "commits", &summary->commits));
    json_object_set_new(json, "aborts", xacts_show(out, "aborts", &summary->aborts));
    if (summary->xid_max.id)
        output_text(out, "%-11s %u to %u\n", "xids", summary->xid_min.id, summary->xid_max.id);
    json_object_set_new(json, "xid_min", json_integer(summary->xid_min.id));
    json_object_set_new(json, "xid_max", json_integer(summary->xid_max.id));
    json_t *const events = json_array();
    output_text(out, "%-11s %u\n", "events", summary->event_count);
    for (uint32_t i = 0; i < summary->event_count; i++)
        json_array_append_new(events, event_show(out, wal_summary_event(summary, i)));
    json_object_set_new(json, "events", events);
    json_object_set_new(json, "events_dropped", json_integer(summary->events_dropped));
    json_object_set_new(json, "unread", json_integer(summary->unread));
}

static Err *shown_find(WalShown *out, CommandCall *call)
{
    ClusterOptions cluster;
    if (strchr(call->words[0], '/'))
        return wal_show_file(out, call->words[0]);
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    return wal_show_stored(out, &cluster, call->words[0]);
}

Err *cmd_wal_index(CommandCall *call)
{
    AUTO(wal_shown_done) WalShown shown = {.has_summary = false};
    TRY(shown_find(&shown, call));
    Output *const out = call->output;
    output_text(out, "%-11s %s\n%-11s PostgreSQL %u, system id %s\n", "segment",
                wal_name_text(shown.name).text, "cluster", shown.major, system_id_text(shown.system_id).text);
    json_object_set_new(out->document, "segment", json_string(wal_name_text(shown.name).text));
    json_object_set_new(out->document, "system_id", json_string(system_id_text(shown.system_id).text));
    json_object_set_new(out->document, "major", json_integer(shown.major));
    json_object_set_new(out->document, "repository", json_string(shown.repo));
    json_object_set_new(out->document, "has_index", json_boolean(shown.has_summary));
    if (!shown.has_summary)
        output_text(out, "stored without an index: its records could not be read\n");
    else
        summary_show(out, &shown.summary);
    return NULL;
}
