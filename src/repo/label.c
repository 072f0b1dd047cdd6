/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/label.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define US_PER_SECOND INT64_C(1000000)

static const char *const type_names[] = {"full", "diff", "incr"};
static const char type_letters[] = "FDI";

const char *backup_type_name(BackupType type)
{
    return type_names[type];
}

Err *backup_type_parse(BackupType *out, const char *text)
{
    for (size_t i = 0; i < COUNT_OF(type_names); i++) {
        if (text_equal(text, type_names[i])) {
            *out = (BackupType)i;
            return NULL;
        }
    }
    return err_hint(ERR(USAGE, "backup type \"%s\" is not known", text),
                    "The types are full, diff and incr.");
}

/* `count` decimal digits at `text`, or -1. */
static int digits_at(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* The year must have four digits: Instant holds more of them than a label can show. */
static bool label_format(BackupLabel *out, BackupType type, Instant second)
{
    const Civil civil = instant_civil(second);
    if (civil.year < 0 || civil.year > 9999)
        return false;
    char text[64];
    snprintf(text, sizeof text, "%04d%02d%02d-%02d%02d%02d%c", civil.year, civil.month, civil.day, civil.hour,
             civil.minute, civil.second, type_letters[type]);
    assert(strlen(text) == LABEL_CHARS);
    memcpy(out->text, text, sizeof out->text);
    return true;
}

static Instant time_part(const char *text)
{
    const Civil civil = {.year = digits_at(text, 4),
                         .month = digits_at(text + 4, 2),
                         .day = digits_at(text + 6, 2),
                         .hour = digits_at(text + 9, 2),
                         .minute = digits_at(text + 11, 2),
                         .second = digits_at(text + 13, 2)};
    return instant_from_civil(&civil);
}

Err *label_next(BackupLabel *out, BackupType type, Instant now, const BackupLabel *newest)
{
    Instant second = now;
    if (newest && label_time(*newest).us + US_PER_SECOND > second.us)
        second.us = label_time(*newest).us + US_PER_SECOND;
    if (!label_format(out, type, second))
        return ERR(LIMIT, "no label can be made for %s, after %s", instant_text(now).text,
                   newest ? newest->text : "none");
    return NULL;
}

bool label_is(const char *text)
{
    if (strlen(text) != LABEL_CHARS || text[8] != '-' || !strchr(type_letters, text[LABEL_TIME_CHARS]))
        return false;
    if (digits_at(text, 8) < 0 || digits_at(text + 9, 6) < 0)
        return false;
    const int month = digits_at(text + 4, 2);
    if (month < 1 || month > 12)
        return false;

    /* A day or hour that does not exist comes back as another one. */
    BackupLabel again;
    return label_format(&again, BACKUP_FULL, time_part(text)) &&
           strncmp(again.text, text, LABEL_TIME_CHARS) == 0;
}

Err *label_parse(BackupLabel *out, const char *text)
{
    if (!label_is(text))
        return err_hint(ERR(USAGE, "\"%s\" is not a backup label", text),
                        "A label looks like 20261121-083000F; \"pgstrata info\" lists them.");
    memcpy(out->text, text, sizeof out->text);
    return NULL;
}

bool label_is_among(BackupLabel label, const BackupLabel *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(labels[i].text, label.text))
            return true;
    }
    return false;
}

BackupType label_type(BackupLabel label)
{
    const char *const at = strchr(type_letters, label.text[LABEL_TIME_CHARS]);
    assert(at && *at);
    return (BackupType)(at - type_letters);
}

Instant label_time(BackupLabel label)
{
    return time_part(label.text);
}
