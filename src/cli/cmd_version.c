/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/version.h"
#include "cli/command.h"

Err *cmd_version(CommandCall *call)
{
    output_text(call->output, "pgstrata %s\n", PGSTRATA_VERSION);
    json_object_set_new(call->output->document, "version", json_string(PGSTRATA_VERSION));
    return NULL;
}
