/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What there is, and to when one can go back: the page to open first when something has happened. */
#include "cli/each_cluster.h"
#include "cli/info_json.h"
#include "cli/local_time.h"
#include "base/text.h"
#include "conf/resolve.h"
#include "job/gap_watch.h"
#include "os/user.h"
#include "retention/policy.h"

#include <inttypes.h>

const char *info_state_name(InfoBackupState state)
{
    static const char *const texts[] = {[INFO_BACKUP_GOOD] = "good",
                                        [INFO_BACKUP_BROKEN] = "broken",
                                        [INFO_BACKUP_INTERRUPTED] = "interrupted",
                                        [INFO_BACKUP_DAMAGED] = "damaged",
                                        [INFO_BACKUP_EXPIRED] = "expired",
                                        [INFO_BACKUP_LOST] = "lost"};
    return texts[state];
}

static void show_repos(Output *output, const Info *info)
{
    for (size_t i = 0; i < info->repo_count; i++) {
        const InfoRepo *const repo = &info->repos[i];
        output_text(output, "  repository %s: %s%s%s\n", repo->name, repo->url,
                    repo->fault      ? ": "
                    : repo->is_known ? ""
                                     : ": knows nothing of this cluster",
                    repo->fault ? repo->fault : "");
    }
}

static void show_windows(Output *output, const Info *info)
{
    output_text(output, "\n  can be restored to any moment\n");
    for (size_t i = 0; i < info->window_count; i++) {
        const InfoWindow *const window = &info->windows[i];
        output_text(output, "    from %s\n    to   %s\n", local_time_text(window->from_time).text,
                    local_time_text(window->to_time).text);
        output_text(output, "         timeline %" PRIu32 "%s, %s to %s, %zu backup%s\n", window->branch.id,
                    window->branch.id == info->production.id ? " (production)" : "",
                    lsn_text(window->from_lsn).text, lsn_text(window->to_lsn).text, window->backups,
                    window->backups == 1 ? "" : "s");
        if (window->ends_in_gap)
            output_text(output, "         ends at a gap: %s is missing\n",
                        wal_name_text(window->missing).text);
    }
    if (!info->window_count)
        output_text(output, "    none yet: there is no backup whose WAL is complete\n");
}

static void show_fresh(Output *output, const Info *info, const Freshness *fresh)
{
    if (!lsn_is_valid(info->archived_end)) {
        output_text(output, "\n  no WAL of the production branch is archived yet\n");
        return;
    }
    output_text(output, "\n  archived up to %s", lsn_text(info->archived_end).text);
    if (!instant_is_none(info->archived_commit))
        output_text(output, ", last commit %s", local_time_text(info->archived_commit).text);
    if (fresh->source == FRESHNESS_UNKNOWN)
        output_text(output, "\n  not yet safe: unknown: %s\n", fresh->why);
    else if (fresh->is_idle)
        output_text(output, "\n  not yet safe: nothing\n");
    else
        output_text(output, "\n  not yet safe: %s%s%s\n", size_text(fresh->bytes).text,
                    fresh->age_us ? ", since " : "", fresh->age_us ? duration_text(fresh->age_us).text : "");
}

static void show_backup_line(Output *output, const InfoBackup *backup)
{
    const BackupRecord *const record = &backup->record;
    output_text(output, "    %s  %-4s  ", backup->label.text, backup_type_name(label_type(backup->label)));
    if (backup->state == INFO_BACKUP_INTERRUPTED)
        output_text(output, "interrupted or running, %s stored", size_text(backup->entry.stored_bytes).text);
    else if (backup->state == INFO_BACKUP_EXPIRED)
        output_text(output, "expired; others draw on %s of it", size_text(backup->entry.stored_bytes).text);
    else if (backup->state == INFO_BACKUP_LOST)
        output_text(output, "LOST: it was committed, and its commit is gone");
    else if (backup->state == INFO_BACKUP_DAMAGED)
        output_text(output, "DAMAGED: its record cannot be read");
    else
        output_text(output, "%s  %s, %s stored, took %s, timeline %" PRIu32 "%s",
                    local_time_text(record->stop_time).text, size_text(record->size_bytes).text,
                    size_text(backup->entry.stored_bytes).text,
                    duration_text(record->stop_time.us - record->start_time.us).text, record->timeline.id,
                    record->offline ? ", offline" : "");
    if (backup->state == INFO_BACKUP_BROKEN)
        output_text(output, ", BROKEN: WAL %s is missing",
                    backup->missing.segment_bytes ? wal_name_text(backup->missing).text : "of its branch");
    if (record->bad_page_count)
        output_text(output, ", %" PRIu64 " BAD PAGE%s", record->bad_page_count,
                    record->bad_page_count == 1 ? "" : "S");
    output_text(output, "%s%s%s\n", record->note && *record->note ? ", " : "",
                record->note ? record->note : "",
                backup->is_condemned ? ", condemned"
                : backup->is_pinned  ? ", pinned"
                                     : "");
}

static void show_backups(Output *output, const Info *info)
{
    output_text(output, "\n  backups\n");
    for (size_t i = 0; i < info->backup_count; i++)
        show_backup_line(output, &info->backups[i]);
    if (!info->backup_count)
        output_text(output, "    none\n");
}

static void show_ranges(Output *output, const InfoTimeline *timeline, uint32_t segment_bytes)
{
    for (size_t i = 0; i < timeline->wal->range_count; i++) {
        const WalRange *const range = &timeline->wal->ranges[i];
        const WalNameText first = wal_name_text(
            wal_name_of_lsn(timeline->timeline, (Lsn){range->first_segment * segment_bytes}, segment_bytes));
        const WalNameText last = wal_name_text(
            wal_name_of_lsn(timeline->timeline, (Lsn){range->last_segment * segment_bytes}, segment_bytes));
        output_text(output, "      %s to %s\n", first.text, last.text);
    }
}

static void show_tails(Output *output, const InfoTimeline *timeline, uint32_t segment_bytes)
{
    for (size_t i = 0; i < timeline->wal->covered_count; i++) {
        const WalCovered *const covered = &timeline->wal->covered[i];
        const Lsn start = {covered->segment * segment_bytes};
        output_text(output, "      %s unfinished, up to %s\n",
                    wal_name_text(wal_name_of_lsn(timeline->timeline, start, segment_bytes)).text,
                    lsn_text((Lsn){start.at + covered->bytes}).text);
    }
}

static void show_timelines(Output *output, const Info *info)
{
    const uint32_t segment_bytes = info->generations[info->generation_count - 1].generation.segment_bytes;
    output_text(output, "\n  WAL\n");
    for (size_t i = 0; i < info->timeline_count; i++) {
        const InfoTimeline *const timeline = &info->timelines[i];
        output_text(output, "    timeline %" PRIu32 "%s", timeline->timeline.id,
                    timeline->timeline.id == info->production.id ? " (production)"
                    : timeline->record                           ? ""
                                                                 : " (not rightful)");
        if (timeline->parent.id)
            output_text(output, ", branched off timeline %" PRIu32 " at %s", timeline->parent.id,
                        lsn_text(timeline->switch_lsn).text);
        if (!wal_timeline_end(timeline->wal)) {
            output_text(output, ", nothing archived\n");
            continue;
        }
        output_text(output, ", %" PRIu64 " segment%s, %s stored\n", timeline->wal->segments,
                    timeline->wal->segments == 1 ? "" : "s", size_text(timeline->wal->stored_bytes).text);
        show_ranges(output, timeline, segment_bytes);
        show_tails(output, timeline, segment_bytes);
    }
    if (!info->timeline_count)
        output_text(output, "    none\n");
}

static void show_gap_cost(Output *output, const Info *info, const InfoGap *gap)
{
    const GapCost cost = gap_cost(info, gap);
    output_text(output, "      out of reach from %s%s%s\n      to                %s\n",
                lsn_text(cost.from_lsn).text, instant_is_none(cost.from_time) ? "" : ", after ",
                instant_is_none(cost.from_time) ? "" : local_time_text(cost.from_time).text,
                cost.backup ? local_time_text(cost.backup->record.stop_time).text
                            : "the end of the next backup: take one now");
}

static void show_gaps(Output *output, const Info *info)
{
    if (info->gap_count)
        output_text(output, "\n  gaps\n");
    for (size_t i = 0; i < info->gap_count; i++) {
        const InfoGap *const gap = &info->gaps[i];
        output_text(output, "    %s", wal_name_text(gap->first).text);
        if (gap->segments > 1)
            output_text(output, " to %s, %" PRIu64 " segments,", wal_name_text(gap->last).text,
                        gap->segments);
        output_text(output, " missing, ");
        if (gap->is_harmless)
            output_text(output, "needed by no restore\n");
        else if (!gap->break_count)
            output_text(output, "breaks no backup, but no restore gets past it\n");
        for (size_t j = 0; j < gap->break_count; j++)
            output_text(output, "%s%s%s", j ? ", " : "breaks ", gap->breaks[j].text,
                        j + 1 == gap->break_count ? "\n" : "");
        if (!gap->is_harmless)
            show_gap_cost(output, info, gap);
    }
}

static void show_cluster(Output *output, const Info *info, const Freshness *fresh)
{
    output_text(output, "cluster %s", info->cluster);
    if (info->generation_count) {
        const Generation *const today = &info->generations[info->generation_count - 1].generation;
        output_text(output, ": PostgreSQL %u, system id %s, generation %" PRIu32 "\n", today->major,
                    system_id_text(today->system_id).text, today->root.generation);
        for (size_t i = 0; i + 1 < info->generation_count; i++)
            output_text(
                output, "  before it: generation %" PRIu32 ", PostgreSQL %u, system id %s, %zu backup%s%s\n",
                info->generations[i].generation.root.generation, info->generations[i].generation.major,
                system_id_text(info->generations[i].generation.system_id).text, info->generations[i].backups,
                info->generations[i].backups == 1 ? "" : "s",
                info->generations[i].backups ? "" : " (\"pgstrata expire --dry-run\" says what is left)");
    } else {
        output_text(output, ": in no repository yet\n");
    }
    show_repos(output, info);
    if (!info->generation_count)
        return;
    show_windows(output, info);
    show_fresh(output, info, fresh);
    show_backups(output, info);
    show_timelines(output, info);
    show_gaps(output, info);
    output_text(output, "\n");
}

static void show_bad_pages(Output *output, const BackupRecord *record)
{
    output_text(output, "  bad pages %" PRIu64 "\n", record->bad_page_count);
    for (size_t i = 0; i < record->bad_page_listed; i++)
        output_text(output, "    %s block %" PRIu32 "%s%s\n", record->bad_pages[i].path,
                    record->bad_pages[i].block, *record->bad_pages[i].relation ? " of " : "",
                    record->bad_pages[i].relation);
}

static void show_draw(Output *output, const InfoDraw *draw)
{
    const uint64_t percent = draw->plain_bytes ? draw->live_bytes * 100 / draw->plain_bytes : 0;
    output_text(output, "  draws on  %s: %zu pack%s, %s, %" PRIu64 "%% of it live\n", draw->label.text,
                draw->packs, draw->packs == 1 ? "" : "s", size_text(draw->stored_bytes).text, percent);
}

static void show_decisions(Output *output, const InfoBackup *backup, unsigned reasons)
{
    AUTO(buf_done) Buf kept = {0};
    policy_reasons_text(&kept, reasons);
    output_text(output, "  kept by   %s\n", reasons ? buf_text(&kept) : "nothing that was promised");
    if (backup->is_pinned)
        output_text(output, "  pinned    %s\n", *backup->pin_note ? backup->pin_note : "without a note");
    if (!instant_is_none(backup->condemned))
        output_text(output, "  condemned %s by host %s\n", local_time_text(backup->condemned).text,
                    backup->condemned_by);
}

static void show_details(Output *output, const InfoBackup *backup, unsigned reasons,
                         const InfoDetails *details)
{
    const BackupRecord *const record = &backup->record;
    output_text(output, "backup %s: %s, %s\n", backup->label.text,
                backup_type_name(label_type(backup->label)), info_state_name(backup->state));
    if (backup->state == INFO_BACKUP_BROKEN && backup->missing.segment_bytes)
        output_text(output, "  missing   WAL %s\n", wal_name_text(backup->missing).text);
    if (backup->state != INFO_BACKUP_GOOD && backup->state != INFO_BACKUP_BROKEN) {
        output_text(output, "  stored    %s in %" PRIu32 " packs\n",
                    size_text(backup->entry.stored_bytes).text, backup->entry.pack_count);
        return;
    }
    output_text(output, "  started   %s\n  stopped   %s\n", local_time_text(record->start_time).text,
                local_time_text(record->stop_time).text);
    output_text(output, "  WAL       %s to %s on timeline %" PRIu32 "\n", lsn_text(record->start_lsn).text,
                lsn_text(record->stop_lsn).text, record->timeline.id);
    output_text(output, "  server    PostgreSQL %s%s%s, page checksums %s\n", record->server_version,
                record->from_standby ? ", a standby" : "", record->offline ? ", stopped" : "",
                record->has_checksums ? "on" : "off");
    output_text(output, "  size      %s in %" PRIu64 " file%s, %s stored by this backup\n",
                size_text(record->size_bytes).text, record->files, record->files == 1 ? "" : "s",
                size_text(backup->entry.stored_bytes).text);
    for (size_t i = 0; i < details->draw_count; i++)
        show_draw(output, &details->draws[i]);
    for (size_t i = 0; i < details->tablespaces.count; i++)
        output_text(output, "  tablespace %" PRIu32 ": %s\n", details->tablespaces.links[i].tablespace.id,
                    details->tablespaces.links[i].path);
    if (*record->note)
        output_text(output, "  note      %s\n", record->note);
    show_decisions(output, backup, reasons);
    if (record->bad_page_count)
        show_bad_pages(output, record);
}

static Err *run_details(CommandCall *call, const ClusterOptions *cluster, const Info *info)
{
    const InfoBackup *const backup = info_backup(info, call->words[0]);
    if (!backup)
        return err_hint(ERR(NOT_FOUND, "cluster %s has no backup %s", cluster->name, call->words[0]),
                        "\"pgstrata info\" lists the backups");
    InfoDetails details;
    TRY(info_details(&details, cluster, info, backup, call->arena));
    const unsigned reasons = info_reasons(info, &cluster->retention, call->arena)[backup - info->backups];
    show_details(call->output, backup, reasons, &details);
    json_object_set_new(call->output->document, "backup", info_backup_json(backup, reasons, &details));
    return NULL;
}

/* Roles of the server and files of pg_wal are its owner's: as root we would be told less. Another user's rights must
 * do. */
static void fresh_measure(Freshness *out, const FreshnessAsk *ask, Arena *arena)
{
    AUTO(user_loan_end) UserLoan loan = {0};
    AUTO(err_free) Err *err = ask->cluster->pgdata ? user_loan_begin(&loan, ask->cluster->pgdata) : NULL;
    freshness_measure(out, ask, arena);
}

static Err *cluster_info(CommandCall *call, const ClusterOptions *cluster, json_t *to)
{
    Info info;
    TRY(info_gather(&info, cluster, call->report, call->arena));
    Freshness fresh = {.source = FRESHNESS_UNKNOWN, .oldest = INSTANT_NONE, .why = "nothing is archived"};
    if (info.generation_count && lsn_is_valid(info.archived_end)) {
        const FreshnessAsk ask = {.cluster = cluster,
                                  .generation = &info.generations[info.generation_count - 1].generation,
                                  .timeline = info.production,
                                  .archived_end = info.archived_end,
                                  .archived_commit = info.archived_commit};
        fresh_measure(&fresh, &ask, call->arena);
    }
    show_cluster(call->output, &info, &fresh);
    info_json(to, &info, info_reasons(&info, &cluster->retention, call->arena), &fresh);
    return NULL;
}

static Err *backup_info(CommandCall *call)
{
    ClusterOptions cluster;
    Info info;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    TRY(info_gather(&info, &cluster, call->report, call->arena));
    return run_details(call, &cluster, &info);
}

Err *cmd_info(CommandCall *call)
{
    return call->word_count ? backup_info(call) : each_cluster(call, cluster_info);
}
