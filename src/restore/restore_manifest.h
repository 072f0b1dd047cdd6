/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* restore/restore_manifest.h - one walk over the manifest of the backup that was chosen */
#pragma once

#include "repo/manifest.h"
#include "restore/restore_priv.h"

typedef Err *RestoreEntryFn(void *arg, const ManifestEntry *entry);

/* Every entry in path order; it lives until `each` returns. Ends early with what `each` returns, and when a signal asks
 * for it. CORRUPT, AWAY: a leaf. */
MUST Err *restore_manifest_each(const Restore *restore, RestoreEntryFn *each, void *arg);
