/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cli/info_json.h - what info knows as JSON; names and types are promised by OUTPUT_SCHEMA */
#pragma once

#include "archive/freshness.h"
#include "job/info.h"
#include "job/info_details.h"

#include <jansson.h>

const char *
info_state_name(InfoBackupState state); /* "good", "broken", "interrupted", "damaged", "expired", "lost" */

/* Into the cluster's entry, which has its name. `reasons`: info_reasons(). */
void info_json(json_t *to, const Info *info, const unsigned *reasons, const Freshness *fresh);
/* `details` may be NULL. */
MUST json_t *info_backup_json(const InfoBackup *backup, unsigned reasons, const InfoDetails *details);
