/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_older.h - what older backups give this one: the parent, and those that were interrupted
 *
 * Either may be missing. Of both, the parent's repositories and hashes serve.
 */
#pragma once

#include "backup/backup_base.h"
#include "backup/backup_file.h"
#include "backup/backup_resume.h"

/* Is there anything older? The rest is only asked then. */
bool older_is_there(const Backup *backup);
Repo *older_repo(const Backup *backup);
PageHashes *older_hashes(const Backup *backup);
/* One of them, for messages. */
BackupLabel older_label(const Backup *backup);

/* Chooses the packs of the parent that are left behind: backup->base->rewrite. AWAY. */
MUST Err *rewrite_find(Backup *backup);

/* What has to be read of a file. job->base, the file in the parent or NULL, becomes the file as it lies in older
 * packs. */
FilePlan older_plan(const Backup *backup, FileJob *job, Arena *arena);
