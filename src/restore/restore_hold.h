/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * restore/restore_hold.h - will the backup, and the WAL behind it, be there for as long as they are read?
 *
 * Who expires asks nobody who restores: it condemns, waits a grace and removes (repo/hold.h). So a restore reads what was
 * decided before it chooses. A backup that is being removed is left to its fate; one that is condemned is taken, and
 * condemned anew before the first file is touched, so that a whole grace lies ahead. Both are numbered words about one
 * subject: of a removal and a restore that meet, one finds the number taken and looks again.
 *
 * Restoring comes first: decisions that cannot be read or written stop nothing, they are told of. What one repository
 * gives up another one may keep; only what goes from all of them is told.
 */
#pragma once

#include "restore/restore_priv.h"

typedef struct RestoreHolds RestoreHolds;

/* What was decided in every repository that restore->from has. What cannot be read is in the report and counts as if
 * nothing was decided. CANCELED. */
MUST Err *restore_holds_read(Restore *restore);

/* Is it being removed, or gone by now, wherever it was? Never with is_forced. Nothing was read: no. */
MUST Err *restore_hold_goes(bool *out, const Restore *restore, BackupLabel label);
/* "in the repository r1, since …": where and when that was said. */
const char *restore_hold_where(const Restore *restore, BackupLabel label);

/* Tells of what was chosen and is condemned: the backup, and WAL up to the target. */
MUST Err *restore_hold_tell(Restore *restore);
/* The last look before anything is restored over. REFUSED: the backup is being removed. */
MUST Err *restore_hold_renew(Restore *restore);
/* Something of the chosen backup was not there, or not as it must be: REFUSED where the backup goes at this moment,
 * else `err` itself. Consumes it. */
MUST Err *restore_hold_explain(Restore *restore, Err *err);
