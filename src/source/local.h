/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* source/local.h - a data directory on this machine */
#pragma once

#include "source/source.h"

/* Whether `pgdata` is a cluster is not looked at. NOT_FOUND; DENIED; REFUSED when a tablespace contains the data
 * directory or is one of its own folders. */
MUST Err *source_local_open(Source **out, const char *pgdata);
