/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/cluster.h"

#include "os/clock.h"
#include "os/file.h"
#include "os/path.h"

#include <string.h>
#include <unistd.h>

/* The server writes 8 kB in one call; ten looks 20 ms apart are far more than one write takes. */
enum { CONTROL_TRIES = 10, CONTROL_WAIT_MS = 20, CONTROL_BYTES_MAX = 64 * 1024 };

RepoSpec cluster_repo_spec(const ClusterOptions *cluster, size_t at)
{
    const RepoOptions *const options = &cluster->repos[at];
    return (RepoSpec){.name = options->name,
                      .url = options->url,
                      .retry_timeout_ms = options->retry_timeout_ms,
                      .drivers = cluster->drivers};
}

Err *cluster_repos_open(RepoSet **out, const ClusterOptions *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    RepoSpec *const specs = arena_alloc(arena, cluster->repo_count * sizeof *specs);
    for (size_t i = 0; i < cluster->repo_count; i++)
        specs[i] = cluster_repo_spec(cluster, i);
    return repo_set_open(out, specs, cluster->repo_count);
}

Err *cluster_control_read(ControlFile *out, const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const path = path_join(data_directory, "global/pg_control", arena);
    ControlCrc crc = {0};
    for (int i = 0; i < CONTROL_TRIES; i++) {
        AUTO(buf_done) Buf bytes = {0};
        Err *err = file_read_all(&bytes, path, CONTROL_BYTES_MAX);
        if (err_is(err, ERR_NOT_FOUND))
            return err_hint(err_doing(err, "%s is no data directory of PostgreSQL", data_directory),
                            "the server tells its own: SHOW data_directory");
        TRY(err);
        TRY_AS(control_decode(out, &crc, buf_span(&bytes)), "reading %s", path);
        if (control_crc_is_good(crc))
            return NULL;
        clock_sleep_ms(CONTROL_WAIT_MS);
    }
    return err_doing(control_crc_error(crc), "reading %s", path);
}

HostName cluster_host_name(void)
{
    HostName name = {{0}};
    if (gethostname(name.text, sizeof name.text - 1) != 0 || !name.text[0])
        strcpy(name.text, "unknown");
    return name;
}
