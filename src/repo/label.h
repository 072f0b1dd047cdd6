/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/label.h - the name of a backup
 *
 * "20261121-083000F": UTC to the second and F, D or I. A label only names: order comes from branch and LSN. Still, a
 * new label is later than every label before it, also when the clock steps back, so that sorting by name never
 * misleads a person.
 */
#pragma once

#include "base/instant.h"

#include <stdbool.h>

/* The part that is the time. No two labels share it: begin objects of one second would sort by their letter. */
#define LABEL_TIME_CHARS 15
#define LABEL_CHARS      16

typedef enum BackupType { BACKUP_FULL, BACKUP_DIFF, BACKUP_INCR } BackupType;

/* Made by label_next() and label_parse() only, so always well formed; compare with text_equal(). */
typedef struct BackupLabel {
    char text[LABEL_CHARS + 1];
} BackupLabel;

const char *backup_type_name(BackupType type); /* "full", "diff", "incr" */
/* USAGE on anything else. */
MUST Err *backup_type_parse(BackupType *out, const char *text);

/* A label for `now`, or for the second after `newest` (NULL: there is none) when that is later. LIMIT when the year
 * would need five digits. */
MUST Err *label_next(BackupLabel *out, BackupType type, Instant now, const BackupLabel *newest);
/* USAGE unless `text` is a label. */
MUST Err *label_parse(BackupLabel *out, const char *text);
bool label_is(const char *text);
bool label_is_among(BackupLabel label, const BackupLabel *labels, size_t count);
BackupType label_type(BackupLabel label);
Instant label_time(BackupLabel label);
