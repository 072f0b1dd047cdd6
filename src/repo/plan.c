/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/plan.h"

#include "base/text.h"
#include "repo/json_fields.h"

#include <assert.h>
#include <string.h>

enum { PLAN_SCHEMA = 1 };

static const char *const role_names[] = {
    [PLAN_CLONE] = "clone", [PLAN_OWNER] = "owner", [PLAN_STANDBY] = "standby", NULL};

const PlanStretch *plan_stretch(const Plan *plan, Timeline timeline)
{
    for (size_t i = 0; i < plan->branch.count; i++) {
        if (plan->branch.stretches[i].timeline.id == timeline.id)
            return &plan->branch.stretches[i];
    }
    return NULL;
}

PlanBranch plan_branch_make(const History *history, Lsn from, uint32_t segment_bytes, Arena *arena)
{
    PlanStretch *stretches = arena_alloc(arena, (history->count + 1) * sizeof *stretches);
    size_t count = 0;
    Lsn begin = from;
    for (size_t i = 0; i < history->count; i++) {
        const HistoryEntry *const entry = &history->entries[i];
        if (entry->end.at <= begin.at)
            continue; /* left before the branch begins, or without a byte of its own */
        stretches[count++] = (PlanStretch){.timeline = entry->timeline,
                                           .first_segment = begin.at / segment_bytes,
                                           .last_segment = (entry->end.at - 1) / segment_bytes,
                                           .switch_lsn = entry->end};
        begin = entry->end;
    }
    stretches[count++] = (PlanStretch){
        .timeline = history->timeline, .first_segment = begin.at / segment_bytes, .last_segment = PLAN_OPEN};
    return (PlanBranch){.stretches = stretches, .count = count};
}

/* NULL, or which rule of plan.h the branch and its end break. */
static const char *branch_fault(const Plan *plan)
{
    const PlanBranch *const branch = &plan->branch;
    if (branch->count == 0)
        return "the branch is empty";
    for (size_t i = 0; i < branch->count; i++) {
        const PlanStretch *const at = &branch->stretches[i];
        const bool is_last = i + 1 == branch->count;
        if (at->timeline.id == 0 || (i && at->timeline.id <= at[-1].timeline.id))
            return "timelines of the branch do not ascend";
        if (is_last ? at->last_segment != PLAN_OPEN || lsn_is_valid(at->switch_lsn)
                    : !lsn_is_valid(at->switch_lsn) ||
                          at->last_segment != (at->switch_lsn.at - 1) / plan->segment_bytes)
            return "a timeline's last segment and switch LSN do not fit together";
        if (at->first_segment > at->last_segment ||
            (i && at->first_segment != at[-1].switch_lsn.at / plan->segment_bytes))
            return "a timeline does not begin where the one before was left";
    }
    if (plan->has_end == (plan->role == PLAN_STANDBY))
        return "a standby has no end, every other plan has one";
    if (plan->has_end && plan->end_segment < branch->stretches[branch->count - 1].first_segment)
        return "the end lies before the last timeline";
    return NULL;
}

static const char *plan_fault(const Plan *plan)
{
    if (plan->repo_count == 0)
        return "no repository is named";
    if (!wal_segment_bytes_is_valid(plan->segment_bytes))
        return "the segment size is none";
    return branch_fault(plan);
}

static void segment_set(json_t *json, const char *name, const Plan *plan, Timeline timeline, uint64_t segment)
{
    const WalName wal = {.kind = WAL_NAME_SEGMENT,
                         .timeline = timeline,
                         .segment = segment,
                         .segment_bytes = plan->segment_bytes};
    json_set_text(json, name, wal_name_text(wal).text);
}

static json_t *branch_json(const Plan *plan)
{
    json_t *array = json_array();
    for (size_t i = 0; i < plan->branch.count; i++) {
        const PlanStretch *const at = &plan->branch.stretches[i];
        json_t *item = json_object();
        json_set_int(item, "timeline", at->timeline.id);
        segment_set(item, "first", plan, at->timeline, at->first_segment);
        if (at->last_segment == PLAN_OPEN)
            json_set_text(item, "last", NULL);
        else
            segment_set(item, "last", plan, at->timeline, at->last_segment);
        json_set_lsn(item, "switch_lsn", at->switch_lsn);
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *repos_json(const Plan *plan)
{
    json_t *array = json_array();
    for (size_t i = 0; i < plan->repo_count; i++) {
        json_t *item = json_object();
        json_set_text(item, "name", plan->repos[i].name);
        json_set_raw(item, "url", plan->repos[i].url);
        json_set_text(item, "id", plan->repos[i].id);
        json_array_append_new(array, item);
    }
    return array;
}

Err *plan_format(Buf *out, const Plan *plan)
{
    const char *const fault = plan_fault(plan);
    if (fault)
        return ERR(BUG, "plan of %s: %s", plan->root.cluster, fault);
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", PLAN_SCHEMA);
    json_set_text(json, "role", role_names[plan->role]);
    json_set_text(json, "cluster", plan->root.cluster);
    json_set_int(json, "generation", plan->root.generation);
    json_set_system_id(json, "system_id", plan->system_id);
    json_set_int(json, "segment_bytes", plan->segment_bytes);
    json_object_set_new(json, "repositories", repos_json(plan));
    json_object_set_new(json, "branch", branch_json(plan));
    if (plan->has_end)
        segment_set(json, "end", plan, plan->branch.stretches[plan->branch.count - 1].timeline,
                    plan->end_segment);
    else
        json_set_text(json, "end", NULL);
    json_set_text(json, "backup", plan->backup.text);
    json_set_raw(json, "target", plan->target);
    json_set_raw(json, "host", plan->host);
    json_set_raw(json, "data_directory", plan->data_directory);
    json_set_instant(json, "created", plan->created);
    char *text = json_dumps(json, JSON_INDENT(1));
    assert(text);
    buf_addf(out, "%s\n", text);
    mem_free(&text);
    return NULL;
}

/* A segment's name on `timeline`. */
static uint64_t segment_read(JsonReader *reader, const char *name, Timeline timeline, uint32_t segment_bytes)
{
    const char *const text = json_read_text(reader, name);
    WalName wal = {.segment = 0};
    if (reader->fault)
        return 0;
    if (!wal_name_matches(&wal, text, segment_bytes) || wal.kind != WAL_NAME_SEGMENT ||
        wal.timeline.id != timeline.id)
        json_read_fault(reader, "field \"%s\" is \"%s\", no segment of timeline %u", name, text, timeline.id);
    return wal.segment;
}

static void repos_read(Plan *plan, JsonReader *reader, Arena *arena)
{
    const json_t *const array = json_read_array(reader, "repositories");
    PlanRepo *repos = arena_alloc(arena, json_array_size(array) * sizeof *repos);
    for (size_t i = 0; i < json_array_size(array); i++) {
        JsonReader item = json_read(json_array_get(array, i), "repository of the plan");
        repos[i] = (PlanRepo){.name = arena_text(arena, json_read_text(&item, "name")),
                              .url = json_read_raw(&item, "url", arena),
                              .id = arena_text(arena, json_read_text(&item, "id"))};
        Err *fault = json_read_end(&item);
        if (!fault)
            fault = key_name_check("repository", repos[i].name);
        reader->fault = err_first(reader->fault, fault ? err_become(fault, ERR_CORRUPT) : NULL);
    }
    plan->repos = repos;
    plan->repo_count = json_array_size(array);
}

static void branch_read(Plan *plan, JsonReader *reader, Arena *arena)
{
    const json_t *const array = json_read_array(reader, "branch");
    PlanStretch *stretches = arena_alloc(arena, json_array_size(array) * sizeof *stretches);
    for (size_t i = 0; i < json_array_size(array) && !reader->fault; i++) {
        JsonReader item = json_read(json_array_get(array, i), "branch of the plan");
        PlanStretch *const at = &stretches[i];
        at->timeline.id = (uint32_t)json_read_int(&item, "timeline", 1, UINT32_MAX);
        at->first_segment = segment_read(&item, "first", at->timeline, plan->segment_bytes);
        at->last_segment = json_read_has(&item, "last")
                               ? segment_read(&item, "last", at->timeline, plan->segment_bytes)
                               : PLAN_OPEN;
        at->switch_lsn = json_read_lsn_opt(&item, "switch_lsn");
        reader->fault = json_read_end(&item);
    }
    plan->branch = (PlanBranch){.stretches = stretches, .count = json_array_size(array)};
}

static void root_read(Plan *plan, JsonReader *reader)
{
    const char *const cluster = json_read_text(reader, "cluster");
    const uint32_t generation = (uint32_t)json_read_int(reader, "generation", 1, UINT32_MAX);
    Err *fault = reader->fault ? NULL : key_root_make(&plan->root, cluster, generation);
    if (fault)
        reader->fault = err_become(fault, ERR_CORRUPT);
}

static Plan fields_read(JsonReader *reader, Arena *arena)
{
    const int64_t schema = json_read_int(reader, "schema", 0, INT64_MAX);
    if (!reader->fault && schema != PLAN_SCHEMA)
        reader->fault =
            ERR(UNSUPPORTED, "%s: written by a newer pgstrata: schema %lld; this program reads %d",
                reader->what, (long long)schema, PLAN_SCHEMA);
    Plan plan = {
        .role = (PlanRole)json_read_choice(reader, "role", role_names),
        .system_id = json_read_system_id(reader, "system_id"),
        .segment_bytes =
            (uint32_t)json_read_int(reader, "segment_bytes", WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_BYTES_MAX),
        .backup = json_read_label(reader, "backup"),
        .target = json_read_raw(reader, "target", arena),
        .host = json_read_raw(reader, "host", arena),
        .data_directory = json_read_raw(reader, "data_directory", arena),
        .created = json_read_instant(reader, "created"),
    };
    root_read(&plan, reader);
    if (!reader->fault && !wal_segment_bytes_is_valid(plan.segment_bytes))
        json_read_fault(reader, "%u bytes are no size of a WAL segment", plan.segment_bytes);
    if (reader->fault)
        return plan;
    repos_read(&plan, reader, arena);
    branch_read(&plan, reader, arena);
    plan.has_end = json_read_has(reader, "end");
    if (plan.has_end && plan.branch.count)
        plan.end_segment = segment_read(reader, "end", plan.branch.stretches[plan.branch.count - 1].timeline,
                                        plan.segment_bytes);
    return plan;
}

Err *plan_parse(Plan *out, Span text, Arena *arena)
{
    if (text.len > PLAN_BYTES_MAX)
        return ERR(LIMIT, PLAN_FILE_NAME " has %zu bytes, at most %d are read", text.len, PLAN_BYTES_MAX);
    AUTO(json_free) json_t *json = NULL;
    TRY(json_parse_object(&json, text, PLAN_FILE_NAME));
    JsonReader reader = json_read(json, PLAN_FILE_NAME);
    const Plan plan = fields_read(&reader, arena);
    const char *const fault = reader.fault ? NULL : plan_fault(&plan);
    if (fault)
        json_read_fault(&reader, "%s", fault);
    TRY(json_read_end(&reader));
    *out = plan;
    return NULL;
}
