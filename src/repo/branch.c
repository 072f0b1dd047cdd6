/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/branch.h"

#include "base/text.h"
#include "repo/json_object.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TIMELINE_DIGITS = 8 };

static const char *const origin_names[] = {[BRANCH_SETUP] = "setup",
                                           [BRANCH_FAILOVER] = "failover",
                                           [BRANCH_RESTORE] = "restore",
                                           [BRANCH_TAKEOVER] = "takeover",
                                           NULL};

const char *branch_origin_name(BranchOrigin origin)
{
    return origin_names[origin];
}

static Err *branch_load(BranchRecord *out, Repo *repo, const KeyRoot *root, Timeline timeline)
{
    const Key key = key_branch(root, timeline);
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    TRY(json_object_load(&json, &reader, repo->store, key.text, CONTAINER_BRANCH));
    BranchRecord record = {
        .timeline = timeline,
        .parent = {(uint32_t)json_read_int(&reader, "parent", 0, (int64_t)timeline.id - 1)},
        .switch_lsn = json_read_lsn_opt(&reader, "switch_lsn"),
        .origin = (BranchOrigin)json_read_choice(&reader, "origin", origin_names),
        .created = json_read_instant(&reader, "created"),
    };
    json_read_copy(record.host, sizeof record.host, &reader, "host");
    json_read_copy(record.data_directory, sizeof record.data_directory, &reader, "data_directory");
    if (lsn_is_valid(record.switch_lsn) != (record.parent.id != 0))
        json_read_fault(&reader, "parent %u with switch LSN %s", record.parent.id,
                        lsn_text(record.switch_lsn).text);
    TRY(json_read_end(&reader));
    *out = record;
    return NULL;
}

static Err *branch_encode(Buf *out, const KeyRoot *root, const BranchRecord *record)
{
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_int(json, "parent", record->parent.id);
    json_set_lsn(json, "switch_lsn", record->switch_lsn);
    json_set_text(json, "origin", branch_origin_name(record->origin));
    json_set_raw(json, "host", record->host);
    json_set_raw(json, "data_directory", record->data_directory);
    json_set_instant(json, "created", record->created);
    return json_object_encode(out, json, key_branch(root, record->timeline).text, CONTAINER_BRANCH);
}

static Err *timeline_add(void *arg, const ObjectEntry *entry)
{
    const char *const name = strrchr(entry->key, '/') + 1;
    uint64_t timeline;
    if (strlen(name) == TIMELINE_DIGITS && text_hex_upper(&timeline, name, TIMELINE_DIGITS) && timeline) {
        const Timeline found = {(uint32_t)timeline};
        buf_add(arg, &found, sizeof found);
    }
    return NULL;
}

Err *branch_list(const BranchRecord **out, size_t *count, Repo *repo, const KeyRoot *root, Arena *arena)
{
    AUTO(buf_done) Buf timelines = {0}; /* ascending, as their names are */
    TRY(store_list(repo->store, key_branch_prefix(root).text, (ListOpts){0}, timeline_add, &timelines));
    const size_t found = timelines.len / sizeof(Timeline);
    BranchRecord *list = arena_alloc(arena, found * sizeof *list);
    for (size_t i = 0; i < found; i++) {
        Timeline timeline;
        memcpy(&timeline, timelines.data + i * sizeof timeline, sizeof timeline);
        TRY(branch_load(&list[i], repo, root, timeline));
    }
    *out = list;
    *count = found;
    return NULL;
}

static Err *branch_put(Repo *repo, const KeyRoot *root, const BranchRecord *record, Span bytes)
{
    Err *err = repo_put(repo, key_branch(root, record->timeline).text, bytes);
    if (!err_is(err, ERR_EXISTS))
        return err;
    err_free(&err);
    BranchRecord there;
    TRY(branch_load(&there, repo, root, record->timeline));
    if (there.parent.id == record->parent.id && there.switch_lsn.at == record->switch_lsn.at)
        return store_settle(repo->store, key_branch(root, record->timeline).text);
    return err_detail(
        ERR(EXISTS,
            "timeline %u branched off timeline %u at %s, the repository %s has it from timeline %u at %s",
            record->timeline.id, record->parent.id, lsn_text(record->switch_lsn).text, repo->name,
            there.parent.id, lsn_text(there.switch_lsn).text),
        "Written on %s for %s (%s).", there.host, there.data_directory, branch_origin_name(there.origin));
}

Err *branch_write(RepoSet *set, const KeyRoot *root, const BranchRecord *record)
{
    assert(record->timeline.id && record->parent.id < record->timeline.id);
    AUTO(buf_done) Buf bytes = {0};
    TRY(branch_encode(&bytes, root, record));
    for (size_t i = 0; i < set->count; i++)
        TRY(branch_put(set->repos[i], root, record, buf_span(&bytes)));
    return NULL;
}
