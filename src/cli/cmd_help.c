/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/help.h"

Err *cmd_help(CommandCall *call)
{
    const Command *command = NULL;
    size_t used = 0;
    if (call->word_count)
        TRY(command_find(&command, &used, call->words, call->word_count));
    AUTO(buf_done) Buf text = {0};
    const ArgOption *const shell = args_find(call->args, OPT_COMPLETION);
    if (shell) {
        OptionValue value;
        TRY_AS(option_value_parse(&value, OPT_COMPLETION, shell->value, NULL, call->arena), "command line");
        completion_format(&text, value.text);
    } else if (args_find(call->args, OPT_MAN))
        man_format(&text, command);
    else
        help_format(&text, command);
    output_text(call->output, "%s", buf_text(&text));
    json_object_set_new(call->output->document, "text", output_json_text(buf_text(&text)));
    return NULL;
}
