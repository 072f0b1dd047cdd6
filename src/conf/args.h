/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * conf/args.h - argv taken apart
 *
 * GNU manners: "--opt=value" and "--opt value", "-j 4", "-j4", "-vn", options before, between and after the words of
 * the command, "--" ends options. Names are whole; nothing is guessed. A flag takes a value only with "=". Which words
 * are the command and which options belong to it is asked of the command table, one floor up.
 *
 * Ownership: everything is borrowed from argv and the arena.
 */
#pragma once

#include "base/arena.h"
#include "conf/option.h"

typedef struct ArgOption {
    OptionId id;
    const char *as_written; /* "--jobs" or "-j" */
    const char *value;      /* "on" for a bare flag */
} ArgOption;

typedef struct Args {
    const ArgOption *options;
    size_t option_count;
    const char *const *words; /* command and positional arguments */
    size_t word_count;
} Args;

/* `argc` and `argv` without the program's name. USAGE: unknown option (with the nearest), value missing. */
MUST Err *args_parse(Args *out, int argc, char *const *argv, Arena *arena);

/* USAGE when an option does not belong to the command, or two exclude each other. */
MUST Err *args_check(const Args *args, unsigned command, const char *command_name);

/* Was it given? The last one counts. */
const ArgOption *args_find(const Args *args, OptionId id);
