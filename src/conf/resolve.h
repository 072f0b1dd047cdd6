/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* conf/resolve.h - settings become the plain structs that jobs take. Texts are the settings', arrays the arena's. */
#pragma once

#include "conf/settings.h"
#include "cluster/options.h"

/* The cluster that --cluster names, or the only one. USAGE: none, several, unknown (with the nearest), a repository
 * without a URL, settings that contradict each other. */
MUST Err *conf_cluster(ClusterOptions *out, const Settings *settings, Arena *arena);

/* The same for a cluster by its name. */
MUST Err *conf_cluster_named(ClusterOptions *out, const Settings *settings, const char *name, Arena *arena);

/* One repository by its name. USAGE. */
MUST Err *conf_repo(RepoOptions *out, const Settings *settings, const char *name);
