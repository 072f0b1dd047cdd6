/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/each_cluster.h"

#include "conf/resolve.h"

static bool is_several(const CommandCall *call)
{
    const char *const *const names = settings_clusters(call->settings);
    return !settings_text(call->settings, OPT_CLUSTER, NULL) && names[0] && names[1];
}

void each_cluster_heading(const CommandCall *call, const char *name)
{
    if (is_several(call))
        output_text(call->output, "cluster %s\n", name);
}

static Err *cluster_run(CommandCall *call, const ClusterOptions *cluster, EachClusterFn *run)
{
    json_t *const entry = json_object();
    json_object_set_new(entry, "name", output_json_text(cluster->name));
    json_array_append_new(json_object_get(call->output->document, "clusters"), entry);
    return run(call, cluster, entry);
}

/* With a report of its own, which then joins the command's. */
static Err *named_run(CommandCall *call, const char *name, EachClusterFn *run)
{
    AUTO(report_done) Report own = {0};
    Report *const all = call->report;
    ClusterOptions cluster;
    call->report = &own;
    Err *err = conf_cluster_named(&cluster, call->settings, name, call->arena);
    if (!err)
        err = cluster_run(call, &cluster, run);
    call->report = all;
    if (err && !err_is(err, ERR_CANCELED))
        report_fault(&own, TAKE(err));
    report_join_of(all, &own, arena_textf(call->arena, "cluster %s", name));
    return err;
}

Err *each_cluster(CommandCall *call, EachClusterFn *run)
{
    json_object_set_new(call->output->document, "clusters", json_array());
    if (!is_several(call)) {
        ClusterOptions cluster;
        TRY(conf_cluster(&cluster, call->settings, call->arena));
        return cluster_run(call, &cluster, run);
    }
    for (const char *const *name = settings_clusters(call->settings); *name; name++)
        TRY(named_run(call, *name, run));
    return NULL;
}
