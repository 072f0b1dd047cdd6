/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/freshness.h"

#include "base/buf.h"
#include "db/server.h"
#include "cluster/cluster.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/path.h"
#include "pg/wal_summary.h"

#include <inttypes.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    /* More than this behind is not idle, whatever lies in it. */
    SEGMENTS_READ_MAX = 16,
};

/* Another cluster behind the same address would make the comparison meaningless. */
static Err *system_id_check(SystemId found, const FreshnessAsk *ask, const char *where)
{
    if (found.id == ask->generation->system_id.id)
        return NULL;
    return ERR(REFUSED, "%s has the system id %s, the archive's is %s", where, system_id_text(found).text,
               system_id_text(ask->generation->system_id).text);
}

static Err *ask_server(Freshness *out, const FreshnessAsk *ask, Arena *arena)
{
    const ConnectionOptions *const to = &ask->cluster->connection;
    const DbOptions options = {.host = to->host,
                               .port = to->port,
                               .user = to->user,
                               .dbname = to->dbname,
                               .service = to->service,
                               .connect_timeout_ms = CONNECT_TIMEOUT_MS};
    AUTO(connection_close) Connection *connection = NULL;
    ServerInfo server;
    ServerPosition position;
    TRY(db_connect(&connection, &options));
    TRY(server_info_read(&server, connection, arena));
    TRY(system_id_check(server.system_id, ask, connection_place(connection)));
    TRY(server_position_read(&position, connection));
    out->current = position.is_in_recovery ? position.replayed : position.flushed;
    out->source = FRESHNESS_SERVER;
    return NULL;
}

/* Says how far the server came only when it was stopped in order: after a crash there is more in pg_wal. */
static Err *ask_control(Freshness *out, const FreshnessAsk *ask)
{
    ControlFile control;
    TRY(cluster_control_read(&control, ask->cluster->pgdata));
    TRY(system_id_check(control.system_id, ask, ask->cluster->pgdata));
    if (!control_state_is_shut_down(control.state))
        return ERR(REFUSED, "the state of %s is \"%s\"", ask->cluster->pgdata,
                   control_state_text(control.state));
    out->current = lsn_max(control.checkpoint_lsn, control.min_recovery_point);
    out->source = FRESHNESS_CONTROL;
    return NULL;
}

/* What the records behind the archived end say. It may lie inside a segment: at a switch point, at the end of tails. */
typedef struct Behind {
    WalSummary summary;
    Lsn archived_end;
    WalReader *reader;
} Behind;

static void behind_done(Behind *behind)
{
    wal_reader_free(&behind->reader);
    wal_summary_done(&behind->summary);
}

static Err *behind_entry(void *arg, const WalEntry *entry)
{
    Behind *const behind = arg;
    return entry->start.at >= behind->archived_end.at ? wal_summary_entry(&behind->summary, entry) : NULL;
}

static Err *segment_read(Behind *behind, const FreshnessAsk *ask, WalName name, Arena *arena)
{
    const char *const path =
        path_join(path_join(ask->cluster->pgdata, "pg_wal", arena), wal_name_text(name).text, arena);
    AUTO(buf_done) Buf bytes = {0};
    TRY(file_read_all(&bytes, path, WAL_SEGMENT_BYTES_MAX));
    if (!behind->reader) {
        WalSegmentHead head;
        TRY_AS(wal_segment_head_decode(&head, buf_span(&bytes)), "reading %s", path);
        head.timeline.id = 1;
        behind->reader = wal_reader_new(&head, behind_entry, behind);
    }
    return wal_reader_push(behind->reader, buf_span(&bytes));
}

/* Did a transaction end behind the archived end? */
static Err *look_into_pg_wal(Freshness *out, const FreshnessAsk *ask, Arena *arena)
{
    const uint32_t segment_bytes = ask->generation->segment_bytes;
    const PgVersion *version;
    TRY(pg_version_of_major(&version, ask->generation->major));
    if (out->bytes > (uint64_t)SEGMENTS_READ_MAX * segment_bytes)
        return NULL;
    AUTO(behind_done) Behind behind = {.archived_end = ask->archived_end};
    wal_summary_init(&behind.summary, version);
    WalName name = wal_name_of_lsn(ask->timeline, ask->archived_end, segment_bytes);
    for (; wal_name_start(name).at < out->current.at; name = wal_name_next(name))
        TRY(segment_read(&behind, ask, name, arena));
    const WalSummary *const summary = &behind.summary;
    out->is_idle = !summary->commits.count && !summary->aborts.count && !summary->unread;
    if (summary->commits.count)
        out->oldest = summary->commits.min;
    return NULL;
}

static void measure(Freshness *out, const FreshnessAsk *ask, Arena *arena)
{
    if (out->current.at <= ask->archived_end.at) {
        out->is_idle = true;
        return;
    }
    out->bytes = out->current.at - ask->archived_end.at;
    out->oldest = ask->archived_commit; /* the first one that is missing came after it */
    if (ask->cluster->pgdata) {
        Err *err = look_into_pg_wal(out, ask, arena);
        err_free(&err); /* not readable from here: the bound stays */
    }
    if (out->is_idle)
        out->oldest = INSTANT_NONE;
    else if (!instant_is_none(out->oldest))
        out->age_us = clock_now().us - out->oldest.us;
}

void freshness_measure(Freshness *out, const FreshnessAsk *ask, Arena *arena)
{
    Freshness fresh = {.oldest = INSTANT_NONE};
    AUTO(err_free) Err *err = ask_server(&fresh, ask, arena);
    if (err && ask->cluster->pgdata) {
        Err *control = ask_control(&fresh, ask);
        if (!control)
            err_free(&err);
        err_free(&control);
    }
    if (err)
        fresh.why = arena_text(arena, err_text(err));
    else
        measure(&fresh, ask, arena);
    *out = fresh;
}
