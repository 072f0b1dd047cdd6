/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * source/filter.h - what a backup leaves out of a folder
 *
 * pg/pgdata_path.h knows what a path means; here that becomes a verdict on each item of a listing, the same for every
 * source. Of an unlogged relation only the init fork is taken: recovery makes the rest from it.
 *
 * Pure: it looks at nothing but the names of one folder.
 */
#pragma once

#include "pg/version.h"
#include "source/source.h"

typedef struct FilterOptions {
    PgVersion version; /* of the cluster: other versions' folders of a tablespace are not ours */
    bool keeps_wal;    /* take the files of pg_wal: an offline backup starts from them */
    /* Of the segments in pg_wal only these numbers: the others are recycled, or of earlier days. 0 bytes: all. */
    uint32_t wal_segment_bytes;
    uint64_t wal_first, wal_last;
} FilterOptions;

/* Sets the verdicts of the items of the folder `path`; a link in place of a folder that is emptied becomes a folder. */
void filter_apply(SourceFolder *folder, const char *path, const FilterOptions *options);
