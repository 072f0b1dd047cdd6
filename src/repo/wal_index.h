/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/wal_index.h - the sections that tell what a stored WAL segment holds
 *
 * The index of a WAL object carries typed sections beside the frames (SECTION_WAL_… of container.h). The summary is the
 * first of them: pg/wal_summary.h as bytes. Whoever does not know a section passes it over; a kind of event that is
 * not known counts as dropped, so that a reader knows it has to look at the records.
 *
 * Format: repo/FORMAT.md, "WAL index".
 */
#pragma once

#include "pg/wal_summary.h"

/* Format: the longest text of an event (a tablespace's path) and of a reason. */
#define WAL_INDEX_TEXT_MAX PGDATA_PATH_MAX

/* Appends the section's bytes. */
void wal_index_summary_encode(Buf *out, const WalSummary *summary);
/* End `*out` with wal_summary_done(). CORRUPT, UNSUPPORTED. */
MUST Err *wal_index_summary_decode(WalSummary *out, Span section);
