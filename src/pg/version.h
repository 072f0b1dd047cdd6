/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/version.h - the PostgreSQL majors this program reads, and the numbers that tell them apart
 *
 * A released major never changes its catalog version (src/include/catalog/catversion.h) nor the magic of its WAL pages
 * (XLOG_PAGE_MAGIC, src/include/access/xlog_internal.h), so each of the two names the major. The version of the control
 * file (src/include/catalog/pg_control.h) is the same for several majors and only confirms.
 */
#pragma once

#include "base/bytes.h"

enum { PG_MAJOR_FIRST = 13, PG_MAJOR_LAST = 18 };

typedef struct PgVersion {
    uint32_t major;
    uint32_t catalog_version;
    uint32_t control_version;
    uint16_t wal_page_magic;
} PgVersion;

/* The table's row for each key; it lives as long as the program. UNSUPPORTED, naming the value, when none fits. */
MUST Err *pg_version_of_major(const PgVersion **out, uint32_t major);
MUST Err *pg_version_of_catalog(const PgVersion **out, uint32_t catalog_version);
MUST Err *pg_version_of_wal_magic(const PgVersion **out, uint16_t wal_page_magic);

/* The content of a PG_VERSION file: "15\n". CORRUPT when it is no number, UNSUPPORTED as above. */
MUST Err *pg_version_parse(const PgVersion **out, Span content);
