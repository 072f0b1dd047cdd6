/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/promises.h - what must stay restorable: "pitr 14d, daily 7, weekly 8, monthly 12, yearly 3, backups 5"
 *
 * Promises add up: a backup stays as long as one of them wants it. What each of them wants is the matter of
 * retention/policy.h; here is only their text. `full-every 30d` promises nothing about the past, but that no backup rests
 * on data older than that.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

typedef struct Promises {
    int64_t pitr_us;                         /* every moment of the last so long; 0: not promised */
    uint32_t daily, weekly, monthly, yearly; /* the last backup of so many days, …; 0: not promised */
    uint32_t backups;                        /* the newest ones */
    int64_t full_every_us;                   /* 0: never */
} Promises;

#define PROMISES_DEFAULT "pitr 7d, daily 7, weekly 4"

/* How old the newest backup may become before the shortest promise is in danger: its period and half of it, a day at
 * most. */
int64_t promises_backup_age_max_us(const Promises *promises);

/* USAGE names the word that is wrong. Lengths of time are in h, d or w. */
MUST Err *promises_parse(Promises *out, const char *text);
