/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_answer.h"

#include "base/log.h"
#include "base/text.h"
#include "pg/wal_page.h"
#include "repo/wal_archive.h"
#include "repo/wal_cover.h"

#include <stdlib.h>
#include <string.h>

/* What it means when a segment is not there. */
typedef enum Duty {
    DUTY_NONE, /* not on the branch */
    DUTY_LAST, /* may be missing: WAL may end here */
    DUTY_END,  /* WAL ends in it: must be there, if only as tails */
    DUTY_MUST, /* a hole */
} Duty;

/* ---- where on the plan's branch */

/* Does the stretch end inside of its last segment? Then that segment goes on with the next timeline's. */
static bool is_switch_segment(const PlanStretch *stretch, WalName name)
{
    return stretch->last_segment != PLAN_OPEN && name.segment == stretch->last_segment &&
           stretch->switch_lsn.at < wal_name_end(name).at;
}

static Duty duty_on_last(const Plan *plan, const PlanStretch *stretch, WalName name)
{
    if (!plan->has_end || name.segment > plan->end_segment)
        return DUTY_LAST;
    /* The end lies in the segment where the timeline began, which may only be there as the parent's copy. */
    const bool is_begin = stretch != plan->branch.stretches && name.segment == stretch->first_segment;
    if (name.segment < plan->end_segment)
        return DUTY_MUST;
    return is_begin ? DUTY_LAST : DUTY_END;
}

static Duty duty_by_plan(const WalQuestion *question, WalName name)
{
    const Plan *const plan = question->plan;
    const PlanStretch *const stretch = plan_stretch(plan, name.timeline);
    /* A standby follows new timelines, also one made of a restored server; "absent" does not open it. */
    if (!stretch)
        return plan->role == PLAN_STANDBY || question->is_standby ? DUTY_LAST : DUTY_NONE;
    if (stretch != plan->branch.stretches && name.segment < stretch->first_segment)
        return DUTY_NONE;
    if (stretch == &plan->branch.stretches[plan->branch.count - 1])
        return duty_on_last(plan, stretch, name);
    if (name.segment > stretch->last_segment)
        return DUTY_NONE;
    /* A timeline that was left inside a segment rarely finished it. It is asked for when the child's is not there. */
    return is_switch_segment(stretch, name) ? DUTY_LAST : DUTY_MUST;
}

bool wal_answer_is_alien(const WalQuestion *question, WalName name)
{
    return question->plan && name.kind == WAL_NAME_SEGMENT && duty_by_plan(question, name) == DUTY_NONE;
}

bool wal_answer_is_whole(const WalQuestion *question, WalName name)
{
    if (!question->plan)
        return true;
    const PlanStretch *const stretch = plan_stretch(question->plan, name.timeline);
    return duty_by_plan(question, name) != DUTY_NONE && (!stretch || !is_switch_segment(stretch, name));
}

static Err *zeros_land(Landing *to, uint64_t from, uint64_t until)
{
    static const uint8_t zeros[64 * 1024];
    for (uint64_t size; from < until; from += size) {
        size = until - from < sizeof zeros ? until - from : sizeof zeros;
        TRY(land_write(to, from, span_of(zeros, (size_t)size)));
    }
    return NULL;
}

/* What stands in the parent's copy behind the switch point is of a branch that was given up. */
static Err *cut_at_switch(Landing *to, const WalQuestion *question, WalName name)
{
    const PlanStretch *const stretch =
        question->plan && name.kind == WAL_NAME_SEGMENT ? plan_stretch(question->plan, name.timeline) : NULL;
    if (!stretch || !is_switch_segment(stretch, name))
        return NULL;
    const uint64_t start = wal_name_start(name).at, kept = stretch->switch_lsn.at;
    return zeros_land(to, kept > start ? kept - start : 0, name.segment_bytes);
}

/* ---- reading */

static Err *head_check(const WalQuestion *question, WalName name, Span first)
{
    if (name.kind != WAL_NAME_SEGMENT && name.kind != WAL_NAME_PARTIAL)
        return NULL;
    WalSegmentHead head;
    TRY(wal_segment_head_decode(&head, first));
    return wal_segment_head_check(&head, &(WalSegmentHead){.version = head.version,
                                                           .system_id = question->system_id,
                                                           .segment_bytes = name.segment_bytes,
                                                           .timeline = name.timeline,
                                                           .address = wal_name_start(name)});
}

/* Lets nothing through whose first page is not of the cluster and name that are asked for. */
typedef struct HeadGate {
    Landing landing;
    Landing *to;
    const WalQuestion *question;
    WalName name;
} HeadGate;

/* NOT_FOUND means one thing here: that a repository lacks the segment. A folder that is not there is no such news. */
static Err *of_landing(Err *err)
{
    return err_is(err, ERR_NOT_FOUND) ? err_become(err, ERR_IO) : err;
}

static Err *gate_begin(Landing *landing, uint64_t size_bytes)
{
    return of_landing(land_begin(((const HeadGate *)landing)->to, size_bytes));
}

static Err *gate_write(Landing *landing, uint64_t offset, Span bytes)
{
    const HeadGate *const self = (const HeadGate *)landing;
    if (offset == 0)
        TRY(head_check(self->question, self->name, bytes));
    return of_landing(land_write(self->to, offset, bytes));
}

static Err *copy_read(Landing *to, const WalQuestion *question, const Repo *repo, WalName name)
{
    static const LandingOps ops = {gate_begin, gate_write};
    HeadGate gate = {.landing = {.ops = &ops}, .to = to, .question = question, .name = name};
    return wal_object_land(&gate.landing, repo->store, &question->root, name, question->jobs);
}

Err *wal_answer_fetch(bool *found, Landing *to, const WalQuestion *question, WalName name)
{
    AUTO(err_free) Err *fault = NULL;
    for (size_t i = 0; i < question->repo_count; i++) {
        const Repo *const repo = question->repos[i];
        Err *err = copy_read(to, question, repo, name);
        if (!err) {
            if (fault)
                log_warning("%s taken from the repository %s, because %s", wal_name_text(name).text,
                            repo->name, err_text(fault));
            *found = true;
            return NULL;
        }
        if (err_is(err, ERR_NOT_FOUND))
            err_free(&err);
        else
            fault = err_first(TAKE(fault), err_doing(err, "repository %s", repo->name));
    }
    if (fault)
        return TAKE(fault);
    if (question->silence)
        return err_copy(question->silence);
    *found = false;
    return NULL;
}

/* ---- tails */

typedef struct Covers {
    WalCover *of;   /* one a repository, in order */
    uint32_t bytes; /* that the longest covers; 0: there are no tails */
    Arena *arena;
} Covers;

static void covers_done(Covers *covers)
{
    arena_free(&covers->arena);
}

/* Every repository must say what it has: another could reach further. */
static Err *covers_find(Covers *out, const WalQuestion *question, WalName name)
{
    out->of = arena_alloc(out->arena, question->repo_count * sizeof *out->of);
    for (size_t i = 0; i < question->repo_count; i++) {
        TRY_AS(wal_cover_find(&out->of[i], question->repos[i]->store, &question->root, name, out->arena),
               "repository %s", question->repos[i]->name);
        if (out->of[i].bytes > out->bytes)
            out->bytes = out->of[i].bytes;
    }
    return question->silence ? err_copy(question->silence) : NULL;
}

static Err *cover_read(Landing *to, const WalQuestion *question, const Covers *covers, size_t at,
                       WalName name)
{
    AUTO(buf_done) Buf segment = {0};
    TRY(wal_cover_read(&segment, question->repos[at]->store, &question->root, &covers->of[at]));
    TRY(head_check(question, name, buf_span(&segment)));
    TRY(of_landing(land_begin(to, name.segment_bytes)));
    TRY(of_landing(land_write(to, 0, buf_span(&segment))));
    return of_landing(zeros_land(to, segment.len, name.segment_bytes));
}

static Err *parting(WalName name, uint32_t bytes, const History *descendant, Lsn switch_lsn)
{
    return err_hint(ERR(REFUSED,
                        "WAL segment %s is stored unfinished, up to %s, and timeline %u branched off at %s",
                        wal_name_text(name).text, lsn_text((Lsn){wal_name_start(name).at + bytes}).text,
                        descendant->timeline.id, lsn_text(switch_lsn).text),
                    "Recovery stops here instead of taking one way for the other. Restore with \"pgstrata "
                    "restore\": it writes down which way is wanted.");
}

/* Without a plan nobody knows on which timeline recovery goes where two part: the child must not be given what its parent
 * wrote later, and the parent must not lose it. So what reaches past a descendant's begin is not handed out at all. */
static Err *parting_check(const WalQuestion *question, WalName name, uint32_t bytes, Arena *arena)
{
    const Generation generation = {
        .root = question->root, .system_id = question->system_id, .segment_bytes = name.segment_bytes};
    const uint64_t start = wal_name_start(name).at;
    for (size_t i = 0; i < question->repo_count; i++) {
        WalArchive archive;
        TRY(wal_archive_list(&archive, question->repos[i], &generation, arena));
        for (size_t k = 0; k < archive.count; k++) {
            History history;
            Lsn begin, end;
            if (archive.timelines[k].timeline.id <= name.timeline.id)
                continue;
            TRY(wal_archive_history(&history, question->repos[i], &question->root,
                                    archive.timelines[k].timeline, arena));
            if (history_find(&begin, &end, &history, name.timeline) && end.at >= start &&
                end.at < start + bytes)
                return parting(name, bytes, &history, end);
        }
    }
    return NULL;
}

/* A segment out of tails: of those that reach furthest the first good ones. A shorter cover never stands in for one that
 * is damaged. */
static Err *covers_fetch(bool *found, Landing *to, const WalQuestion *question, WalName name)
{
    AUTO(covers_done) Covers covers = {.arena = arena_new()};
    AUTO(err_free) Err *fault = NULL;
    TRY(covers_find(&covers, question, name));
    if (covers.bytes && !question->plan)
        TRY(parting_check(question, name, covers.bytes, covers.arena));
    *found = false;
    for (size_t i = 0; i < question->repo_count && covers.bytes && !*found; i++) {
        if (covers.of[i].bytes < covers.bytes)
            continue;
        Err *err = cover_read(to, question, &covers, i, name);
        if (err)
            fault = err_first(TAKE(fault), err_doing(err, "repository %s", question->repos[i]->name));
        else
            *found = true;
    }
    return *found ? NULL : TAKE(fault);
}

/* ---- proving that there is no more */

static Err *gap(WalName name, Timeline later, uint64_t segment)
{
    const WalName there = {
        .kind = WAL_NAME_SEGMENT, .timeline = later, .segment = segment, .segment_bytes = name.segment_bytes};
    return err_hint(
        ERR(GAP, "WAL segment %s is in no repository, but the later %s is", wal_name_text(name).text,
            wal_name_text(there).text),
        "Recovery stops here instead of opening with less. If the segment is still in the pg_wal of the "
        "original server, archive it; \"pgstrata info\" shows all gaps.");
}

/* GAP when the timeline itself goes on behind the segment in this archive. */
static Err *later_on_line(const WalArchive *archive, WalName name)
{
    const uint64_t end = wal_timeline_end(wal_archive_timeline(archive, name.timeline));
    return end > name.segment + 1 ? gap(name, name.timeline, end - 1) : NULL;
}

/* GAP when a descendant does. */
static Err *later_on_descendant(const WalArchive *archive, Repo *repo, const WalQuestion *question,
                                WalName name, Arena *arena)
{
    for (size_t i = 0; i < archive->count; i++) {
        const WalTimeline *const line = &archive->timelines[i];
        if (line->timeline.id <= name.timeline.id || wal_timeline_end(line) <= name.segment + 1)
            continue;
        History history;
        Lsn begin, end;
        TRY(wal_archive_history(&history, repo, &question->root, line->timeline, arena));
        if (history_find(&begin, &end, &history, name.timeline))
            return gap(name, line->timeline, wal_timeline_end(line) - 1);
    }
    return NULL;
}

static Err *end_check(const WalQuestion *question, WalName name)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const Generation generation = {
        .root = question->root, .system_id = question->system_id, .segment_bytes = name.segment_bytes};
    for (size_t i = 0; i < question->repo_count; i++) {
        WalArchive archive;
        TRY(wal_archive_list(&archive, question->repos[i], &generation, arena));
        TRY(later_on_line(&archive, name));
        /* A standby that hears "absent" looks for new timelines and does not open. */
        if (!question->plan && !question->is_standby)
            TRY(later_on_descendant(&archive, question->repos[i], question, name, arena));
    }
    return NULL;
}

static Err *hole(WalName name)
{
    return err_hint(
        ERR(GAP, "WAL segment %s is in no repository, and recovery needs it", wal_name_text(name).text),
        "Recovery stops here instead of opening with less. If the segment is still in the pg_wal of the "
        "original server, archive it.");
}

/* The segment is not stored whole. Is that no hole? */
static Err *missing_check(const WalQuestion *question, WalName name, Duty duty)
{
    if (duty == DUTY_MUST)
        return hole(name);
    const PlanStretch *const stretch = question->plan ? plan_stretch(question->plan, name.timeline) : NULL;
    /* What lies behind the end that was planned does not matter; and the parent may well have gone on, its child did not
     * follow. */
    if (duty == DUTY_END || (stretch && is_switch_segment(stretch, name)))
        return NULL;
    return end_check(question, name);
}

static Err *segment_answer(WalAnswer *out, Landing *to, const WalQuestion *question, WalName name)
{
    const Duty duty = question->plan ? duty_by_plan(question, name) : DUTY_LAST;
    bool found = false;
    *out = WAL_ABSENT;
    if (duty == DUTY_NONE)
        return NULL;
    TRY(wal_answer_fetch(&found, to, question, name));
    if (!found) {
        TRY(missing_check(question, name, duty));
        TRY(wal_answer_fetch(&found, to, question, name)); /* it may have arrived meanwhile */
    }
    if (!found && !question->is_standby)
        TRY(covers_fetch(&found, to, question, name));
    if (!found && duty == DUTY_END)
        return hole(name);
    if (found)
        TRY(cut_at_switch(to, question, name));
    *out = found ? WAL_FOUND : WAL_ABSENT;
    return NULL;
}

/* ---- history files */

typedef struct TimelineSeek {
    size_t root_len;
    uint32_t from;
    uint32_t found; /* 0: none */
} TimelineSeek;

/* Names below wal/ begin with the timeline: a folder of segments, or a history file. */
static Err *timeline_see(void *arg, const ObjectEntry *entry)
{
    TimelineSeek *const seek = arg;
    const char *const name = entry->key + seek->root_len;
    char digits[9] = {0};
    uint64_t timeline;
    strncpy(digits, name, 8);
    if (text_hex_upper(&timeline, digits, 8) && timeline >= seek->from)
        seek->found = (uint32_t)timeline;
    return NULL;
}

/* PostgreSQL takes the first number without a history file for free, so it must not be told so of one in use. */
static Err *timelines_end_check(const WalQuestion *question, WalName name)
{
    const Key root = key_wal_root(&question->root);
    for (size_t i = 0; i < question->repo_count; i++) {
        TimelineSeek seek = {.root_len = strlen(root.text), .from = name.timeline.id};
        TRY(store_list(question->repos[i]->store, root.text, (ListOpts){.one_level = true}, timeline_see,
                       &seek));
        if (seek.found)
            return err_hint(
                ERR(GAP, "%s is in no repository, but WAL of timeline %u is", wal_name_text(name).text,
                    seek.found),
                "Without it recovery could take a timeline number that is in use. Archive the history file "
                "from the pg_wal of the server that has it.");
    }
    return NULL;
}

static Err *other_answer(WalAnswer *out, Landing *to, const WalQuestion *question, WalName name)
{
    bool found = false;
    TRY(wal_answer_fetch(&found, to, question, name));
    /* The first timeline has none; PostgreSQL asks all the same when it copies it into the next one's. */
    if (!found && name.kind == WAL_NAME_HISTORY && name.timeline.id > 1) {
        TRY(timelines_end_check(question, name));
        TRY(wal_answer_fetch(&found, to, question, name));
    }
    *out = found ? WAL_FOUND : WAL_ABSENT;
    return NULL;
}

Err *wal_answer(WalAnswer *out, Landing *to, const WalQuestion *question, WalName name)
{
    return name.kind == WAL_NAME_SEGMENT ? segment_answer(out, to, question, name)
                                         : other_answer(out, to, question, name);
}
