/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/setup.h"

#include "base/text.h"
#include "db/settings.h"
#include "cluster/cluster.h"
#include "archive/wal_store.h"
#include "os/clock.h"
#include "os/folder.h"
#include "os/path.h"
#include "repo/branch.h"

#include <stdio.h>
#include <string.h>

#define SECOND_US             INT64_C(1000000)
#define ARCHIVE_TIMEOUT_MAX_S 60

/* ---- what the settings need ---- */

static void change_add(SetupPlan *plan, SetupChange change)
{
    change.before = change.before ? change.before : "";
    plan->changes[plan->count++] = change;
    plan->needs_restart |= change.needs_restart;
}

static bool is_ours(const char *command, const SetupOptions *options)
{
    for (const char *const *mark = options->own_marks; *mark; mark++) {
        if (!strstr(command, *mark))
            return false;
    }
    return true;
}

static Err *foreign(const char *name, const char *value)
{
    return err_hint(ERR(REFUSED, "%s is set to something else: %s", name, value),
                    "if it is not needed any more, let it be replaced: pgstrata setup --replace");
}

static Err *command_plan(SetupPlan *plan, const ServerInfo *server, const SetupOptions *options)
{
    const char *const command = server->archive_command, *const library = server->archive_library;
    if (library && !options->take_over)
        return foreign("archive_library", library);
    if (command && !is_ours(command, options) && !options->take_over)
        return foreign("archive_command", command);
    plan->is_ours = !library && command && is_ours(command, options);
    if (library)
        change_add(plan, (SetupChange){"archive_library", library, "", false});
    if (!command || !text_equal(command, options->archive_command))
        change_add(plan, (SetupChange){"archive_command", command, options->archive_command, false});
    return NULL;
}

/* A segment that is not full is archived after this time, so that an idle hour costs no more than the promise. */
static int timeout_wanted(const ClusterOptions *cluster)
{
    const int64_t half_s = cluster->rpo_us / 2 / SECOND_US;
    return half_s < 1 ? 1 : half_s < ARCHIVE_TIMEOUT_MAX_S ? (int)half_s : ARCHIVE_TIMEOUT_MAX_S;
}

static Err *standby(const char *data_directory)
{
    return err_hint(
        err_detail(ERR(UNSUPPORTED,
                       "the server in %s is a standby: its WAL is the primary's and is archived there",
                       data_directory),
                   "A standby needs no setup. Backups of it, archive-get and check work with the primary's "
                   "configuration and a way to the same repositories."),
        "run setup on the primary, then copy its configuration file to this host, with the pgdata, host and "
        "port "
        "of this server");
}

Err *setup_plan(SetupPlan *out, const ServerInfo *server, const SetupOptions *options, Arena *arena)
{
    SetupPlan plan = {0};
    if (server->is_in_recovery)
        return standby(server->data_directory);
    if (server->block_bytes != PAGE_BYTES || server->wal_block_bytes != PAGE_BYTES)
        return ERR(UNSUPPORTED, "the server has blocks of %u bytes and WAL blocks of %u, %d is supported",
                   server->block_bytes, server->wal_block_bytes, PAGE_BYTES);
    if (text_equal(server->wal_level, "minimal"))
        change_add(&plan, (SetupChange){"wal_level", server->wal_level, "replica", true});
    if (text_equal(server->archive_mode, "off"))
        change_add(&plan, (SetupChange){"archive_mode", server->archive_mode, "on", true});
    TRY(command_plan(&plan, server, options));
    const int timeout = timeout_wanted(options->cluster);
    if (!server->archive_timeout_s || server->archive_timeout_s * SECOND_US > options->cluster->rpo_us)
        change_add(&plan,
                   (SetupChange){"archive_timeout", arena_textf(arena, "%ds", server->archive_timeout_s),
                                 arena_textf(arena, "%ds", timeout), false});
    *out = plan;
    return NULL;
}

Err *setup_settings(Connection *connection, const SetupPlan *plan)
{
    AUTO(arena_free) Arena *arena = arena_new();
    for (size_t i = 0; i < plan->count; i++)
        TRY(setting_change(connection, plan->changes[i].name, plan->changes[i].after));
    TRY(settings_reload(connection));
    for (size_t i = 0; i < plan->count; i++) {
        const SetupChange *const change = &plan->changes[i];
        ServerSetting now;
        TRY(setting_read(&now, connection, change->name, arena));
        const bool is_same = text_equal(change->name, "archive_timeout") ||
                             text_equal(now.value ? now.value : "", change->after);
        if (!change->needs_restart && !is_same)
            return err_hint(ERR(IO, "%s was changed to \"%s\", and the server still has \"%s\" from %s",
                                change->name, change->after, now.value ? now.value : "",
                                now.source_file ? now.source_file : now.source),
                            "take the setting away there: it beats ALTER SYSTEM");
    }
    return NULL;
}

/* ---- what the repositories need ---- */

static Err *repos_init(RepoSet **out, bool *out_is_new, const ClusterOptions *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    Repo **const repos = arena_alloc(arena, cluster->repo_count * sizeof(Repo *));
    Err *err = NULL;
    size_t count = 0;
    for (; count < cluster->repo_count && !err; count++) {
        const RepoSpec spec = cluster_repo_spec(cluster, count);
        const Instant before = clock_now();
        err = repo_init(&repos[count], &spec);
        if (!err)
            *out_is_new |= repos[count]->created.us >= before.us;
    }
    if (!err) {
        *out = repo_set_of(repos, count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        repo_free(&repos[i]);
    return err;
}

static Generation generation_wanted(const ServerInfo *server, const ClusterOptions *cluster)
{
    Generation wanted = {
        .system_id = server->system_id,
        .major = (unsigned)server->major,
        .catalog_version = server->catalog_version,
        .segment_bytes = server->wal_segment_bytes,
        .block_bytes = server->block_bytes,
        .relation_segment_blocks = server->segment_blocks,
        .has_checksums = server->has_checksums,
    };
    snprintf(wanted.root.cluster, sizeof wanted.root.cluster, "%s", cluster->name);
    return wanted;
}

static Err *stranger(const ServerInfo *server, const BranchRecord *known, const Generation *generation)
{
    return err_hint(
        err_detail(ERR(REFUSED, "the server in %s writes timeline %u, which the archive does not know",
                       server->data_directory, server->timeline.id),
                   "Generation %u of cluster \"%s\" knows timeline %u, written on %s in %s.",
                   generation->root.generation, generation->root.cluster, known->timeline.id, known->host,
                   known->data_directory),
        "a copy of the cluster must not write into the archive of the original; if this server is "
        "the rightful one now, say so: pgstrata takeover");
}

/* The first timeline of a generation is rightful because somebody ran setup; every later one needs its own reason. */
static Err *branch_ensure(bool *out_is_new, RepoSet *set, const Generation *generation,
                          const ServerInfo *server)
{
    AUTO(arena_free) Arena *arena = arena_new();
    BranchRecord record = {.timeline = server->timeline, .origin = BRANCH_SETUP, .created = clock_now()};
    memcpy(record.host, cluster_host_name().text, sizeof record.host);
    snprintf(record.data_directory, sizeof record.data_directory, "%s", server->data_directory);
    bool is_known = false;
    const BranchRecord *known = NULL;
    for (size_t i = 0; i < set->count; i++) {
        size_t count;
        TRY(branch_list(&known, &count, set->repos[i], &generation->root, arena));
        for (size_t k = 0; k < count; k++) {
            if (known[k].timeline.id == server->timeline.id) {
                record = known[k];
                is_known = true;
            }
        }
        if (count && !is_known)
            return stranger(server, &known[count - 1], generation);
    }
    *out_is_new = !is_known;
    return branch_write(set, &generation->root, &record);
}

/* Recovery along an older timeline asks for the histories of all between. */
static Err *histories_store(const WalStore *to, const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const pg_wal = path_join(data_directory, "pg_wal", arena);
    FolderList files;
    TRY(folder_list(&files, pg_wal, arena));
    for (size_t i = 0; i < files.count; i++) {
        WalName name;
        if (wal_name_matches(&name, files.entries[i].name, to->generation->segment_bytes) &&
            name.kind == WAL_NAME_HISTORY)
            TRY(wal_store_file(to, path_join(pg_wal, files.entries[i].name, arena)));
    }
    return NULL;
}

static Err *data_check(const ServerInfo *server)
{
    ControlFile control;
    TRY(cluster_control_read(&control, server->data_directory));
    if (control.system_id.id != server->system_id.id)
        return err_hint(ERR(REFUSED, "the server has system id %s, the data directory %s on this host has %s",
                            system_id_text(server->system_id).text, server->data_directory,
                            system_id_text(control.system_id).text),
                        "run setup on the host of the server");
    return NULL;
}

Err *setup_archive(SetupArchive *out, const ServerInfo *server, const ClusterOptions *cluster)
{
    AUTO(repo_set_free) RepoSet *set = NULL;
    SetupArchive archive = {0};
    const Generation wanted = generation_wanted(server, cluster);
    TRY(data_check(server));
    TRY(repos_init(&set, &archive.is_new_repository, cluster));
    Generation known;
    Err *absent = generation_find(&known, set, cluster->name, server->system_id);
    archive.is_new_generation = err_is(absent, ERR_NOT_FOUND);
    if (archive.is_new_generation)
        err_free(&absent);
    TRY(absent);
    TRY(generation_create(&archive.generation, set, &wanted));
    TRY(branch_ensure(&archive.is_new_branch, set, &archive.generation, server));
    const WalStore store = {.set = set, .options = cluster->repos, .generation = &archive.generation};
    TRY(histories_store(&store, server->data_directory));
    *out = archive;
    return NULL;
}
