/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Does every segment go on where the one before it ends? Each was found sound by itself; the workers left what it says of
 * its borders, and here neighbours are compared: on one timeline, and where one branched off another.
 *
 * A run that passes over what was read before joins what is new with its neighbours, whose indexes it asks for. Segments
 * at a break are not remembered as read: the next run tells of them again.
 */
#include "job/verify_chain.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LABELS_TOLD_MAX = 8 };

/* ---- what the workers leave */

static Err *joint_decode(WalJoint *out, const WalSections *sections)
{
    AUTO(wal_summary_done) WalSummary summary = {0};
    WalSeams seams;
    TRY(wal_index_summary_decode(&summary, buf_span(&sections->summary)));
    TRY(wal_index_seams_decode(&seams, buf_span(&sections->seams)));
    *out = wal_joint_of(&summary, &seams);
    return NULL;
}

static Err *index_make(WalJoint *out, VerifyRun *run, const KeyRoot *root, WalName name)
{
    AUTO(buf_done) Buf plain = {0};
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    TRY(wal_object_read(&plain, run->repo->store, root, name));
    TRY_AS(wal_sections_of(&sections, buf_span(&plain)), "reading the records of %s",
           key_wal(root, name).text);
    return joint_decode(out, &sections);
}

/* Of a segment that was stored without index. */
static Err *joint_make(WalJoint *out, VerifyRun *run, const KeyRoot *root, WalName name)
{
    lock_take(&run->indexing);
    Err *const err = index_make(out, run, root, name);
    lock_release(&run->indexing);
    return err;
}

static void segment_keep(VerifyRun *run, const SegmentSeen *segment)
{
    lock_take(&run->lock);
    buf_add(&run->segments, segment, sizeof *segment);
    lock_release(&run->lock);
}

Err *verify_segment_seen(VerifyRun *run, const VerifyObject *object, const WalChecked *checked)
{
    SegmentSeen segment = {.generation = object->generation, .name = object->wal};
    if (checked) {
        segment.is_fresh = segment.is_known = true;
        segment.joint = checked->joint;
        segment.has_no_index = !checked->has_index;
        if (!checked->has_index)
            TRY(joint_make(&segment.joint, run, &verify_generation(run, object->generation)->generation.root,
                           object->wal));
    }
    segment_keep(run, &segment);
    return NULL;
}

Err *verify_tail_seen(VerifyRun *run, const KeyRoot *root, const WalTail *tail)
{
    AUTO(wal_sections_done) WalSections sections = {.summary = {0}};
    SegmentSeen segment = {.generation = root->generation,
                           .name = tail->name,
                           .is_tail = true,
                           .is_fresh = true,
                           .is_known = true};
    bool has_sections;
    if (tail->from)
        return NULL;
    TRY(wal_tail_sections(&sections, &has_sections, run->repo->store, root, tail));
    if (!has_sections)
        return NULL;
    TRY(joint_decode(&segment.joint, &sections));
    segment_keep(run, &segment);
    return NULL;
}

/* A whole segment comes before its tails. */
static int segment_compare(const void *a, const void *b)
{
    const SegmentSeen *const x = a, *const y = b;
    if (x->generation != y->generation)
        return x->generation < y->generation ? -1 : 1;
    const int order = wal_name_compare(x->name, y->name);
    return order ? order : x->is_tail - y->is_tail;
}

void verify_segments_sort(VerifyRun *run)
{
    if (run->segments.len)
        qsort(run->segments.data, run->segments.len / sizeof(SegmentSeen), sizeof(SegmentSeen),
              segment_compare);
}

/* ---- without index */

/* For repair: not the newest, which is missing for a moment while it is replaced. */
static void unindexed_keep(VerifyRun *run, const SegmentSeen *segment, const SegmentSeen *next)
{
    const VerifyGeneration *const generation = verify_generation(run, segment->generation);
    if (!run->extras.findings || !next || next->generation != segment->generation || next->is_tail ||
        next->name.timeline.id != segment->name.timeline.id)
        return;
    const VerifyLoss loss = {.key = mem_text(key_wal(&generation->generation.root, segment->name).text),
                             .kind = CONTAINER_WAL,
                             .has_no_index = true};
    buf_add(&run->extras.findings->losses, &loss, sizeof loss);
}

void verify_unindexed_tell(VerifyRun *run)
{
    const SegmentSeen *const all = (const SegmentSeen *)(const void *)run->segments.data;
    const size_t count = run->segments.len / sizeof *all;
    const SegmentSeen *first = NULL;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!all[i].has_no_index)
            continue;
        first = first ? first : &all[i];
        found++;
        unindexed_keep(run, &all[i], i + 1 < count ? &all[i + 1] : NULL);
    }
    if (found)
        report_note(&run->found, "verify/INDEX",
                    "%zu WAL segment%s without index, the first %s: whoever asks what is in one reads all of "
                    "it; \"pgstrata repo repair\" makes the index",
                    found, found == 1 ? "" : "s", wal_name_text(first->name).text);
}

/* ---- neighbours */

/* NULL when that one is not there, or not sound. */
static SegmentSeen *segment_find(VerifyRun *run, uint32_t generation, WalName name)
{
    const SegmentSeen wanted = {.generation = generation, .name = name};
    return run->segments.len ? bsearch(&wanted, run->segments.data, run->segments.len / sizeof wanted,
                                       sizeof wanted, segment_compare)
                             : NULL;
}

/* Along one timeline. */
typedef struct ChainWalk {
    VerifyRun *run;
    const VerifyGeneration *generation;
    Lineage lineage;
    WalChain chain;
    const SegmentSeen *at; /* the one that `chain` has gone over last; NULL: none */
} ChainWalk;

/* The segment behind which this one must go on; NULL when it is not there. Where the timeline begins, it is the one of the
 * timeline that it left. */
static SegmentSeen *segment_before(const ChainWalk *walk, const SegmentSeen *segment)
{
    const uint32_t generation = segment->generation;
    LineageCopy copy;
    if (!segment->name.segment)
        return NULL;
    const WalName before = wal_name_of_lsn(
        segment->name.timeline, (Lsn){wal_name_start(segment->name).at - 1}, segment->name.segment_bytes);
    SegmentSeen *const same = segment_find(walk->run, generation, before);
    if (same || !lineage_copy(&copy, &walk->lineage, before.segment, 0) ||
        copy.end.at != wal_name_end(before).at)
        return same;
    return segment_find(walk->run, generation, copy.name);
}

/* Asks for what a run before has read. */
static Err *segment_ask(SegmentSeen *segment, const ChainWalk *walk)
{
    const KeyRoot *const root = &walk->generation->generation.root;
    VerifyRun *const run = walk->run;
    AUTO(wal_index_done) WalIndex index = {.changes = NULL};
    bool has_index;
    if (segment->is_known)
        return NULL;
    TRY(wal_object_index(&index, &has_index, run->repo->store, root, segment->name));
    if (has_index)
        segment->joint = wal_joint_of(&index.summary, &index.seams);
    else
        TRY(joint_make(&segment->joint, run, root, segment->name));
    segment->is_known = true;
    return NULL;
}

static Err *both_ask(SegmentSeen *before, SegmentSeen *segment, const ChainWalk *walk)
{
    TRY(segment_ask(before, walk));
    return segment_ask(segment, walk);
}

static void break_keep(const ChainWalk *walk, const SegmentSeen *before, const SegmentSeen *segment,
                       const WalBreak *broken)
{
    VerifyRun *const run = walk->run;
    const KeyRoot *const root = &walk->generation->generation.root;
    const SegmentBreak found = {segment->generation, before->name, segment->name, *broken};
    buf_add(&run->breaks, &found, sizeof found);
    run->result->breaks++;
    if (!run->extras.after)
        return;
    verify_seen_forget(run->extras.after, key_wal(root, before->name).text);
    verify_seen_forget(run->extras.after, key_wal(root, segment->name).text);
}

static Err *pair_judge(ChainWalk *walk, SegmentSeen *before, SegmentSeen *segment)
{
    WalBreak broken;
    const bool is_turn = before->name.timeline.id != segment->name.timeline.id;
    const SegmentSeen *const at = walk->at;
    walk->at = NULL;
    if (!before->is_fresh && !segment->is_fresh && !is_turn)
        return NULL;
    Err *err = both_ask(before, segment, walk);
    if (err_is(err, ERR_NOT_FOUND)) { /* an expiry runs beside it */
        err_free(&err);
        return NULL;
    }
    if (err) /* the store went away, or what was read before is not what it was */
        return verify_found(walk->run, err);
    if (at != before) {
        walk->chain = (WalChain){.is_begun = false};
        wal_chain_add(&broken, &walk->chain, &before->joint, before->name);
    }
    wal_chain_add(&broken, &walk->chain, &segment->joint, segment->name);
    walk->at = segment;
    if (broken.is_there)
        break_keep(walk, before, segment, &broken);
    return NULL;
}

static bool is_same_segment(const SegmentSeen *a, const SegmentSeen *b)
{
    return a->name.timeline.id == b->name.timeline.id && a->name.segment == b->name.segment;
}

static Err *segments_walk(ChainWalk *walk, SegmentSeen *segments, size_t count)
{
    const VerifyGeneration *const generation = walk->generation;
    for (size_t i = 0; i < count; i++) {
        SegmentSeen *const segment = &segments[i];
        if (i && is_same_segment(
                     segment, segment - 1)) /* what is whole stands for its tails, one tail for the others */
            continue;
        if (!i || segment->name.timeline.id != segments[i - 1].name.timeline.id)
            TRY(lineage_load(&walk->lineage, walk->run->repo, &generation->generation, segment->name.timeline,
                             walk->run->arena));
        SegmentSeen *const before = segment_before(walk, segment);
        if (before)
            TRY(pair_judge(walk, before, segment));
    }
    return NULL;
}

Err *verify_chain(VerifyRun *run, const VerifyGeneration *generation)
{
    const uint32_t number = generation->generation.root.generation;
    SegmentSeen *const all = (SegmentSeen *)(void *)run->segments.data;
    const size_t count = run->segments.len / sizeof *all;
    size_t first = 0, end;
    while (first < count && all[first].generation != number)
        first++;
    for (end = first; end < count && all[end].generation == number;)
        end++;
    if (run->extras.after)
        verify_seen_sort(run->extras.after);
    ChainWalk walk = {.run = run, .generation = generation};
    return segments_walk(&walk, all + first, end - first);
}

/* ---- what a break costs */

/* Backups that begin before it on its line of descent. */
static size_t backups_before(Buf *labels, const VerifyRun *run, const VerifyGeneration *generation,
                             const Info *info, const SegmentBreak *broken)
{
    Lineage lineage;
    size_t count = 0;
    Err *err = lineage_load(&lineage, run->repo, &generation->generation, broken->name.timeline, run->arena);
    const bool is_told = !err;
    err_free(&err); /* told with the history file */
    for (size_t i = 0; i < info->backup_count && is_told; i++) {
        const BackupRecord *const record = &info->backups[i].record;
        const bool is_usable = info->backups[i].state == INFO_BACKUP_GOOD;
        if (!is_usable || lineage_segment_at(&lineage, record->start_lsn) >= broken->name.segment ||
            !lineage_has_backup(&lineage, record->timeline, record->stop_lsn))
            continue;
        if (++count <= LABELS_TOLD_MAX)
            buf_addf(labels, "%s%s", count > 1 ? ", " : "", record->label.text);
    }
    if (count > LABELS_TOLD_MAX)
        buf_addf(labels, " and %zu more", count - LABELS_TOLD_MAX);
    return count;
}

/* Where the way ends once more a little later, what lies between fits neither side. */
static void island_tell(Buf *text, const SegmentBreak *broken, const SegmentBreak *next)
{
    if (!next || next->generation != broken->generation ||
        next->before.timeline.id != broken->name.timeline.id)
        return;
    buf_addf(text, " WAL %s", wal_name_text(broken->name).text);
    if (next->before.segment != broken->name.segment)
        buf_addf(text, " to %s", wal_name_text(next->before).text);
    buf_add_text(text, " fits neither what is before it nor what is behind it.");
}

static Err *break_tell(VerifyRun *run, const VerifyGeneration *generation, const Info *info,
                       const SegmentBreak *broken, const SegmentBreak *next)
{
    AUTO(buf_done) Buf labels = {0};
    AUTO(buf_done) Buf detail = {0};
    const size_t count = backups_before(&labels, run, generation, info, broken);
    if (!count) {
        report_warn(&run->found, "verify/BREAK",
                    "WAL %s does not go on where %s ends: %s; no usable backup begins before it",
                    wal_name_text(broken->name).text, wal_name_text(broken->before).text,
                    broken->broken.text);
        report_hint(&run->found, "another server has archived here, a copy of this one or the same after it "
                                 "was rolled back; see that it does not go on");
        return NULL;
    }
    buf_addf(&detail, "No restore gets past %s from %s.", lsn_text(wal_name_start(broken->name)).text,
             buf_text(&labels));
    island_tell(&detail, broken, next);
    Err *const err = ERR(CORRUPT, "WAL %s does not go on where %s ends: %s", wal_name_text(broken->name).text,
                         wal_name_text(broken->before).text, broken->broken.text);
    return verify_found(
        run, err_hint(err_detail(err, "%s", buf_text(&detail)),
                      "another server has archived under these names, a copy of this one or the same after "
                      "it was rolled back: see that it does not go on, and take a backup now, so that later "
                      "moments can be reached; where the right segment is in a pg_wal or in another "
                      "repository, take the wrong object away and push or copy the right one"));
}

Err *verify_breaks_tell(VerifyRun *run, const VerifyGeneration *generation, const Info *info)
{
    const SegmentBreak *const breaks = (const SegmentBreak *)(const void *)run->breaks.data;
    const size_t count = run->breaks.len / sizeof *breaks;
    for (size_t i = 0; i < count; i++) {
        if (breaks[i].generation == generation->generation.root.generation)
            TRY(break_tell(run, generation, info, &breaks[i], i + 1 < count ? &breaks[i + 1] : NULL));
    }
    return NULL;
}
