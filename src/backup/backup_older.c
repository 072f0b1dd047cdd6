/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

#include "backup/backup_older.h"

bool older_is_there(const Backup *backup)
{
    return backup->base || backup->resume;
}

Repo *older_repo(const Backup *backup)
{
    return backup->base ? backup->base->repo : backup->resume->repo;
}

PageHashes *older_hashes(const Backup *backup)
{
    return backup->base ? backup->base->hashes : backup->resume->hashes;
}

BackupLabel older_label(const Backup *backup)
{
    return backup->base ? backup->base->record.label
                        : backup->resume->labels[backup->resume->label_count - 1];
}

FilePlan older_plan(const Backup *backup, FileJob *job, Arena *arena)
{
    const PlanInput input = {.path = pgdata_path_classify(job->path, &backup->filter.version),
                             .size_bytes = job->listed_bytes,
                             .base = job->base,
                             .segment_blocks = backup->generation.relation_segment_blocks,
                             .changes = backup->base ? backup->base->changes : NULL};
    FilePlan plan = file_plan(&input, arena);
    if (backup->base)
        rewrite_plan(&plan, &input, &backup->base->rewrite, arena);
    if (!backup->resume)
        return plan;
    ResumeFile file = {.path = job->path, .input = &input, .plan = &plan, .base = job->base};
    resume_plan(&file, backup->resume->runs, backup->resume->changes, arena);
    job->base = file.base;
    return plan;
}
