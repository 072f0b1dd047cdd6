/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/command.h"
#include "conf/resolve.h"
#include "archive/archive_push.h"

Err *cmd_archive_push(CommandCall *call)
{
    ClusterOptions cluster;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    return archive_push(&cluster, call->words[0]);
}
