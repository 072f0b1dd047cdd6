/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cli/expire_show.h - what an expiry did, or would do, for people and as JSON; names and types are promised by
 * OUTPUT_SCHEMA */
#pragma once

#include "cli/command.h"
#include "retention/expire.h"

/* Several repositories: each line names its own. */
void expire_show(Output *output, const ExpireResult *result, const ExpireWork *work);
MUST json_t *expire_json(const ExpireResult *result, const ExpireOptions *options);

/* After a backup of the cluster that was made and is good: whatever goes wrong is a warning. */
void expire_after_backup(CommandCall *call, const ClusterOptions *cluster);
