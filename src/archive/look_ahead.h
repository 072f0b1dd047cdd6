/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/look_ahead.h - archives segments before PostgreSQL asks for it
 */
#pragma once

#include "archive/wal_store.h"

typedef struct LookAhead {
    const char *wal_folder;
    const char *spool; /* folder of the notes */
    Span promise;      /* the head of each note: cluster and repositories covered */
    WalName asked;     /* only segments of its timeline, behind it */
    int jobs;
} LookAhead;

/* For LOOK_AHEAD_MS stores segments that are ready. Never fails: what does not work now will be asked for, and then be
 * reported. */
void look_ahead(const WalStore *to, const LookAhead *ahead);

/* Did a look-ahead store bytes of this hash under this name, for the same promise? Takes the note away. */
bool look_ahead_done(const char *spool, Span promise, const char *name, const Hash128 *hash);
