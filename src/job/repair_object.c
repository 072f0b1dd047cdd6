/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* One object: what can be made of it or found elsewhere, and how it takes the damaged one's place. */
#include "job/repair_priv.h"

#include "base/text.h"
#include "pg/wal_page.h"
#include "repo/container_mend.h"
#include "repo/wal_object.h"

#include <string.h>

/* Objects up to this size are mended in memory; a larger one is only copied. A pack has 64 MiB, a segment of 1 GB that
 * does not compress is above it. */
#define MEND_BYTES_MAX ((size_t)512 * 1024 * 1024)

#define LEFT_WHY "nothing sound is left of it here, and no other repository of this cluster has it"

static bool is_damaged_at(const RepairSite *site, const char *key)
{
    const VerifyLoss *const losses = (const VerifyLoss *)(const void *)site->findings.losses.data;
    for (size_t i = 0; i < site->findings.losses.len / sizeof *losses; i++) {
        if (text_equal(losses[i].key, key) && !losses[i].has_no_index)
            return true;
    }
    return false;
}

/* What stands in one repository alone: its own object, and the decisions about what it holds. */
static bool is_of_one_repository(ContainerKind kind)
{
    return kind == CONTAINER_REPOSITORY || kind == CONTAINER_HOLD;
}

/* ---- whose objects they are */

/* What the WAL of a repository says of its cluster; 0: nothing. */
typedef struct LifeAsk {
    const RepairTask *task;
    const Generation *generation; /* whose names its WAL may have */
    SystemId system_id;
} LifeAsk;

static Err *life_entry(void *arg, const ObjectEntry *entry)
{
    LifeAsk *const ask = arg;
    VerifyObject object;
    WalFacts facts;
    if (ask->system_id.id ||
        !verify_object_of(&object, entry->key, ask->task->root.cluster, ask->generation->segment_bytes) ||
        object.kind != CONTAINER_WAL)
        return NULL;
    Err *err = wal_object_facts(&facts, repair_site(ask->task)->repo->store, &ask->task->root, object.wal);
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return err;
    if (!err)
        ask->system_id = facts.system_id;
    err_free(&err);
    return NULL;
}

static Err *generation_ask(bool *is_known, Generation *out, const RepairSite *site, const KeyRoot *root)
{
    Err *err = generation_load(out, site->repo, root);
    *is_known = !err;
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return err;
    err_free(&err);
    return NULL;
}

/* Repositories of two clusters, or of two lives of one, have objects of the same names. One whose own cluster object is
 * lost is known by its WAL; one without any contradicts nobody. */
static Err *is_same_life(bool *out, const RepairSite *other, const RepairTask *task)
{
    const RepairSite *const own = repair_site(task);
    Generation here, there;
    bool is_known;
    TRY(generation_ask(&is_known, &there, other, &task->root));
    *out = is_known;
    if (!is_known)
        return NULL;
    TRY(generation_ask(&is_known, &here, own, &task->root));
    LifeAsk ask = {
        .task = task, .generation = &there, .system_id = is_known ? here.system_id : (SystemId){0}};
    if (!is_known)
        TRY(store_list(own->repo->store, key_wal_root(&task->root).text, (ListOpts){0}, life_entry, &ask));
    *out = !ask.system_id.id || ask.system_id.id == there.system_id.id;
    return NULL;
}

/* Is there a copy in that repository, sound and of the same life? Reads it. */
static Err *site_ask(bool *is_good, const char **why, RepairSite *site, const RepairTask *task)
{
    ContainerSummary copy;
    const char *refusal = NULL;
    TRY(is_same_life(is_good, site, task));
    if (*is_good)
        TRY(repair_read(is_good, &copy, site->repo, task));
    if (*is_good)
        TRY(repair_copy_check(&refusal, task, site, &copy));
    *is_good = *is_good && !refusal;
    *why = refusal ? refusal : *why;
    return NULL;
}

/* NULL when none has it; `*why` is set when one has another. */
static Err *source_find(RepairSite **out, const char **why, const RepairTask *task)
{
    *out = NULL;
    for (size_t i = 0; i < task->repair->site_count && !*out; i++) {
        RepairSite *const site = &task->repair->sites[i];
        bool is_good = false;
        if (i != task->site && !is_of_one_repository(task->object.kind) && !is_damaged_at(site, task->key))
            TRY(site_ask(&is_good, why, site, task));
        *out = is_good ? site : NULL;
    }
    return NULL;
}

/* ---- what is left of the object */

/* Rebuilt bytes tell by their facts whether they hold what the old head promised. */
static Err *facts_compare(bool *is_same, Span object, const RepairTask *task, Span facts)
{
    AUTO(buf_done) Buf own = {0};
    const ContainerExpect expect = {task->object.kind, key_object_name(task->key)};
    TRY(container_verify_bytes(&own, object, &expect));
    *is_same = facts.len && span_equal(buf_span(&own), facts);
    return NULL;
}

/* What cannot be indexed is stored without index, as archive-push does: then `index_fault` says why. */
static Err *wal_encode(Buf *out, Err **index_fault, const RepairTask *task, const ContainerRescue *rescue)
{
    const VerifyObject *const object = &task->object;
    const WalObjectSpec spec = {.generation = task->generation,
                                .name = object->wal,
                                .tail = object->kind == CONTAINER_WAL_TAIL ? &object->tail : NULL,
                                .codec = rescue->codec,
                                .level = codec_level_default(rescue->codec),
                                .key = task->key};
    return wal_object_encode(out, index_fault, &spec, buf_span(&rescue->plain));
}

/* New facts say what the generation says: they must not make WAL of another cluster, or of another name, look right. */
static bool is_what_it_says(const RepairTask *task, Span plain)
{
    const VerifyObject *const object = &task->object;
    const Generation *const generation = task->generation;
    WalSegmentHead head, expected = {.system_id = generation->system_id,
                                     .segment_bytes = generation->segment_bytes,
                                     .timeline = object->wal.timeline,
                                     .address = wal_name_start(object->wal)};
    if (object->kind == CONTAINER_WAL_TAIL && object->tail.from)
        return true; /* it has no head */
    Err *err = wal_segment_head_decode(&head, plain);
    const bool is_read = !err;
    if (!err)
        err = pg_version_of_major(&expected.version, generation->major);
    if (!err)
        err = wal_segment_head_check(&head, &expected);
    const bool is_good = !err;
    err_free(&err);
    return is_good ||
           (!is_read && object->kind != CONTAINER_WAL); /* a part may end before it says anything */
}

/* Of a segment or a part of one whose frames are whole. */
static Err *wal_rebuild(Buf *out, bool *is_rebuilt, Span object, const RepairTask *task)
{
    AUTO(container_rescue_done) ContainerRescue rescue = {.codec = CODEC_ZSTD};
    const ContainerKind kind = task->object.kind;
    *is_rebuilt = false;
    if (!task->generation ||
        (kind != CONTAINER_WAL && kind != CONTAINER_WAL_PARTIAL && kind != CONTAINER_WAL_TAIL))
        return NULL;
    bool is_whole;
    TRY(container_rescue(&rescue, &is_whole, object));
    if (!is_whole || !is_what_it_says(task, buf_span(&rescue.plain)))
        return NULL;
    AUTO(err_free) Err *index_fault = NULL;
    Err *err = wal_encode(out, &index_fault, task, &rescue);
    const bool is_no_segment = err_is(err, ERR_CORRUPT);
    if (is_no_segment)
        err_free(&err);
    TRY(err);
    if (is_no_segment)
        return NULL;
    bool is_proven = rescue.is_proven;
    if (!is_proven)
        TRY(facts_compare(&is_proven, buf_span(out), task, buf_span(&rescue.facts)));
    *is_rebuilt = is_proven;
    return NULL;
}

static Err *bytes_mend(Buf *out, RepairHow *how, Span object, const RepairTask *task)
{
    const ContainerExpect expect = {task->object.kind, key_object_name(task->key)};
    bool is_good;
    TRY(container_mend(out, &is_good, object, &expect));
    *how = is_good ? REPAIR_MENDED : REPAIR_LEFT;
    return NULL;
}

static Err *bytes_rebuild(Buf *out, RepairHow *how, Span object, const RepairTask *task)
{
    bool is_good;
    TRY(wal_rebuild(out, &is_good, object, task));
    *how = is_good ? REPAIR_REBUILT : REPAIR_LEFT;
    return NULL;
}

static Err *key_note(void *arg, const ObjectEntry *entry)
{
    buf_add(arg, entry->key, strlen(entry->key) + 1);
    return NULL;
}

/* Where what is left of it lies: under its own key, or set aside under others. NUL behind each. */
static Err *remains_list(Buf *keys, const RepairTask *task)
{
    if (!task->is_missing) {
        buf_add(keys, task->key, strlen(task->key) + 1);
        return NULL;
    }
    return store_list(repair_site(task)->repo->store, key_quarantine(&task->root, task->key, NULL).text,
                      (ListOpts){0}, key_note, keys);
}

typedef Err *MakeFn(Buf *out, RepairHow *how, Span object, const RepairTask *task);

/* Tries `make` on each of the remains; the first that gives something takes the object's place. */
static Err *remains_try(RepairDeed *deed, const RepairTask *task, MakeFn *make)
{
    AUTO(buf_done) Buf keys = {0};
    TRY(remains_list(&keys, task));
    for (size_t at = 0; at < keys.len && deed->how == REPAIR_LEFT; at += strlen(buf_text(&keys) + at) + 1) {
        AUTO(buf_done) Buf object = {0};
        AUTO(buf_done) Buf made = {0};
        Err *err = store_get_all(&object, repair_site(task)->repo->store, buf_text(&keys) + at, RANGE_ALL,
                                 MEND_BYTES_MAX);
        if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
            return err;
        const bool is_read = !err;
        err_free(&err); /* what cannot be read or is too large is not mended */
        if (!is_read)
            continue;
        RepairHow how = REPAIR_LEFT;
        TRY(make(&made, &how, buf_span(&object), task));
        if (how == REPAIR_LEFT)
            continue;
        TRY(repair_write(task, buf_span(&made)));
        deed->how = how;
    }
    return NULL;
}

static Err *copy_try(RepairDeed *deed, const RepairTask *task)
{
    RepairSite *from;
    if (deed->how != REPAIR_LEFT)
        return NULL;
    TRY(source_find(&from, &deed->from, task));
    if (!from)
        return NULL;
    TRY(repair_write_copy(task, from));
    deed->how = REPAIR_COPIED;
    deed->from = arena_text(task->repair->arena, from->repo->name);
    return NULL;
}

/* ---- the index of a sound segment */

static Err *indexed_make(Buf *out, const char **why, Span object, const RepairTask *task)
{
    AUTO(container_rescue_done) ContainerRescue rescue = {.codec = CODEC_ZSTD};
    AUTO(err_free) Err *index_fault = NULL;
    bool is_whole, is_same = false;
    TRY(container_rescue(&rescue, &is_whole, object));
    if (is_whole && task->generation && is_what_it_says(task, buf_span(&rescue.plain))) {
        TRY(wal_encode(out, &index_fault, task, &rescue));
        TRY(facts_compare(&is_same, buf_span(out), task, buf_span(&rescue.facts)));
    }
    if (index_fault)
        *why = arena_text(task->repair->arena, err_text(index_fault));
    else if (!is_same)
        *why = "it changed while it was read";
    return NULL;
}

/* Its plain bytes, and the facts that prove them, stay. */
static Err *index_try(RepairDeed *deed, const RepairTask *task)
{
    AUTO(buf_done) Buf object = {0};
    AUTO(buf_done) Buf made = {0};
    const char *why = NULL;
    TRY(store_get_all(&object, repair_site(task)->repo->store, task->key, RANGE_ALL, MEND_BYTES_MAX));
    TRY(indexed_make(&made, &why, buf_span(&object), task));
    deed->from = why ? why : "";
    if (why)
        return NULL;
    TRY(repair_write(task, buf_span(&made)));
    deed->how = REPAIR_INDEXED;
    return NULL;
}

static Err *heal(RepairDeed *deed, const RepairTask *task)
{
    if (task->has_no_index)
        return index_try(deed, task);
    TRY(remains_try(deed, task, bytes_mend));
    TRY(copy_try(deed, task));
    return deed->how == REPAIR_LEFT ? remains_try(deed, task, bytes_rebuild) : NULL;
}

Err *repair_object(RepairDeed *out, const RepairTask *task)
{
    Arena *const arena = task->repair->arena;
    RepairDeed deed = {.repo = arena_text(arena, repair_site(task)->repo->name),
                       .key = arena_text(arena, task->key),
                       .was_missing = task->is_missing,
                       .had_no_index = task->has_no_index,
                       .from = LEFT_WHY};
    Err *err = heal(&deed, task);
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return err;
    if (err) { /* no rights to remove, a full disk: the next object may fare better */
        deed.how = REPAIR_LEFT;
        deed.from = arena_text(arena, err_text(err));
    } else if (deed.how == REPAIR_MENDED || deed.how == REPAIR_REBUILT) {
        deed.from = "";
    }
    err_free(&err);
    *out = deed;
    return NULL;
}
