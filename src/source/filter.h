/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * source/filter.h - what a backup leaves out
 *
 * What a server makes anew at every start, what belongs to its running processes, and what must not reach a restored
 * cluster. The rules are those of the server's own base backups (src/backend/backup/basebackup.c, for 13 and 14
 * src/backend/replication/basebackup.c), the same in 13 to 18, and the markers that this program puts into data
 * directories. Of an unlogged relation only the init fork is taken: recovery makes the rest from it.
 *
 * Pure: it looks at nothing but the names of one folder.
 */
#pragma once

#include "source/source.h"

typedef struct FilterOptions {
    bool keeps_wal; /* take the segments of pg_wal: an offline backup starts from them */
} FilterOptions;

/* Sets the verdicts of the items of the folder `path`; a link in place of a folder that is emptied becomes a folder. */
void filter_apply(SourceFolder *folder, const char *path, const FilterOptions *options);
