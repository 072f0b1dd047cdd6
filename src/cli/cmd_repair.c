/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/each_cluster.h"
#include "cli/watch.h"
#include "job/repair.h"

#include <inttypes.h>

static const char *how_name(RepairHow how)
{
    static const char *const names[] = {[REPAIR_LEFT] = "left",
                                        [REPAIR_MENDED] = "mended",
                                        [REPAIR_COPIED] = "copied",
                                        [REPAIR_REBUILT] = "rebuilt",
                                        [REPAIR_INDEXED] = "indexed"};
    return names[how];
}

static const char *state_name(const RepairDeed *deed)
{
    if (deed->had_no_index)
        return "without index";
    return deed->was_missing ? "missing" : "damaged";
}

static void deed_show(Output *output, const RepairDeed *deed, bool is_dry_run)
{
    const char *const state = state_name(deed);
    const char *const would = is_dry_run ? "would be " : "";
    if (deed->how == REPAIR_LEFT)
        output_text(output, "%s in repository %s: %s, not repaired: %s\n", deed->key, deed->repo, state,
                    deed->from);
    else
        output_text(output, "%s in repository %s: %s, %s%s%s%s\n", deed->key, deed->repo, state, would,
                    how_name(deed->how), deed->how == REPAIR_COPIED ? " from " : "", deed->from);
}

static void result_json(json_t *to, const RepairResult *result, bool is_dry_run)
{
    json_t *const deeds = json_array();
    for (size_t i = 0; i < result->deed_count; i++) {
        const RepairDeed *const deed = &result->deeds[i];
        json_t *const json = json_pack("{s:s, s:s, s:s, s:s}", "repository", deed->repo, "key", deed->key,
                                       "state", state_name(deed), "how", how_name(deed->how));
        if (deed->how == REPAIR_COPIED)
            json_object_set_new(json, "from", json_string(deed->from));
        if (deed->how == REPAIR_LEFT)
            json_object_set_new(json, "why", output_json_text(deed->from));
        json_array_append_new(deeds, json);
    }
    json_object_set_new(to, "dry_run", json_boolean(is_dry_run));
    json_object_set_new(to, "repairs", deeds);
    json_object_set_new(to, "faulty_objects", json_integer((json_int_t)result->after.faulty));
}

static void result_show(Output *output, const RepairResult *result, bool is_dry_run)
{
    size_t repaired = 0;
    for (size_t i = 0; i < result->deed_count; i++) {
        repaired += result->deeds[i].how != REPAIR_LEFT;
        deed_show(output, &result->deeds[i], is_dry_run);
    }
    output_text(output, "repair done: %" PRIu64 " objects looked at; %zu %s, %zu not\n",
                result->after.objects, repaired, is_dry_run ? "can be repaired" : "repaired",
                result->deed_count - repaired);
}

static Err *cluster_repair(CommandCall *call, const ClusterOptions *cluster, json_t *to)
{
    RepairWork work = {.cluster = cluster,
                       .options = {.dry_run = settings_flag(call->settings, OPT_DRY_RUN)},
                       .report = call->report};
    RepairResult result;
    each_cluster_heading(call, cluster->name);
    AUTO(watch_end) Watch watch = {.progress = {.phase = ""}};
    TRY(watch_begin(&watch, call));
    work.progress = &watch.progress;
    TRY(repair_run(&result, &work, call->arena));
    watch_end(&watch);
    result_json(to, &result, work.options.dry_run);
    result_show(call->output, &result, work.options.dry_run);
    return NULL;
}

Err *cmd_repair(CommandCall *call)
{
    return each_cluster(call, cluster_repair);
}
