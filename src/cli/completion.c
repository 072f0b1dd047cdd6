/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Completion of commands, the command's options, and the words that a choice knows. */
#include "base/text.h"
#include "cli/help.h"

#include <string.h>

static bool is_offered(const Option *option, unsigned set)
{
    return option->commands & set && !(option->flags & OPTION_HIDDEN);
}

/* "config" of "config show": shells complete word by word. */
static void first_words_add(Buf *out)
{
    const char *before = "";
    for (const Command *command = command_table; command->name; command++) {
        const size_t len = strcspn(command->name, " ");
        if (strncmp(before, command->name, len) != 0 || before[len] != ' ')
            buf_addf(out, "%s%.*s", *before ? " " : "", (int)len, command->name);
        before = command->name;
    }
}

static void options_add(Buf *out, unsigned set)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (is_offered(&option_table[id], set))
            buf_addf(out, " --%s%s", option_table[id].name, option_table[id].value ? "=" : "");
    }
}

/* One case for every command: its second word and its options. */
static void cases_add(Buf *out)
{
    for (const Command *command = command_table; command->name; command++) {
        const char *const blank = strchr(command->name, ' ');
        buf_addf(out, "        %.*s) words=\"%s", (int)strcspn(command->name, " "), command->name,
                 blank ? blank + 1 : "");
        options_add(out, command->set);
        buf_addf(out, "\" ;;\n");
    }
}

static void choices_add(Buf *out)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        const Option *const option = &option_table[id];
        if (!option->choices)
            continue;
        buf_addf(out, "        --%s) words=\"", option->name);
        for (int i = 0; option->choices[i]; i++)
            buf_addf(out, "%s%s", i ? " " : "", option->choices[i]);
        buf_addf(out, "\" ;;\n");
    }
}

/* The shell code that sets `words` for `$command` and `$before`, the option left of the cursor. */
static void words_function_add(Buf *out)
{
    buf_addf(out, "    case \"$command\" in\n");
    cases_add(out);
    buf_addf(out, "        *) words=\"");
    first_words_add(out);
    options_add(out, FOR_ALL);
    buf_addf(out, "\" ;;\n    esac\n    case \"$before\" in\n");
    choices_add(out);
    buf_addf(out, "    esac\n");
}

static void bash_add(Buf *out)
{
    buf_addf(out,
             "# bash completion for pgstrata\n_pgstrata()\n{\n"
             "    local command= before= words= word current=\"${COMP_WORDS[COMP_CWORD]}\" i\n"
             "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
             "        word=\"${COMP_WORDS[i]}\"\n"
             "        case \"$word\" in -* | =) ;; *) [ \"$command\" ] || command=\"$word\" ;; esac\n"
             "    done\n"
             "    before=\"${COMP_WORDS[COMP_CWORD - 1]}\"\n"
             "    if [ \"$before\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD - 2]}\"; fi\n"
             "    if [ \"$current\" = = ]; then current=; before=\"${COMP_WORDS[COMP_CWORD - 1]}\"; fi\n");
    words_function_add(out);
    buf_addf(out,
             "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
             "    if [ ${#COMPREPLY[@]} = 1 ] && [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi\n"
             "}\ncomplete -o default -F _pgstrata pgstrata\n");
}

static void zsh_add(Buf *out)
{
    /* zsh keeps the command line in $words: ours is made in a function of its own. */
    buf_addf(out, "#compdef pgstrata\n_pgstrata_words()\n{\n    local command=\"$1\" before=\"$2\" words=\n");
    words_function_add(out);
    buf_addf(out, "    echo \"$words\"\n}\n_pgstrata()\n{\n    local command= word\n"
                  "    for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
                  "        case \"$word\" in -*) ;; *) [ \"$command\" ] || command=\"$word\" ;; esac\n"
                  "    done\n"
                  "    if [[ $PREFIX == --*=* ]]; then\n"
                  "        local before=\"${PREFIX%%%%=*}\"\n"
                  "        compset -P '*='\n"
                  "        compadd -- ${=$(_pgstrata_words \"$command\" \"$before\")}\n"
                  "    else\n"
                  "        compadd -S '' -- ${=$(_pgstrata_words \"$command\" \"\")}\n"
                  "        _files\n"
                  "    fi\n}\n_pgstrata \"$@\"\n");
}

static void fish_options_add(Buf *out, const Command *command)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        const Option *const option = &option_table[id];
        if (!is_offered(option, command->set))
            continue;
        buf_addf(out, "complete -c pgstrata -n '__fish_seen_subcommand_from %.*s' -l %s",
                 (int)strcspn(command->name, " "), command->name, option->name);
        if (option->letter)
            buf_addf(out, " -s '%c'", option->letter);
        if (option->value)
            buf_addf(out, option->type == TYPE_PATH ? " -r" : " -x");
        for (int i = 0; option->choices && option->choices[i]; i++)
            buf_addf(out, "%s%s", i ? " " : " -a '", option->choices[i]);
        buf_addf(out, "%s -d \"", option->choices ? "'" : "");
        for (const char *c = option->help; *c; c++)
            buf_addf(out, *c == '"' ? "\\%c" : "%c", *c);
        buf_addf(out, "\"\n");
    }
}

static void fish_add(Buf *out)
{
    buf_addf(out, "# fish completion for pgstrata\n");
    for (const Command *command = command_table; command->name; command++) {
        const size_t len = strcspn(command->name, " ");
        buf_addf(out, "complete -c pgstrata -n __fish_use_subcommand -a %.*s -d \"%s\"\n", (int)len,
                 command->name, command->summary);
        if (command->name[len])
            buf_addf(out, "complete -c pgstrata -n '__fish_seen_subcommand_from %.*s' -a %s -d \"%s\"\n",
                     (int)len, command->name, command->name + len + 1, command->summary);
        fish_options_add(out, command);
    }
}

void completion_format(Buf *out, const char *shell)
{
    if (text_equal(shell, "bash"))
        bash_add(out);
    else if (text_equal(shell, "zsh"))
        zsh_add(out);
    else
        fish_add(out);
}
