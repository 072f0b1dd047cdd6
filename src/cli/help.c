/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/help.h"

#include "base/text.h"
#include "conf/option.h"

#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

/* Adds `text` from HELP_COLUMN on, in lines of HELP_WIDTH; the cursor stands at column `at`. */
static void wrapped_add(Buf *out, size_t at, const char *text)
{
    while (*text) {
        buf_addf(out, "%*s", at < HELP_COLUMN ? (int)(HELP_COLUMN - at) : 0, "");
        size_t len = strlen(text);
        if (len > HELP_WIDTH - HELP_COLUMN) {
            len = HELP_WIDTH - HELP_COLUMN;
            while (len && text[len] != ' ')
                len--;
            len = len ? len : strlen(text); /* one long word */
        }
        buf_addf(out, "%.*s\n", (int)len, text);
        text += len + (text[len] == ' ');
        at = 0;
    }
}

static void option_add(Buf *out, const Option *option)
{
    AUTO(buf_done) Buf left = {0};
    AUTO(buf_done) Buf right = {0};
    if (option->letter)
        buf_addf(&left, "  -%c, ", option->letter);
    else
        buf_addf(&left, "      ");
    buf_addf(&left, "--%s%s%s", option->name, option->value ? "=" : "", option->value ? option->value : "");
    buf_addf(&right, "%s", option->help);
    for (int i = 0; option->choices && option->choices[i]; i++)
        buf_addf(&right, "%s%s", i ? ", " : ": ", option->choices[i]);
    if (option->initial && option->type != TYPE_FLAG)
        buf_addf(&right, " (default: %s)", option->initial);
    buf_addf(out, "%s", buf_text(&left));
    size_t at = left.len;
    if (at >= HELP_COLUMN) {
        buf_addf(out, "\n");
        at = 0;
    }
    wrapped_add(out, at, buf_text(&right));
}

static void options_add(Buf *out, OptionScope scope, unsigned set, const char *title)
{
    bool is_begun = false;
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        const Option *const option = &option_table[id];
        if (option->scope != scope || !(option->commands & set) || option->flags & OPTION_HIDDEN)
            continue;
        if (!is_begun)
            buf_addf(out, "\n%s:\n", title);
        is_begun = true;
        option_add(out, option);
    }
}

static void program_help(Buf *out)
{
    buf_addf(out, "pgstrata protects PostgreSQL clusters and brings them back.\n\nUsage:\n"
                  "  pgstrata [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n");
    for (const Command *command = command_table; command->name; command++) {
        AUTO(buf_done) Buf left = {0};
        buf_addf(&left, "  %s %s", command->name, command->arguments);
        buf_addf(out, "%s", buf_text(&left));
        wrapped_add(out, left.len, command->summary);
    }
    options_add(out, SCOPE_GLOBAL, FOR_ALL, "Options of every command");
    buf_addf(out, "\n\"pgstrata help COMMAND\" says more about one of them.\n");
}

void help_format(Buf *out, const Command *command)
{
    if (!command) {
        program_help(out);
        return;
    }
    buf_addf(out, "pgstrata %s: %s\n\nUsage:\n  pgstrata [OPTION]... %s %s\n", command->name,
             command->summary, command->name, command->arguments);
    options_add(out, SCOPE_COMMAND, command->set, "Options of this command");
    options_add(out, SCOPE_CLUSTER, command->set, "The cluster (also in configuration and environment)");
    options_add(out, SCOPE_REPO, command->set, "The repository (also in configuration and environment)");
    options_add(out, SCOPE_GLOBAL, command->set, "Options of every command");
}
