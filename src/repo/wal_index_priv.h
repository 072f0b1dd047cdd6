/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* repo/wal_index_priv.h - what the sections of a WAL index have in common */
#pragma once

#include "base/buf.h"
#include "base/ids.h"
#include "base/number_set.h"

/* The 16 bits that begin a section, named `what`; another version than `known` is UNSUPPORTED. A section without them is
 * short, as the decoder says at its end. */
MUST Err *wal_section_version_decode(Dec *dec, unsigned known, const char *what);

/* A set as runs: their count, then for each the distance from the end of the one before and the length less 1. */
void wal_runs_encode(Buf *out, const NumberSet *set);
/* Adds to `set`. CORRUPT also when it would hold more than `*left` numbers; they are taken off. */
MUST Err *wal_runs_decode(NumberSet *set, uint64_t *left, Dec *dec);

/* A file, shorter when it is *near*: in the database and tablespace of the one before. Whether it is takes a bit
 * elsewhere. Near files must come ascending. */
bool wal_file_is_near(RelFile file, RelFile before);
void wal_file_encode(Buf *out, RelFile file, RelFile before);
/* `*file` holds the one before. */
void wal_file_decode(RelFile *file, Dec *dec, bool is_near);

/* A varint of at most 32 bits; a longer one makes the section short. */
uint32_t wal_number_decode(Dec *dec);
