/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/generation.h"

#include "base/text.h"
#include "os/clock.h"
#include "repo/json_object.h"

#include <stdlib.h>
#include <string.h>

/* A creator who lost looks again and finds the winner's generation, or the next free number. */
enum { CREATE_TRIES = 16, MAJOR_LOWEST = 10, MAJOR_HIGHEST = 99 };

Err *generation_load(Generation *out, Repo *repo, const KeyRoot *root)
{
    const Key key = key_cluster(root);
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    TRY(json_object_load(&json, &reader, repo->store, key.text, CONTAINER_CLUSTER));
    Generation generation = {
        .root = *root,
        .system_id = json_read_system_id(&reader, "system_id"),
        .major = (unsigned)json_read_int(&reader, "major", MAJOR_LOWEST, MAJOR_HIGHEST),
        .catalog_version = (uint32_t)json_read_int(&reader, "catalog_version", 1, UINT32_MAX),
        .segment_bytes =
            (uint32_t)json_read_int(&reader, "segment_bytes", WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_BYTES_MAX),
        .block_bytes = (uint32_t)json_read_int(&reader, "block_bytes", PAGE_BYTES, PAGE_BYTES),
        .relation_segment_blocks = (uint32_t)json_read_int(&reader, "relation_segment_blocks", 1, UINT32_MAX),
        .has_checksums = json_read_bool(&reader, "checksums"),
        .created = json_read_instant(&reader, "created"),
    };
    if (!wal_segment_bytes_is_valid(generation.segment_bytes))
        json_read_fault(&reader, "%u bytes are no size of a WAL segment", generation.segment_bytes);
    TRY(json_read_end(&reader));
    *out = generation;
    return NULL;
}

static Err *generation_encode(Buf *out, const Generation *generation)
{
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_system_id(json, "system_id", generation->system_id);
    json_set_int(json, "major", generation->major);
    json_set_int(json, "catalog_version", generation->catalog_version);
    json_set_int(json, "segment_bytes", generation->segment_bytes);
    json_set_int(json, "block_bytes", generation->block_bytes);
    json_set_int(json, "relation_segment_blocks", generation->relation_segment_blocks);
    json_set_bool(json, "checksums", generation->has_checksums);
    json_set_instant(json, "created", generation->created);
    return json_object_encode(out, json, key_cluster(&generation->root).text, CONTAINER_CLUSTER);
}

static Err *number_add(void *arg, const ObjectEntry *entry)
{
    uint32_t number;
    if (key_generation_matches(&number, key_object_name(entry->key)))
        buf_add(arg, &number, sizeof number);
    return NULL;
}

static int number_compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

Err *generation_list(const Generation **out, size_t *count, Repo *repo, const char *cluster, Arena *arena)
{
    TRY(key_name_check("cluster", cluster));
    AUTO(buf_done) Buf numbers = {0};
    TRY(store_list(repo->store, key_cluster_folder(cluster).text, (ListOpts){.one_level = true}, number_add,
                   &numbers));
    const size_t found = numbers.len / sizeof(uint32_t);
    if (found)
        qsort(numbers.data, found, sizeof(uint32_t), number_compare);
    Generation *list = arena_alloc(arena, found * sizeof *list);
    size_t at = 0;
    for (size_t i = 0; i < found; i++) {
        uint32_t number;
        memcpy(&number, numbers.data + i * sizeof number, sizeof number);
        KeyRoot root;
        TRY(key_root_make(&root, cluster, number));
        Err *err = generation_load(&list[at], repo, &root);
        if (err_is(err, ERR_NOT_FOUND))
            err_free(&err); /* its folder is there, but it was not created, or is half removed */
        else if (err)
            return err;
        else
            at++;
    }
    *out = list;
    *count = at;
    return NULL;
}

/* Which generation is sought. */
typedef struct Wish {
    bool is_any; /* the newest; else the one with the system id */
    SystemId system_id;
} Wish;

static bool wish_met(const Wish *wish, const Generation *generation)
{
    return wish->is_any || generation->system_id.id == wish->system_id.id;
}

/* The newest generation that meets the wish, over all repositories that answer. Silence of one is no proof of absence:
 * it becomes the error when the others have nothing. */
static Err *generation_seek(Generation *out, RepoSet *set, const char *cluster, const Wish *wish)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf seen = {0};
    AUTO(err_free) Err *silence = NULL;
    Generation best = {.root = {.generation = 0}};
    for (size_t i = 0; i < set->count; i++) {
        const Generation *list = NULL;
        size_t count = 0;
        silence = err_first(TAKE(silence), generation_list(&list, &count, set->repos[i], cluster, arena));
        for (size_t at = 0; at < count; at++) {
            buf_addf(&seen, "%s%s (g%u in %s)", seen.len ? ", " : "", system_id_text(list[at].system_id).text,
                     list[at].root.generation, set->repos[i]->name);
            if (wish_met(wish, &list[at]) && list[at].root.generation > best.root.generation)
                best = list[at];
        }
    }
    if (best.root.generation) {
        *out = best;
        return NULL;
    }
    if (silence)
        return TAKE(silence);
    if (!seen.len)
        return err_hint(ERR(NOT_FOUND, "no repository knows a cluster %s", cluster),
                        "\"pgstrata setup\" makes it known.");
    return err_detail(ERR(NOT_FOUND, "no generation of the cluster %s has the system id %s", cluster,
                          system_id_text(wish->system_id).text),
                      "System ids there: %s.", buf_text(&seen));
}

Err *generation_find(Generation *out, RepoSet *set, const char *cluster, SystemId system_id)
{
    return generation_seek(out, set, cluster, &(Wish){.system_id = system_id});
}

Err *generation_latest(Generation *out, RepoSet *set, const char *cluster)
{
    return generation_seek(out, set, cluster, &(Wish){.is_any = true});
}

static Err *facts_compare(const Generation *there, const Generation *wanted)
{
    if (there->major == wanted->major && there->catalog_version == wanted->catalog_version &&
        there->segment_bytes == wanted->segment_bytes && there->block_bytes == wanted->block_bytes &&
        there->relation_segment_blocks == wanted->relation_segment_blocks)
        return NULL;
    return err_detail(
        ERR(REFUSED, "generation g%u of the cluster %s has the same system id %s and other facts",
            there->root.generation, there->root.cluster, system_id_text(there->system_id).text),
        "There: major %u, catalog version %u, WAL segments of %u bytes. Wanted: major %u, catalog "
        "version %u, WAL segments of %u bytes.",
        there->major, there->catalog_version, there->segment_bytes, wanted->major, wanted->catalog_version,
        wanted->segment_bytes);
}

/* Into one repository, which may have it already. */
static Err *generation_put(Repo *to, const Generation *generation, Span bytes)
{
    const Key key = key_cluster(&generation->root);
    Err *err = repo_put(to, key.text, bytes);
    if (!err_is(err, ERR_EXISTS))
        return err;
    err_free(&err);
    Generation there;
    TRY(generation_load(&there, to, &generation->root));
    if (there.system_id.id == generation->system_id.id) {
        TRY(facts_compare(&there, generation));
        return store_settle(to->store, key.text);
    }
    return err_hint(
        ERR(REFUSED,
            "generation g%u of the cluster %s has the system id %s in the repository %s, and %s in "
            "another one",
            generation->root.generation, generation->root.cluster, system_id_text(there.system_id).text,
            to->name, system_id_text(generation->system_id).text),
        "The repositories hold different clusters under one name: give this cluster another name, or the "
        "repository another place.");
}

static Err *generation_spread(RepoSet *set, const Generation *generation)
{
    AUTO(buf_done) Buf bytes = {0};
    TRY(generation_encode(&bytes, generation));
    for (size_t i = 0; i < set->count; i++)
        TRY(generation_put(set->repos[i], generation, buf_span(&bytes)));
    return NULL;
}

/* The number after the highest of any repository; all of them must answer. */
static Err *generation_next_number(uint32_t *out, RepoSet *set, const char *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    uint32_t highest = 0;
    for (size_t i = 0; i < set->count; i++) {
        const Generation *list;
        size_t count;
        TRY(generation_list(&list, &count, set->repos[i], cluster, arena));
        if (count && list[count - 1].root.generation > highest)
            highest = list[count - 1].root.generation;
    }
    *out = highest + 1;
    return NULL;
}

/* `*is_won` false: somebody else took the number. */
static Err *generation_try(bool *is_won, RepoSet *set, Generation *wanted)
{
    TRY(generation_next_number(&wanted->root.generation, set, wanted->root.cluster));
    wanted->created = clock_now();
    AUTO(buf_done) Buf bytes = {0};
    TRY(generation_encode(&bytes, wanted));
    Err *err = repo_put(set->repos[0], key_cluster(&wanted->root).text, buf_span(&bytes));
    *is_won = !err_is(err, ERR_EXISTS);
    if (!*is_won)
        err_free(&err);
    return err;
}

Err *generation_create(Generation *out, RepoSet *set, const Generation *wanted)
{
    for (int tries = 0; tries < CREATE_TRIES; tries++) {
        Generation generation = *wanted;
        Err *err = generation_find(&generation, set, wanted->root.cluster, wanted->system_id);
        if (!err) {
            TRY(facts_compare(&generation, wanted));
            TRY(generation_spread(set, &generation));
            *out = generation;
            return NULL;
        }
        if (!err_is(err, ERR_NOT_FOUND))
            return err;
        err_free(&err);
        bool is_won;
        TRY(generation_try(&is_won, set, &generation));
        /* Won or lost, the next round finds it and brings it to every repository. */
    }
    return ERR(BUSY, "generations of the cluster %s are created faster than they can be read",
               wanted->root.cluster);
}
