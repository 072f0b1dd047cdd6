/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "restore/restore_manifest.h"

#include "os/signal.h"
#include "repo/place_store.h"

Err *restore_manifest_each(const Restore *restore, RestoreEntryFn *each, void *arg)
{
    AUTO(place_reader_free)
    PlaceReader *places = place_reader_new(restore->from.repo->store, &restore->from.generation.root);
    AUTO(manifest_close) ManifestReader *manifest = NULL;
    TRY(manifest_open(&manifest, place_leaf_in(places), &restore->way.backup.manifest_root));
    for (;;) {
        ManifestEntry entry;
        bool is_end;
        TRY(manifest_next(&entry, &is_end, manifest));
        if (is_end)
            return NULL;
        TRY(each(arg, &entry));
        TRY(signal_check());
    }
}
