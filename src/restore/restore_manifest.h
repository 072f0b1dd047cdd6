/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* restore/restore_manifest.h - one walk over the manifest of the backup that was chosen */
#pragma once

#include "repo/place_store.h"
#include "restore/restore_priv.h"

/* As manifest_each(). */
MUST static inline Err *restore_manifest_each(const Restore *restore, ManifestEntryFn *each, void *arg)
{
    return manifest_each(restore->from.repo->store, &restore->from.generation.root,
                         &restore->way.backup.manifest_root, each, arg);
}
