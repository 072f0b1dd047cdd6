/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/file_hash.h - the hash of a file that may be large
 *
 * The file passes a small buffer, which costs half of what fresh memory for the whole of a segment would.
 */
#pragma once

#include "codec/hash.h"
#include "os/file.h"

/* XXH3-128 and size of the file at `path`, which may be no symbolic link; with `to` it is copied, too. NOT_FOUND. */
MUST Err *file_hash(Hash128 *out, uint64_t *size_bytes, const char *path, File *to);
