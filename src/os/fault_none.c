/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
/* The only symbol of this file: see os/fault.h for why. */
#include "os/fault.h"

Err *fault_check(const char *call, const char *path)
{
    (void)call;
    (void)path;
    return NULL;
}
