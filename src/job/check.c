/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/check.h"

#include "base/text.h"
#include "db/server.h"
#include "job/check_priv.h"
#include "cluster/cluster.h"
#include "archive/proof.h"
#include "cluster/recovery_spent.h"
#include "archive/wal_rights.h"
#include "os/clock.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/signal.h"
#include "os/user.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define CLOCK_SKEW_MAX_US INT64_C(2000000)

/* ---- lines ---- */

static void line_add(Check *check, const char *name, CheckVerdict verdict, const char *text)
{
    if (check->result->count < CHECK_LINES_MAX)
        check->result->lines[check->result->count++] = (CheckLine){name, verdict, text};
}

static const char *text_of(Check *check, const char *format, va_list args)
{
    AUTO(buf_done) Buf text = {0};
    buf_addv(&text, format, args);
    return arena_text(check->arena, buf_text(&text));
}

void check_good(Check *check, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line_add(check, name, CHECK_GOOD, text_of(check, format, args));
    va_end(args);
}

void check_skipped(Check *check, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line_add(check, name, CHECK_SKIPPED, text_of(check, format, args));
    va_end(args);
}

void check_warning(Check *check, const char *name, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *const text = text_of(check, format, args);
    va_end(args);
    line_add(check, name, CHECK_WARNING, text);
    report_warn(check->report, arena_textf(check->arena, "check/%s", name), "%s", text);
    report_hint(check->report, "%s", hint);
}

void check_fault(Check *check, const char *name, Err *err)
{
    line_add(check, name, CHECK_FAULT, arena_text(check->arena, err_text(err)));
    report_fault(check->report, err);
}

/* ---- what is on this host ---- */

static void folder_look(Check *check, const char *name, const char *path)
{
    EntryInfo info;
    Err *err = entry_stat_follow(&info, path);
    if (err)
        check_fault(check, name, err);
    else if (info.kind == ENTRY_ABSENT)
        check_warning(check, name, "run setup, which makes it", "%s does not exist", path);
    else if (access(path, R_OK | W_OK | X_OK) != 0)
        check_fault(
            check, name,
            err_hint(ERR(DENIED, "user %s (uid %u) may not write in %s, which belongs to %s, mode %04o",
                         user_current().text, (unsigned)geteuid(), path, user_name(info.uid).text,
                         (unsigned)info.mode),
                     "chown -R %s %s", user_current().text, path));
    else
        check_good(check, name, "%s may be written by %s", path, user_current().text);
}

static void host_check(Check *check)
{
    folder_look(check, "state-dir", check->cluster->state_dir);
    folder_look(check, "spool-dir", check->cluster->spool_dir);
    folder_look(check, "lock-dir", check->cluster->lock_dir);
    if (!check->cluster->pgdata) {
        check_skipped(check, "markers", "the data directory is not on this host");
        return;
    }
    Err *err = wal_rights_markers(check->cluster->pgdata);
    if (err)
        check_fault(check, "markers", err);
    else
        check_good(check, "markers", "%s is neither a clone nor half restored", check->cluster->pgdata);
}

/* ---- repositories ---- */

static void repos_check(Check *check)
{
    size_t opened = 0;
    Repo **const repos = arena_alloc(check->arena, check->cluster->repo_count * sizeof(Repo *));
    for (size_t i = 0; i < check->cluster->repo_count; i++) {
        const RepoOptions *const options = &check->cluster->repos[i];
        const RepoSpec spec = cluster_repo_spec(check->cluster, i);
        Err *err = repo_open(&repos[opened], &spec);
        if (err) {
            check_fault(check, "repository", err_doing(err, "repository \"%s\"", options->name));
            continue;
        }
        opened++;
        check_good(check, "repository", "\"%s\" at %s is there", options->name, options->url);
        check_repo_folder(check, options->url);
    }
    if (opened == check->cluster->repo_count)
        check->set = repo_set_of(repos, opened);
    else
        while (opened--)
            repo_free(&repos[opened]);
}

/* ---- server ---- */

static void settings_check(Check *check)
{
    const ServerInfo *const server = &check->server;
    if (text_equal(server->archive_mode, "off"))
        check_fault(
            check, "settings",
            err_hint(ERR(REFUSED, "archive_mode is off: nothing is archived"), "run setup --restart"));
    else if (!server->archive_command && !server->archive_library)
        check_fault(check, "settings",
                    err_hint(ERR(REFUSED, "archive_command is empty: WAL piles up in pg_wal"), "run setup"));
    else if (server->archive_library || !strstr(server->archive_command, "archive-push"))
        check_warning(check, "settings", "if it does not store in these repositories: setup --replace",
                      "archiving is not ours: %s",
                      server->archive_library ? server->archive_library : server->archive_command);
    else if (!server->archive_timeout_s ||
             server->archive_timeout_s * INT64_C(1000000) > check->cluster->rpo_us)
        check_warning(check, "settings", "run setup, or lower archive_timeout, or raise rpo",
                      "archive_timeout is %d s and rpo %s: work on a quiet server stays unsafe for longer",
                      server->archive_timeout_s, duration_text(check->cluster->rpo_us).text);
    else
        check_good(check, "settings", "wal_level %s, archive_mode %s, archive_timeout %d s",
                   server->wal_level, server->archive_mode, server->archive_timeout_s);
}

/* They stop no server, and every standby that is made of it. */
static void spent_check(Check *check)
{
    SpentSettings spent;
    if (check->server.is_in_recovery)
        return;
    Err *err = spent_settings_find(&spent, check->server.data_directory, check->arena);
    if (err)
        check_fault(check, "recovery", err);
    else if (spent.count)
        check_warning(
            check, "recovery",
            arena_textf(check->arena, "pgstrata backup resets them, or: %s",
                        spent_settings_sql(&spent, check->arena)),
            "settings of a restore whose recovery has ended are still there: a standby made of this "
            "server would not follow it");
}

static void clock_check(Check *check, Instant other, const char *whose)
{
    const int64_t skew = other.us - clock_now().us;
    const int64_t amount = skew < 0 ? -skew : skew;
    if (amount > CLOCK_SKEW_MAX_US)
        check_warning(check, "clock", "let both follow one time server: targets by time depend on it",
                      "the clock of %s is %s %s this host's", whose, duration_text(amount).text,
                      skew < 0 ? "behind" : "ahead of");
    else
        check_good(check, "clock", "%s and this host agree within 2 s", whose);
}

static void archiver_check(Check *check)
{
    ServerArchiver archiver;
    const char *waiting = "";
    size_t count = 0;
    Err *err = server_archiver_read(&archiver, check->connection, check->arena);
    if (!err)
        err = proof_first_waiting(&waiting, &count, check->server.data_directory, check->arena);
    if (err) {
        check_fault(check, "archiver", err);
        return;
    }
    clock_check(check, archiver.now, "the server");
    const char *const wait = count == 1 ? " waits" : "s wait";
    const bool is_failing = !instant_is_none(archiver.last_failed_time) &&
                            (instant_is_none(archiver.last_archived_time) ||
                             archiver.last_failed_time.us > archiver.last_archived_time.us);
    if (is_failing)
        check_warning(check, "archiver", "the server's log has the output of archive_command",
                      "the last attempt failed, at %s with %s; %zu file%s, the first is %s",
                      instant_text(archiver.last_failed_time).text, archiver.last_failed, count, wait,
                      waiting);
    else if (count > CHECK_WAITING_MAX)
        check_warning(check, "archiver",
                      "is the repository too slow, or the archiver stuck? see the server's log",
                      "%zu file%s to be archived, the first is %s", count, wait, waiting);
    else
        check_good(check, "archiver", "%zu file%s to be archived", count, wait);
}

static void identity_check(Check *check)
{
    RepoSet *const set = check->set;
    Branches branches;
    Generation generation = {0};
    Err *err = generation_find(&generation, set, check->cluster->name, check->server.system_id);
    if (err_is(err, ERR_NOT_FOUND))
        err = err_hint(err, "a new or upgraded cluster begins a new generation: run setup");
    if (!err)
        err = branches_load(&branches, set, &generation.root, check->arena);
    if (!err && !branches_find(&branches, check->server.timeline))
        err = err_hint(
            ERR(REFUSED, "timeline %u of the server is not a rightful one", check->server.timeline.id),
            "a copy must not archive; if this is the rightful server now: takeover");
    if (err)
        check_fault(check, "generation", err);
    else
        check_good(check, "generation", "generation %u, timeline %u", generation.root.generation,
                   check->server.timeline.id);
}

static Err *server_open(Check *check)
{
    const ConnectionOptions *const to = &check->cluster->connection;
    TRY(db_connect(&check->connection, &(DbOptions){.host = to->host,
                                                    .port = to->port,
                                                    .user = to->user,
                                                    .dbname = to->dbname,
                                                    .service = to->service}));
    TRY(server_info_read(&check->server, check->connection, check->arena));
    char *ours = NULL, *theirs = NULL;
    if (!check->cluster->pgdata)
        return NULL;
    TRY(path_real(&ours, check->cluster->pgdata, check->arena));
    TRY(path_real(&theirs, check->server.data_directory, check->arena));
    if (!text_equal(ours, theirs))
        return err_hint(ERR(USAGE, "the server at %s has its data in %s, pgdata is %s",
                            connection_place(check->connection), theirs, ours),
                        "pgdata, host and port must mean one server");
    return NULL;
}

static void proof_check(Check *check)
{
    Proof proof;
    if (check->server.is_in_recovery) {
        check_skipped(check, "archiving", "the server is a standby: check on its primary");
        return;
    }
    Err *err = proof_run(&proof, check->connection, check->cluster);
    if (err) {
        check_fault(check, "archiving", err);
        return;
    }
    check_good(check, "archiving", "segment %s was found in every repository after %s", proof.segment.text,
               duration_text(proof.waited_us).text);
    const Instant now = clock_now(); /* anything between asking and now is right */
    clock_check(check, proof.stored.us >= proof.asked.us && proof.stored.us < now.us ? now : proof.stored,
                "the repository");
}

static void server_check(Check *check)
{
    Err *err = server_open(check);
    if (err) {
        check_fault(check, "server", err);
        check_skipped(check, "archiving", "the server was not reached");
        return;
    }
    check_good(check, "server", "PostgreSQL %d at %s", check->server.major,
               connection_place(check->connection));
    settings_check(check);
    spent_check(check);
    archiver_check(check);
    check_pg_wal(check);
    if (!check->set) {
        check_skipped(check, "archiving", "not every repository was reached");
        return;
    }
    identity_check(check);
    proof_check(check);
}

Err *check_run(CheckResult *out, const ClusterOptions *cluster, Report *report, Arena *arena)
{
    *out = (CheckResult){0};
    Check check = {.cluster = cluster, .report = report, .arena = arena, .result = out};
    check_good(&check, "configuration", "cluster \"%s\", %zu repositor%s", cluster->name, cluster->repo_count,
               cluster->repo_count == 1 ? "y" : "ies");
    host_check(&check);
    repos_check(&check);
    if (check.set)
        check_archive(&check);
    check_room(&check);
    server_check(&check);
    connection_close(&check.connection);
    repo_set_free(&check.set);
    return signal_check();
}
