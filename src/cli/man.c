/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Manual pages in the man macros of roff. A page's name is the command's with dashes: pgstrata-config-show(1). */
#include "base/text.h"
#include "base/version.h"
#include "cli/help.h"

#include <stdio.h>

/* Text as roff takes it: no dash turns into a hyphen, no line begins a request. */
static void roff_add(Buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '-')
            buf_addf(out, "\\-");
        else if (*c == '\\')
            buf_addf(out, "\\e");
        else if (*c == '\n')
            buf_addf(out, "\n.PP\n");
        else if ((*c == '.' || *c == '\'') && c == text)
            buf_addf(out, "\\&%c", *c);
        else
            buf_add(out, c, 1);
    }
}

static void option_add(Buf *out, OptionId id)
{
    const Option *const option = &option_table[id];
    buf_addf(out, ".TP\n.B ");
    if (option->letter)
        buf_addf(out, "\\-%c, ", option->letter);
    buf_addf(out, "\\-\\-");
    roff_add(out, option->name);
    if (option->value) {
        buf_addf(out, "=\\fI");
        roff_add(out, option->value);
        buf_addf(out, "\\fR");
    }
    buf_addf(out, "\n");
    roff_add(out, option->help);
    for (int i = 0; option->choices && option->choices[i]; i++)
        buf_addf(out, "%s%s", i ? ", " : ": ", option->choices[i]);
    buf_addf(out, ".\n");
    if (option->initial && option->type != TYPE_FLAG) {
        buf_addf(out, "The default is ");
        roff_add(out, option->initial);
        buf_addf(out, ".\n");
    }
    if (option->scope != SCOPE_COMMAND)
        buf_addf(out, "Environment: \\fB%s\\fR.\n", option_env_name(id).text);
}

static void options_add(Buf *out, unsigned set)
{
    buf_addf(out, ".SH OPTIONS\n");
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (option_table[id].commands & set && !(option_table[id].flags & OPTION_HIDDEN))
            option_add(out, id);
    }
}

static void page_name(Buf *out, const Command *command)
{
    buf_addf(out, "pgstrata-%s", command->name);
    for (size_t i = 0; i < out->len; i++) {
        if (out->data[i] == ' ')
            out->data[i] = '-';
    }
}

static void configuration_add(Buf *out)
{
    buf_addf(out, ".SH CONFIGURATION\n"
                  "Options may also stand in /etc/pgstrata/pgstrata.conf and then in the files conf.d/*.conf "
                  "beside it,\n"
                  "in sections [global], [cluster \\fINAME\\fR] and [repo \\fINAME\\fR]. The command line "
                  "counts before the\n"
                  "environment, that before a later file, that before an earlier one.\n");
    static const char *const titles[] = {"[global]", "[cluster NAME]", "[repo NAME]"};
    for (OptionScope section = SCOPE_GLOBAL; section <= SCOPE_REPO; section++) {
        buf_addf(out, ".TP\n.B %s\n", titles[section]);
        const char *comma = "";
        for (OptionId id = 0; id < OPTION_COUNT; id++) {
            if (!option_fits_section(id, section) || option_table[id].scope != section)
                continue;
            buf_addf(out, "%s", comma);
            roff_add(out, option_key(id));
            comma = ", ";
        }
        buf_addf(out, "\n");
    }
}

static void exit_status_add(Buf *out)
{
    buf_addf(
        out,
        ".SH EXIT STATUS\n"
        "0 done; 1 failed; 2 usage or configuration; 3 done, with warnings that need a human; 4 not fresh;\n"
        "5 corrupt or missing data found; 6 gap, the target cannot be reached; 7 refused for safety; 8 "
        "busy;\n"
        "9 storage unreachable; 10 database unreachable; 128+n ended by signal n.\n"
        "archive\\-push fails with 1 to 125 only. archive\\-get knows 0, 1 for proven absent, and 200 for "
        "stop.\n");
}

static void program_page(Buf *out)
{
    buf_addf(out, ".TH PGSTRATA 1 \"\" \"pgstrata %s\"\n.SH NAME\n", PGSTRATA_VERSION);
    buf_addf(out, "pgstrata \\- protects PostgreSQL clusters and brings them back\n.SH SYNOPSIS\n"
                  ".B pgstrata\n[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n.SH COMMANDS\n");
    for (const Command *command = command_table; command->name; command++) {
        AUTO(buf_done) Buf name = {0};
        page_name(&name, command);
        buf_addf(out, ".TP\n.B ");
        roff_add(out, command->name);
        buf_addf(out, "\n");
        roff_add(out, command->summary);
        buf_addf(out, "; see ");
        roff_add(out, buf_text(&name));
        buf_addf(out, "(1)\n");
    }
    configuration_add(out);
    exit_status_add(out);
}

void man_format(Buf *out, const Command *command)
{
    if (!command) {
        program_page(out);
        return;
    }
    AUTO(buf_done) Buf name = {0};
    page_name(&name, command);
    buf_addf(out, ".TH ");
    roff_add(out, buf_text(&name));
    buf_addf(out, " 1 \"\" \"pgstrata %s\"\n.SH NAME\n", PGSTRATA_VERSION);
    roff_add(out, buf_text(&name));
    buf_addf(out, " \\- ");
    roff_add(out, command->summary);
    buf_addf(out, "\n.SH SYNOPSIS\n.B pgstrata\n[\\fIOPTION\\fR]... \\fB");
    roff_add(out, command->name);
    buf_addf(out, "\\fR ");
    roff_add(out, command->arguments);
    buf_addf(out, "\n.SH DESCRIPTION\n");
    roff_add(out, command->about);
    buf_addf(out, "\n");
    options_add(out, command->set);
    exit_status_add(out);
    buf_addf(out, ".SH SEE ALSO\npgstrata(1)\n");
}
