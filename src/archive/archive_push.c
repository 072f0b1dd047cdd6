/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/archive_push.h"

#include "cluster/cluster.h"
#include "archive/file_hash.h"
#include "archive/look_ahead.h"
#include "archive/spool.h"
#include "archive/wal_rights.h"
#include "os/file.h"
#include "os/path.h"
#include "os/user.h"

#include <string.h>
#include <unistd.h>

typedef struct Push {
    const ClusterOptions *cluster;
    const char *path;
    const char *wal_folder;
    const char *data_directory;
    ControlFile control;
    WalName name;
    char *spool; /* may be NULL */
    Buf promise; /* what a note of the spool promises */
    Arena *arena;
} Push;

/* PostgreSQL runs us in the data directory and gives a path in its pg_wal. Somebody else may call from anywhere. */
static Err *place_find(Push *push)
{
    push->wal_folder = path_parent(push->path, push->arena);
    push->data_directory = path_parent(push->wal_folder, push->arena);
    EntryInfo info;
    TRY(entry_stat_follow(&info, path_join(push->data_directory, "global/pg_control", push->arena)));
    if (info.kind != ENTRY_FILE && push->cluster->pgdata)
        push->data_directory = push->cluster->pgdata;
    return NULL;
}

static Err *control_read(Push *push)
{
    TRY(wal_rights_markers(push->data_directory));
    Err *err = cluster_control_read(&push->control, push->data_directory);
    if (err_is(err, ERR_NOT_FOUND))
        return err_hint(err,
                        "archive-push must run in the data directory, as archive_command does, or be told it "
                        "with --pgdata.");
    TRY(err);
    return wal_name_parse(&push->name, path_name(push->path), push->control.wal_segment_bytes);
}

/* All that must be the same for a note to count: whose WAL, and every place it was stored in. */
static void promise_make(Push *push)
{
    const ClusterOptions *const cluster = push->cluster;
    buf_addf(&push->promise, "pgstrata look-ahead 1\ncluster %s\nsystem %s\n", cluster->name,
             system_id_text(push->control.system_id).text);
    for (size_t i = 0; i < cluster->repo_count; i++)
        buf_addf(&push->promise, "repository %s %s\n", cluster->repos[i].name, cluster->repos[i].url);
}

static bool was_stored_ahead(const Push *push)
{
    if (!push->spool || push->name.kind != WAL_NAME_SEGMENT)
        return false;
    EntryInfo note = {.kind = ENTRY_ABSENT};
    AUTO(err_free) Err *err = entry_stat(&note, path_join(push->spool, path_name(push->path), push->arena));
    if (err || note.kind != ENTRY_FILE)
        return false;
    Hash128 hash;
    uint64_t size_bytes;
    err = file_hash(&hash, &size_bytes, push->path, NULL);
    return !err && look_ahead_done(push->spool, buf_span(&push->promise), path_name(push->path), &hash);
}

static Err *generation_of(Generation *out, RepoSet *set, const Push *push)
{
    Err *err = generation_find(out, set, push->cluster->name, push->control.system_id);
    if (err_is(err, ERR_NOT_FOUND))
        return err_hint(err_become(err, ERR_REFUSED),
                        "A new or upgraded cluster begins a new generation: run \"pgstrata setup\".");
    TRY(err);
    if (out->segment_bytes != push->control.wal_segment_bytes || out->major != push->control.version->major)
        return err_hint(ERR(REFUSED,
                            "the cluster has PostgreSQL %u and segments of %u bytes, the archive PostgreSQL "
                            "%u and segments of %u bytes",
                            push->control.version->major, push->control.wal_segment_bytes, out->major,
                            out->segment_bytes),
                        "Run \"pgstrata setup\".");
    return NULL;
}

static Err *file_store(const Push *push)
{
    AUTO(repo_set_free) RepoSet *set = NULL;
    Generation generation;
    TRY(cluster_repos_open(&set, push->cluster));
    TRY(generation_of(&generation, set, push));
    const WalStore to = {
        .set = set, .options = push->cluster->repos, .generation = &generation, .jobs = push->cluster->jobs};
    TRY(wal_rights_check(&to, &(WalClaim){push->data_directory, push->wal_folder, push->name.timeline}));
    TRY(wal_store_file(&to, push->path));
    if (push->spool && push->name.kind == WAL_NAME_SEGMENT)
        look_ahead(&to, &(LookAhead){.wal_folder = push->wal_folder,
                                     .spool = push->spool,
                                     .promise = buf_span(&push->promise),
                                     .asked = push->name,
                                     .jobs = push->cluster->jobs});
    return NULL;
}

static void push_done(Push *push)
{
    buf_done(&push->promise);
    arena_free(&push->arena);
}

Err *archive_push(const ClusterOptions *cluster, const char *path)
{
    AUTO(push_done) Push push = {.cluster = cluster, .path = path, .arena = arena_new()};
    TRY(place_find(&push));
    if (geteuid() == 0)
        TRY(user_become_owner(push.data_directory));
    TRY(control_read(&push));
    push.spool = spool_folder(cluster->spool_dir, "push", push.data_directory, push.arena);
    promise_make(&push);
    if (was_stored_ahead(&push))
        return NULL;
    TRY(file_store(&push));
    spool_remove(cluster->spool_dir, "get",
                 push.data_directory); /* a server that archives does not recover */
    return NULL;
}
