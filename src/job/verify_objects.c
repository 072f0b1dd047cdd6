/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Every object by itself, in parallel. The main thread lists and hands out names, workers read. What a worker finds is
 * kept behind the lock and never ends the run; a store that went away does.
 */
#include "job/verify_chain.h"

#include "base/text.h"
#include "flow/pool.h"
#include "os/clock.h"
#include "os/signal.h"
#include "repo/branch.h"
#include "repo/wal_archive.h"
#include "repo/wal_cover.h"

#include <inttypes.h>
#include <string.h>

typedef struct Unit {
    VerifyObject object;
    ObjectInfo info;
    Key key;
} Unit;

static const char *hint_of(ContainerKind kind)
{
    switch (kind) {
    case CONTAINER_PACK:
        return "the backups that need it are named apart; copy the object from another repository, or take a "
               "full backup now";
    case CONTAINER_WAL:
        return "no restore gets past this segment; copy the object from another repository, or take a backup "
               "now, so "
               "that later moments can be reached";
    case CONTAINER_WAL_TAIL:
        return "no restore reaches the moments in it, unless the whole segment is archived; copy the object "
               "from "
               "another repository";
    case CONTAINER_HISTORY:
        return "no restore finds the way onto this timeline; copy the object from another repository, or put "
               "the "
               "file of the server's pg_wal in its place: take the object away, then run archive-push";
    case CONTAINER_BEGIN:
    case CONTAINER_PACKS:
    case CONTAINER_BACKUP:
        return "this backup cannot be trusted; copy the object from another repository, or take a full "
               "backup now";
    case CONTAINER_BRANCH:
        return "which timelines are rightful is not known without it; copy the object from another "
               "repository";
    default:
        return "copy the object from another repository";
    }
}

static Err *facts_check(const WalFacts *facts, const Generation *generation)
{
    if (facts->system_id.id == generation->system_id.id && facts->major == generation->major)
        return NULL;
    return ERR(CORRUPT, "it is of system id %s and PostgreSQL %u, the generation of %s and %u",
               system_id_text(facts->system_id).text, facts->major,
               system_id_text(generation->system_id).text, generation->major);
}

/* Nobody's word is better than the other's: neither can be handed out. */
static Err *tails_compare(VerifyRun *run, const WalTail *tail, const KeyRoot *root, Span part)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf covered = {0};
    WalCover cover;
    TRY(wal_cover_find(&cover, run->repo->store, root, tail->name, arena));
    AUTO(err_free) Err *err = wal_cover_read(&covered, run->repo->store, root, &cover);
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return TAKE(err);
    const Span there = span_cut(buf_span(&covered), tail->from, part.len);
    if (err ||
        span_equal(there, span_cut(part, 0, there.len))) /* damage is told with the object that has it */
        return NULL;
    return ERR(CORRUPT, "it holds other bytes than the other tails of %s", wal_name_text(tail->name).text);
}

/* The server that left a tail goes on from its end; whoever wrote other bytes was another one. The segment wins. */
static Err *tail_compare(VerifyRun *run, const Unit *unit, const KeyRoot *root)
{
    const WalTail *const tail = &unit->object.tail;
    AUTO(buf_done) Buf part = {0};
    AUTO(buf_done) Buf segment = {0};
    TRY(wal_tail_read(&part, run->repo->store, root, tail));
    AUTO(err_free) Err *err = wal_object_read(&segment, run->repo->store, root, tail->name);
    if (err_is(err, ERR_NOT_FOUND))
        return tails_compare(run, tail, root, buf_span(&part));
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return TAKE(err);
    if (err || span_equal(buf_span(&part), span_cut(buf_span(&segment), tail->from, tail->to - tail->from)))
        return NULL;
    lock_take(&run->lock);
    report_warn(&run->found, "verify/TAIL", "%s holds other bytes than the whole segment %s", unit->key.text,
                wal_name_text(tail->name).text);
    report_hint(&run->found, "two servers have written on this timeline; restores take the whole segment");
    lock_release(&run->lock);
    return NULL;
}

static Err *tail_check(VerifyRun *run, const Unit *unit)
{
    const VerifyGeneration *const there = verify_generation(run, unit->object.generation);
    if (!there || !there->is_known)
        return NULL;
    const KeyRoot *const root = &there->generation.root;
    WalFacts facts;
    TRY(wal_tail_facts(&facts, run->repo->store, root, &unit->object.tail));
    TRY(facts_check(&facts, &there->generation));
    AUTO(wal_summary_done) WalSummary summary = {0};
    bool has_summary;
    TRY(wal_tail_summary(&summary, &has_summary, run->repo->store, root, &unit->object.tail));
    TRY(tail_compare(run, unit, root));
    return verify_tail_seen(run, root, &unit->object.tail);
}

/* A second .partial has a key of its own, by which facts cannot be asked; nor can they without a generation. */
static bool has_facts(const VerifyGeneration *generation, const Unit *unit)
{
    return generation && generation->is_known &&
           text_equal(unit->key.text, key_wal(&generation->generation.root, unit->object.wal).text);
}

static Err *wal_check(ContainerSummary *summary, VerifyRun *run, const Unit *unit)
{
    const VerifyGeneration *const there = verify_generation(run, unit->object.generation);
    const ContainerExpect expect = {.kind = unit->object.kind, .name = key_object_name(unit->key.text)};
    if (!has_facts(there, unit))
        return container_verify(summary, run->repo->store, unit->key.text, &expect);
    const Generation *const generation = &there->generation;
    WalChecked checked;
    TRY(wal_object_check(&checked, run->repo->store, &generation->root, unit->object.wal));
    TRY(facts_check(&checked.facts, generation));
    *summary = checked.summary;
    if (unit->object.kind != CONTAINER_WAL)
        return NULL;
    if (checked.facts.plain_bytes != generation->segment_bytes)
        return ERR(CORRUPT, "it holds %" PRIu64 " bytes, a segment has %" PRIu32, checked.facts.plain_bytes,
                   generation->segment_bytes);
    return verify_segment_seen(run, &unit->object, &checked);
}

static Err *history_check(VerifyRun *run, const Unit *unit)
{
    const VerifyGeneration *const there = verify_generation(run, unit->object.generation);
    AUTO(arena_free) Arena *arena = arena_new();
    History history;
    return there ? wal_archive_history(&history, run->repo, &there->generation.root,
                                       unit->object.wal.timeline, arena)
                 : NULL;
}

/* `fault`: why it is not good, NULL when it is. */
static void pack_seen(VerifyRun *run, const Unit *unit, const ContainerSummary *summary, const Err *fault)
{
    verify_pack_seen(run, &(PackSeen){.generation = unit->object.generation,
                                      .label = unit->object.label,
                                      .pack = unit->object.pack,
                                      .is_damaged = fault && !err_is(fault, ERR_UNSUPPORTED),
                                      .is_newer = err_is(fault, ERR_UNSUPPORTED),
                                      .stored_bytes = unit->info.size_bytes,
                                      .plain_bytes = summary->plain_bytes,
                                      .sha256 = summary->sha256});
}

/* A tail is held against its neighbours, which may have changed since; it is small. */
static bool is_seen(SeenObject *out, const VerifyRun *run, const Unit *unit)
{
    return run->extras.before && unit->object.kind != CONTAINER_WAL_TAIL &&
           verify_seen_find(out, run->extras.before, unit->key.text, &unit->info);
}

static void seen_keep(VerifyRun *run, const Unit *unit, const SeenObject *seen, bool is_old)
{
    lock_take(&run->lock);
    if (run->extras.after)
        verify_seen_add(run->extras.after, unit->key.text, seen);
    if (is_old) {
        run->skipped++;
        run->skipped_bytes += unit->info.size_bytes;
        if (instant_is_none(run->skipped_oldest) || seen->read.us < run->skipped_oldest.us)
            run->skipped_oldest = seen->read;
    }
    lock_release(&run->lock);
}

static Err *unit_check(ContainerSummary *summary, VerifyRun *run, const Unit *unit)
{
    if (unit->object.kind == CONTAINER_PACK)
        return verify_pack_read(summary, run, &unit->object, &unit->key);
    if (unit->object.kind == CONTAINER_WAL || unit->object.kind == CONTAINER_WAL_PARTIAL)
        return wal_check(summary, run, unit);
    const ContainerExpect expect = {.kind = unit->object.kind, .name = key_object_name(unit->key.text)};
    TRY(container_verify(summary, run->repo->store, unit->key.text, &expect));
    switch (unit->object.kind) {
    case CONTAINER_WAL_TAIL:
        return tail_check(run, unit);
    case CONTAINER_HISTORY:
        return history_check(run, unit);
    default:
        return NULL;
    }
}

static Err *unit_fault(VerifyRun *run, const Unit *unit, Err *err)
{
    const bool is_newer = err_is(err, ERR_UNSUPPORTED);
    if (unit->object.kind == CONTAINER_WAL || unit->object.kind == CONTAINER_WAL_TAIL) {
        const WalDamaged damaged = {.generation = unit->object.generation,
                                    .name = unit->object.wal,
                                    .is_tail = unit->object.kind == CONTAINER_WAL_TAIL,
                                    .is_newer = is_newer};
        lock_take(&run->lock);
        buf_add(&run->damaged_wal, &damaged, sizeof damaged);
        lock_release(&run->lock);
    }
    counter_add(&run->faulty, 1);
    if (!strstr(err_text(err), unit->key.text))
        err = err_doing(err, "%s", unit->key.text);
    if (is_newer)
        return verify_found(run, err);
    verify_lost(run, unit->key.text, unit->object.kind, false);
    return verify_found(run, err_hint(err, "%s", hint_of(unit->object.kind)));
}

/* Facts of WAL are held against the generation, and pages against the record of the backup that wrote them: what was read
 * without these must be read again. */
static bool is_looked_at_whole(const VerifyRun *run, const VerifyObject *object)
{
    const VerifyGeneration *const there = verify_generation(run, object->generation);
    if (object->generation && (!there || !there->is_known))
        return false;
    if (object->kind != CONTAINER_PACK)
        return true;
    const BackupEntry *const entry = backup_entry_find(there->backups, there->backup_count, object->label);
    return entry && (entry->is_committed || !entry->has_begin);
}

/* As much as the depth asks for: what is known of it already, its size, or every byte. */
static Err *unit_look(ContainerSummary *summary, VerifyRun *run, const Unit *unit)
{
    if (!unit->info.size_bytes)
        return ERR(CORRUPT, "%s is empty", unit->key.text);
    if (run->work->options.depth == VERIFY_NAMES)
        return NULL;
    SeenObject seen = {.size_bytes = unit->info.size_bytes, .modified = unit->info.modified};
    if (is_seen(&seen, run, unit)) {
        seen_keep(run, unit, &seen, true);
        *summary = (ContainerSummary){.plain_bytes = seen.plain_bytes, .sha256 = seen.sha256};
        return unit->object.kind == CONTAINER_WAL ? verify_segment_seen(run, &unit->object, NULL) : NULL;
    }
    seen.read = clock_now();
    const uint64_t bad_pages = counter_get(&run->bad_pages);
    TRY(unit_check(summary, run, unit));
    seen.plain_bytes = summary->plain_bytes;
    seen.sha256 = summary->sha256;
    const bool has_no_bad = counter_get(&run->bad_pages) == bad_pages; /* else they are told each time */
    if (has_no_bad && is_looked_at_whole(run, &unit->object))
        seen_keep(run, unit, &seen, false);
    return NULL;
}

/* Expiry removes these at any time. Who needs one of them misses it later: backups their packs and parts, timelines their
 * WAL. */
static bool may_vanish(ContainerKind kind)
{
    return kind != CONTAINER_REPOSITORY && kind != CONTAINER_CLUSTER && kind != CONTAINER_BRANCH &&
           kind != CONTAINER_HISTORY;
}

static Err *vanished_ask(bool *out, const VerifyRun *run, const Unit *unit)
{
    ObjectInfo info;
    *out = false;
    if (!may_vanish(unit->object.kind))
        return NULL;
    Err *err = store_stat(&info, run->repo->store, unit->key.text);
    *out = err_is(err, ERR_NOT_FOUND);
    if (*out)
        err_free(&err);
    return err;
}

static Err *unit_work(void *arg, Pool *pool, void *state, void *work)
{
    VerifyRun *const run = arg;
    const Unit *const unit = work;
    (void)pool;
    (void)state;
    ContainerSummary summary = {0};
    bool is_gone = false;
    AUTO(err_free) Err *err = unit_look(&summary, run, unit);
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return TAKE(err);
    if (err)
        TRY(vanished_ask(&is_gone, run, unit));
    if (is_gone)
        return NULL;
    counter_add(&run->objects, 1);
    counter_add(&run->bytes, unit->info.size_bytes);
    counter_add(&run->work->progress->bytes_done, unit->info.size_bytes);
    counter_add(&run->work->progress->files_done, 1);
    if (unit->object.kind == CONTAINER_PACK)
        pack_seen(run, unit, &summary, err);
    return err ? unit_fault(run, unit, TAKE(err)) : NULL;
}

static bool scope_has(const VerifyScope *scope, const VerifyObject *object)
{
    if (!scope->is_limited)
        return true;
    if (object->generation && object->generation != scope->generation)
        return false;
    switch (object->kind) {
    case CONTAINER_PACK:
        return pack_uses_find(scope->packs, object->label, object->pack) != NULL;
    case CONTAINER_BEGIN:
    case CONTAINER_PACKS:
    case CONTAINER_BACKUP:
        return text_equal(object->label.text, scope->label.text);
    case CONTAINER_WAL:
    case CONTAINER_WAL_PARTIAL:
    case CONTAINER_WAL_TAIL:
    case CONTAINER_BACKUP_HISTORY:
        return wal_name_end(object->wal).at > scope->start.at &&
               wal_name_start(object->wal).at < scope->stop.at;
    default:
        return true;
    }
}

typedef struct Lister {
    VerifyRun *run;
    Pool *pool; /* NULL: only count */
    bool is_counting;
} Lister;

static uint32_t segment_bytes_for(const VerifyRun *run, const char *key)
{
    uint32_t number;
    const VerifyGeneration *const generation =
        key_generation_matches(&number, key_object_name(key)) ? verify_generation(run, number) : NULL;
    return generation ? generation->generation.segment_bytes : WAL_SEGMENT_BYTES_MIN;
}

/* Set aside by a repair: damaged, known, and of interest to people only. */
static bool is_aside(const VerifyRun *run, const char *key)
{
    for (size_t i = 0; i < run->generation_count; i++) {
        Key original;
        if (key_quarantine_matches(&original, &run->generations[i].generation.root, key))
            return true;
    }
    return false;
}

static Err *object_entry(void *arg, const ObjectEntry *entry)
{
    const Lister *const lister = arg;
    VerifyRun *const run = lister->run;
    Unit unit = {.info = entry->info};
    if (!verify_object_of(&unit.object, entry->key, run->work->cluster->name,
                          segment_bytes_for(run, entry->key))) {
        if (!lister->is_counting || run->scope.is_limited)
            return NULL;
        if (is_aside(run, entry->key)) {
            run->aside++;
            return NULL;
        }
        run->result->strangers++;
        report_warn(&run->found, "verify/STRANGER", "%s is no object of this cluster", entry->key);
        report_hint(&run->found, "nothing of pgstrata needs it; move it elsewhere");
        return NULL;
    }
    if (!scope_has(&run->scope, &unit.object))
        return NULL;
    if (lister->is_counting) {
        counter_add(&run->work->progress->bytes_total, unit.info.size_bytes);
        counter_add(&run->work->progress->files_total, 1);
        return NULL;
    }
    (void)memcpy(unit.key.text, entry->key, strlen(entry->key) + 1); /* stores give no longer keys */
    Unit *const own = mem_new(sizeof *own);
    *own = unit;
    return pool_push(lister->pool, own);
}

static Err *objects_list(Lister *lister)
{
    const VerifyRun *const run = lister->run;
    ObjectInfo info;
    TRY(store_stat(&info, run->repo->store, KEY_REPOSITORY));
    TRY(object_entry(lister, &(ObjectEntry){KEY_REPOSITORY, info}));
    return store_list(run->repo->store, key_cluster_folder(run->work->cluster->name).text, (ListOpts){0},
                      object_entry, lister);
}

static Err *units_produce(void *arg, Pool *pool)
{
    Lister lister = {.run = arg, .pool = pool};
    return objects_list(&lister);
}

static void unit_free(void *unit)
{
    mem_free(&unit);
}

Err *verify_objects(VerifyRun *run)
{
    Lister counting = {.run = run, .is_counting = true};
    progress_phase(run->work->progress, "listing");
    TRY(objects_list(&counting));
    progress_phase(run->work->progress, "verifying objects");
    const PoolSpec spec = {.workers = (size_t)run->work->cluster->jobs,
                           .arg = run,
                           .produce = units_produce,
                           .work = unit_work,
                           .unit_free = unit_free,
                           .stop_check = signal_check};
    TRY(pool_run(&spec));
    verify_packs_sort(run);
    verify_segments_sort(run);
    verify_unindexed_tell(run);
    return NULL;
}
