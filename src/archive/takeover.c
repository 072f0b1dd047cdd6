/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/takeover.h"

#include "cluster/cluster.h"
#include "archive/wal_rights.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/user.h"

static Err *marks_look(TakeoverStory *story, const char *data_directory, Arena *arena)
{
    EntryInfo clone, restoring;
    TRY(entry_stat(&restoring, path_join(data_directory, RESTORE_MARKER, arena)));
    if (restoring.kind != ENTRY_ABSENT)
        return wal_rights_markers(data_directory);
    TRY(entry_stat(&clone, path_join(data_directory, RESTORE_CLONE_MARKER, arena)));
    story->is_clone = clone.kind != ENTRY_ABSENT;
    return NULL;
}

static Err *clone_mark_remove(const char *data_directory, Arena *arena)
{
    TRY(file_remove(path_join(data_directory, RESTORE_CLONE_MARKER, arena)));
    return folder_sync(data_directory);
}

Err *takeover(TakeoverStory *out, const TakeoverOptions *options)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(repo_set_free) RepoSet *set = NULL;
    const char *const data = options->cluster->pgdata;
    TakeoverStory story = {.timeline = options->timeline};
    ControlFile control;
    Generation generation;
    if (!data)
        return ERR(USAGE, "which data directory takes over? give it with --pgdata");
    TRY(user_become_owner(data));
    TRY(marks_look(&story, data, arena));
    TRY(cluster_control_read(&control, data));
    if (!story.timeline.id)
        story.timeline = control.checkpoint.timeline;
    TRY(cluster_repos_open(&set, options->cluster));
    TRY(generation_find(&generation, set, options->cluster->name, control.system_id));
    const WalStore to = {.set = set, .options = options->cluster->repos, .generation = &generation};
    const WalClaim claim = {data, path_join(data, "pg_wal", arena), story.timeline};
    WalStanding standing;
    TRY(wal_rights_standing(&standing, &to, &claim));
    story.parent = standing.parent;
    story.switch_lsn = standing.switch_lsn;
    story.production = standing.production;
    story.is_rightful = standing.is_rightful;
    if (options->is_confirmed && !story.is_rightful)
        TRY(wal_rights_take(&to, &claim));
    if (options->is_confirmed && story.is_clone)
        TRY(clone_mark_remove(data, arena));
    *out = story;
    return NULL;
}
