/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/promises.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define HOUR_US INT64_C(3600000000)

enum { WORD_MAX = 24, COUNT_MAX = 100000, HOURS_MAX = 100 * 366 * 24 };

static const char *const names[] = {"pitr",   "daily",   "weekly",     "monthly",
                                    "yearly", "backups", "full-every", NULL};
typedef enum Name { PITR, DAILY, WEEKLY, MONTHLY, YEARLY, BACKUPS, FULL_EVERY, NAME_COUNT } Name;

typedef struct Word {
    char text[WORD_MAX];
} Word;

/* The next word of an item, which ends at a comma; "" at its end. A longer one is cut, and so is none of ours. */
static Word word_next(const char **at)
{
    Word word;
    *at += strspn(*at, " \t");
    const size_t len = strcspn(*at, " \t,");
    snprintf(word.text, sizeof word.text, "%.*s", (int)len, *at);
    *at += len;
    return word;
}

static Err *name_parse(Name *out, const char *word)
{
    for (Name name = 0; name < NAME_COUNT; name++) {
        if (text_equal(names[name], word)) {
            *out = name;
            return NULL;
        }
    }
    Err *const err = *word ? ERR(USAGE, "\"%s\" is no promise", word) : ERR(USAGE, "a promise is missing");
    const char *const nearest = text_nearest(word, names);
    return nearest
               ? err_hint(err, "did you mean \"%s\"?", nearest)
               : err_hint(err,
                          "promises are, apart by commas: pitr 14d, daily 7, weekly 8, monthly 12, yearly "
                          "3, backups 5, full-every 30d");
}

static Err *count_parse(uint32_t *out, Name name, const char *word)
{
    uint64_t count;
    if (!text_u64(&count, word) || !count || count > COUNT_MAX)
        return err_hint(ERR(USAGE, "\"%s\" is not how many \"%s\" can promise", word, names[name]),
                        "give a number from 1 to %d, such as \"%s 7\"", COUNT_MAX, names[name]);
    *out = (uint32_t)count;
    return NULL;
}

static Err *length_parse(int64_t *out_us, Name name, const char *word)
{
    static const struct {
        char unit;
        uint64_t hours;
    } units[] = {{'h', 1}, {'d', 24}, {'w', 7 * 24}};
    char digits[WORD_MAX];
    const size_t len = strspn(word, "0123456789");
    snprintf(digits, sizeof digits, "%.*s", (int)len, word);
    uint64_t number;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (word[len] == units[i].unit && !word[len + 1] && text_u64(&number, digits) && number &&
            number <= HOURS_MAX / units[i].hours) {
            *out_us = (int64_t)(number * units[i].hours) * HOUR_US;
            return NULL;
        }
    }
    return err_hint(ERR(USAGE, "\"%s\" is not how long \"%s\" can promise", word, names[name]),
                    "give a number and h, d or w, such as \"%s 14d\"", names[name]);
}

static Err *value_parse(Promises *promises, Name name, const char *word)
{
    uint32_t *const counts[] = {[DAILY] = &promises->daily,
                                [WEEKLY] = &promises->weekly,
                                [MONTHLY] = &promises->monthly,
                                [YEARLY] = &promises->yearly,
                                [BACKUPS] = &promises->backups};
    int64_t *const length = name == PITR ? &promises->pitr_us : &promises->full_every_us;
    const bool is_length = name == PITR || name == FULL_EVERY;
    if (is_length ? *length != 0 : *counts[name] != 0)
        return ERR(USAGE, "\"%s\" is promised twice", names[name]);
    return is_length ? length_parse(length, name, word) : count_parse(counts[name], name, word);
}

static Err *item_parse(Promises *promises, const char **at)
{
    Name name = PITR;
    TRY(name_parse(&name, word_next(at).text));
    TRY(value_parse(promises, name, word_next(at).text));
    const Word rest = word_next(at);
    return *rest.text
               ? err_hint(ERR(USAGE, "\"%s\" is one word too many after \"%s\"", rest.text, names[name]),
                          "promises stand apart by commas")
               : NULL;
}

Err *promises_parse(Promises *out, const char *text)
{
    Promises promises = {0};
    for (const char *at = text;; at++) {
        TRY(item_parse(&promises, &at));
        if (!*at)
            break;
    }
    if (!promises.pitr_us && !promises.daily && !promises.weekly && !promises.monthly && !promises.yearly &&
        !promises.backups)
        return err_hint(ERR(USAGE, "\"%s\" promises to keep no backup", text),
                        "add how much must stay restorable, such as \"pitr 7d\"");
    *out = promises;
    return NULL;
}

int64_t promises_backup_age_max_us(const Promises *promises)
{
    const int64_t day_us = 24 * HOUR_US;
    const struct {
        uint32_t wanted;
        int64_t length_us;
    } periods[] = {{promises->daily, day_us},
                   {promises->weekly, 7 * day_us},
                   {promises->monthly, 31 * day_us},
                   {promises->yearly, 366 * day_us}};
    /* Without a promise for periods the habit of most: a backup a day. */
    int64_t length_us = day_us;
    for (size_t i = COUNT_OF(periods); i-- > 0;) {
        if (periods[i].wanted)
            length_us = periods[i].length_us;
    }
    return length_us + (length_us / 2 < day_us ? length_us / 2 : day_us);
}
