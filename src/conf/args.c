/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "conf/args.h"

#include <string.h>

/* argv as it is being read. */
typedef struct Reading {
    int argc;
    char *const *argv;
    int at;
    ArgOption *options;
    size_t option_count;
    const char **words;
    size_t word_count;
    Arena *arena;
} Reading;

static void option_add(Reading *reading, OptionId id, const char *as_written, const char *value)
{
    reading->options[reading->option_count++] = (ArgOption){id, as_written, value};
}

static Err *value_take(const char **out, Reading *reading, OptionId id, const char *as_written)
{
    if (reading->at + 1 >= reading->argc)
        return ERR(USAGE, "%s needs a value: %s %s", as_written, as_written, option_table[id].value);
    *out = reading->argv[++reading->at];
    return NULL;
}

static Err *long_parse(Reading *reading, const char *arg)
{
    const size_t len = strcspn(arg + 2, "=");
    const char *const as_written = arena_textf(reading->arena, "%.*s", (int)len + 2, arg);
    const OptionId id = option_by_name(arg + 2, len);
    if (id == OPTION_COUNT) {
        Err *const err = ERR(USAGE, "unknown option %s", as_written);
        const char *const nearest = option_nearest_name(as_written + 2, FOR_ALL);
        return nearest ? err_hint(err, "did you mean --%s?", nearest) : err;
    }
    const char *value = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
    if (!value && option_table[id].type == TYPE_FLAG)
        value = "on";
    if (!value)
        TRY(value_take(&value, reading, id, as_written));
    option_add(reading, id, as_written, value);
    return NULL;
}

/* A bundle such as "-vn", or "-j4". */
static Err *letters_parse(Reading *reading, const char *arg)
{
    for (const char *at = arg + 1; *at; at++) {
        const OptionId id = option_by_letter(*at);
        const char *const as_written = arena_textf(reading->arena, "-%c", *at);
        if (id == OPTION_COUNT)
            return err_hint(ERR(USAGE, "unknown option %s in \"%s\"", as_written, arg),
                            "\"pgstrata help\" lists them");
        if (option_table[id].type == TYPE_FLAG) {
            option_add(reading, id, as_written, "on");
            continue;
        }
        const char *value = at[1] ? at + 1 : NULL;
        if (!value)
            TRY(value_take(&value, reading, id, as_written));
        option_add(reading, id, as_written, value);
        return NULL;
    }
    return NULL;
}

Err *args_parse(Args *out, int argc, char *const *argv, Arena *arena)
{
    /* Every byte of argv is at most one option letter. */
    size_t room = 1;
    for (int i = 0; i < argc; i++)
        room += strlen(argv[i]) + 1;
    Reading reading = {.argc = argc, .argv = argv, .arena = arena};
    reading.options = arena_alloc(arena, room * sizeof *reading.options);
    reading.words = arena_alloc(arena, ((size_t)argc + 1) * sizeof *reading.words);
    bool is_open = true; /* before "--" */
    for (; reading.at < argc; reading.at++) {
        const char *const arg = argv[reading.at];
        if (!is_open || arg[0] != '-' || !arg[1])
            reading.words[reading.word_count++] = arg;
        else if (strcmp(arg, "--") == 0)
            is_open = false;
        else if (arg[1] == '-')
            TRY(long_parse(&reading, arg));
        else
            TRY(letters_parse(&reading, arg));
    }
    *out = (Args){reading.options, reading.option_count, reading.words, reading.word_count};
    return NULL;
}

Err *args_check(const Args *args, unsigned command, const char *command_name)
{
    const ArgOption *const quiet = args_find(args, OPT_QUIET), *const verbose = args_find(args, OPT_VERBOSE);
    if (quiet && verbose)
        return ERR(USAGE, "%s and %s exclude each other", quiet->as_written, verbose->as_written);
    const ArgOption *target = NULL;
    for (size_t i = 0; i < args->option_count; i++) {
        const ArgOption *const given = &args->options[i];
        const Option *const option = &option_table[given->id];
        if (!(option->commands & command))
            return err_hint(ERR(USAGE, "%s is not an option of %s", given->as_written, command_name),
                            "\"pgstrata help %s\" lists its options", command_name);
        if (!(option->flags & OPTION_IS_TARGET))
            continue;
        if (target && target->id != given->id)
            return ERR(USAGE, "%s and %s exclude each other", target->as_written, given->as_written);
        target = given;
    }
    return NULL;
}

const ArgOption *args_find(const Args *args, OptionId id)
{
    for (size_t i = args->option_count; i-- > 0;) {
        if (args->options[i].id == id)
            return &args->options[i];
    }
    return NULL;
}
