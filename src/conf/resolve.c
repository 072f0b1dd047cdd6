/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "conf/resolve.h"

#include "base/limits.h"
#include "base/text.h"

#include <unistd.h>

/* Compression takes whole processors away from the server: more only when asked. */
enum { JOBS_UNASKED_MAX = 4 };

static Err *name_unknown(const char *what, const char *name, const char *const *known)
{
    Err *const err = ERR(USAGE, "there is no %s \"%s\" in the configuration", what, name);
    const char *const nearest = text_nearest(name, known);
    return nearest ? err_hint(err, "did you mean \"%s\"?", nearest)
                   : err_hint(err, "\"pgstrata config show\" shows what is configured");
}

static bool is_listed(const char *name, const char *const *known)
{
    for (; *known; known++) {
        if (text_equal(*known, name))
            return true;
    }
    return false;
}

static Err *compression_resolve(RepoOptions *repo, const Settings *settings)
{
    const Setting level = settings_get(settings, OPT_COMPRESS_LEVEL, repo->name);
    TRY(codec_parse(&repo->codec, settings_text(settings, OPT_COMPRESS, repo->name)));
    repo->compress_level = level.is_default ? codec_level_default(repo->codec) : (int)level.value.number;
    TRY_AS(codec_level_check(repo->codec, repo->compress_level), "%s", level.origin);
    return NULL;
}

Err *conf_repo(RepoOptions *out, const Settings *settings, const char *name)
{
    const char *const *const known = settings_repos(settings);
    if (!is_listed(name, known))
        return name_unknown("repository", name, known);
    const Setting url = settings_get(settings, OPT_REPO_URL, name);
    if (!url.value.text)
        return err_hint(ERR(USAGE, "repository \"%s\" has no url", name),
                        "add \"url = …\" to section [repo %s]", name);
    RepoOptions repo = {
        .name = name,
        .url = url.value.text,
        .is_required = true,
        .retry_timeout_ms = settings_number(settings, OPT_RETRY_TIMEOUT, NULL),
    };
    TRY(compression_resolve(&repo, settings));
    *out = repo;
    return NULL;
}

/* Two names for one place would count one copy as two. */
static Err *places_check(const RepoOptions *repos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (text_equal(repos[i].url, repos[j].url))
                return err_hint(ERR(USAGE, "repositories \"%s\" and \"%s\" are at the same place: %s",
                                    repos[j].name, repos[i].name, repos[i].url),
                                "--repo-url speaks for one repository: choose it with --repo");
        }
    }
    return NULL;
}

static Err *repos_resolve(ClusterOptions *cluster, const Settings *settings, Arena *arena)
{
    const Setting chosen = settings_get(settings, OPT_REPO, cluster->name);
    const char *const *names = settings_repos(settings);
    size_t count = 0;
    if (chosen.value.text)
        TRY_AS(names_parse(&names, &count, chosen.value.text, arena), "%s", chosen.origin);
    else
        while (names[count])
            count++;
    if (!count)
        return err_hint(ERR(USAGE, "no repository is configured"),
                        "add a section [repo NAME] with \"url = …\", or give --repo-url");
    RepoOptions *const repos = arena_alloc(arena, count * sizeof *repos);
    for (size_t i = 0; i < count; i++) {
        TRY_AS(conf_repo(&repos[i], settings, names[i]), "%s",
               chosen.value.text ? chosen.origin : "configuration");
        repos[i].retry_timeout_ms = cluster->retry_timeout_ms;
    }
    TRY(places_check(repos, count));
    cluster->repos = repos;
    cluster->repo_count = count;
    return NULL;
}

static int jobs_resolve(const Settings *settings, const char *name)
{
    const int64_t asked = settings_number(settings, OPT_JOBS, name);
    if (asked)
        return (int)asked;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > JOBS_UNASKED_MAX ? JOBS_UNASKED_MAX : (int)processors;
}

static const char *below_state_dir(const Settings *settings, OptionId id, const ClusterOptions *cluster,
                                   Arena *arena)
{
    const char *const asked = settings_text(settings, id, cluster->name);
    return asked ? asked
                 : arena_textf(arena, "%s/%s", cluster->state_dir, id == OPT_SPOOL_DIR ? "spool" : "lock");
}

Err *conf_cluster_named(ClusterOptions *out, const Settings *settings, const char *name, Arena *arena)
{
    const char *const *const known = settings_clusters(settings);
    if (!is_listed(name, known))
        return name_unknown("cluster", name, known);
    ClusterOptions cluster = {
        .name = name,
        .pgdata = settings_text(settings, OPT_PGDATA, name),
        .connection = {.host = settings_text(settings, OPT_HOST, name),
                       .port = settings_text(settings, OPT_PORT, name),
                       .user = settings_text(settings, OPT_USER, name),
                       .dbname = settings_text(settings, OPT_DBNAME, name),
                       .service = settings_text(settings, OPT_SERVICE, name)},
        .source = (SourceDriver)settings_number(settings, OPT_SOURCE, name),
        .rpo_us = settings_number(settings, OPT_RPO, name) * 1000,
        .expire_grace_us = settings_number(settings, OPT_EXPIRE_GRACE, name) * 1000,
        .jobs = jobs_resolve(settings, name),
        .state_dir = settings_text(settings, OPT_STATE_DIR, name),
        .archive_timeout_ms = settings_number(settings, OPT_ARCHIVE_TIMEOUT, name),
        .retry_timeout_ms = settings_number(settings, OPT_RETRY_TIMEOUT, name),
    };
    cluster.spool_dir = below_state_dir(settings, OPT_SPOOL_DIR, &cluster, arena);
    cluster.lock_dir = below_state_dir(settings, OPT_LOCK_DIR, &cluster, arena);
    TRY(promises_parse(&cluster.retention, settings_text(settings, OPT_RETENTION, name)));
    TRY(repos_resolve(&cluster, settings, arena));
    *out = cluster;
    return NULL;
}

Err *conf_cluster(ClusterOptions *out, const Settings *settings, Arena *arena)
{
    const char *const *const known = settings_clusters(settings);
    const char *const asked = settings_text(settings, OPT_CLUSTER, NULL);
    if (asked)
        return conf_cluster_named(out, settings, asked, arena);
    if (!known[0])
        return err_hint(ERR(USAGE, "no cluster is configured"),
                        "add a section [cluster NAME] with \"pgdata = …\", or give --pgdata");
    if (known[1])
        return err_hint(ERR(USAGE, "several clusters are configured: \"%s\", \"%s\"%s", known[0], known[1],
                            known[2] ? " and more" : ""),
                        "choose one with --cluster");
    return conf_cluster_named(out, settings, known[0], arena);
}
