/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * os/fault.h - the place where tests make the system fail
 *
 * Every operation of file.c and folder.c that can fail asks fault_check() first. The program gets the one of
 * fault_none.c, which never objects. A test that wants faults defines fault_check() itself; the linker then has no
 * reason to take fault_none.o out of the archive. So nothing in the shipped program can be told to fail.
 */
#pragma once

#include "base/err.h"

/* `call` is one of open, create, read, write, sync, rename, unlink, mkdir, list, stat. */
MUST Err *fault_check(const char *call, const char *path);
