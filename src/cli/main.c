/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cli/main.c - pgstrata: understand the command line, run one command, print its error once, exit */
#include "base/text.h"
#include "cli/command.h"
#include "os/signal.h"
#include "os/user.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

typedef struct Program {
    Arena *arena;
    Settings *settings;
    Output output;
    Report report;
    ExitRule rule;
    int status; /* what the command's function said beside its error and report */
} Program;

static void program_done(Program *program)
{
    settings_free(&program->settings);
    arena_free(&program->arena);
    output_done(&program->output);
    report_done(&program->report);
}

/* An error in the command line itself must come in the format that was asked for too. */
static bool is_json_asked(int argc, char *const *argv)
{
    const char *asked = getenv("PGSTRATA_OUTPUT");
    for (int i = 0; i < argc; i++) {
        if (text_starts(argv[i], "--output="))
            asked = argv[i] + strlen("--output=");
        else if (text_equal(argv[i], "--output") && i + 1 < argc)
            asked = argv[i + 1];
    }
    return asked && text_equal(asked, "json");
}

static Err *words_check(const Command *command, const char *const *words, size_t count)
{
    if (count > command->words_max)
        return err_hint(
            ERR(USAGE, "\"%s\" is one argument too many for %s", words[command->words_max], command->name),
            "pgstrata %s %s", command->name, command->arguments);
    if (count < command->words_min)
        return err_hint(ERR(USAGE, "%s needs more arguments", command->name), "pgstrata %s %s", command->name,
                        command->arguments);
    return NULL;
}

/* --help and --version answer instead of the command, also when there is none. */
static const Command *command_instead(const Args *args)
{
    CommandFn *const run = args_find(args, OPT_HELP)      ? cmd_help
                           : args_find(args, OPT_VERSION) ? cmd_version
                                                          : NULL;
    const Command *command = command_table;
    while (run && command->name && command->run != run)
        command++;
    return run ? command : NULL;
}

static Err *settings_use(Program *program, const Args *args, const Command *command)
{
    TRY(settings_load(&program->settings, &(SettingsInput){.args = args,
                                                           .environment = environ,
                                                           .default_file = CONF_FILE_DEFAULT,
                                                           .may_be_missing = command->set == FOR_SETUP}));
    if (text_equal(settings_text(program->settings, OPT_OUTPUT, NULL), "json"))
        output_set_json(&program->output);
    const bool is_quiet = settings_flag(program->settings, OPT_QUIET) || command->rule != EXIT_RULE_PLAIN;
    output_log_start(settings_flag(program->settings, OPT_VERBOSE) ? LOG_LEVEL_DEBUG
                     : is_quiet                                    ? LOG_LEVEL_WARNING
                                                                   : LOG_LEVEL_INFO);
    return NULL;
}

static Err *program_run(Program *program, int argc, char *const *argv)
{
    Args args;
    TRY(args_parse(&args, argc, argv, program->arena));
    const Command *command = command_instead(&args);
    const bool is_instead = command != NULL;
    size_t used = 0;
    if (!command)
        TRY(command_find(&command, &used, args.words, args.word_count));
    CommandCall call = {.args = &args,
                        .words = args.words + used,
                        .word_count = args.word_count - used,
                        .output = &program->output,
                        .report = &program->report,
                        .arena = program->arena};
    const bool is_recovery_asking = exit_is_recovery_asking(argc, argv);
    if (is_instead && is_recovery_asking)
        return ERR(USAGE, "restore_command asks for a file and for help at once");
    if (!is_instead) {
        program->rule = is_recovery_asking ? EXIT_RULE_ARCHIVE_GET : command->rule;
        TRY(args_check(&args, command->set, command->name));
        TRY(words_check(command, call.words, call.word_count));
    }
    if (command->set & FOR_JOBS)
        TRY(settings_use(program, &args, command));
    call.settings = program->settings;
    Err *const err = command->run(&call);
    program->status = call.status;
    return err;
}

/* Who was denied something is often not who typed the command: root's rights go to the owner of the data directory. */
static Err *denied_explain(Err *err)
{
    if (!err_is(err, ERR_DENIED) || err_hint_text(err)[0])
        return err;
    return err_hint(err, "we work as user %s, who must be allowed to do that", user_current().text);
}

/* Prints what is left to print and finds the exit status. */
static int program_end(Program *program, Err *run_err)
{
    AUTO(err_free) Err *err = denied_explain(run_err);
    int status = exit_status_graver(program->status, exit_status_of_report(&program->report));
    output_report(&program->output, &program->report);
    if (err) {
        output_err(&program->output, err);
        status = exit_status_graver(exit_status_of_err(err, signal_stop_pending()), status);
    }
    Err *output_failed = output_end(&program->output);
    if (output_failed) {
        program->output.is_json = false;
        output_err(&program->output, output_failed);
        status = exit_status_graver(status, EXIT_FAILED);
        err_free(&output_failed);
    }
    return status;
}

int main(int argc, char **argv)
{
    AUTO(program_done) Program program = {.arena = arena_new(), .rule = exit_rule_guess(argc - 1, argv + 1)};
    setlocale(LC_CTYPE, "");
    signal_setup();
    output_init(&program.output);
    if (is_json_asked(argc - 1, argv + 1))
        output_set_json(&program.output);
    Err *const err = program_run(&program, argc - 1, argv + 1);
    return exit_status_map(program_end(&program, err), program.rule);
}
