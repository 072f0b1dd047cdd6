/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "fake/fault.h"

#include "os/errno.h"
#include "os/fault.h"

#include <stdatomic.h>

static atomic_int plan_nth;
static atomic_int plan_errnum;
static atomic_int calls;

void fake_fault_at(int nth, int errnum)
{
    plan_nth = nth;
    plan_errnum = errnum;
    calls = 0;
}

bool fake_fault_hit(void)
{
    return plan_nth != 0 && calls >= plan_nth;
}

int fake_fault_calls(void)
{
    return calls;
}

Err *fault_check(const char *call, const char *path)
{
    const int number = atomic_fetch_add(&calls, 1) + 1;
    if (number != plan_nth)
        return NULL;
    return err_os(plan_errnum, __FILE__, __LINE__, "planned fault %d: %s %s", number, call, path);
}
