/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* pg_ctl takes the server's options from its postmaster.opts, so a server comes back as it was started. */
#include "base/text.h"
#include "cluster/postmaster.h"
#include "job/setup.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "os/user.h"

#include <string.h>
#include <unistd.h>

#define RESTART_TIMEOUT_MS (180 * 1000)

enum { OPTS_BYTES_MAX = 64 * 1024, CLUSTER_WORDS = 6 };

/* A line of pg_lsclusters: version, name, port, status, owner, data directory, log. */
static bool line_matches(char *words[CLUSTER_WORDS], char *line, const char *data_directory)
{
    char *rest = line;
    int count = 0;
    for (char *word; count < CLUSTER_WORDS && (word = strtok_r(rest, " ", &rest)); count++)
        words[count] = word;
    return count == CLUSTER_WORDS && text_equal(words[CLUSTER_WORDS - 1], data_directory);
}

/* Does the data directory belong to a cluster of Debian's? Then its version and name. */
static bool debian_matches(const char **version, const char **name, const char *data_directory, Arena *arena)
{
    static const char *const argv[] = {"pg_lsclusters", "-h", NULL};
    AUTO(buf_done) Buf lines = {0};
    ProcessEnd end;
    AUTO(err_free)
    Err *err = process_run(&end, argv, &(ProcessOptions){.output = &lines, .timeout_ms = 10000});
    if (err || !process_succeeded(end))
        return false;
    char *rest = arena_text(arena, buf_text(&lines));
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        char *words[CLUSTER_WORDS];
        if (line_matches(words, line, data_directory)) {
            *version = words[0];
            *name = words[1];
            return true;
        }
    }
    return false;
}

static Err *run(const char *const *argv, const char *folder, const char *data_directory)
{
    AUTO(buf_done) Buf output = {0};
    ProcessEnd end;
    TRY_AS(
        process_run(&end, argv,
                    &(ProcessOptions){.output = &output, .folder = folder, .timeout_ms = RESTART_TIMEOUT_MS}),
        "restarting the server in %s", data_directory);
    if (process_succeeded(end))
        return NULL;
    return err_hint(
        err_detail(ERR(IO, "%s ended with exit status %d and did not restart the server in %s", argv[0],
                       end.status, data_directory),
                   "%s", buf_text(&output)),
        "look into the server's log; the settings that were changed are in %s/postgresql.auto.conf",
        data_directory);
}

/* pg_ctl stands beside the program that runs; the first word of postmaster.opts is its path. */
static const char *pg_ctl_path(const char *opts, Arena *arena)
{
    char *const program = arena_text(arena, opts);
    program[strcspn(program, " \n")] = '\0';
    return path_join(path_parent(program, arena), "pg_ctl", arena);
}

/* The data directory as the server was told it, in quotes like all words: "-D" "/srv/data" or "-D/srv/data". NULL: not by
 * a word. */
static const char *told_directory(const char *opts, Arena *arena)
{
    const char *at = strstr(opts, "\"-D");
    if (!at)
        return NULL;
    at += strlen("\"-D");
    if (strncmp(at, "\" \"", 3) == 0)
        at += 3;
    return arena_textf(arena, "%.*s", (int)strcspn(at, "\"\n"), at);
}

/* pg_ctl puts the old words behind its own, so a relative directory among them counts: it must mean the same again. REFUSED
 * where no folder is found in which it does; the server still runs then. */
static Err *folder_find(const char **out, const char *opts, const char *data_directory, Arena *arena)
{
    const char *told = told_directory(opts, arena);
    *out = "/";
    if (!told || *told == '/')
        return NULL;
    while (strncmp(told, "./", 2) == 0)
        told += 2;
    size_t len = strlen(told);
    while (len && told[len - 1] == '/')
        len--;
    const size_t whole = strlen(data_directory);
    if (len == 0 || (len == 1 && *told == '.')) {
        *out = data_directory;
        return NULL;
    }
    if (whole > len && data_directory[whole - len - 1] == '/' &&
        strncmp(data_directory + whole - len, told, len) == 0) {
        *out = arena_textf(arena, "%.*s", (int)(whole - len), data_directory);
        return NULL;
    }
    return err_hint(ERR(REFUSED, "the server in %s was started with the relative data directory \"%s\"",
                        data_directory, told),
                    "restart it by hand, in the folder in which it was started: pg_ctl -D %s -w restart",
                    told);
}

/* Where the server's words go now, so that they go on there: the file that its standard error is, or nowhere. */
static const char *log_path(const char *data_directory, Arena *arena)
{
    Postmaster postmaster;
    char *path = NULL;
    EntryInfo info;
    AUTO(err_free) Err *err = postmaster_read(&postmaster, data_directory, arena);
    if (!err)
        err = path_read_link(&path, arena_textf(arena, "/proc/%lld/fd/2", (long long)postmaster.pid), arena);
    if (!err)
        err = entry_stat(&info, path);
    return err || info.kind != ENTRY_FILE ? "/dev/null" : path;
}

Err *setup_restart(const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf opts = {0};
    const char *version, *name, *folder;
    if (debian_matches(&version, &name, data_directory, arena))
        return run((const char *const[]){"pg_ctlcluster", version, name, "restart", NULL}, "/",
                   data_directory);
    TRY(file_read_all(&opts, path_join(data_directory, "postmaster.opts", arena), OPTS_BYTES_MAX));
    TRY(folder_find(&folder, buf_text(&opts), data_directory, arena));
    EntryInfo info;
    TRY(entry_stat_follow(&info, data_directory));
    const UserName owner = user_name(info.uid);
    const char *const pg_ctl = pg_ctl_path(buf_text(&opts), arena);
    const char *const log = log_path(data_directory, arena);
    const char *const argv[] = {"runuser", "-u", owner.text, "--",  pg_ctl, "-D",   data_directory, "-l",
                                log,       "-w", "-t",       "120", "-m",   "fast", "restart",      NULL};
    enum { RUNUSER_WORDS = 4 };
    return run(geteuid() == 0 ? argv : argv + RUNUSER_WORDS, folder, data_directory);
}
