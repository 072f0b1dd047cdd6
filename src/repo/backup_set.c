/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/backup_set.h"

#include "base/text.h"
#include "repo/json_object.h"

#include <assert.h>
#include <string.h>

static const char begin_object[] = "begin", record_object[] = "backup";

/* Side data is small: files of configuration, maps of names. */
enum { SIDE_BYTES_MAX = 64 * 1024 * 1024, MAJOR_LOWEST = 10, MAJOR_HIGHEST = 99 };

Err *backup_begin_write(RepoSet *set, const KeyRoot *root, const BackupBegin *begin)
{
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_text(json, "label", begin->label.text);
    json_set_lsn(json, "start_lsn", begin->start_lsn);
    json_set_int(json, "timeline", begin->timeline.id);
    json_set_instant(json, "created", begin->created);
    json_set_bool(json, "from_standby", begin->from_standby);
    json_set_bool(json, "offline", begin->offline);
    json_set_bool(json, "checksums", begin->has_checksums);
    if (!instant_is_none(begin->server_started))
        json_set_instant(json, "server_started", begin->server_started);
    if (lsn_is_valid(begin->mark.lsn)) {
        json_set_lsn(json, "mark_lsn", begin->mark.lsn);
        json_set_hash128(json, "mark", &begin->mark.hash);
    }
    json_set_raw(json, "host", begin->host);
    json_set_raw(json, "data_directory", begin->data_directory);
    json_t *labels = json_array();
    for (size_t i = 0; i < begin->may_draw_on_count; i++)
        json_array_append_new(labels, json_string(begin->may_draw_on[i].text));
    json_object_set_new(json, "may_draw_on", labels);

    const Key key = key_backup_object(root, begin->label, begin_object);
    AUTO(buf_done) Buf bytes = {0};
    TRY(json_object_encode(&bytes, json, key.text, CONTAINER_BEGIN));
    return repo_set_put(set, key.text, buf_span(&bytes));
}

/* Every object of a backup names its label. */
static void label_check(JsonReader *reader, BackupLabel label)
{
    const BackupLabel there = json_read_label(reader, "label");
    if (!reader->fault && !text_equal(there.text, label.text))
        json_read_fault(reader, "the label is %s", there.text);
}

Err *backup_begin_load(BackupBegin *out, Repo *repo, const KeyRoot *root, BackupLabel label, Arena *arena)
{
    const Key key = key_backup_object(root, label, begin_object);
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    TRY(json_object_load(&json, &reader, repo->store, key.text, CONTAINER_BEGIN));
    label_check(&reader, label);
    BackupBegin begin = {
        .label = label,
        .start_lsn = json_read_lsn_opt(&reader, "start_lsn"),
        .timeline = {(uint32_t)json_read_int(&reader, "timeline", 1, UINT32_MAX)},
        .created = json_read_instant(&reader, "created"),
        .from_standby = json_read_bool(&reader, "from_standby"),
        .offline = json_read_bool(&reader, "offline"),
        .has_checksums = json_read_has(&reader, "checksums") && json_read_bool(&reader, "checksums"),
        .server_started = json_read_has(&reader, "server_started")
                              ? json_read_instant(&reader, "server_started")
                              : INSTANT_NONE,
        .mark.lsn = json_read_lsn_opt(&reader, "mark_lsn"),
        .host = json_read_raw(&reader, "host", arena),
        .data_directory = json_read_raw(&reader, "data_directory", arena),
    };
    if (lsn_is_valid(begin.mark.lsn))
        begin.mark.hash = json_read_hash128(&reader, "mark");
    const json_t *const labels = json_read_array(&reader, "may_draw_on");
    begin.may_draw_on_count = json_array_size(labels);
    BackupLabel *list = arena_alloc(arena, begin.may_draw_on_count * sizeof *list);
    for (size_t i = 0; i < begin.may_draw_on_count; i++) {
        const char *const text = json_string_value(json_array_get(labels, i));
        if (text && label_is(text))
            memcpy(list[i].text, text, sizeof list[i].text);
        else
            json_read_fault(&reader, "value %zu of \"may_draw_on\" is no label", i);
    }
    begin.may_draw_on = list;
    TRY(json_read_end(&reader));
    *out = begin;
    return NULL;
}

static json_t *side_json(const BackupRecord *record)
{
    json_t *array = json_array();
    for (size_t i = 0; i < record->side_count; i++) {
        json_t *item = json_object();
        json_set_raw(item, "name", record->side[i].name);
        place_set(item, &record->side[i].place);
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *bad_pages_json(const BackupRecord *record)
{
    json_t *array = json_array();
    for (size_t i = 0; i < record->bad_page_listed; i++) {
        json_t *item = json_object();
        json_set_raw(item, "path", record->bad_pages[i].path);
        json_set_int(item, "block", record->bad_pages[i].block);
        json_set_raw(item, "relation", record->bad_pages[i].relation);
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *record_json(const BackupRecord *record)
{
    json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_text(json, "label", record->label.text);
    if (record->parent.text[0])
        json_set_text(json, "parent", record->parent.text);
    json_set_int(json, "timeline", record->timeline.id);
    json_set_lsn(json, "start_lsn", record->start_lsn);
    json_set_lsn(json, "checkpoint_lsn", record->checkpoint_lsn);
    json_set_lsn(json, "stop_lsn", record->stop_lsn);
    json_set_instant(json, "start_time", record->start_time);
    json_set_instant(json, "stop_time", record->stop_time);
    json_set_bool(json, "from_standby", record->from_standby);
    json_set_bool(json, "offline", record->offline);
    json_set_bool(json, "checksums", record->has_checksums);
    json_set_int(json, "major", record->major);
    json_set_raw(json, "server_version", record->server_version);
    json_set_size(json, "files", record->files);
    json_set_size(json, "size", record->size_bytes);
    json_set_size(json, "stored", record->stored_bytes);
    json_t *place = json_object();
    place_set(place, &record->manifest_root);
    json_object_set_new(json, "manifest", place);
    json_set_bytes(json, "backup_label", record->backup_label_file);
    json_set_bytes(json, "tablespace_map", record->tablespace_map_file);
    json_object_set_new(json, "side", side_json(record));
    json_set_size(json, "bad_page_count", record->bad_page_count);
    json_object_set_new(json, "bad_pages", bad_pages_json(record));
    json_set_raw(json, "note", record->note);
    return json;
}

Err *backup_record_write(BackupCommit *out, RepoSet *set, const KeyRoot *root, const BackupRecord *record)
{
    assert(record->bad_page_listed <= BAD_PAGES_LISTED_MAX && record->stop_lsn.at >= record->start_lsn.at);
    AUTO(json_free) json_t *json = record_json(record);
    const Key key = key_backup_object(root, record->label, record_object);
    AUTO(buf_done) Buf bytes = {0};
    TRY(json_object_encode(&bytes, json, key.text, CONTAINER_BACKUP));
    TRY(repo_set_put(set, key.text, buf_span(&bytes)));
    *out = (BackupCommit){bytes.len, hash128_of(buf_span(&bytes))};
    return NULL;
}

/* A reader for item `at` of an array in the document that `outer` reads. */
static JsonReader item_reader(JsonReader *outer, const json_t *array, size_t at)
{
    const json_t *const item = json_array_get(array, at);
    if (!json_is_object(item))
        json_read_fault(outer, "item %zu of a list is not an object", at);
    return json_read(item, outer->what);
}

static void item_done(JsonReader *outer, JsonReader *item)
{
    outer->fault = err_first(outer->fault, json_read_end(item));
}

static void side_read(BackupRecord *record, JsonReader *reader, Arena *arena)
{
    const json_t *const array = json_read_array(reader, "side");
    SideItem *items = arena_alloc(arena, json_array_size(array) * sizeof *items);
    for (size_t i = 0; i < json_array_size(array) && !reader->fault; i++) {
        JsonReader item = item_reader(reader, array, i);
        items[i].name = json_read_raw(&item, "name", arena);
        place_read(&items[i].place, &item, SIDE_BYTES_MAX);
        item_done(reader, &item);
    }
    record->side = items;
    record->side_count = json_array_size(array);
}

static void bad_pages_read(BackupRecord *record, JsonReader *reader, Arena *arena)
{
    record->bad_page_count = json_read_size(reader, "bad_page_count");
    const json_t *const array = json_read_array(reader, "bad_pages");
    if (json_array_size(array) > BAD_PAGES_LISTED_MAX || json_array_size(array) > record->bad_page_count)
        json_read_fault(reader, "%zu bad pages are listed", json_array_size(array));
    BadPage *pages = arena_alloc(arena, reader->fault ? 0 : json_array_size(array) * sizeof *pages);
    for (size_t i = 0; i < json_array_size(array) && !reader->fault; i++) {
        JsonReader item = item_reader(reader, array, i);
        pages[i] = (BadPage){.path = json_read_raw(&item, "path", arena),
                             .block = (uint32_t)json_read_int(&item, "block", 0, UINT32_MAX),
                             .relation = json_read_raw(&item, "relation", arena)};
        item_done(reader, &item);
    }
    record->bad_pages = pages;
    record->bad_page_listed = json_array_size(array);
}

static BackupRecord record_read(JsonReader *reader, Arena *arena)
{
    BackupRecord record = {
        .timeline = {(uint32_t)json_read_int(reader, "timeline", 1, UINT32_MAX)},
        .start_lsn = json_read_lsn(reader, "start_lsn"),
        .checkpoint_lsn = json_read_lsn(reader, "checkpoint_lsn"),
        .stop_lsn = json_read_lsn(reader, "stop_lsn"),
        .start_time = json_read_instant(reader, "start_time"),
        .stop_time = json_read_instant(reader, "stop_time"),
        .from_standby = json_read_bool(reader, "from_standby"),
        .offline = json_read_bool(reader, "offline"),
        .has_checksums = json_read_bool(reader, "checksums"),
        .major = (unsigned)json_read_int(reader, "major", MAJOR_LOWEST, MAJOR_HIGHEST),
        .server_version = json_read_raw(reader, "server_version", arena),
        .files = json_read_size(reader, "files"),
        .size_bytes = json_read_size(reader, "size"),
        .stored_bytes = json_read_size(reader, "stored"),
        .backup_label_file = json_read_bytes(reader, "backup_label", arena),
        .tablespace_map_file = json_read_bytes(reader, "tablespace_map", arena),
        .note = json_read_raw(reader, "note", arena),
    };
    if (json_read_has(reader, "parent"))
        record.parent = json_read_label(reader, "parent");
    if (record.stop_lsn.at < record.start_lsn.at)
        json_read_fault(reader, "it stops at %s, before its start %s", lsn_text(record.stop_lsn).text,
                        lsn_text(record.start_lsn).text);
    JsonReader place = json_read(json_read_object(reader, "manifest"), reader->what);
    if (!reader->fault) {
        place_read(&record.manifest_root, &place, MANIFEST_ROOT_MAX);
        item_done(reader, &place);
    }
    side_read(&record, reader, arena);
    bad_pages_read(&record, reader, arena);
    return record;
}

Err *backup_record_load(BackupRecord *out, Repo *repo, const KeyRoot *root, BackupLabel label, Arena *arena)
{
    const Key key = key_backup_object(root, label, record_object);
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    TRY(json_object_load(&json, &reader, repo->store, key.text, CONTAINER_BACKUP));
    label_check(&reader, label);
    BackupRecord record = record_read(&reader, arena);
    record.label = label;
    TRY(json_read_end(&reader));
    *out = record;
    return NULL;
}
