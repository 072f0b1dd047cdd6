/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/verify.h"

#include "base/text.h"
#include "cluster/cluster.h"
#include "job/verify_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The size nearly every cluster has: by it WAL names are judged when the cluster object cannot be read. */
enum { SEGMENT_BYTES_COMMON = 16 << 20 };

Err *verify_found(VerifyRun *run, Err *err)
{
    if (!err || err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED) || err_is(err, ERR_BUG))
        return err;
    if (!err_is(err, ERR_DENIED) && !err_is(err, ERR_GAP) && !err_is(err, ERR_UNSUPPORTED))
        err = err_become(err, ERR_CORRUPT);
    if (run->work->cluster->repo_count > 1)
        err = err_detail(err, "In the repository %s.", run->repo->name);
    lock_take(&run->lock);
    report_fault(&run->found, err);
    lock_release(&run->lock);
    return NULL;
}

void verify_lost(VerifyRun *run, const char *key, ContainerKind kind, bool is_missing)
{
    VerifyFindings *const findings = run->extras.findings;
    if (!findings)
        return;
    lock_take(&run->lock);
    const VerifyLoss loss = {.key = mem_text(key), .kind = kind, .is_missing = is_missing};
    buf_add(&findings->losses, &loss, sizeof loss);
    lock_release(&run->lock);
}

void verify_findings_done(VerifyFindings *findings)
{
    VerifyLoss *const losses = (VerifyLoss *)(void *)findings->losses.data;
    for (size_t i = 0; i < findings->losses.len / sizeof *losses; i++)
        mem_free(&losses[i].key);
    buf_done(&findings->losses);
    buf_done(&findings->holes);
}

const VerifyGeneration *verify_generation(const VerifyRun *run, uint32_t number)
{
    for (size_t i = 0; i < run->generation_count; i++) {
        if (run->generations[i].generation.root.generation == number)
            return &run->generations[i];
    }
    return NULL;
}

/* Who removes a backup has condemned it before; the word stays until nothing is left of it. */
bool verify_is_removed(const VerifyRun *run, uint32_t generation, BackupLabel label)
{
    const VerifyGeneration *const of = verify_generation(run, generation);
    return of && hold_is_condemned(&of->holds, label);
}

/* What stands at the root: the repository's object, keys, clusters. Anything else does not belong there. */
static Err *root_entry(void *arg, const ObjectEntry *entry)
{
    VerifyRun *const run = arg;
    const char *const own = run->work->cluster->name;
    char name[KEY_NAME_MAX + 2] = {0};
    const size_t len = strlen(entry->key);
    if (text_equal(entry->key, KEY_REPOSITORY) || text_equal(entry->key, "key/"))
        return NULL;
    if (len < sizeof name && len > 1 && entry->key[len - 1] == '/') {
        memcpy(name, entry->key, len - 1);
        Err *err = key_name_check("cluster", name);
        if (!err && !text_equal(name, own))
            buf_addf(&run->others, "%s%s", run->others.len ? ", " : "", name);
        if (!err)
            return NULL;
        err_free(&err);
    }
    run->result->strangers++;
    report_warn(&run->found, "verify/STRANGER", "%s is no part of a repository", entry->key);
    report_hint(&run->found, "nothing of pgstrata needs it; move it elsewhere");
    return NULL;
}

static Err *generation_number(void *arg, const ObjectEntry *entry)
{
    uint32_t number;
    if (key_generation_matches(&number, key_object_name(entry->key)))
        buf_add(arg, &number, sizeof number);
    return NULL;
}

static Err *generations_read(VerifyRun *run)
{
    const char *const cluster = run->work->cluster->name;
    AUTO(buf_done) Buf numbers = {0};
    TRY(store_list(run->repo->store, key_cluster_folder(cluster).text, (ListOpts){.one_level = true},
                   generation_number, &numbers));
    run->generation_count = numbers.len / sizeof(uint32_t);
    VerifyGeneration *const list = arena_alloc(run->arena, run->generation_count * sizeof *list);
    for (size_t i = 0; i < run->generation_count; i++) {
        Generation *const generation = &list[i].generation;
        KeyRoot root;
        uint32_t number;
        memcpy(&number, numbers.data + i * sizeof number, sizeof number);
        TRY(key_root_make(&root, cluster, number));
        TRY(hold_list(&list[i].holds, run->repo, &root, run->arena));
        TRY(backup_list(&list[i].backups, &list[i].backup_count, run->repo, &root, run->arena));
        Err *err = generation_load(generation, run->repo, &root);
        list[i].is_known = !err;
        if (!err)
            continue;
        *generation = (Generation){.root = root, .segment_bytes = SEGMENT_BYTES_COMMON};
        if (err_is(err, ERR_UNSUPPORTED)) {
            TRY(verify_found(run, err));
            continue;
        }
        if (err_is(err, ERR_NOT_FOUND))
            verify_lost(run, key_cluster(&root).text, CONTAINER_CLUSTER, true);
        TRY(verify_found(
            run, err_hint(err_doing(err, "%s", key_cluster(&root).text),
                          "without it nothing of this generation can be restored; copy the object from "
                          "another repository, or write it anew with setup while the cluster still runs")));
    }
    run->generations = list;
    return NULL;
}

/* Finds the generation that has the asked backup. */
static Err *scope_find(VerifyRun *run)
{
    if (!run->work->options.backup)
        return NULL;
    VerifyScope scope = {.is_limited = true};
    BackupRecord record;
    TRY(label_parse(&scope.label, run->work->options.backup));
    for (size_t i = run->generation_count; i-- > 0;) {
        const KeyRoot *const root = &run->generations[i].generation.root;
        Err *err = backup_record_load(&record, run->repo, root, scope.label, run->arena);
        if (err_is(err, ERR_NOT_FOUND)) {
            err_free(&err);
            continue;
        }
        TRY(err);
        err = backup_packs_load(&scope.packs, run->repo, root, scope.label, run->arena);
        if (err_is(err, ERR_NOT_FOUND)) /* of a backup that is committed: lost */
            err = err_become(err, ERR_CORRUPT);
        TRY(err);
        scope.generation = root->generation;
        scope.start = record.start_lsn;
        scope.stop = record.stop_lsn;
        run->scope = scope;
        return NULL;
    }
    for (size_t i = 0; i < run->notes.count; i++) {
        if (text_equal(run->notes.notes[i].label.text, scope.label.text))
            TRY(commit_note_check(&run->notes.notes[i], run->repo));
    }
    return err_hint(
        ERR(NOT_FOUND, "the repository %s has no committed backup %s", run->repo->name, scope.label.text),
        "\"pgstrata info\" lists the backups");
}

static bool is_listed(const VerifyRun *run, const CommitNote *note)
{
    const VerifyGeneration *const generation = verify_generation(run, note->root.generation);
    return generation && backup_entry_find(generation->backups, generation->backup_count, note->label);
}

/* Backups that this host committed and of which not one object is left. */
static Err *vanished_tell(VerifyRun *run)
{
    for (size_t i = 0; i < run->notes.count && !run->scope.is_limited; i++) {
        const CommitNote *const note = &run->notes.notes[i];
        if (is_listed(run, note) || verify_is_removed(run, note->root.generation, note->label))
            continue;
        Err *const err = commit_note_check(note, run->repo);
        if (!err)
            continue;
        TRY(verify_found(run, err));
        const VerifyBackup backup = {.repo = arena_text(run->arena, run->repo->name),
                                     .generation = note->root.generation,
                                     .label = note->label,
                                     .state = VERIFY_DAMAGED};
        buf_add(&run->backups, &backup, sizeof backup);
    }
    return NULL;
}

/* The generation with the highest number: today's. NULL without any. */
static const VerifyGeneration *generation_newest(const VerifyRun *run)
{
    const VerifyGeneration *newest = NULL;
    for (size_t i = 0; i < run->generation_count; i++) {
        const VerifyGeneration *const one = &run->generations[i];
        if (!newest || one->generation.root.generation > newest->generation.root.generation)
            newest = one;
    }
    return newest;
}

static size_t committed_count(const VerifyGeneration *generation)
{
    size_t count = 0;
    for (size_t i = 0; i < generation->backup_count; i++)
        count += generation->backups[i].is_committed;
    return count;
}

/* The wrong prefix, an emptied bucket, a folder over which nothing is mounted: nothing is wrong with any object. */
static Err *absent_tell(VerifyRun *run)
{
    Err *err = ERR(CORRUPT, "the repository %s holds nothing of cluster %s", run->repo->name,
                   run->work->cluster->name);
    if (run->others.len)
        err = err_detail(err, "It holds %s.", buf_text(&run->others));
    return verify_found(
        run, err_hint(err,
                      "if it did before, look at url and at the cluster's name in the configuration, and "
                      "whether the right disk is mounted at %s; if the cluster is new here, run \"pgstrata "
                      "setup\" and then \"pgstrata backup\"",
                      run->repo->store->name));
}

/* That no object is damaged is no success where there is nothing to come back with. */
static Err *nothing_tell(VerifyRun *run)
{
    const VerifyGeneration *const newest = generation_newest(run);
    if (!newest)
        return absent_tell(run);
    if (committed_count(newest))
        return NULL;
    const uint32_t number = newest->generation.root.generation;
    Err *err = number == 1
                   ? ERR(GAP, "cluster %s has no backup in the repository %s: nothing can be restored",
                         run->work->cluster->name, run->repo->name)
                   : ERR(GAP,
                         "cluster %s has no backup in the repository %s since its generation %" PRIu32
                         " began: nothing of it can be restored",
                         run->work->cluster->name, run->repo->name, number);
    return verify_found(run, err_hint(err, "take one: \"pgstrata backup\"; the WAL archived so far is of no "
                                           "use without it"));
}

/* Neither objects nor damage: files that their writers have not finished, or never will. */
static Err *leftovers_tell(VerifyRun *run)
{
    StoreLeftovers left;
    TRY(store_leftovers(&left, run->repo->store));
    run->result->leftovers = left.count;
    if (run->aside)
        report_note(&run->found, "verify/ASIDE",
                    "%" PRIu64
                    " damaged object%s, set aside by repairs, below quarantine/: nothing needs them",
                    run->aside, run->aside == 1 ? "" : "s");
    if (left.count)
        report_note(&run->found, "verify/LEFTOVERS",
                    "%" PRIu64
                    " unfinished file%s of writers, %s, the oldest from %s: of some that run, or died; "
                    "those of a day ago go with the next write",
                    left.count, left.count == 1 ? "" : "s", size_text(left.bytes).text,
                    instant_text(left.oldest).text);
    return NULL;
}

static Err *look_through(VerifyRun *run)
{
    const ClusterOptions *const cluster = run->work->cluster;
    run->notes = commit_notes_load(cluster->state_dir, run->repo, cluster->name, &run->found, run->arena);
    TRY(generations_read(run));
    TRY(scope_find(run));
    verify_judges_load(run);
    if (!run->scope.is_limited)
        TRY(store_list(run->repo->store, "", (ListOpts){.one_level = true}, root_entry, run));
    TRY(verify_objects(run));
    for (size_t i = 0; i < run->generation_count; i++) {
        const VerifyGeneration *const generation = &run->generations[i];
        if (run->scope.is_limited && run->scope.generation != generation->generation.root.generation)
            continue;
        TRY(verify_backups(run, generation));
        if (generation->is_known)
            TRY(verify_wal(run, generation));
    }
    TRY(vanished_tell(run));
    if (run->scope.is_limited)
        return NULL;
    TRY(nothing_tell(run));
    return leftovers_tell(run);
}

static void run_done(VerifyRun *run)
{
    report_done(&run->found);
    buf_done(&run->backups);
    buf_done(&run->packs);
    buf_done(&run->damaged_wal);
    buf_done(&run->segments);
    buf_done(&run->breaks);
    buf_done(&run->judges);
    buf_done(&run->drawn);
    buf_done(&run->others);
    lock_done(&run->lock);
    lock_done(&run->indexing);
}

Err *verify_repo_with(VerifyResult *out, Repo *repo, const VerifyWork *work, const VerifyExtras *extras,
                      Arena *arena)
{
    VerifyResult result = {0};
    AUTO(run_done)
    VerifyRun run = {.work = work,
                     .repo = repo,
                     .result = &result,
                     .arena = arena,
                     .extras = *extras,
                     .skipped_oldest = INSTANT_NONE};
    lock_init(&run.lock);
    lock_init(&run.indexing);
    Err *const err = look_through(&run);
    report_join(work->report, &run.found);
    TRY(err);
    result.objects = counter_get(&run.objects);
    result.bytes = counter_get(&run.bytes);
    result.faulty = counter_get(&run.faulty);
    result.bad_pages = counter_get(&run.bad_pages);
    result.skipped = run.skipped;
    result.skipped_bytes = run.skipped_bytes;
    result.skipped_oldest = run.skipped_oldest;
    result.backup_count = run.backups.len / sizeof(VerifyBackup);
    result.backups = (const VerifyBackup *)(const void *)arena_bytes(arena, buf_span(&run.backups)).ptr;
    *out = result;
    return NULL;
}

Err *verify_repo(VerifyResult *out, Repo *repo, const VerifyWork *work, Arena *arena)
{
    return verify_repo_with(out, repo, work, &(VerifyExtras){0}, arena);
}

void verify_result_add(VerifyResult *all, Buf *backups, const VerifyResult *one)
{
    all->objects += one->objects;
    all->bytes += one->bytes;
    all->faulty += one->faulty;
    all->strangers += one->strangers;
    all->gaps += one->gaps;
    all->breaks += one->breaks;
    all->bad_pages += one->bad_pages;
    all->leftovers += one->leftovers;
    all->skipped += one->skipped;
    all->skipped_bytes += one->skipped_bytes;
    if (one->skipped &&
        (instant_is_none(all->skipped_oldest) || one->skipped_oldest.us < all->skipped_oldest.us))
        all->skipped_oldest = one->skipped_oldest;
    buf_add(backups, one->backups, one->backup_count * sizeof *one->backups);
}

/* One repository; an absent one is no reason to leave the others unseen. */
static Err *repo_verify(VerifyResult *out, size_t at, const VerifyWork *work, Arena *arena)
{
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(work->cluster, at);
    TRY(repo_open(&repo, &spec));
    const ClusterOptions *const cluster = work->cluster;
    AUTO(verify_seen_free) VerifySeen *before = NULL;
    AUTO(verify_seen_free) VerifySeen *after = verify_seen_new();
    if (work->options.since_last)
        before = verify_seen_load(cluster->state_dir, repo, cluster->name, work->report);
    TRY(verify_repo_with(out, repo, work, &(VerifyExtras){.before = before, .after = after}, arena));
    if (!cluster->state_dir || work->options.depth != VERIFY_ALL || work->options.backup)
        return NULL;
    Err *err = verify_seen_save(after, cluster->state_dir, repo, cluster->name);
    if (err)
        report_note(work->report, "verify/MEMORY", "what was read is not remembered for --since-last: %s",
                    err_text(err));
    err_free(&err);
    return NULL;
}

Err *verify_run(VerifyResult *out, const VerifyWork *work, Arena *arena)
{
    VerifyResult all = {.skipped_oldest = INSTANT_NONE};
    AUTO(buf_done) Buf backups = {0};
    AUTO(err_free) Err *silence = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < work->cluster->repo_count; i++) {
        VerifyResult one = {0};
        Err *err = repo_verify(&one, i, work, arena);
        if (err_is(err, ERR_CANCELED))
            return err;
        if (silence)
            report_fault(work->report, TAKE(silence));
        silence = err;
        seen += !err;
        verify_result_add(&all, &backups, &one);
    }
    if (!seen)
        return TAKE(silence);
    if (silence)
        report_fault(work->report, TAKE(silence));
    all.backup_count = backups.len / sizeof(VerifyBackup);
    all.backups = (const VerifyBackup *)(const void *)arena_bytes(arena, buf_span(&backups)).ptr;
    *out = all;
    return NULL;
}
