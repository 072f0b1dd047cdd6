/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cli/help.h - help, manual pages and shell completion, all written from the tables of commands and options */
#pragma once

#include "cli/command.h"

/* Help for one command, or with NULL the list of commands. */
void help_format(Buf *out, const Command *command);
/* The manual page in roff, of one command, or with NULL of the program. */
void man_format(Buf *out, const Command *command);
/* `shell`: "bash", "zsh" or "fish". */
void completion_format(Buf *out, const char *shell);
