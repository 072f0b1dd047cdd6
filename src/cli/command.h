/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/command.h - the table of commands
 *
 * A command is added by its file cli/cmd_<name>.c, its function's name below, one row in command.c and its name in
 * meson.build (for its manual page). Its options are marked in conf/option_table.c.
 */
#pragma once

#include "cli/exit_status.h"
#include "cli/output.h"
#include "conf/settings.h"

typedef struct CommandCall {
    const Settings *settings; /* NULL for commands that read no configuration */
    const Args *args;
    const char *const *words; /* positional arguments */
    size_t word_count;
    Output *output;
    Report *report;
    Arena *arena;
    int status; /* in addition to error and report; EXIT_WAL_ABSENT is archive-get's */
} CommandCall;

typedef Err *CommandFn(CommandCall *call);

typedef struct Command {
    const char *name;      /* one word or two: "config show" */
    const char *arguments; /* "NAME PATH", "[BACKUP]", or "" */
    const char *summary;   /* one line, lower case */
    const char *about;     /* a paragraph or more for the manual, apart by "\n" */
    CommandFn *run;
    unsigned set; /* one of CommandSet */
    unsigned words_min, words_max;
    ExitRule rule;
} Command;

/* Ends in a row without a name. */
extern const Command command_table[];

CommandFn cmd_backup;
CommandFn cmd_expire;
CommandFn cmd_pin;
CommandFn cmd_unpin;
CommandFn cmd_help;
CommandFn cmd_version;
CommandFn cmd_archive_get;
CommandFn cmd_archive_push;
CommandFn cmd_takeover;
CommandFn cmd_wal_index;
CommandFn cmd_config_show;
CommandFn cmd_info;
CommandFn cmd_setup;
CommandFn cmd_repair;
CommandFn cmd_verify;
CommandFn cmd_check;
CommandFn cmd_restore;

/* The command that `words` begin with; *out_used of them name it. USAGE names the nearest. */
MUST Err *command_find(const Command **out, size_t *out_used, const char *const *words, size_t word_count);
