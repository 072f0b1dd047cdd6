/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/manifest_priv.h - what writer and reader of a manifest share
 */
#pragma once

#include "base/limits.h"
#include "repo/manifest.h"

/* The version in the first line of every leaf and root. */
#define MANIFEST_VERSION 1

/* The columns of a line's extents, in the order in which they are written. */
typedef enum Column { COLUMN_SKIP, COLUMN_COUNT, COLUMN_LABEL, COLUMN_PACK, COLUMN_OFFSET, COLUMNS } Column;

/* The rules an entry and its extents obey on their own, whoever made them: `*fault` says which one is broken. */
bool manifest_entry_is_sound(const char **fault, const ManifestEntry *entry);
