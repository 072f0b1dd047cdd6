/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * conf/ini_file.h - lines of a configuration file, safely through inih
 *
 * inih cuts lines at 200 bytes and section names at 49, without a word, and takes an indented line for more of the
 * value above. So its lines are handed to it one by one by a reader that refuses what inih would cut, and NULs, takes
 * indents away, reads section names itself, and knows the number of the line at hand.
 */
#pragma once

#include "conf/option.h"

#include <stdio.h>

typedef struct IniLine {
    const char *file;
    int line;
    OptionScope section; /* SCOPE_GLOBAL, SCOPE_CLUSTER or SCOPE_REPO */
    const char *name;    /* of the cluster or repository; "" in [global] */
    const char *key;     /* NULL: the section begins here */
    const char *value;
} IniLine;

/* The line lives until the call returns. An error ends the reading; file and line are put before its text. */
typedef Err *IniFn(void *arg, const IniLine *line);

/* USAGE "FILE:LINE: …" on a line that cannot be understood, an unknown section or a bad name. `file` names the source
 * in messages. IO when reading stops halfway; LIMIT above CONF_FILE_BYTES_MAX. */
MUST Err *ini_file_read(FILE *from, const char *file, IniFn *each, void *arg);
