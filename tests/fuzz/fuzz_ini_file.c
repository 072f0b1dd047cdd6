/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any bytes as a configuration file, values checked as if they counted. */
#include "conf/ini_file.h"
#include "conf/option_value.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Err *line_take(void *arg, const IniLine *line)
{
    assert(line->line > 0 && line->section <= SCOPE_REPO && (line->section == SCOPE_GLOBAL) == !*line->name);
    if (!line->key)
        return NULL;
    assert(line->value);
    const OptionId id = option_by_key(line->key);
    if (id == OPTION_COUNT) {
        (void)option_nearest_key(line->key, line->section);
        return NULL;
    }
    OptionValue value;
    Err *err = option_value_parse(&value, id, line->value, NULL, arg);
    assert(err || strcmp(value.text, line->value) == 0);
    err_free(&err);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    FILE *const stream = fmemopen((void *)(uintptr_t)data, size, "r");
    Arena *arena = arena_new();
    Err *err = ini_file_read(stream, "fuzz.conf", line_take, arena);
    assert(!err || (strncmp(err_text(err), "fuzz.conf:", 10) == 0 && err_text(err)[10] != '0'));
    err_free(&err);
    arena_free(&arena);
    fclose(stream);
    return 0;
}
