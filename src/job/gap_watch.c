/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The file has a line a gap: generation, timeline, first and last segment, in decimal. */
#include "job/gap_watch.h"

#include "cluster/cluster.h"
#include "cluster/state_folder.h"
#include "os/file.h"
#include "os/folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { GAPS_MODE = 0640, GAPS_FOLDER_MODE = 0750, GAPS_BYTES_MAX = 4 * 1024 * 1024 };

typedef struct KnownGap {
    uint32_t generation, timeline;
    uint64_t first, last;
} KnownGap;

GapCost gap_cost(const Info *info, const InfoGap *gap)
{
    GapCost cost = {.from_lsn = wal_name_start(gap->first), .from_time = INSTANT_NONE};
    for (size_t i = 0; i < info->window_count; i++) {
        const InfoWindow *const window = &info->windows[i];
        if (window->branch.id != gap->branch.id)
            continue;
        if (window->ends_in_gap && window->missing.segment == gap->first.segment)
            cost.from_time = window->to_time;
        if (cost.backup || window->from_lsn.at < wal_name_end(gap->last).at)
            continue;
        cost.backup = info_backup(info, window->first_backup.text);
    }
    return cost;
}

void gap_cost_add(Buf *out, const Info *info, const InfoGap *gap)
{
    const GapCost cost = gap_cost(info, gap);
    buf_add_text(out, "what was done after ");
    if (!instant_is_none(cost.from_time))
        buf_addf(out, "%s, ", instant_text(cost.from_time).text);
    buf_addf(out, "%s on timeline %" PRIu32 " is out of reach ", lsn_text(cost.from_lsn).text,
             gap->branch.id);
    if (cost.backup)
        buf_addf(out, "up to %s, %s, the end of backup %s", instant_text(cost.backup->record.stop_time).text,
                 lsn_text(cost.backup->record.stop_lsn).text, cost.backup->label.text);
    else
        buf_add_text(out, "until there is a new backup");
    for (size_t i = 0; i < gap->break_count; i++)
        buf_addf(out, "%s%s", i ? ", " : "; it breaks ", gap->breaks[i].text);
}

const char *gap_remedy(const Info *info, const InfoGap *gap)
{
    if (gap_cost(info, gap).backup)
        return "moments from that backup on are safe; if the missing segments are still in a pg_wal, "
               "archive-push "
               "closes the gap itself";
    return "take a new backup now: pgstrata backup; if the missing segments are still in a pg_wal, "
           "archive-push "
           "closes the gap itself";
}

/* Lines that are none are passed over: then a gap is told once more. */
static void known_parse(Buf *out, const char *text)
{
    for (const char *line = text; *line;) {
        KnownGap known;
        if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu64, &known.generation, &known.timeline,
                   &known.first, &known.last) == 4)
            buf_add(out, &known, sizeof known);
        const char *const end = strchr(line, '\n');
        if (!end)
            break;
        line = end + 1;
    }
}

/* A gap that grew is new; one that shrank, or was cut in two, is not. */
static bool is_known(const Buf *known, const KnownGap *gap)
{
    const KnownGap *const all = (const KnownGap *)(const void *)known->data;
    for (size_t i = 0; i < known->len / sizeof *all; i++) {
        if (all[i].generation == gap->generation && all[i].timeline == gap->timeline &&
            all[i].first <= gap->first && gap->last <= all[i].last)
            return true;
    }
    return false;
}

typedef struct GapLook {
    Buf text;  /* as remembered */
    Buf known; /* the same, of KnownGap */
    Buf fresh; /* of const InfoGap * */
    Buf lines; /* as they are now */
} GapLook;

static Err *known_load(GapLook *look, const char *path)
{
    Err *err = file_read_all(&look->text, path, GAPS_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    known_parse(&look->known, buf_text(&look->text));
    return err;
}

/* Who looks often and finds the same leaves the file alone. Where it cannot be written, a gap is told again. */
static Err *known_keep(const GapLook *look, const char *folder, const char *path)
{
    if (span_equal(buf_span(&look->text), buf_span(&look->lines)))
        return NULL;
    TRY(folder_make_all(folder, GAPS_FOLDER_MODE));
    return file_write_durable(path, buf_span(&look->lines), GAPS_MODE);
}

static void gap_look_done(GapLook *look)
{
    buf_done(&look->text);
    buf_done(&look->known);
    buf_done(&look->fresh);
    buf_done(&look->lines);
}

static void gaps_compare(GapLook *look, const Info *info)
{
    const uint32_t generation =
        info->generation_count ? info->generations[info->generation_count - 1].generation.root.generation : 0;
    for (size_t i = 0; i < info->gap_count; i++) {
        const InfoGap *const gap = &info->gaps[i];
        const KnownGap now = {generation, gap->branch.id, gap->first.segment, gap->last.segment};
        if (gap->is_harmless)
            continue;
        buf_addf(&look->lines, "%" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", now.generation,
                 now.timeline, now.first, now.last);
        if (!is_known(&look->known, &now))
            buf_add(&look->fresh, &gap, sizeof gap);
    }
}

Err *gap_watch(const InfoGap *const **out, size_t *count, const Info *info, const GapMemory *memory,
               Arena *arena)
{
    AUTO(gap_look_done) GapLook look = {0};
    const char *folder = NULL;
    TRY(state_folder_of(&folder, memory->state_dir, "gaps", memory->repo, arena));
    const char *const path = arena_textf(arena, "%s/%s", folder, info->cluster);
    TRY(known_load(&look, path));
    gaps_compare(&look, info);
    AUTO(err_free) Err *silent = known_keep(&look, folder, path);
    *out = (const InfoGap *const *)(const void *)arena_bytes(arena, buf_span(&look.fresh)).ptr;
    *count = look.fresh.len / sizeof(InfoGap *);
    return NULL;
}

static void gap_tell(Report *report, const Info *info, const InfoGap *gap, const char *repo)
{
    AUTO(buf_done) Buf text = {0};
    buf_addf(&text, "a new gap in the archive: WAL %s", wal_name_text(gap->first).text);
    if (gap->segments > 1)
        buf_addf(&text, " to %s, %" PRIu64 " segments,", wal_name_text(gap->last).text, gap->segments);
    buf_addf(&text, " missing in repository %s; ", repo);
    gap_cost_add(&text, info, gap);
    report_warn(report, "archive/NEW_GAP", "%s", buf_text(&text));
    report_hint(report, "%s", gap_remedy(info, gap));
}

/* What cannot be read here is told by whoever came to read it. */
static Err *repo_watch(const ClusterOptions *cluster, size_t at, Report *report, Arena *arena)
{
    AUTO(repo_free) Repo *repo = NULL;
    AUTO(report_done) Report unheard = {0};
    const RepoSpec spec = cluster_repo_spec(cluster, at);
    Info info;
    const InfoGap *const *gaps = NULL;
    size_t count = 0;
    TRY(repo_open(&repo, &spec));
    TRY(info_of_repo(&info, repo, cluster->name, &unheard, arena));
    TRY(gap_watch(&gaps, &count, &info, &(GapMemory){cluster->state_dir, repo}, arena));
    for (size_t i = 0; i < count; i++)
        gap_tell(report, &info, gaps[i], repo->name);
    return NULL;
}

void gap_watch_tell(const ClusterOptions *cluster, Report *report)
{
    AUTO(arena_free) Arena *arena = arena_new();
    for (size_t i = 0; cluster->state_dir && i < cluster->repo_count; i++) {
        Err *err = repo_watch(cluster, i, report, arena);
        if (err)
            report_note(report, "archive/GAPS", "whether repository %s has a new gap is not known: %s",
                        cluster->repos[i].name, err_text(err));
        err_free(&err);
        arena_clear(arena);
    }
}
