/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/proof.h"

#include "base/text.h"
#include "cluster/cluster.h"
#include "os/clock.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/process.h"
#include "os/signal.h"
#include "os/user.h"
#include "repo/generation.h"

#include <string.h>

enum { LOOK_EVERY_MS = 200, COMMAND_TIMEOUT_MS = 30000 };

/* ---- why it did not come ---- */

/* Histories come before segments, then by name (pgarch.c). */
Err *proof_first_waiting(const char **out, size_t *out_count, const char *data_directory, Arena *arena)
{
    FolderList files;
    TRY(folder_list(&files, path_join(data_directory, "pg_wal/archive_status", arena), arena));
    *out = "";
    *out_count = 0;
    for (size_t i = 0; i < files.count; i++) {
        const char *const name = files.entries[i].name;
        if (!text_ends(name, ".ready"))
            continue;
        if (!(*out)[0] || (text_ends(name, ".history.ready") && !text_ends(*out, ".history")))
            *out = arena_textf(arena, "%.*s", (int)(strlen(name) - strlen(".ready")), name);
        ++*out_count;
    }
    return NULL;
}

/* As the server does before it calls the shell. */
static void command_fill(Buf *to, const char *command, const char *file)
{
    for (const char *c = command; *c; c++) {
        if (c[0] != '%' || !c[1]) {
            buf_add(to, c, 1);
            continue;
        }
        c++;
        if (*c == 'p')
            buf_addf(to, "pg_wal/%s", file);
        else if (*c == 'f')
            buf_add_text(to, file);
        else if (*c == '%')
            buf_add_text(to, "%");
        else
            buf_addf(to, "%%%c", *c);
    }
}

/* Storing the same file twice is what the server does after a crash: running the command by hand harms nothing. */
static Err *command_try(Err *err, const ServerInfo *server, const char *file)
{
    AUTO(buf_done) Buf line = {0};
    AUTO(buf_done) Buf output = {0};
    ProcessEnd end;
    command_fill(&line, server->archive_command, file);
    const char *const argv[] = {"/bin/sh", "-c", buf_text(&line), NULL};
    const ProcessOptions options = {
        .folder = server->data_directory, .output = &output, .timeout_ms = COMMAND_TIMEOUT_MS};
    AUTO(err_free) Err *failed = process_run(&end, argv, &options);
    if (failed)
        return err_detail(err, "Running it by hand as %s: %s", user_current().text, err_text(failed));
    return err_detail(err, "Running it by hand as %s for %s ended with exit status %d.%s%s",
                      user_current().text, file, end.signal ? 128 + end.signal : end.status,
                      output.len ? " It said:\n" : "", buf_text(&output));
}

static Err *archiver_tell(Err *err, Connection *connection, Arena *arena)
{
    ServerArchiver archiver;
    AUTO(err_free) Err *unread = server_archiver_read(&archiver, connection, arena);
    if (unread)
        return err_detail(err, "%s", err_text(unread));
    return err_detail(
        err, "pg_stat_archiver: %llu archived, last %s; %llu failures, last %s.",
        (unsigned long long)archiver.archived_count, archiver.last_archived ? archiver.last_archived : "none",
        (unsigned long long)archiver.failed_count, archiver.last_failed ? archiver.last_failed : "none");
}

static Err *diagnose(Err *err, Connection *connection, const ServerInfo *server, Arena *arena)
{
    const char *waiting = "";
    size_t count = 0;
    err = archiver_tell(err, connection, arena);
    AUTO(err_free) Err *unread = proof_first_waiting(&waiting, &count, server->data_directory, arena);
    if (unread)
        return err_detail(err, "%s", err_text(unread));
    if (!count)
        return err_hint(
            err_detail(err, "No file waits to be archived: the server believes that all is archived."),
            "archive_command must store files in these repositories: %s",
            server->archive_command ? server->archive_command : "it is empty");
    err = err_detail(err, "%zu file%s to be archived, the first is %s.", count,
                     count == 1 ? " waits" : "s wait", waiting);
    err = err_hint(err, "archive_command is: %s",
                   server->archive_command ? server->archive_command : "(empty)");
    return server->archive_command ? command_try(err, server, waiting) : err;
}

/* ---- the proof ---- */

static Err *is_everywhere(const char **missing_in, Instant *stored, RepoSet *set,
                          const Generation *generation, WalName name)
{
    *missing_in = NULL;
    for (size_t i = 0; i < set->count; i++) {
        ObjectInfo info;
        Err *err = store_stat(&info, set->repos[i]->store, key_wal(&generation->root, name).text);
        if (err_is(err, ERR_NOT_FOUND)) {
            err_free(&err);
            *missing_in = set->repos[i]->name;
            return NULL;
        }
        TRY(err);
        *stored = info.modified;
    }
    return NULL;
}

static Err *settings_check(const ServerInfo *server)
{
    if (text_equal(server->archive_mode, "off"))
        return err_hint(ERR(REFUSED, "archive_mode is off in the server"),
                        "run setup, and restart the server");
    if (!server->archive_command && !server->archive_library)
        return err_hint(ERR(REFUSED, "archive_command is empty"), "run setup");
    return NULL;
}

/* Has the archiver met a new failure? Then waiting for the rest of the time tells nothing more. */
static Err *failures_read(uint64_t *out, Connection *connection, Arena *arena)
{
    ServerArchiver archiver;
    TRY(server_archiver_read(&archiver, connection, arena));
    *out = archiver.failed_count;
    return NULL;
}

enum {
    FAILURES_ENOUGH = 3
}; /* the archiver's own tries before it rests for a minute (NUM_ARCHIVE_RETRIES) */

/* What a proof waits with. */
typedef struct Waiting {
    Connection *connection;
    RepoSet *set;
    const Generation *generation;
    WalName name;
    int64_t timeout_ms;
} Waiting;

static Err *segment_wait(const char **missing_in, Instant *stored, const Waiting *waiting, Arena *arena)
{
    const int64_t end_us = clock_monotonic_us() + waiting->timeout_ms * 1000;
    uint64_t before, now;
    TRY(failures_read(&before, waiting->connection, arena));
    for (;;) {
        TRY(is_everywhere(missing_in, stored, waiting->set, waiting->generation, waiting->name));
        TRY(failures_read(&now, waiting->connection, arena));
        if (!*missing_in || clock_monotonic_us() > end_us || now >= before + FAILURES_ENOUGH)
            return NULL;
        TRY(signal_check());
        clock_sleep_ms(LOOK_EVERY_MS);
    }
}

Err *proof_run(Proof *out, Connection *connection, const ClusterOptions *cluster)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(repo_set_free) RepoSet *set = NULL;
    ServerInfo server;
    Generation generation;
    WalSwitch done;
    WalName name;
    const char *missing_in = NULL;
    Proof proof = {.asked = clock_now()};
    TRY(server_info_read(&server, connection, arena));
    TRY(settings_check(&server));
    TRY(cluster_repos_open(&set, cluster));
    TRY(generation_find(&generation, set, cluster->name, server.system_id));
    TRY(wal_switch(&done, connection));
    TRY(wal_name_parse(&name, done.segment.text, generation.segment_bytes));
    const int64_t started = clock_monotonic_us();
    TRY(segment_wait(&missing_in, &proof.stored,
                     &(Waiting){connection, set, &generation, name, cluster->archive_timeout_ms}, arena));
    const int64_t waited = clock_monotonic_us() - started;
    if (missing_in)
        return diagnose(ERR(IO, "segment %s did not arrive in repository \"%s\" within %s", done.segment.text,
                            missing_in, duration_text(waited).text),
                        connection, &server, arena);
    proof.segment = done.segment;
    proof.waited_us = waited;
    *out = proof;
    return NULL;
}
