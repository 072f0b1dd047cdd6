/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "retention/full_due.h"

#include "cluster/cluster.h"
#include "os/clock.h"
#include "retention/stock.h"

Err *full_due_in(FullDue *out, RepoSet *set, const ClusterOptions *cluster, Arena *arena)
{
    Generation generation;
    Stock stock;
    *out = (FullDue){.is_due = false};
    Err *err = generation_latest(&generation, set, cluster->name);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    TRY(stock_take(&stock, set->repos[0], &generation, &(HoldList){0}, arena));
    if (stock.line_fault)
        return ERR(CORRUPT, "whether a full backup is due cannot be told: %s", stock.line_fault);
    const StockAsk asked = stock_ask(&stock, &cluster->retention, clock_now(), arena);
    full_is_due(out, &asked.ask);
    return NULL;
}

Err *full_due_ask(FullDue *out, const ClusterOptions *cluster, Arena *arena)
{
    AUTO(repo_set_free) RepoSet *set = NULL;
    *out = (FullDue){.is_due = false};
    if (!cluster->retention.full_every_us)
        return NULL;
    TRY(cluster_repos_open(&set, cluster));
    return full_due_in(out, set, cluster, arena);
}
