/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* conf/option_value.h - the text of an option, checked against its type and bounds */
#pragma once

#include "base/arena.h"
#include "conf/option.h"

typedef struct OptionValue {
    const char *text; /* as given; a path made absolute; from the arena */
    int64_t number;   /* INT, DURATION (ms), ENUM (index), FLAG (0 or 1); otherwise 0 */
} OptionValue;

/* USAGE names the value and what would be right. A relative path needs `base_dir` to be made absolute; with NULL it
 * is refused. */
MUST Err *option_value_parse(OptionValue *out, OptionId id, const char *text, const char *base_dir,
                             Arena *arena);

/* [a-z0-9_-]{1,40}, the names of clusters and repositories; `what` is "cluster" or the like. USAGE. */
MUST Err *conf_name_check(const char *name, const char *what);

/* "500ms", "60s", "5min", "1h", "7d". USAGE on anything else, a missing unit included. */
MUST Err *duration_parse(int64_t *out_ms, const char *text);

/* The names of a TYPE_NAMES value, in order. The array and its texts come from the arena. USAGE. */
MUST Err *names_parse(const char *const **out, size_t *out_count, const char *text, Arena *arena);
