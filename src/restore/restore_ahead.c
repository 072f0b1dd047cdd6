/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The newest commits lie in a pg_wal before they lie in the archive. Where that pg_wal is restored over, it is salvaged
 * first, so the look counts it in. Where the restore goes elsewhere, nothing of it is taken, and whoever asks for a
 * moment that only it holds is told.
 */
#include "base/text.h"
#include "cluster/cluster.h"
#include "restore/restore_priv.h"
#include "os/clock.h"
#include "os/path.h"

/* What the cluster's own data directory holds. False also when that cannot be told: it would only be advice. */
static bool ahead_find(WalLocal *out, Restore *restore)
{
    const char *const pgdata = restore->cluster->pgdata;
    ControlFile control;
    if (!pgdata || restore->place.role == PLAN_STANDBY)
        return false;
    AUTO(err_free) Err *err = cluster_control_read(&control, pgdata);
    if (err || control.system_id.id != restore->from.generation.system_id.id)
        return false;
    err = restore_salvage_look(out, restore, pgdata);
    return !err && out->count;
}

/* The way as it would be found with that WAL; false when there would be none either. */
static bool ahead_try(Restore *probe, const Restore *restore, const WalLocal *local)
{
    Report silent = {0};
    *probe = *restore;
    probe->report = &silent;
    probe->unarchived = local;
    AUTO(err_free) Err *err = restore_way_find(probe);
    report_done(&silent);
    return !err;
}

static const char remedy[] = "SELECT pg_switch_wal() on the running server lets it archive that; where the "
                             "server does not start, a restore "
                             "in place stores it first";

static Err *ahead_explain(Restore *restore, Err *err)
{
    WalLocal local;
    Restore probe;
    if (!ahead_find(&local, restore) || !ahead_try(&probe, restore, &local))
        return err;
    err = err_detail(err, "%s lies in WAL that is in %s and not archived yet", restore->options->target_text,
                     local.folder);
    return err_hint(err, "%s", remedy);
}

/* A time that has passed, and nothing archived up to it: is there nothing, or is it only not archived? */
static void pinned_tell(Restore *restore)
{
    const RestoreWay *const way = &restore->way;
    const WalTarget *const asked = &restore->options->target;
    WalLocal local;
    Restore probe;
    if (!way->is_pinned || asked->kind != WAL_TARGET_TIME || asked->time.us >= clock_now().us)
        return;
    if (!ahead_find(&local, restore) || !ahead_try(&probe, restore, &local))
        return;
    if (instant_is_none(probe.way.end_time) || probe.way.end_time.us <= way->end_time.us)
        return;
    report_warn(restore->report, "restore/NOT_ARCHIVED",
                "commits up to %s that were asked for too are in %s and not archived yet",
                instant_text(probe.way.end_time).text, local.folder);
    report_hint(restore->report, "%s", remedy);
}

static Err *own_look(Restore *restore)
{
    const RestorePlace *const place = &restore->place;
    if (place->ground == GROUND_FREE || !place->is_own_place || restore->options->no_salvage)
        return NULL;
    WalLocal *const local = arena_alloc(restore->arena, sizeof *local);
    TRY(restore_salvage_look(local, restore, restore->place.folder));
    if (!local->count)
        return NULL;
    restore->unarchived = local;
    if (restore->options->dry_run)
        report_note(restore->report, "restore/UNARCHIVED",
                    "%s has WAL that is not archived yet, up to segment %s; the restore stores it first",
                    local->folder, wal_name_text(local->files[local->count - 1].name).text);
    return NULL;
}

Err *restore_way_look(Restore *restore)
{
    TRY(own_look(restore));
    Err *const err = restore_way_find(restore);
    if (restore->place.is_own_place)
        return err;
    if (err)
        return err_is(err, ERR_GAP) ? ahead_explain(restore, err) : err;
    pinned_tell(restore);
    return NULL;
}
