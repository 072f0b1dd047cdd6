/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/confirm.h"

#include "os/signal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16 };

/* False when the input ends, or a signal ends the wait. */
static bool answer_read(char *answer)
{
    const ssize_t count = read(STDIN_FILENO, answer, ANSWER_BYTES - 1);
    if (count <= 0)
        return false;
    answer[count] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    return true;
}

Err *confirm_loss(const char *loss, const char *what)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return err_hint(ERR(REFUSED, "%s; %s was not confirmed, nothing was changed", loss, what),
                        "it loses what is in there; if that is meant, add --yes");
    char answer[ANSWER_BYTES];
    fprintf(stderr, "%s; %s loses what is in it. Go on? [y/N] ", loss, what);
    fflush(stderr);
    const bool is_read = answer_read(answer);
    TRY(signal_check());
    if (is_read && (!strcasecmp(answer, "y") || !strcasecmp(answer, "yes")))
        return NULL;
    return ERR(REFUSED, "%s was not confirmed, nothing was changed", what);
}
