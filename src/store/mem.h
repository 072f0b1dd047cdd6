/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* store/mem.h - objects in memory. For tests; not in the shipped program. */
#pragma once

#include "store/store.h"

/* An empty one. */
MUST Store *mem_store_new(void);
