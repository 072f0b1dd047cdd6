/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * conf/option.h - the one table of options
 *
 * The table drives the command line, the configuration files, the environment, help, manual pages and shell
 * completion. An option is added by one id (option_id.h) and one row in option_table.c.
 *
 * Where an option may stand follows from its scope:
 *   GLOBAL    command line, environment, section [global]
 *   CLUSTER   the same, and [cluster NAME], which beats [global]
 *   REPO      the same, and [repo NAME], which beats [global]
 *   COMMAND   the command line alone: targets, confirmations, whatever a forgotten file must not decide
 */
#pragma once

#include "base/err.h"
#include "conf/option_id.h"

#include <stdint.h>

typedef enum OptionScope { SCOPE_GLOBAL, SCOPE_CLUSTER, SCOPE_REPO, SCOPE_COMMAND } OptionScope;

typedef enum OptionType {
    TYPE_TEXT,     /* anything but nothing */
    TYPE_NAME,     /* [a-z0-9_-]{1,40} */
    TYPE_NAMES,    /* "a, b": names, in order, none twice */
    TYPE_PATH,     /* made absolute on the command line, must be absolute elsewhere */
    TYPE_INT,      /* within min..max */
    TYPE_DURATION, /* "500ms", "60s", "5min", "1h", "7d"; in milliseconds within min..max */
    TYPE_ENUM,     /* one of choices; the number is its index */
    TYPE_FLAG,     /* on the command line bare; elsewhere on/off, yes/no, true/false, 1/0 */
    TYPE_PROMISES, /* what retention promises: cluster/promises.h */
    TYPE_TEXTS,    /* a text that may be given several times */
} OptionType;

/* The commands an option belongs to, as a set. */
typedef enum CommandSet {
    FOR_HELP = 1 << 0,
    FOR_VERSION = 1 << 1,
    FOR_CONFIG = 1 << 2,
    FOR_SETUP = 1 << 3,
    FOR_CHECK = 1 << 4,
    FOR_BACKUP = 1 << 5,
    FOR_INFO = 1 << 6,
    FOR_ARCHIVE_PUSH = 1 << 7,
    FOR_ARCHIVE_GET = 1 << 8,
    FOR_RESTORE = 1 << 9,
    FOR_VERIFY = 1 << 10,
    FOR_WAL_INDEX = 1 << 11,
    FOR_TAKEOVER = 1 << 12,
    FOR_EXPIRE = 1 << 13,
    FOR_PIN = 1 << 14,
    FOR_UNPIN = 1 << 15,
    FOR_REPO_REPAIR = 1 << 16,
    FOR_ALL = (1 << 17) - 1,
    FOR_JOBS = FOR_ALL & ~(FOR_HELP | FOR_VERSION), /* whatever reads the configuration */
    FOR_SERVER = FOR_CONFIG | FOR_SETUP | FOR_CHECK | FOR_BACKUP | FOR_INFO | FOR_RESTORE,
} CommandSet;

enum {
    OPTION_NO_FILE = 1 << 0,   /* not in configuration files */
    OPTION_OF_ONE = 1 << 1,    /* names one thing: not in [global], which speaks for all */
    OPTION_HIDDEN = 1 << 2,    /* for the build, not for people */
    OPTION_IS_TARGET = 1 << 3, /* at most one of these may be given */
    OPTION_ONE_OFF = 1 << 4,   /* how this run behaves: setup asks for no line in a section that is there */
};

typedef struct Option {
    const char *name; /* long option; the environment's PGSTRATA_NAME follows from it */
    const char *key;  /* name in configuration files where that differs, or NULL */
    char letter;      /* short option, or 0 */
    OptionScope scope;
    OptionType type;
    unsigned commands;          /* CommandSet */
    unsigned flags;             /* OPTION_… */
    const char *value;          /* what its value is called in help: "DIR" */
    const char *initial;        /* default as text, or NULL */
    const char *const *choices; /* of an ENUM, ending in NULL */
    const char *const *later;   /* choices this version has not got, or NULL */
    int64_t min, max;           /* of an INT or DURATION (milliseconds) */
    const char *help;           /* one sentence, lower case, no full stop */
} Option;

extern const Option option_table[OPTION_COUNT];

/* The option of a long name (`len` bytes at `name`) or of a letter; OPTION_COUNT when there is none. */
OptionId option_by_name(const char *name, size_t len);
OptionId option_by_letter(char letter);
/* The option of a name in configuration files; OPTION_COUNT when there is none. */
OptionId option_by_key(const char *key);
/* Its name in configuration files. */
const char *option_key(OptionId id);

/* "PGSTRATA_RETRY_TIMEOUT" */
typedef struct OptionEnvName {
    char text[64];
} OptionEnvName;
OptionEnvName option_env_name(OptionId id);
/* The option of an environment variable; OPTION_COUNT when there is none. */
OptionId option_by_env_name(const char *name);

/* May a [global], [cluster NAME], [repo NAME] section (SCOPE_GLOBAL, …) hold it? */
bool option_fits_section(OptionId id, OptionScope section);
/* The nearest names, for "did you mean"; NULL when none is near. */
const char *option_nearest_name(const char *name, unsigned commands);
const char *option_nearest_key(const char *key, OptionScope section);
