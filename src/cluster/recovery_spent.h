/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/recovery_spent.h - settings of a recovery that has ended
 *
 * A restore sets restore_command and recovery_target… in postgresql.auto.conf. The server that has recovered does not
 * look at them any more, but every copy of its data directory does: a standby made with pg_basebackup -R would stay on
 * the timeline that the restore came from, and never follow. So they go when the recovery has ended, by ALTER SYSTEM
 * RESET: a file that a running server writes is not ours to edit.
 *
 * What the restore wrote stands in RECOVERY_SETTINGS_FILE too. A setting that somebody has changed since is not reset.
 */
#pragma once

#include "db/connection.h"
#include "cluster/report.h"

#define RECOVERY_SETTINGS_FILE "pgstrata.recovery"

typedef struct SpentSettings {
    const char *const *names;
    size_t count; /* 0: there is nothing to reset */
} SpentSettings;

/* Those that stand in postgresql.auto.conf as the restore wrote them. Asked of a server that is not in recovery. */
MUST Err *spent_settings_find(SpentSettings *out, const char *data_directory, Arena *arena);
/* "ALTER SYSTEM RESET restore_command; ALTER SYSTEM RESET …" */
const char *spent_settings_sql(const SpentSettings *spent, Arena *arena);
/* Finds and resets them, and notes it. That it could not be done is a note that says what to do, no error: nobody but a
 * future copy is hurt. */
void spent_settings_reset(Connection *connection, const char *data_directory, Report *report);
