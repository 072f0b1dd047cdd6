/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/repair.h"

#include "base/limits.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "job/repair_priv.h"
#include "repo/hold_wal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A cluster object that came back may show more that is wrong, and a history file too. */
enum { ROUNDS_MAX = 4 };

static void site_clear(RepairSite *site)
{
    verify_findings_done(&site->findings);
    report_done(&site->report);
    site->findings = (VerifyFindings){0};
    site->report = (Report){0};
}

static void repair_done(Repair *repair)
{
    for (size_t i = 0; i < repair->site_count; i++) {
        site_clear(&repair->sites[i]);
        verify_seen_free(&repair->sites[i].seen);
    }
    buf_done(&repair->deeds);
}

/* Reads what was not read, or not good, the last time. */
static Err *site_look(Repair *repair, RepairSite *site)
{
    const RepairWork *const work = repair->work;
    site_clear(site);
    const VerifyWork verify = {.cluster = work->cluster, .progress = work->progress, .report = &site->report};
    AUTO(verify_seen_free) VerifySeen *before = TAKE(site->seen);
    site->seen = verify_seen_new();
    TRY(verify_repo_with(&site->result, site->repo, &verify,
                         &(VerifyExtras){.before = before, .after = site->seen, .findings = &site->findings},
                         repair->arena));
    verify_seen_sort(site->seen);
    return NULL;
}

/* As the site tells, or another one where it does not. */
static const Generation *generation_of(const Repair *repair, const RepairSite *site, const KeyRoot *root)
{
    Generation *const out = arena_alloc(repair->arena, sizeof *out);
    Err *err = generation_load(out, site->repo, root);
    for (size_t i = 0; err && i < repair->site_count; i++) {
        err_free(&err);
        err = generation_load(out, repair->sites[i].repo, root);
    }
    const bool is_known = !err;
    err_free(&err);
    return is_known ? out : NULL;
}

/* False when the key names no object of a generation. */
static bool task_make(RepairTask *out, Repair *repair, size_t site, const VerifyLoss *loss)
{
    const char *const cluster = repair->work->cluster->name;
    RepairTask task = {.repair = repair,
                       .site = site,
                       .key = loss->key,
                       .is_missing = loss->is_missing,
                       .has_no_index = loss->has_no_index};
    uint32_t number;
    if (!key_generation_matches(&number, key_object_name(loss->key)))
        return false;
    AUTO(err_free) Err *err = key_root_make(&task.root, cluster, number);
    task.generation = err ? NULL : generation_of(repair, &repair->sites[site], &task.root);
    if (err || !verify_object_of(&task.object, loss->key, cluster,
                                 task.generation ? task.generation->segment_bytes : WAL_SEGMENT_BYTES_MIN))
        return false;
    *out = task;
    return true;
}

static Err *deed_do(size_t *done, Repair *repair, size_t site, const VerifyLoss *loss)
{
    RepairTask task;
    RepairDeed deed;
    if (!task_make(&task, repair, site, loss))
        return NULL;
    TRY(repair_object(&deed, &task));
    *done += deed.how != REPAIR_LEFT;
    buf_add(&repair->deeds, &deed, sizeof deed);
    return NULL;
}

/* Cluster objects first, because the others are judged by them; then by key. */
static int loss_compare(const void *a, const void *b)
{
    const VerifyLoss *const x = a, *const y = b;
    const bool x_first = x->kind == CONTAINER_CLUSTER, y_first = y->kind == CONTAINER_CLUSTER;
    return x_first != y_first ? y_first - x_first : strcmp(x->key, y->key);
}

static Err *losses_heal(size_t *done, Repair *repair, size_t site)
{
    const VerifyFindings *const findings = &repair->sites[site].findings;
    VerifyLoss *const losses = (VerifyLoss *)(void *)findings->losses.data;
    const size_t count = findings->losses.len / sizeof *losses;
    if (count)
        qsort(losses, count, sizeof *losses, loss_compare);
    for (size_t i = 0; i < count; i++) {
        if (!i || !text_equal(losses[i].key, losses[i - 1].key))
            TRY(deed_do(done, repair, site, &losses[i]));
    }
    return NULL;
}

/* ---- WAL that is missing here and may be elsewhere */

typedef struct HoleFill {
    Repair *repair;
    size_t site;
    uint32_t generation;
    uint32_t segment_bytes;
    Buf keys; /* each with its NUL */
} HoleFill;

static bool is_in_hole(const HoleFill *fill, uint64_t segment)
{
    const Buf *const holes = &fill->repair->sites[fill->site].findings.holes;
    const VerifyHole *const all = (const VerifyHole *)(const void *)holes->data;
    for (size_t i = 0; i < holes->len / sizeof *all; i++) {
        if (all[i].generation == fill->generation && all[i].first <= segment && segment <= all[i].last)
            return true;
    }
    return false;
}

static Err *wal_entry(void *arg, const ObjectEntry *entry)
{
    HoleFill *const fill = arg;
    VerifyObject object;
    ObjectInfo info;
    if (!verify_object_of(&object, entry->key, fill->repair->work->cluster->name, fill->segment_bytes) ||
        object.kind != CONTAINER_WAL || !is_in_hole(fill, object.wal.segment))
        return NULL;
    Err *err = store_stat(&info, fill->repair->sites[fill->site].repo->store, entry->key);
    if (err_is(err, ERR_NOT_FOUND))
        buf_add(&fill->keys, entry->key, strlen(entry->key) + 1);
    const bool is_answer = !err || err_is(err, ERR_NOT_FOUND);
    if (is_answer)
        err_free(&err);
    return err;
}

static Err *holes_fill_from(size_t *done, HoleFill *fill, Repo *from)
{
    KeyRoot root;
    TRY(key_root_make(&root, fill->repair->work->cluster->name, fill->generation));
    const Generation *const generation = generation_of(fill->repair, &fill->repair->sites[fill->site], &root);
    if (!generation)
        return NULL;
    fill->segment_bytes = generation->segment_bytes;
    buf_clear(&fill->keys);
    TRY(store_list(from->store, key_wal_root(&root).text, (ListOpts){0}, wal_entry, fill));
    for (size_t at = 0; at < fill->keys.len; at += strlen(buf_text(&fill->keys) + at) + 1) {
        const VerifyLoss loss = {.key = arena_text(fill->repair->arena, buf_text(&fill->keys) + at),
                                 .kind = CONTAINER_WAL,
                                 .is_missing = true};
        TRY(deed_do(done, fill->repair, fill->site, &loss));
    }
    return NULL;
}

static Err *holes_fill(size_t *done, Repair *repair, size_t site)
{
    const Buf *const holes = &repair->sites[site].findings.holes;
    const VerifyHole *const all = (const VerifyHole *)(const void *)holes->data;
    uint32_t last = 0;
    for (size_t i = 0; i < holes->len / sizeof *all; i++) {
        if (all[i].generation == last)
            continue;
        last = all[i].generation;
        for (size_t j = 0; j < repair->site_count; j++) {
            HoleFill fill = {.repair = repair, .site = site, .generation = last};
            Err *err = j == site ? NULL : holes_fill_from(done, &fill, repair->sites[j].repo);
            buf_done(&fill.keys);
            TRY(err);
        }
    }
    return NULL;
}

/* ---- what an interrupted repair has set aside */

typedef struct AsideList {
    Repair *repair;
    RepairSite *site;
    const KeyRoot *root;
    size_t count;
} AsideList;

/* WAL that the newest expiry did not want may have been removed by it. Without word of one none was. */
static Err *is_wal_wanted(bool *out, const AsideList *list, const HoldList *holds, WalName name)
{
    WalWantedList wanted;
    *out = true;
    if (!holds->wal_count)
        return NULL;
    Err *err = hold_wal_load(&wanted, list->site->repo, list->root, holds->wal[holds->wal_count - 1].number,
                             list->repair->arena);
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return err;
    if (!err)
        *out = wal_wanted_has(&wanted, name.timeline, name.segment);
    err_free(&err);
    return NULL;
}

static bool is_wal(ContainerKind kind)
{
    return kind == CONTAINER_WAL || kind == CONTAINER_WAL_PARTIAL || kind == CONTAINER_WAL_TAIL ||
           kind == CONTAINER_BACKUP_HISTORY;
}

/* Would it be right to bring it back? A pack or list of a backup that is needed is found missing by itself; whoever
 * removed a backup on purpose removed its commit first and then `begin`, or left word of it. */
static Err *is_to_come_back(bool *out, const AsideList *list, const VerifyObject *object)
{
    *out = object->kind != CONTAINER_PACK && object->kind != CONTAINER_PACKS &&
           object->kind != CONTAINER_BEGIN && object->kind != CONTAINER_HOLD;
    if (object->kind != CONTAINER_BACKUP && !is_wal(object->kind))
        return NULL;
    HoldList holds;
    ObjectInfo info;
    TRY(hold_list(&holds, list->site->repo, list->root, list->repair->arena));
    if (is_wal(object->kind))
        return is_wal_wanted(out, list, &holds, object->wal);
    Err *err = store_stat(&info, list->site->repo->store,
                          key_backup_object(list->root, object->label, "begin").text);
    *out = !err && !hold_is_condemned(&holds, object->label);
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    return err;
}

static Err *aside_entry(void *arg, const ObjectEntry *entry)
{
    AsideList *const list = arg;
    Key key;
    VerifyObject object;
    ObjectInfo info;
    bool is_wanted;
    const Generation *const generation = generation_of(list->repair, list->site, list->root);
    if (++list->count > QUARANTINE_MAX || !generation ||
        !key_quarantine_matches(&key, list->root, entry->key) ||
        !verify_object_of(&object, key.text, list->repair->work->cluster->name, generation->segment_bytes))
        return NULL;
    Err *err = store_stat(&info, list->site->repo->store, key.text);
    if (!err_is(err, ERR_NOT_FOUND))
        return err;
    err_free(&err);
    TRY(is_to_come_back(&is_wanted, list, &object));
    const VerifyLoss loss = {.key = mem_text(key.text), .kind = object.kind, .is_missing = true};
    if (is_wanted)
        buf_add(&list->site->findings.losses, &loss, sizeof loss);
    else
        mem_free(&(char *){loss.key});
    return NULL;
}

static Err *generation_aside(void *arg, const ObjectEntry *entry)
{
    AsideList *const list = arg;
    KeyRoot root;
    uint32_t number;
    if (!key_generation_matches(&number, key_object_name(entry->key)))
        return NULL;
    TRY(key_root_make(&root, list->repair->work->cluster->name, number));
    AsideList of = {.repair = list->repair, .site = list->site, .root = &root};
    return store_list(list->site->repo->store, key_quarantine_prefix(&root).text, (ListOpts){0}, aside_entry,
                      &of);
}

static Err *aside_find(Repair *repair, RepairSite *site)
{
    AsideList list = {.repair = repair, .site = site};
    return store_list(site->repo->store, key_cluster_folder(repair->work->cluster->name).text,
                      (ListOpts){.one_level = true}, generation_aside, &list);
}

/* ---- */

static Err *round_go(size_t *done, Repair *repair)
{
    for (size_t i = 0; i < repair->site_count; i++) {
        TRY(site_look(repair, &repair->sites[i]));
        TRY(aside_find(repair, &repair->sites[i]));
    }
    progress_phase(repair->work->progress, "repairing");
    for (size_t i = 0; i < repair->site_count; i++) {
        TRY(losses_heal(done, repair, i));
        TRY(holes_fill(done, repair, i));
    }
    return NULL;
}

/* The last round has found nothing to do: what it saw is the outcome. What could not be done is said once. */
static void result_make(RepairResult *out, Repair *repair, size_t first_deed_of_last)
{
    RepairDeed *const deeds = (RepairDeed *)(void *)repair->deeds.data;
    const size_t count = repair->deeds.len / sizeof *deeds;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (deeds[i].how != REPAIR_LEFT || i >= first_deed_of_last)
            deeds[kept++] = deeds[i];
    }
    buf_cut(&repair->deeds, kept * sizeof *deeds);
    RepairResult result = {
        .deeds = (const RepairDeed *)(const void *)arena_bytes(repair->arena, buf_span(&repair->deeds)).ptr,
        .deed_count = kept,
        .after = {.skipped_oldest = INSTANT_NONE}};
    AUTO(buf_done) Buf backups = {0};
    for (size_t i = 0; i < repair->site_count; i++) {
        verify_result_add(&result.after, &backups, &repair->sites[i].result);
        report_join(repair->work->report, &repair->sites[i].report);
    }
    result.after.backup_count = backups.len / sizeof(VerifyBackup);
    result.after.backups =
        (const VerifyBackup *)(const void *)arena_bytes(repair->arena, buf_span(&backups)).ptr;
    *out = result;
}

Err *repair_repos(RepairResult *out, Repo *const *repos, size_t count, const RepairWork *work, Arena *arena)
{
    AUTO(repair_done)
    Repair repair = {.work = work,
                     .sites = arena_alloc(arena, count * sizeof *repair.sites),
                     .site_count = count,
                     .arena = arena};
    for (size_t i = 0; i < count; i++)
        repair.sites[i] = (RepairSite){.repo = repos[i]};
    size_t begin = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t done = 0;
        begin = repair.deeds.len / sizeof(RepairDeed);
        TRY(round_go(&done, &repair));
        if (!done || work->options.dry_run)
            break;
    }
    result_make(out, &repair, begin);
    return NULL;
}

/* What was done at the roots comes first. */
static void deeds_join(RepairResult *result, const Buf *roots, Arena *arena)
{
    AUTO(buf_done) Buf all = {0};
    buf_add(&all, roots->data, roots->len);
    buf_add(&all, result->deeds, result->deed_count * sizeof *result->deeds);
    result->deeds = (const RepairDeed *)(const void *)arena_bytes(arena, buf_span(&all)).ptr;
    result->deed_count = all.len / sizeof *result->deeds;
}

Err *repair_run(RepairResult *out, const RepairWork *work, Arena *arena)
{
    AUTO(repo_set_free) RepoSet *set = NULL;
    AUTO(buf_done) Buf roots = {0};
    RepairResult result = {.after = {.skipped_oldest = INSTANT_NONE}};
    TRY(repair_roots(&roots, work, arena));
    if (roots.len && work->options.dry_run) {
        report_note(work->report, "repair/ROOT",
                    "the rest is looked at once the object " KEY_REPOSITORY " is repaired");
    } else {
        TRY(cluster_repos_open(&set, work->cluster));
        TRY(repair_repos(&result, set->repos, set->count, work, arena));
    }
    deeds_join(&result, &roots, arena);
    *out = result;
    return NULL;
}
