/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "conf/option.h"

#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

OptionId option_by_name(const char *name, size_t len)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (strlen(option_table[id].name) == len && memcmp(option_table[id].name, name, len) == 0)
            return id;
    }
    return OPTION_COUNT;
}

OptionId option_by_letter(char letter)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (letter && option_table[id].letter == letter)
            return id;
    }
    return OPTION_COUNT;
}

const char *option_key(OptionId id)
{
    return option_table[id].key ? option_table[id].key : option_table[id].name;
}

OptionId option_by_key(const char *key)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (text_equal(option_key(id), key))
            return id;
    }
    return OPTION_COUNT;
}

OptionEnvName option_env_name(OptionId id)
{
    OptionEnvName out;
    const int len = snprintf(out.text, sizeof out.text, "PGSTRATA_%s", option_table[id].name);
    assert(len > 0 && (size_t)len < sizeof out.text);
    for (char *c = out.text; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return out;
}

OptionId option_by_env_name(const char *name)
{
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (text_equal(option_env_name(id).text, name))
            return id;
    }
    return OPTION_COUNT;
}

bool option_fits_section(OptionId id, OptionScope section)
{
    const Option *const option = &option_table[id];
    if (option->scope == SCOPE_COMMAND || option->flags & OPTION_NO_FILE)
        return false;
    if (section == SCOPE_GLOBAL)
        return !(option->flags & OPTION_OF_ONE);
    return option->scope == section;
}

const char *option_nearest_name(const char *name, unsigned commands)
{
    const char *names[OPTION_COUNT + 1];
    size_t count = 0;
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (option_table[id].commands & commands && !(option_table[id].flags & OPTION_HIDDEN))
            names[count++] = option_table[id].name;
    }
    names[count] = NULL;
    return text_nearest(name, names);
}

const char *option_nearest_key(const char *key, OptionScope section)
{
    const char *keys[OPTION_COUNT + 1];
    size_t count = 0;
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (option_fits_section(id, section))
            keys[count++] = option_key(id);
    }
    keys[count] = NULL;
    return text_nearest(key, keys);
}
