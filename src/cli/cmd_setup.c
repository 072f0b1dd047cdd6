/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Order of safety: look at everything, say what would be done, then configuration, repositories, settings, restart,
 * proof. Whatever stops half-way leaves a state from which the same command goes on.
 *
 * As root, the server and all that belongs to it are touched with the rights of the data directory's owner; folders are
 * made for that owner and the configuration is written as root.
 */
#include "base/text.h"
#include "cli/command.h"
#include "cli/conf_write.h"
#include "conf/resolve.h"
#include "cluster/cluster.h"
#include "cluster/postmaster.h"
#include "archive/proof.h"
#include "job/setup.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/user.h"

#include <string.h>
#include <unistd.h>

extern char **environ;

enum { FOLDER_MODE = 0750, FOLDER_ABOVE_MODE = 0755, ARGS_ADDED = 4 };

typedef struct Setup {
    CommandCall *call;
    Arena *arena;
    Settings *settings; /* with what was found */
    ClusterOptions cluster;
    Postmaster postmaster;
    ServerInfo server;
    ConfAddition addition;
    Buf conf_text;
    SetupOptions options;
    SetupPlan plan;
    bool is_dry;
} Setup;

static void setup_done(Setup *setup)
{
    settings_free(&setup->settings);
    buf_done(&setup->conf_text);
}

/* A line for people, an entry of "steps" for machines. */
static void say(Setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(Setup *setup, const char *format, ...)
{
    AUTO(buf_done) Buf line = {0};
    va_list args;
    va_start(args, format);
    buf_addv(&line, format, args);
    va_end(args);
    output_text(setup->call->output, "%s\n", buf_text(&line));
    json_t *steps = json_object_get(setup->call->output->document, "steps");
    if (!steps) {
        steps = json_array();
        json_object_set_new(setup->call->output->document, "steps", steps);
    }
    json_array_append_new(steps, output_json_text(buf_text(&line)));
}

/* ---- looking ---- */

static const char *cluster_name(const Settings *settings)
{
    const char *const asked = settings_text(settings, OPT_CLUSTER, NULL);
    const char *const *const known = settings_clusters(settings);
    return asked ? asked : known[0] && !known[1] ? known[0] : CONF_NAME_DEFAULT;
}

/* Has a file the cluster's data directory already? */
static bool is_section(const Settings *settings, const char *name)
{
    const Setting pgdata = settings_get(settings, OPT_PGDATA, name);
    return setting_is_from_file(&pgdata);
}

/* What was found counts as if it had been given. */
static void arg_add(Args *args, ArgOption *room, const Settings *settings, OptionId id, const char *value)
{
    const char *const section = option_table[id].scope == SCOPE_CLUSTER ? cluster_name(settings) : NULL;
    if (value[0] && !settings_text(settings, id, section))
        room[args->option_count++] = (ArgOption){id, "found", value};
}

static Err *settings_complete(Setup *setup)
{
    const Settings *const given = setup->call->settings;
    const Args *const args = setup->call->args;
    const char *const name = cluster_name(given);
    ArgOption *const room = arena_alloc(setup->arena, (args->option_count + ARGS_ADDED) * sizeof *room);
    memcpy(room, args->options, args->option_count * sizeof *room);
    Args completed = {.options = room, .option_count = args->option_count};
    const bool is_known = is_section(given, name);
    arg_add(&completed, room, given, OPT_CLUSTER, name);
    arg_add(&completed, room, given, OPT_PGDATA, setup->postmaster.data_directory);
    if (!is_known && !settings_text(given, OPT_SERVICE, name)) {
        arg_add(&completed, room, given, OPT_HOST, setup->postmaster.host);
        arg_add(&completed, room, given, OPT_PORT, setup->postmaster.port);
    }
    TRY(settings_load(&setup->settings, &(SettingsInput){.args = &completed,
                                                         .environment = environ,
                                                         .default_file = CONF_FILE_DEFAULT,
                                                         .may_be_missing = true}));
    TRY(conf_cluster_named(&setup->cluster, setup->settings, name, setup->arena));
    const char *const config = settings_text(given, OPT_CONFIG, NULL);
    setup->addition = (ConfAddition){config ? config : CONF_FILE_DEFAULT, name, setup->settings};
    return conf_addition_text(&setup->conf_text, &setup->addition, setup->arena);
}

/* The server's own word on where it is, else libpq's variables, else the only one that runs. */
static Err *server_find(Setup *setup)
{
    const Settings *const given = setup->call->settings;
    const char *const name = cluster_name(given);
    const char *host = settings_text(given, OPT_HOST, name), *port = settings_text(given, OPT_PORT, name);
    for (char *const *variable = environ; *variable; variable++) {
        if (!host && text_starts(*variable, "PGHOST="))
            host = *variable + strlen("PGHOST=");
        if (!port && text_starts(*variable, "PGPORT="))
            port = *variable + strlen("PGPORT=");
    }
    return postmaster_find(&setup->postmaster, settings_text(given, OPT_PGDATA, name), host, port,
                           setup->arena);
}

static Err *server_connect(Connection **out, const Setup *setup)
{
    const ConnectionOptions *const to = &setup->cluster.connection;
    return db_connect(out, &(DbOptions){.host = to->host || to->service ? to->host : setup->postmaster.host,
                                        .port = to->port || to->service ? to->port : setup->postmaster.port,
                                        .user = to->user,
                                        .dbname = to->dbname,
                                        .service = to->service});
}

static Err *server_look(Setup *setup)
{
    AUTO(user_loan_end) UserLoan loan = {0};
    AUTO(connection_close) Connection *connection = NULL;
    TRY(user_loan_begin(&loan, setup->postmaster.data_directory));
    TRY(server_connect(&connection, setup));
    TRY(server_info_read(&setup->server, connection, setup->arena));
    char *real = NULL;
    TRY(path_real(&real, setup->server.data_directory, setup->arena));
    if (!text_equal(real, setup->postmaster.data_directory))
        return err_hint(ERR(USAGE, "the server at %s has its data in %s, not in %s",
                            connection_place(connection), real, setup->postmaster.data_directory),
                        "--pgdata, --host and --port must mean one server");
    return setup_plan(&setup->plan, &setup->server, &setup->options, setup->arena);
}

/* ---- archive_command ---- */

/* For the shell, and for the server, which takes %x for itself. */
static void word_add(Buf *to, const char *word)
{
    const bool is_plain =
        word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-=+,:@")] == 0;
    if (to->len)
        buf_add_text(to, " ");
    if (!is_plain)
        buf_add_text(to, "'");
    for (const char *c = word; *c; c++) {
        if (*c == '\'')
            buf_add_text(to, "'\\''");
        else if (*c == '%')
            buf_add_text(to, "%%");
        else
            buf_add(to, c, 1);
    }
    if (!is_plain)
        buf_add_text(to, "'");
}

static Err *command_make(Setup *setup)
{
    AUTO(buf_done) Buf command = {0};
    char *program = NULL;
    TRY(path_read_link(&program, "/proc/self/exe", setup->arena));
    word_add(&command, program);
    if (!text_equal(setup->addition.file, CONF_FILE_DEFAULT))
        word_add(&command, arena_textf(setup->arena, "--config=%s", setup->addition.file));
    const char *const cluster = arena_textf(setup->arena, "--cluster=%s", setup->cluster.name);
    word_add(&command, cluster);
    buf_add_text(&command, " archive-push %p");
    setup->options = (SetupOptions){
        .cluster = &setup->cluster,
        .archive_command = arena_text(setup->arena, buf_text(&command)),
        .own_marks = {arena_textf(setup->arena, "%s ", cluster), " archive-push ", NULL},
        .take_over = settings_flag(setup->call->settings, OPT_REPLACE),
    };
    return NULL;
}

/* ---- doing ---- */

static const char *repo_folder(const char *url)
{
    return text_starts(url, "file://") ? url + strlen("file://") : url[0] == '/' ? url : NULL;
}

/* Makes `path` as a folder of the server's user, or gives it an empty one of root's. */
static Err *folder_prepare(const Setup *setup, const char *path)
{
    EntryInfo there, data;
    bool is_empty = true;
    TRY(entry_stat(&data, setup->postmaster.data_directory));
    TRY(entry_stat_follow(&there, path));
    if (there.kind == ENTRY_ABSENT) {
        TRY(folder_make_all(path_parent(path, setup->arena), FOLDER_ABOVE_MODE));
        TRY(folder_make(path, FOLDER_MODE));
        TRY(folder_sync(path_parent(path, setup->arena)));
    } else if (geteuid() == 0 && there.uid == 0) {
        TRY(folder_is_empty(&is_empty, path));
    }
    const bool is_ours = there.kind == ENTRY_ABSENT || (there.uid == 0 && is_empty);
    return geteuid() == 0 && is_ours ? entry_set_folder_owner(path, data.uid, data.gid) : NULL;
}

static Err *folders_prepare(Setup *setup)
{
    TRY_AS(folder_prepare(setup, setup->cluster.state_dir), "making the state folder (--state-dir)");
    TRY_AS(folder_prepare(setup, setup->cluster.spool_dir), "making the spool folder (--spool-dir)");
    TRY_AS(folder_prepare(setup, setup->cluster.lock_dir), "making the lock folder (--lock-dir)");
    for (size_t i = 0; i < setup->cluster.repo_count; i++) {
        const char *const folder = repo_folder(setup->cluster.repos[i].url);
        if (folder)
            TRY_AS(folder_prepare(setup, folder), "making the folder of repository \"%s\"",
                   setup->cluster.repos[i].name);
    }
    return NULL;
}

static Err *folder_plan_say(Setup *setup, const char *what, const char *path)
{
    EntryInfo there;
    TRY(entry_stat_follow(&there, path));
    if (there.kind == ENTRY_ABSENT)
        say(setup, "folder: %s would be made for %s, owned by %s", path, what,
            user_name(setup->postmaster.uid).text);
    return NULL;
}

/* What a dry run leaves undone beside configuration and settings. */
static Err *dry_run_say(Setup *setup)
{
    TRY(folder_plan_say(setup, "state (--state-dir)", setup->cluster.state_dir));
    TRY(folder_plan_say(setup, "spool (--spool-dir)", setup->cluster.spool_dir));
    TRY(folder_plan_say(setup, "locks (--lock-dir)", setup->cluster.lock_dir));
    for (size_t i = 0; i < setup->cluster.repo_count; i++)
        say(setup, "repository: \"%s\" at %s would be used, and created if it is not there",
            setup->cluster.repos[i].name, setup->cluster.repos[i].url);
    if (setup->plan.needs_restart)
        say(setup, "restart: the server would have to be restarted (--restart)");
    return NULL;
}

static void plan_say(Setup *setup)
{
    const char *const verb = setup->is_dry ? "would be" : "is";
    if (setup->conf_text.len)
        say(setup, "configuration: %s %s extended by:%s", setup->addition.file, verb,
            buf_text(&setup->conf_text));
    for (size_t i = 0; i < setup->plan.count; i++) {
        const SetupChange *const change = &setup->plan.changes[i];
        say(setup, "setting: %s %s changed from '%s' to '%s'%s", change->name, verb, change->before,
            change->after, change->needs_restart ? " (needs a restart)" : "");
    }
}

static Err *archive_and_settings(Setup *setup)
{
    AUTO(user_loan_end) UserLoan loan = {0};
    AUTO(connection_close) Connection *connection = NULL;
    SetupArchive archive;
    TRY(user_loan_begin(&loan, setup->postmaster.data_directory));
    TRY_AS(setup_archive(&archive, &setup->server, &setup->cluster), "preparing the repositories as user %s",
           user_current().text);
    say(setup, "repository: %s; generation %u of cluster \"%s\" %s, timeline %u %s",
        archive.is_new_repository ? "created" : "there", archive.generation.root.generation,
        setup->cluster.name, archive.is_new_generation ? "begun" : "there", setup->server.timeline.id,
        archive.is_new_branch ? "made rightful" : "rightful");
    if (!setup->plan.count)
        return NULL;
    TRY(server_connect(&connection, setup));
    return setup_settings(connection, &setup->plan);
}

static Err *prove(Setup *setup)
{
    AUTO(connection_close) Connection *connection = NULL;
    Proof proof;
    TRY(user_become_owner(setup->postmaster.data_directory));
    TRY(server_connect(&connection, setup));
    TRY_AS(proof_run(&proof, connection, &setup->cluster), "proving that WAL is archived");
    say(setup, "proof: segment %s was archived by the server and found in every repository after %s",
        proof.segment.text, duration_text(proof.waited_us).text);
    return NULL;
}

static Err *restart(Setup *setup)
{
    if (!settings_flag(setup->call->settings, OPT_RESTART)) {
        report_warn(setup->call->report, "setup/RESTART", "the server must be restarted before it archives");
        report_hint(
            setup->call->report,
            "restart it when it suits you and run setup again, or let setup do it: pgstrata setup --restart");
        return NULL;
    }
    say(setup, "restart: the server in %s is restarted", setup->postmaster.data_directory);
    return setup_restart(setup->postmaster.data_directory);
}

/* Is its section about to be written? Then the repository may be about to be made. */
static bool is_new_repo(const Setup *setup, const char *name)
{
    const char *const head = arena_textf(setup->arena, "\n[repo %s]\n", name);
    return setup->conf_text.len && strstr(buf_text(&setup->conf_text), head);
}

static Err *repo_expect(const Setup *setup, size_t at)
{
    AUTO(repo_free) Repo *repo = NULL;
    const RepoSpec spec = cluster_repo_spec(&setup->cluster, at);
    Err *err = repo_open(&repo, &spec);
    if (err_is(err, ERR_NOT_FOUND) || err_is(err, ERR_AWAY))
        err = err_hint(err_become(err, ERR_REFUSED),
                       "archive_command is ours already, so the repository was there: is the right disk "
                       "mounted? --yes makes a new one");
    return err;
}

/* A server that was told to archive by our command has its repositories. When one is not there its disk is away, and a
 * new one would take WAL that is missing in the old one for ever. */
static Err *repos_expect(const Setup *setup)
{
    if (!setup->plan.is_ours || settings_flag(setup->call->settings, OPT_YES))
        return NULL;
    AUTO(user_loan_end) UserLoan loan = {0};
    TRY(user_loan_begin(&loan, setup->postmaster.data_directory));
    for (size_t i = 0; i < setup->cluster.repo_count; i++) {
        if (!is_new_repo(setup, setup->cluster.repos[i].name))
            TRY(repo_expect(setup, i));
    }
    return NULL;
}

static Err *setup_do(Setup *setup)
{
    TRY(repos_expect(setup));
    TRY(folders_prepare(setup));
    if (setup->conf_text.len)
        TRY(conf_addition_write(&setup->addition, &setup->conf_text));
    TRY(archive_and_settings(setup));
    if (setup->plan.needs_restart) {
        TRY(restart(setup));
        if (!settings_flag(setup->call->settings, OPT_RESTART))
            return NULL;
    }
    if (!setup->plan.count && !setup->conf_text.len)
        say(setup, "nothing had to be changed");
    return prove(setup);
}

Err *cmd_setup(CommandCall *call)
{
    AUTO(setup_done)
    Setup setup = {.call = call, .arena = call->arena, .is_dry = settings_flag(call->settings, OPT_DRY_RUN)};
    TRY(server_find(&setup));
    TRY(settings_complete(&setup));
    TRY(command_make(&setup));
    TRY(server_look(&setup));
    say(&setup, "server: PostgreSQL %d in %s, port %d, user %s", setup.server.major,
        setup.postmaster.data_directory, setup.server.port, user_name(setup.postmaster.uid).text);
    plan_say(&setup);
    return setup.is_dry ? dry_run_say(&setup) : setup_do(&setup);
}
