/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/each_cluster.h"
#include "cli/expire_show.h"
#include "conf/resolve.h"
#include "os/user.h"

static ExpireOptions options_of(const CommandCall *call)
{
    return (ExpireOptions){
        .dry_run = settings_flag(call->settings, OPT_DRY_RUN),
        .lists_objects = settings_flag(call->settings, OPT_VERBOSE),
        .backup = settings_text(call->settings, OPT_BACKUP, NULL),
        .is_forced = settings_flag(call->settings, OPT_FORCE),
        .drop_timeline = {(uint32_t)settings_number(call->settings, OPT_DROP_TIMELINE, NULL)},
        .drop_generation = (uint32_t)settings_number(call->settings, OPT_DROP_GENERATION, NULL)};
}

/* What is written must belong to the one whose archive_command reads it; the next cluster may have another owner. */
static Err *cluster_expire(CommandCall *call, const ClusterOptions *cluster, json_t *to)
{
    AUTO(user_loan_end) UserLoan loan = {0};
    const ExpireWork work = {.cluster = cluster, .options = options_of(call), .report = call->report};
    ExpireResult result;
    if (cluster->pgdata)
        TRY(user_loan_begin(&loan, cluster->pgdata));
    TRY(expire_run(&result, &work, call->arena));
    each_cluster_heading(call, cluster->name);
    expire_show(call->output, &result, &work);
    json_object_set_new(to, "expire", expire_json(&result, &work.options));
    return NULL;
}

Err *cmd_expire(CommandCall *call)
{
    const ExpireOptions options = options_of(call);
    if (options.is_forced && !options.backup)
        return err_hint(ERR(USAGE, "--force is for one backup by hand"), "name it with --backup");
    if (!options.backup && !options.drop_timeline.id && !options.drop_generation)
        return each_cluster(call, cluster_expire);
    /* A word by hand is about one cluster. */
    ClusterOptions cluster;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    return cluster_expire(call, &cluster, call->output->document);
}
