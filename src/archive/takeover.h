/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/takeover.h - a person says that a timeline is the rightful one
 *
 * archive-push accepts by itself only what cannot lose anything. Where it refuses (a branch behind the archived tip, a
 * copy), a person may know better: the old primary is gone for good, the copy replaces the original. Nothing in the
 * archive is touched; one more branch record is written.
 */
#pragma once

#include "base/ids.h"
#include "cluster/options.h"

typedef struct TakeoverOptions {
    const ClusterOptions *cluster; /* its pgdata is the directory that takes over */
    Timeline timeline;             /* 0: the one its control file names */
    bool is_confirmed;             /* else nothing is changed */
} TakeoverOptions;

/* What taking over means. */
typedef struct TakeoverStory {
    Timeline timeline;
    Timeline parent; /* 0: none */
    Lsn switch_lsn;
    Timeline production; /* before; 0: none */
    bool is_rightful;    /* already: nothing had to be done */
    bool is_clone;       /* the directory was marked as a copy; the mark is taken away */
} TakeoverStory;

/* REFUSED for a directory whose restore has not ended; NOT_FOUND: no history file tells where the timeline came from. */
MUST Err *takeover(TakeoverStory *out, const TakeoverOptions *options);
