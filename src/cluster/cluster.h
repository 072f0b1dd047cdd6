/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/cluster.h - what every job opens first: the repositories of a cluster, and its control file
 */
#pragma once

#include "cluster/options.h"
#include "pg/control.h"
#include "repo/repo.h"

/* How to open the repository `at` of cluster->repos. */
RepoSpec cluster_repo_spec(const ClusterOptions *cluster, size_t at);
/* All repositories of the cluster, in the order of cluster->repos. */
MUST Err *cluster_repos_open(RepoSet **out, const ClusterOptions *cluster);

/* global/pg_control of a data directory, also of a running server, which may be writing it at this moment: a torn read
 * is repeated. NOT_FOUND, CORRUPT, UNSUPPORTED. */
MUST Err *cluster_control_read(ControlFile *out, const char *data_directory);

/* This host's name, for records. */
typedef struct HostName {
    char text[HOST_NAME_MAX_BYTES];
} HostName;
HostName cluster_host_name(void);
