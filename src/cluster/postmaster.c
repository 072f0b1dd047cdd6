/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/postmaster.h"

#include "base/text.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIDFILE_BYTES_MAX = 8192,
    PIDFILE_LINES = 6,
    PIDFILE_PORT = 3,
    PIDFILE_SOCKET = 4,
    PIDFILE_LISTEN = 5
};

/* `*is_there` is false where there is no such file. */
static Err *pid_file_read(Buf *text, bool *is_there, const char *data_directory, Arena *arena)
{
    Err *err = file_read_all(text, path_join(data_directory, "postmaster.pid", arena), PIDFILE_BYTES_MAX);
    *is_there = !err_is(err, ERR_NOT_FOUND);
    if (!*is_there)
        err_free(&err);
    return err;
}

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* A process id can be somebody else's by now: a server's working folder is its data directory. */
static bool may_live_in(pid_t pid, const char *data_directory, Arena *arena)
{
    char *folder;
    AUTO(err_free) Err *unknown = path_real(&folder, arena_textf(arena, "/proc/%d/cwd", (int)pid), arena);
    return unknown || text_equal(folder, data_directory);
}

Err *postmaster_trace(PostmasterTrace *out, int64_t *out_pid, const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    bool is_there;
    TRY(pid_file_read(&text, &is_there, data_directory, arena));
    const long pid = strtol(buf_text(&text), NULL, 10);
    const bool is_number = pid > 0 && pid <= INT32_MAX;
    *out_pid = pid;
    if (!is_there || (is_number && is_gone((pid_t)pid)))
        *out = POSTMASTER_GONE;
    else if (is_number && pid > 1 && may_live_in((pid_t)pid, data_directory, arena))
        *out = POSTMASTER_LIKELY;
    else
        *out = POSTMASTER_ALIEN;
    return NULL;
}

static const char *lines_cut(const char *lines[PIDFILE_LINES], char *text)
{
    for (int i = 0; i < PIDFILE_LINES; i++) {
        lines[i] = text;
        char *const end = strchr(text, '\n');
        if (!end)
            return NULL; /* a server that is only just starting */
        *end = '\0';
        text = end + 1;
    }
    return lines[0];
}

static bool lives_in(const char *pid, const char *data_directory, Arena *arena)
{
    char *cwd = NULL;
    AUTO(err_free) Err *err = path_read_link(&cwd, arena_textf(arena, "/proc/%s/cwd", pid), arena);
    return !err && text_equal(cwd, data_directory);
}

static Err *nobody_runs(const char *data_directory)
{
    return err_hint(ERR(NOT_FOUND, "no PostgreSQL server runs in %s", data_directory),
                    "start it, or name another with --pgdata");
}

Err *postmaster_read(Postmaster *out, const char *data_directory, Arena *arena)
{
    AUTO(buf_done) Buf text = {0};
    char *real = NULL;
    TRY_AS(path_real(&real, data_directory, arena), "data directory %s", data_directory);
    EntryInfo info;
    TRY(entry_stat(&info, real));
    bool is_there;
    TRY(pid_file_read(&text, &is_there, real, arena));
    const char *lines[PIDFILE_LINES];
    uint64_t pid;
    if (!is_there || !lines_cut(lines, arena_text(arena, buf_text(&text))) || !text_u64(&pid, lines[0]) ||
        !lives_in(lines[0], real, arena))
        return nobody_runs(data_directory);
    *out = (Postmaster){
        .pid = (int64_t)pid,
        .uid = info.uid,
        .data_directory = real,
        .port = lines[PIDFILE_PORT],
        .host = lines[PIDFILE_SOCKET][0]                 ? lines[PIDFILE_SOCKET]
                : text_equal(lines[PIDFILE_LISTEN], "*") ? "localhost"
                                                         : lines[PIDFILE_LISTEN],
    };
    return NULL;
}

/* Is the process `pid` a postmaster? Backends live in the data directory too, but the file names another. */
static bool process_matches(Postmaster *out, const char *pid, Arena *arena)
{
    char *cwd = NULL;
    uint64_t number;
    AUTO(err_free) Err *err = path_read_link(&cwd, arena_textf(arena, "/proc/%s/cwd", pid), arena);
    if (err || !text_u64(&number, pid))
        return false;
    AUTO(err_free) Err *no_server = postmaster_read(out, cwd, arena);
    return !no_server && out->pid == (int64_t)number;
}

/* Backends outlive a postmaster that was killed until their statement ends. */
static bool is_server_process(const char *pid, const char *data_directory, Arena *arena)
{
    char *program = NULL;
    if (!lives_in(pid, data_directory, arena))
        return false;
    AUTO(err_free) Err *err = path_read_link(&program, arena_textf(arena, "/proc/%s/exe", pid), arena);
    return !err && text_starts(path_name(program), "postgres"); /* " (deleted)" may follow */
}

Err *postmaster_orphan_find(int64_t *out_pid, const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList processes;
    uint64_t found = 0;
    TRY(folder_list(&processes, "/proc", arena));
    for (size_t i = 0; i < processes.count && !found; i++) {
        const char *const name = processes.entries[i].name;
        if (name[0] >= '1' && name[0] <= '9' && is_server_process(name, data_directory, arena) &&
            !text_u64(&found, name))
            found = 0;
    }
    *out_pid = (int64_t)found;
    return NULL;
}

Err *postmaster_list(const Postmaster **out, size_t *count, Arena *arena)
{
    FolderList processes;
    AUTO(buf_done) Buf found = {0};
    TRY(folder_list(&processes, "/proc", arena));
    for (size_t i = 0; i < processes.count; i++) {
        const char *const name = processes.entries[i].name;
        Postmaster postmaster;
        if (name[0] >= '1' && name[0] <= '9' && process_matches(&postmaster, name, arena))
            buf_add(&found, &postmaster, sizeof postmaster);
    }
    *out = (const Postmaster *)(const void *)arena_bytes(arena, buf_span(&found)).ptr;
    *count = found.len / sizeof(Postmaster);
    return NULL;
}

static bool is_meant(const Postmaster *postmaster, const char *host, const char *port)
{
    return (!port || text_equal(port, postmaster->port)) &&
           (!host || host[0] != '/' || text_equal(host, postmaster->host));
}

static Err *several(const Postmaster *first, const Postmaster *second, bool is_more)
{
    return err_hint(ERR(USAGE, "several PostgreSQL servers run here: in %s on port %s, in %s on port %s%s",
                        first->data_directory, first->port, second->data_directory, second->port,
                        is_more ? ", and more" : ""),
                    "choose one with --pgdata or --port");
}

Err *postmaster_find(Postmaster *out, const char *data_directory, const char *host, const char *port,
                     Arena *arena)
{
    if (data_directory)
        return postmaster_read(out, data_directory, arena);
    const Postmaster *list, *found = NULL;
    size_t count;
    TRY(postmaster_list(&list, &count, arena));
    for (size_t i = 0; i < count; i++) {
        if (!is_meant(&list[i], host, port))
            continue;
        if (found)
            return several(found, &list[i], count > 2);
        found = &list[i];
    }
    if (!found)
        return err_hint(ERR(NOT_FOUND, "found no running PostgreSQL server%s%s", port ? " on port " : "",
                            port ? port : ""),
                        "start it, or name its data directory with --pgdata; as other users than root we "
                        "see our own servers only");
    *out = *found;
    return NULL;
}
