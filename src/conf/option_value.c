/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "conf/option_value.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "cluster/promises.h"

#include <inttypes.h>
#include <string.h>

Err *conf_name_check(const char *name, const char *what)
{
    const size_t len = strlen(name);
    if (len == 0 || len > CONF_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len)
        return err_hint(ERR(USAGE, "\"%s\" is not a name for a %s", name, what),
                        "names are made of 1 to %d lower-case letters, digits, \"_\" and \"-\"",
                        CONF_NAME_MAX);
    return NULL;
}

Err *duration_parse(int64_t *out_ms, const char *text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    const size_t digit_count = strspn(text, "0123456789");
    char digits[20];
    uint64_t number;
    const char *const unit = text + digit_count + strspn(text + digit_count, " ");
    if (digit_count > 0 && digit_count < sizeof digits) {
        memcpy(digits, text, digit_count);
        digits[digit_count] = 0;
        for (size_t i = 0; i < COUNT_OF(units); i++) {
            int64_t ms;
            if (text_equal(unit, units[i].name) && text_u64(&number, digits) &&
                !__builtin_mul_overflow(number, units[i].ms, &ms)) {
                *out_ms = ms;
                return NULL;
            }
        }
    }
    return err_hint(ERR(USAGE, "\"%s\" is not a length of time", text),
                    "give a number and a unit: ms, s, min, h or d, such as 60s or 5min");
}

static char *trimmed(const char *begin, const char *end, Arena *arena)
{
    while (begin < end && *begin == ' ')
        begin++;
    while (end > begin && end[-1] == ' ')
        end--;
    return arena_textf(arena, "%.*s", (int)(end - begin), begin);
}

Err *names_parse(const char *const **out, size_t *out_count, const char *text, Arena *arena)
{
    size_t room = 1;
    for (const char *c = text; *c; c++)
        room += *c == ',';
    const char **const names = arena_alloc(arena, room * sizeof *names);
    size_t count = 0;
    for (const char *at = text;; at++) {
        const char *const end = at + strcspn(at, ",");
        char *const name = trimmed(at, end, arena);
        TRY(conf_name_check(name, "repository"));
        for (size_t i = 0; i < count; i++) {
            if (text_equal(names[i], name))
                return ERR(USAGE, "\"%s\" is named twice", name);
        }
        names[count++] = name;
        if (!*end)
            break;
        at = end;
    }
    *out = names;
    *out_count = count;
    return NULL;
}

static Err *path_parse(OptionValue *out, const char *text, const char *base_dir, Arena *arena)
{
    if (strlen(text) >= PGDATA_PATH_MAX)
        return ERR(USAGE, "the path has %zu bytes, at most %d are possible", strlen(text),
                   PGDATA_PATH_MAX - 1);
    if (text[0] == '/')
        out->text = arena_text(arena, text);
    else if (base_dir)
        out->text = arena_textf(arena, "%s/%s", base_dir, text);
    else
        return err_hint(ERR(USAGE, "\"%s\" is a relative path", text),
                        "write it from the root on, beginning with \"/\"");
    return NULL;
}

static Err *int_parse(OptionValue *out, const Option *option, const char *text)
{
    int64_t number;
    if (!text_i64(&number, text))
        return ERR(USAGE, "\"%s\" is not a whole number", text);
    if (number < option->min || number > option->max)
        return ERR(USAGE, "%s is out of range %" PRId64 " to %" PRId64, text, option->min, option->max);
    out->number = number;
    return NULL;
}

static Err *bounded_duration_parse(OptionValue *out, const Option *option, const char *text)
{
    int64_t ms;
    TRY(duration_parse(&ms, text));
    if (ms < option->min || ms > option->max)
        return ERR(USAGE, "%s is out of range %" PRId64 "s to %" PRId64 "s", text, option->min / 1000,
                   option->max / 1000);
    out->number = ms;
    return NULL;
}

static Err *later(const char *what)
{
    return ERR(USAGE, "\"%s\" is not available in this version", what);
}

static Err *enum_parse(OptionValue *out, const Option *option, const char *text)
{
    AUTO(buf_done) Buf choices = {0};
    for (const char *const *other = option->later; other && *other; other++) {
        if (text_equal(*other, text))
            return later(text);
    }
    for (int i = 0; option->choices[i]; i++) {
        if (text_equal(option->choices[i], text)) {
            out->number = i;
            return NULL;
        }
        buf_addf(&choices, "%s%s", i ? ", " : "", option->choices[i]);
    }
    Err *const err = ERR(USAGE, "\"%s\" is none of %s", text, buf_text(&choices));
    const char *const nearest = text_nearest(text, option->choices);
    return nearest ? err_hint(err, "did you mean \"%s\"?", nearest) : err;
}

static Err *flag_parse(OptionValue *out, const char *text)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (text_equal(words[i], text)) {
            out->number = i % 2;
            return NULL;
        }
    }
    return ERR(USAGE, "\"%s\" is neither on nor off", text);
}

Err *option_value_parse(OptionValue *out, OptionId id, const char *text, const char *base_dir, Arena *arena)
{
    const Option *const option = &option_table[id];
    OptionValue value = {.text = arena_text(arena, text)};
    if (!*text)
        return ERR(USAGE, "%s has no value", option_key(id));
    switch (option->type) {
    case TYPE_TEXT:
    case TYPE_TEXTS:
        break;
    case TYPE_NAME:
        TRY(conf_name_check(text, option->name));
        break;
    case TYPE_NAMES: {
        const char *const *names;
        size_t count;
        TRY(names_parse(&names, &count, text, arena));
        break;
    }
    case TYPE_PATH:
        TRY_AS(path_parse(&value, text, base_dir, arena), "%s", option_key(id));
        break;
    case TYPE_INT:
        TRY_AS(int_parse(&value, option, text), "%s", option_key(id));
        break;
    case TYPE_DURATION:
        TRY_AS(bounded_duration_parse(&value, option, text), "%s", option_key(id));
        break;
    case TYPE_ENUM:
        TRY_AS(enum_parse(&value, option, text), "%s", option_key(id));
        break;
    case TYPE_PROMISES: {
        Promises promises;
        TRY_AS(promises_parse(&promises, text), "%s", option_key(id));
        break;
    }
    case TYPE_FLAG:
        TRY_AS(flag_parse(&value, text), "%s", option_key(id));
        break;
    }
    *out = value;
    return NULL;
}
