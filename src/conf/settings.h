/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * conf/settings.h - everything that was set, where, and what counts
 *
 * Invariants
 *   1. Command line beats environment beats later file beats earlier file beats default; among files, a [cluster] or
 *      [repo] section beats [global].
 *   2. Every value was checked against type and bounds when it came in, and knows its origin.
 *   3. Clusters and repositories exist when a section names them; without any section the command line and the
 *      environment can make one of each ("main", unless --cluster names it).
 *
 * Ownership: texts belong to the Settings and live as long.
 */
#pragma once

#include "conf/args.h"
#include "conf/option_value.h"

#define CONF_FILE_DEFAULT "/etc/pgstrata/pgstrata.conf"
/* What a cluster or repository is called that no section names. */
#define CONF_NAME_DEFAULT "main"

typedef struct Settings Settings;

typedef struct SettingsInput {
    const Args *args;
    char *const *environment; /* "NAME=value", ends in NULL */
    const char
        *default_file; /* may be missing, unlike one that was asked for; its folder's conf.d is read too */
    bool
        may_be_missing; /* also the one that was asked for, and the sections that --cluster and --repo name: they are
                            about to be written */
} SettingsInput;

/* Reads files and environment. USAGE names file:line, variable or option. */
MUST Err *settings_load(Settings **out, const SettingsInput *input);
void settings_free(Settings **settings);

/* What counts for an option. `section` is the cluster's or repository's name, or NULL for GLOBAL and COMMAND options.
 * `origin` reads "command line (--jobs)", "environment (PGSTRATA_JOBS)", "FILE:LINE" or "default". */
typedef struct Setting {
    OptionValue value; /* text NULL when neither given nor defaulted */
    const char *origin;
    bool is_default;
} Setting;
Setting settings_get(const Settings *settings, OptionId id, const char *section);
bool setting_is_from_file(const Setting *setting);

/* Short forms of settings_get(). */
const char *settings_text(const Settings *settings, OptionId id, const char *section);
int64_t settings_number(const Settings *settings, OptionId id, const char *section); /* 0 when not given */
bool settings_flag(const Settings *settings, OptionId id);
/* All texts of an option that may be given several times; the array is the arena's. */
const char *const *settings_texts(size_t *out_count, const Settings *settings, OptionId id, Arena *arena);

/* Names in order of appearance, ending in NULL. */
const char *const *settings_clusters(const Settings *settings);
const char *const *settings_repos(const Settings *settings);
/* Files that were read, in order, ending in NULL. */
const char *const *settings_files(const Settings *settings);
