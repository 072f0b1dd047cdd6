/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fake/fault.h - makes the n-th file operation fail
 *
 * Link tests/fake/fault.c into a test, and its fault_check() takes the place of the program's (os/fault.h).
 */
#pragma once

#include <stdbool.h>

/* The `nth` checked call from now on (1 is the next) fails with `errnum`, once. 0 switches faults off. */
void fake_fault_at(int nth, int errnum);
/* Whether the planned fault has happened. */
bool fake_fault_hit(void);
/* Calls checked since fake_fault_at(). */
int fake_fault_calls(void);
