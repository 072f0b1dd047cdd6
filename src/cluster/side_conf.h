/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/side_conf.h - names of configuration files in a backup's side data
 *
 * The three that every server has are kept under their usual names when they lie outside the data directory; what they
 * refer to, and what that refers to, under its absolute path behind SIDE_CONF_INCLUDED and its syntax. SIDE_CONF_PATHS
 * tells where the three were, which relative paths in them start from. A restore elsewhere makes working copies.
 *
 * Format: repo/FORMAT.md, "Backup objects", side.
 */
#pragma once

#include "pg/conf_refs.h"

#define SIDE_CONF          "config/"
#define SIDE_CONF_PATHS    "config/paths.json"
#define SIDE_CONF_INCLUDED "config/included/"

/* The files of every server, in the order of side_conf_tops. */
typedef struct SideConfTop {
    const char *name; /* "postgresql.conf" */
    const char
        *setting; /* "config_file": the setting that says where it is, and the field of SIDE_CONF_PATHS */
    ConfSyntax syntax;
} SideConfTop;

enum { SIDE_CONF_TOPS = 3 };

static const SideConfTop side_conf_tops[SIDE_CONF_TOPS] = {
    {"postgresql.conf", "config_file", CONF_SETTINGS},
    {"pg_hba.conf", "hba_file", CONF_AUTH},
    {"pg_ident.conf", "ident_file", CONF_AUTH},
};

static inline const char *side_conf_syntax(ConfSyntax syntax)
{
    return syntax == CONF_SETTINGS ? "settings" : "auth";
}
