/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/local_time.h"
#include "cli/wal_index_show.h"

#include <inttypes.h>

/* Of long lists people want the begin; programs get all. */
enum { RUNS_SHOWN = 12, ACTS_SHOWN = 20 };

const char *wal_event_name(WalEventKind kind)
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

const char *wal_act_name(WalActKind kind)
{
    static const char *const names[] = {
        [WAL_ACT_ROWS] = "changed rows",
        [WAL_ACT_CREATE] = "created file",
        [WAL_ACT_DROP] = "dropped file",
        [WAL_ACT_CUT] = "cut file",
        [WAL_ACT_LOCK] = "locked relation",
        [WAL_ACT_TRUNCATE] = "truncated relation",
        [WAL_ACT_DROP_RELATION] = "dropped relation",
        [WAL_ACT_DROP_DATABASE] = "dropped database",
    };
    return (size_t)kind < COUNT_OF(names) && names[kind] ? names[kind] : "other";
}

/* "1663/5/16384" */
typedef struct FileText {
    char text[40];
} FileText;

static FileText file_text(RelFile file)
{
    FileText text;
    (void)snprintf(text.text, sizeof text.text, "%u/%u/%u", file.tablespace.id, file.database.id,
                   file.number.id);
    return text;
}

static void runs_print(Output *out, const NumberSet *numbers)
{
    NumberRun run = {0, 0};
    unsigned shown = 0;
    if (!numbers->count)
        output_text(out, "none");
    while (number_set_next(&run, numbers, run.first + run.count)) {
        if (shown++ == RUNS_SHOWN) {
            output_text(out, ", … (%" PRIu64 " in all)", number_set_count(numbers));
            return;
        }
        output_text(out, "%s%u", shown == 1 ? "" : ", ", run.first);
        if (run.count > 1)
            output_text(out, "-%u", run.first + run.count - 1);
    }
}

/* ---- summary */

static void xacts_print(Output *out, const char *what, const WalXactTimes *xacts)
{
    if (xacts->count)
        output_text(out, "%-11s %" PRIu64 ", from %s to %s\n", what, xacts->count,
                    local_time_text(xacts->min).text, local_time_text(xacts->max).text);
    else
        output_text(out, "%-11s none\n", what);
}

static void summary_print(Output *out, const WalSummary *summary)
{
    const WalProgress *const progress = &summary->progress;
    output_text(out, "%-11s %" PRIu64 ", from %s to %s\n", "records", summary->records,
                lsn_text(progress->first).text, lsn_text(progress->next).text);
    if (progress->end != WAL_END_NONE)
        output_text(out, "%-11s %s\n", "ends", progress->end_text);
    xacts_print(out, "commits", &summary->commits);
    xacts_print(out, "aborts", &summary->aborts);
    if (summary->xid_max.id)
        output_text(out, "%-11s %u to %u\n", "xids", summary->xid_min.id, summary->xid_max.id);
    output_text(out, "%-11s %u\n", "events", summary->event_count);
    for (uint32_t i = 0; i < summary->event_count; i++) {
        const WalEvent *const event = wal_summary_event(summary, i);
        output_text(out, "  %-18s %s%s%s\n", lsn_text(event->start).text, wal_event_name(event->kind),
                    event->text ? " " : "", event->text ? event->text : "");
    }
}

/* ---- blocks */

static void change_print(Output *out, const WalChange *change)
{
    output_text(out, "  %-22s ", file_text(change->file).text);
    if (change->limit == 0)
        output_text(out, "whole");
    else if (change->blocks.count)
        runs_print(out, &change->blocks);
    else if (change->limit == WAL_NO_LIMIT)
        output_text(out, "maps only");
    if (change->limit != 0 && change->limit != WAL_NO_LIMIT)
        output_text(out, "%scut to %u", change->blocks.count ? "; " : "", change->limit);
    output_text(out, "\n");
}

static void changes_print(Output *out, const WalChanges *changes)
{
    const size_t count = wal_changes_count(changes);
    uint64_t blocks = 0;
    for (size_t i = 0; i < count; i++)
        blocks += number_set_count(&wal_changes_at(changes, i)->blocks);
    output_text(out, "%-11s %" PRIu64 " of %zu relations\n", "blocks", blocks, count);
    if (wal_changes_fault(changes))
        output_text(out, "  not to be trusted: %s\n", wal_changes_fault(changes));
    size_t databases;
    const WalDatabase *const list = wal_changes_databases(changes, &databases);
    for (size_t i = 0; i < databases; i++)
        output_text(out, "  database %u in tablespace %u: whole\n", list[i].database.id,
                    list[i].tablespace.id);
    for (size_t i = 0; i < count; i++)
        change_print(out, wal_changes_at(changes, i));
}

/* ---- activity */

static void act_print(Output *out, const WalAct *act)
{
    output_text(out, "    %s ", wal_act_name(act->kind));
    switch (act->kind) {
    case WAL_ACT_ROWS:
        output_text(out, "of %s: %u inserted, %u updated, %u deleted\n", file_text(act->file).text,
                    act->inserts, act->updates, act->deletes);
        break;
    case WAL_ACT_LOCK:
    case WAL_ACT_TRUNCATE:
    case WAL_ACT_DROP_RELATION:
        output_text(out, "%u of database %u\n", act->file.number.id, act->file.database.id);
        break;
    case WAL_ACT_DROP_DATABASE:
        output_text(out, "%u in tablespace %u\n", act->file.database.id, act->file.tablespace.id);
        break;
    default:
        output_text(out, "%s\n", file_text(act->file).text);
    }
}

static void note_print(Output *out, const WalXactNote *note)
{
    output_text(out, "  %u ", note->xid.id);
    if (note->top.id)
        output_text(out, "of %u ", note->top.id);
    if (note->state == WAL_XACT_COMMITTED)
        output_text(out, "committed at %s, %s", lsn_text(note->end).text, local_time_text(note->time).text);
    else
        output_text(out, "open");
    if (note->database.id)
        output_text(out, ", database %u", note->database.id);
    output_text(out, "\n");
    for (uint32_t i = 0; i < note->act_count && i < ACTS_SHOWN; i++)
        act_print(out, &note->acts[i]);
    if (note->act_count > ACTS_SHOWN || note->acts_dropped)
        output_text(out, "    … (%u in all)\n", note->act_count + note->acts_dropped);
}

static void activity_print(Output *out, const WalActivity *activity)
{
    output_text(out, "%-11s %zu relations\n", "rows", activity->row_count);
    for (size_t i = 0; i < activity->row_count; i++) {
        const WalRows *const rows = &activity->rows[i];
        output_text(out, "  %-22s %" PRIu64 " inserted, %" PRIu64 " updated, %" PRIu64 " deleted\n",
                    file_text(rows->file).text, rows->inserts, rows->updates, rows->deletes);
    }
    output_text(out, "%-11s ", "committed");
    runs_print(out, &activity->committed);
    output_text(out, "\n%-11s ", "aborted");
    runs_print(out, &activity->aborted);
    output_text(out, "\n%-11s %zu of note\n", "xacts", activity->note_count + activity->notes_dropped);
    for (size_t i = 0; i < activity->note_count; i++)
        note_print(out, &activity->notes[i]);
}

/* ---- all */

static void seams_print(Output *out, const WalSeams *seams)
{
    output_text(out, "%-11s ", "seams");
    if (seams->head_total_bytes)
        output_text(out, "%u bytes of a record begun before", seams->head_total_bytes);
    if (seams->tail_total_bytes)
        output_text(out, "%s%u of %u bytes of a record that goes on", seams->head_total_bytes ? ", " : "",
                    seams->tail_bytes, seams->tail_total_bytes);
    output_text(out, seams->head_total_bytes || seams->tail_total_bytes ? "\n" : "none\n");
}

void wal_index_print(Output *out, const WalShown *shown)
{
    output_text(out, "%-11s %s\n%-11s PostgreSQL %u, system id %s\n", "segment",
                wal_name_text(shown->name).text, "cluster", shown->major,
                system_id_text(shown->system_id).text);
    if (shown->fault) {
        output_text(out, "no index: %s\n", err_text(shown->fault));
        return;
    }
    summary_print(out, &shown->summary);
    changes_print(out, shown->changes);
    activity_print(out, &shown->activity);
    seams_print(out, &shown->seams);
}
