/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_rights.h"

#include "archive/lineage.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "repo/plan.h"
#include "repo/wal_archive.h"

#include <inttypes.h>
#include <string.h>

/* What one judgement needs. */
typedef struct Judge {
    const WalStore *to;
    const WalClaim *claim;
    Branches branches;
    History history; /* of the claimed timeline; no entries for timeline 1 */
    Arena *arena;
} Judge;

Err *wal_rights_markers(const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    EntryInfo clone, restoring;
    TRY(entry_stat(&restoring, path_join(data_directory, RESTORE_MARKER, arena)));
    if (restoring.kind != ENTRY_ABSENT)
        return err_hint(
            ERR(REFUSED, "%s holds " RESTORE_MARKER ": its restore has not ended", data_directory),
            "Run the same \"pgstrata restore\" again; it goes on where it was interrupted.");
    TRY(entry_stat(&clone, path_join(data_directory, RESTORE_CLONE_MARKER, arena)));
    if (clone.kind != ENTRY_ABSENT)
        return err_hint(
            ERR(REFUSED, "%s holds " RESTORE_CLONE_MARKER ": it is a copy of the cluster", data_directory),
            "A copy must not write into the archive: set archive_mode = off. If it is to replace the "
            "original, run \"pgstrata takeover --pgdata=%s\".",
            data_directory);
    return NULL;
}

/* ---- branch records */

const BranchRecord *branches_find(const Branches *branches, Timeline timeline)
{
    for (size_t i = 0; i < branches->count; i++) {
        if (branches->records[i].timeline.id == timeline.id)
            return &branches->records[i];
    }
    return NULL;
}

Err *branches_load(Branches *out, RepoSet *set, const KeyRoot *root, Arena *arena)
{
    AUTO(buf_done) Buf all = {0};
    for (size_t i = 0; i < set->count; i++) {
        const BranchRecord *list = NULL;
        size_t count = 0;
        TRY(branch_list(&list, &count, set->repos[i], root, arena));
        for (size_t at = 0; at < count; at++) {
            const Branches known = {(const BranchRecord *)(const void *)all.data, all.len / sizeof *list};
            if (!branches_find(&known, list[at].timeline))
                buf_add(&all, &list[at], sizeof *list);
        }
    }
    BranchRecord *const records = arena_alloc(arena, all.len);
    if (all.len)
        memcpy(records, all.data, all.len);
    *out = (Branches){records, all.len / sizeof *records};
    return NULL;
}

/* ---- the history of the claimed timeline, as its server has it */

static Err *history_load(Judge *judge)
{
    const Timeline timeline = judge->claim->timeline;
    judge->history = (History){.timeline = timeline};
    if (timeline.id == 1)
        return NULL;
    const WalName name = wal_name_of_history(timeline, judge->to->generation->segment_bytes);
    AUTO(buf_done) Buf text = {0};
    Err *err =
        file_read_all(&text, path_join(judge->claim->wal_folder, wal_name_text(name).text, judge->arena),
                      HISTORY_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return wal_archive_history(&judge->history, judge->to->set->repos[0], &judge->to->generation->root,
                                   timeline, judge->arena);
    }
    TRY(err);
    return history_parse(&judge->history, timeline, arena_bytes(judge->arena, buf_span(&text)), judge->arena);
}

static const HistoryEntry *history_parent(const History *history)
{
    return history->count ? &history->entries[history->count - 1] : NULL;
}

static Err *judge_begin(Judge *judge, const WalStore *to, const WalClaim *claim, Arena *arena)
{
    *judge = (Judge){.to = to, .claim = claim, .arena = arena};
    TRY(branches_load(&judge->branches, to->set, &to->generation->root, arena));
    return history_load(judge);
}

/* ---- is it rightful? */

static Err *refuse(const Judge *judge, Err *err)
{
    return err_hint(
        err,
        "If this server is a copy, set archive_mode = off. If it is the rightful one from now on, run "
        "\"pgstrata takeover %u --pgdata=%s\": it explains what that means. Nothing was changed.",
        judge->claim->timeline.id, judge->claim->data_directory);
}

/* Did pgstrata restore this very directory, on this host, as the owner, on a line over the parent? */
static Err *plan_says_owner(bool *out, const Judge *judge, Timeline parent)
{
    AUTO(buf_done) Buf text = {0};
    *out = false;
    Err *err = file_read_all(&text, path_join(judge->claim->data_directory, PLAN_FILE_NAME, judge->arena),
                             PLAN_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    Plan plan;
    TRY_AS(plan_parse(&plan, buf_span(&text), judge->arena), "reading %s", PLAN_FILE_NAME);
    char *here = NULL;
    TRY(path_real(&here, judge->claim->data_directory, judge->arena));
    *out = plan.role == PLAN_OWNER && plan.system_id.id == judge->to->generation->system_id.id &&
           text_equal(plan.host, cluster_host_name().text) && text_equal(plan.data_directory, here) &&
           plan_stretch(&plan, parent) != NULL;
    return NULL;
}

/* A failover loses nothing that is archived: no repository has a whole segment of the parent behind the switch point.
 * Tails do not count. What a crashed server had written beyond its standby is lost to production in any failover; that
 * somebody salvaged it must not stop the new server's archiving. */
static Err *tip_check(const Judge *judge, const HistoryEntry *parent)
{
    const uint32_t segment_bytes = judge->to->generation->segment_bytes;
    for (size_t i = 0; i < judge->to->set->count; i++) {
        WalArchive archive;
        TRY(wal_archive_list(&archive, judge->to->set->repos[i], judge->to->generation, judge->arena));
        const WalTimeline *const line = wal_archive_timeline(&archive, parent->timeline);
        if (!line || !line->range_count)
            continue;
        const uint64_t tip = line->ranges[line->range_count - 1].last_segment;
        const Lsn archived = {(tip + 1) * segment_bytes};
        if (archived.at > parent->end.at)
            return refuse(judge,
                          ERR(REFUSED,
                              "timeline %u branched off timeline %u at %s, behind what is archived of that "
                              "timeline: up to %s",
                              judge->claim->timeline.id, parent->timeline.id, lsn_text(parent->end).text,
                              lsn_text(archived).text));
    }
    return NULL;
}

/* How the timeline comes to be rightful, or why it does not. */
static Err *origin_find(BranchOrigin *out, const Judge *judge)
{
    const HistoryEntry *const parent = history_parent(&judge->history);
    if (!judge->branches.count)
        return err_hint(ERR(REFUSED, "no timeline of the cluster %s is known to be rightful",
                            judge->to->generation->root.cluster),
                        "Run \"pgstrata setup\".");
    if (!parent)
        return refuse(judge,
                      ERR(REFUSED, "nothing says where timeline %u comes from: its history file is missing",
                          judge->claim->timeline.id));
    if (!branches_find(&judge->branches, parent->timeline))
        return refuse(judge, ERR(REFUSED, "timeline %u branched off timeline %u, which is no rightful one",
                                 judge->claim->timeline.id, parent->timeline.id));
    bool is_owner = false;
    TRY(plan_says_owner(&is_owner, judge, parent->timeline));
    *out = is_owner ? BRANCH_RESTORE : BRANCH_FAILOVER;
    if (is_owner)
        return NULL;
    const Timeline tip = lineage_production(judge->branches.records, judge->branches.count);
    if (parent->timeline.id != tip.id)
        return refuse(judge,
                      ERR(REFUSED, "timeline %u branched off timeline %u, production is on timeline %u",
                          judge->claim->timeline.id, parent->timeline.id, tip.id));
    return tip_check(judge, parent);
}

/* ---- salvage: what the archive lacks of the ancestors */

/* A whole segment of an ancestor, before the next timeline branched off? */
static bool is_of_line(const History *history, WalName name)
{
    Lsn begin, end;
    return name.kind == WAL_NAME_SEGMENT && name.timeline.id != history->timeline.id &&
           history_find(&begin, &end, history, name.timeline) && wal_name_end(name).at > begin.at &&
           wal_name_end(name).at <= end.at;
}

static bool is_everywhere(const WalArchive *archives, size_t count, WalName name)
{
    for (size_t i = 0; i < count; i++) {
        const WalTimeline *const line = wal_archive_timeline(&archives[i], name.timeline);
        if (!line || !wal_timeline_has(line, name.segment))
            return false;
    }
    return true;
}

/* One that is no WAL of its name (an old file renamed for use) was never part of the line. */
static Err *salvage_one(const Judge *judge, const char *name)
{
    Err *err = wal_store_file(judge->to, path_join(judge->claim->wal_folder, name, judge->arena));
    if (err_is(err, ERR_CORRUPT) || err_is(err, ERR_NOT_FOUND)) {
        log_warning("%s was not archived before the server changed its timeline, and cannot be now: %s", name,
                    err_text(err));
        err_free(&err);
    }
    return err;
}

static Err *salvage(const Judge *judge)
{
    const WalStore *const to = judge->to;
    WalArchive *const archives = arena_alloc(judge->arena, to->set->count * sizeof *archives);
    for (size_t i = 0; i < to->set->count; i++)
        TRY(wal_archive_list(&archives[i], to->set->repos[i], to->generation, judge->arena));
    FolderList files;
    TRY(folder_list(&files, judge->claim->wal_folder, judge->arena));
    for (size_t i = 0; i < files.count; i++) {
        WalName name;
        if (wal_name_matches(&name, files.entries[i].name, to->generation->segment_bytes) &&
            is_of_line(&judge->history, name) && !is_everywhere(archives, to->set->count, name))
            TRY(salvage_one(judge, files.entries[i].name));
    }
    return NULL;
}

/* ---- making it so */

static Err *record_write(const Judge *judge, Timeline timeline, const HistoryEntry *parent,
                         BranchOrigin origin)
{
    BranchRecord record = {.timeline = timeline, .origin = origin, .created = clock_now()};
    if (parent) {
        record.parent = parent->timeline;
        record.switch_lsn = parent->end;
    }
    const HostName host = cluster_host_name();
    memcpy(record.host, host.text, sizeof host.text);
    char *here = NULL;
    TRY(path_real(&here, judge->claim->data_directory, judge->arena));
    if (strlen(here) >= sizeof record.data_directory)
        return ERR(LIMIT, "the path of the data directory has more than %zu bytes: %s",
                   sizeof record.data_directory - 1, here);
    memcpy(record.data_directory, here, strlen(here) + 1);
    return branch_write(judge->to->set, &judge->to->generation->root, &record);
}

/* Is the history of the claimed timeline in every repository? */
static Err *history_is_stored(bool *out, const WalStore *to, Timeline timeline)
{
    for (size_t i = 0; i < to->set->count; i++) {
        ObjectInfo info;
        Err *err =
            store_stat(&info, to->set->repos[i]->store, key_history(&to->generation->root, timeline).text);
        if (err_is(err, ERR_NOT_FOUND)) {
            err_free(&err);
            *out = false;
            return NULL;
        }
        TRY(err);
    }
    *out = true;
    return NULL;
}

static Err *histories_store(const Judge *judge)
{
    FolderList files;
    TRY(folder_list(&files, judge->claim->wal_folder, judge->arena));
    for (size_t i = 0; i < files.count; i++) {
        WalName name;
        Lsn begin, end;
        if (wal_name_matches(&name, files.entries[i].name, judge->to->generation->segment_bytes) &&
            name.kind == WAL_NAME_HISTORY && history_find(&begin, &end, &judge->history, name.timeline))
            TRY(wal_store_file(judge->to,
                               path_join(judge->claim->wal_folder, files.entries[i].name, judge->arena)));
    }
    return NULL;
}

Err *wal_rights_check(const WalStore *to, const WalClaim *claim)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Judge judge = {.to = to, .claim = claim, .arena = arena};
    TRY(branches_load(&judge.branches, to->set, &to->generation->root, arena));
    const bool is_known = branches_find(&judge.branches, claim->timeline) != NULL;
    bool is_told = claim->timeline.id == 1;
    if (is_known && !is_told)
        TRY(history_is_stored(&is_told, to, claim->timeline));
    if (is_known && is_told)
        return NULL;
    TRY(history_load(&judge));
    if (!is_known) {
        BranchOrigin origin;
        TRY(origin_find(&origin, &judge));
        TRY(salvage(&judge));
        TRY(record_write(&judge, claim->timeline, history_parent(&judge.history), origin));
    }
    return histories_store(&judge);
}

static Err *history_needed(const Judge *judge)
{
    if (judge->claim->timeline.id == 1 || judge->history.count)
        return NULL;
    return err_hint(ERR(NOT_FOUND, "the history file of timeline %u is neither in %s nor in the archive",
                        judge->claim->timeline.id, judge->claim->wal_folder),
                    "Without it nobody knows where the timeline branched off.");
}

Err *wal_rights_standing(WalStanding *out, const WalStore *to, const WalClaim *claim)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Judge judge;
    TRY(judge_begin(&judge, to, claim, arena));
    TRY(history_needed(&judge));
    const HistoryEntry *const parent = history_parent(&judge.history);
    *out = (WalStanding){.is_rightful = branches_find(&judge.branches, claim->timeline) != NULL,
                         .parent = parent ? parent->timeline : (Timeline){0},
                         .switch_lsn = parent ? parent->end : (Lsn){0},
                         .production = lineage_production(judge.branches.records, judge.branches.count)};
    return NULL;
}

Err *wal_rights_take(const WalStore *to, const WalClaim *claim)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Judge judge;
    TRY(judge_begin(&judge, to, claim, arena));
    TRY(history_needed(&judge));
    TRY(salvage(&judge));
    TRY(histories_store(&judge));
    for (size_t i = 0; i <= judge.history.count; i++) {
        const bool is_last = i == judge.history.count;
        const Timeline timeline = is_last ? claim->timeline : judge.history.entries[i].timeline;
        if (!branches_find(&judge.branches, timeline))
            TRY(record_write(&judge, timeline, i ? &judge.history.entries[i - 1] : NULL, BRANCH_TAKEOVER));
    }
    return NULL;
}
