/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "store/posix.h"

const StoreDriver *const store_drivers[] = {&posix_driver, NULL};
