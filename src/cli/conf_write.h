/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/conf_write.h - adds to a configuration file what is not in it yet
 *
 * Whatever a person wrote stays, byte for byte: sections that are missing are appended, and a setting that contradicts
 * is a USAGE error that names file and line.
 */
#pragma once

#include "base/buf.h"
#include "conf/settings.h"

typedef struct ConfAddition {
    const char *file;    /* where it goes; the default file stands for its conf.d too */
    const char *cluster; /* name of the section that must be there */
    const Settings *now; /* what was read: files, environment, command line */
} ConfAddition;

/* The text to append to the file; empty when nothing is missing. */
MUST Err *conf_addition_text(Buf *out, const ConfAddition *addition, Arena *arena);
/* Appends it, durably; makes the file (0644) and its folder when they are missing. */
MUST Err *conf_addition_write(const ConfAddition *addition, const Buf *text);
