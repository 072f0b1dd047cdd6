/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* store/readonly.h - a store that cannot be changed through this handle: put, remove and settle are REFUSED */
#pragma once

#include "store/store.h"

/* Takes over `next`. */
MUST Store *readonly_store_new(Store *next);
