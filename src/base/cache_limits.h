/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/cache_limits.h - how much is kept in memory of what could be read or made again
 *
 * Unlike those of base/limits.h these bounds refuse nothing: what does not fit costs time.
 */
#pragma once

/* Page hashes kept in memory: those of 64 GiB, in packs of mostly 200 kB of them, few enough to search through. */
#define PAGE_HASHES_BYTES_MAX (64 * 1024 * 1024)
#define PAGE_HASHES_PACKS_MAX 256
/* Runs that interrupted backups stored, 48 bytes each: 96 MiB. What is beyond is read and stored again. */
#define STORED_RUNS_MAX (2 * 1024 * 1024)
