/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/pg/fixture.h - files that real servers wrote (scripts/make-fixtures.sh) */
#pragma once

#include "base/buf.h"
#include "pg/version.h"

#include <stdio.h>
#include <string.h>

/* The whole file tests/fixtures/pg/<major>/<name>, added to `to`. */
static inline void fixture_read(Buf *to, unsigned major, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, UNIT_FIXTURES "/pg/%u/%s", major, name);
    FILE *const file = fopen(path, "rb");
    if (!file)
        fail_msg("no fixture %s", path);
    size_t got;
    do {
        got = fread(buf_reserve(to, 65536), 1, 65536, file);
        buf_grown(to, got);
    } while (got);
    fclose(file);
}

static inline Span fixture_text(const char *text)
{
    return span_of(text, strlen(text));
}

#define FOR_EACH_MAJOR(major) for (unsigned major = PG_MAJOR_FIRST; major <= PG_MAJOR_LAST; major++)
