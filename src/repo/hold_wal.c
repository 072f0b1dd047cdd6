/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/hold_wal.h"

#include "os/clock.h"
#include "repo/json_object.h"

static Key wal_key(const KeyRoot *root, uint32_t number)
{
    return key_hold(root, "wal", "", number);
}

bool wal_wanted_has(const WalWantedList *list, Timeline timeline, uint64_t segment)
{
    for (size_t i = 0; i < list->count; i++) {
        const WalWanted *const range = &list->ranges[i];
        if (range->timeline.id == timeline.id && range->first <= segment && segment <= range->last)
            return true;
    }
    return false;
}

Err *hold_wal_write(Repo *repo, const KeyRoot *root, uint32_t number, const WalWantedList *list)
{
    AUTO(json_free) json_t *json = json_object();
    json_t *const ranges = json_array();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_instant(json, "created", clock_now());
    for (size_t i = 0; i < list->count; i++) {
        json_t *const range = json_object();
        json_set_int(range, "timeline", list->ranges[i].timeline.id);
        json_set_size(range, "first", list->ranges[i].first);
        if (list->ranges[i].last == WAL_WANTED_OPEN)
            json_set_text(range, "last", NULL);
        else
            json_set_size(range, "last", list->ranges[i].last);
        json_array_append_new(ranges, range);
    }
    json_object_set_new(json, "wanted", ranges);
    const Key key = wal_key(root, number);
    AUTO(buf_done) Buf bytes = {0};
    TRY(json_object_encode(&bytes, json, key.text, CONTAINER_HOLD));
    return repo_put(repo, key.text, buf_span(&bytes));
}

static Err *range_read(WalWanted *out, const json_t *json, const char *what)
{
    if (!json_is_object(json))
        return ERR(CORRUPT, "%s: an item of \"wanted\" is not an object", what);
    JsonReader reader = json_read(json, what);
    WalWanted range = {.timeline = {(uint32_t)json_read_int(&reader, "timeline", 1, UINT32_MAX)},
                       .first = json_read_size(&reader, "first"),
                       .last = WAL_WANTED_OPEN};
    if (json_read_has(&reader, "last"))
        range.last = json_read_size(&reader, "last");
    TRY(json_read_end(&reader));
    *out = range;
    return NULL;
}

Err *hold_wal_load(WalWantedList *out, Repo *repo, const KeyRoot *root, uint32_t number, Arena *arena)
{
    const Key key = wal_key(root, number);
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    TRY(json_object_load(&json, &reader, repo->store, key.text, CONTAINER_HOLD));
    const json_t *const array = json_read_array(&reader, "wanted");
    TRY(json_read_end(&reader));
    WalWanted *const ranges = arena_alloc(arena, json_array_size(array) * sizeof *ranges);
    for (size_t i = 0; i < json_array_size(array); i++)
        TRY(range_read(&ranges[i], json_array_get(array, i), key.text));
    *out = (WalWantedList){.ranges = ranges, .count = json_array_size(array)};
    return NULL;
}

Err *hold_wal_remove(Repo *repo, const KeyRoot *root, uint32_t number)
{
    return store_remove(repo->store, wal_key(root, number).text);
}
