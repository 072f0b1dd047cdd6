/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/command.h"
#include "conf/resolve.h"
#include "archive/archive_get.h"

Err *cmd_archive_get(CommandCall *call)
{
    ClusterOptions cluster;
    WalAnswer answer;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    TRY(archive_get(&answer, &cluster,
                    &(ArchiveGet){.data_directory = ".", .name = call->words[0], .path = call->words[1]}));
    call->status = answer == WAL_FOUND ? EXIT_DONE : EXIT_WAL_ABSENT;
    return NULL;
}
