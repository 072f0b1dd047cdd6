/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * retention/pin.h - a backup that stays, whatever is promised, until somebody says otherwise
 *
 * Said in every repository that has the backup. A pin is written first and looked after afterwards, as all that meets an
 * expiry (repo/hold.h): one that comes too late is told so.
 */
#pragma once

#include "cluster/options.h"
#include "repo/hold.h"

typedef struct PinAsk {
    const ClusterOptions *cluster;
    const char *label;
    const char *note; /* why; NULL: not said */
    HoldWord word;    /* HOLD_PINNED or HOLD_UNPINNED */
} PinAsk;

/* USAGE: no label. NOT_FOUND: no repository has such a backup. REFUSED: it is being removed at this moment. Saying it
 * twice is fine. */
MUST Err *pin_say(const PinAsk *ask);
/* The same for repositories that are open. */
MUST Err *pin_say_in(RepoSet *set, const PinAsk *ask);
