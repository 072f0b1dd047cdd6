/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* A folder with configuration files, an environment and a command line, for tests of conf/. */
#pragma once

#include "conf/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Fixture {
    char folder[64];
    Arena *arena;
    Settings *settings;
} Fixture;

static inline const char *fixture_path(Fixture *fixture, const char *name)
{
    return arena_textf(fixture->arena, "%s/%s", fixture->folder, name);
}

static inline void fixture_write(Fixture *fixture, const char *name, const char *text)
{
    FILE *const stream = fopen(fixture_path(fixture, name), "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static inline int fixture_setup(void **state)
{
    Fixture *const fixture = mem_new(sizeof *fixture);
    fixture->arena = arena_new();
    snprintf(fixture->folder, sizeof fixture->folder, "%s", "/tmp/pgstrata-conf-XXXXXX");
    if (!mkdtemp(fixture->folder) || mkdir(fixture_path(fixture, "conf.d"), 0700) != 0)
        return -1;
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    Fixture *fixture = *state;
    static const char *const names[] = {"main.conf", "other.conf", "conf.d/10-a.conf", "conf.d/20-b.conf",
                                        "conf.d/30-c.txt"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unlink(fixture_path(fixture, names[i]));
    rmdir(fixture_path(fixture, "conf.d"));
    rmdir(fixture->folder);
    settings_free(&fixture->settings);
    arena_free(&fixture->arena);
    mem_free(&fixture);
    return 0;
}

static inline Err *fixture_load_for(Fixture *fixture, const char *options, const char *environment,
                                    bool is_setup)
{
    char *words[2][16] = {{NULL}};
    const char *const texts[2] = {options, environment};
    int count[2] = {0};
    for (int i = 0; i < 2; i++) {
        char *rest = arena_text(fixture->arena, texts[i]);
        for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            words[i][count[i]++] = word;
    }
    Args args;
    TRY(args_parse(&args, count[0], words[0], fixture->arena));
    settings_free(&fixture->settings);
    return settings_load(&fixture->settings,
                         &(SettingsInput){.args = &args,
                                          .environment = words[1],
                                          .default_file = fixture_path(fixture, "main.conf"),
                                          .may_be_missing = is_setup});
}

/* `options` and `environment` are separated by blanks. The default file is main.conf. */
static inline Err *fixture_load(Fixture *fixture, const char *options, const char *environment)
{
    return fixture_load_for(fixture, options, environment, false);
}
