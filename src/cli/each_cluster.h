/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cli/each_cluster.h - a command for the one cluster that is meant, or for all there are */
#pragma once

#include "cli/command.h"
#include "cluster/options.h"

/* What the command does for one cluster; what machines shall know of it goes into `to`. */
typedef Err *EachClusterFn(CommandCall *call, const ClusterOptions *cluster, json_t *to);

/*
 * Runs it for the cluster that --cluster names, or the only one; its error is the command's. Where several are
 * configured and none is named, for all, in the order of the configuration: what is reported names its cluster, and an
 * error becomes a fault in the report, so that the others are seen too (CANCELED ends all). The document gets
 * "clusters": an object with "name" for each.
 */
MUST Err *each_cluster(CommandCall *call, EachClusterFn *run);

/* "cluster NAME" for people, where all are looked at. */
void each_cluster_heading(const CommandCall *call, const char *name);
