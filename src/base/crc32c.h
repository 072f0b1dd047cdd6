/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/crc32c.h - CRC-32C (Castagnoli), reflected, initial and final value all ones, as PostgreSQL's WAL records,
 * control file and relation maps carry it (src/include/port/pg_crc32c.h).
 *
 * Incremental use: crc = CRC32C_INIT; crc = crc32c_add(crc, …); …; crc32c_end(crc).
 */
#pragma once

#include "base/bytes.h"

#define CRC32C_INIT UINT32_C(0xffffffff)

uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t size);

static inline uint32_t crc32c_end(uint32_t crc)
{
    return crc ^ UINT32_C(0xffffffff);
}

/* The whole at once. */
uint32_t crc32c(Span bytes);

/* Of a record of PostgreSQL's WAL, to be compared with the one it carries: the body first, then the head's 24 bytes up to its
 * last four, which are the checksum (src/backend/access/transam/xloginsert.c). `size` counts the head and is at least 24.
 * Made for hundreds of thousands of short ones in a row. */
uint32_t crc32c_wal_record(const uint8_t *record, size_t size);

/* The table-driven way, which crc32c_add() takes on processors without SSE 4.2; here so that a test can compare. */
uint32_t crc32c_add_portable(uint32_t crc, const void *bytes, size_t size);
