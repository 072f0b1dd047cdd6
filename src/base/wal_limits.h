/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/wal_limits.h - the bounds of what is read from WAL and kept about it, each with its reason
 *
 * A part of base/limits.h, which everybody includes.
 */
#pragma once

#include <stdint.h>

/* A WAL record as PostgreSQL bounds it: 1020 MiB since XLogRecordMaxSize (xlogrecord.h), nearly 1 GiB in older minors. */
#define WAL_RECORD_MAX (1024 * 1024 * 1024)
/* Bytes of one record that are kept; of a longer one only the checksum is followed. Commits and page images are far
 * smaller, a logical message may be longer, and memory stays bounded. */
#define WAL_RECORD_KEPT_MAX (64 * 1024 * 1024)
/* Format: bytes kept each way of records that straddle a segment border; longer ones are read from the segments. */
#define WAL_SEAM_MAX (64 * 1024)
/* Format: events in one WAL summary. Restore points made in a loop could fill a segment with 150,000 of them. */
#define WAL_EVENTS_MAX 4096
/* Blocks in the map of changes: two terabytes that changed everywhere take 32 MiB; many scattered ones four times as much
 * as their numbers. */
#define WAL_CHANGES_BYTES_MAX (256 * 1024 * 1024)
/* Relations in the map of changes, about 100 bytes each. */
#define WAL_CHANGES_RELATIONS_MAX 10000000
/* Whole databases that were made or copied, in the map of changes: they are sought one by one. */
#define WAL_CHANGES_DATABASES_MAX 16384
/* The index of a segment, half of what a container takes. One that is larger is not stored: a server must always get rid
 * of its WAL. */
#define WAL_INDEX_BYTES_MAX (128 * 1024 * 1024)
/* Format: blocks that the index of one segment may list; a reference to a block takes more than 8 of its 1 GB. */
#define WAL_INDEX_BLOCKS_MAX (128 * 1024 * 1024)
/* Format: transactions of note in one segment, and acts of one of them. A segment has room for some 10,000 transactions
 * that change 128 rows each; a DROP SCHEMA drops thousands of tables, of which the first ones tell what it was. */
#define WAL_NOTES_MAX 65536
#define WAL_ACTS_MAX  256
/* Format: transactions, subtransactions too, that the index of a segment follows at once, about 200 bytes each: a loop
 * with an exception block opens hundreds of thousands. */
#define WAL_XACTS_OPEN_MAX 65536
/* Format: transactions that may end in one segment, subtransactions too; each takes 4 bytes of its 1 GB at least. */
#define WAL_INDEX_XACTS_MAX (256 * 1024 * 1024)
