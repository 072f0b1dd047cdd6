/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/postmaster.h - the servers that run on this machine, by what they write into postmaster.pid
 *
 * Lines of the file: process id, data directory, start time, port, first socket folder, first listen address, shared
 * memory, status (src/include/utils/pidfile.h). It may stand there after a crash: its process must live in the data
 * directory.
 */
#pragma once

#include "base/arena.h"

#include <sys/types.h>

typedef struct Postmaster {
    int64_t pid;
    uid_t uid;
    const char *data_directory; /* absolute, without symbolic links */
    const char *port;
    const char *host; /* socket folder; without one, the address it listens on */
} Postmaster;

/* NOT_FOUND: no server runs there. DENIED: only its owner and root can look. */
MUST Err *postmaster_read(Postmaster *out, const char *data_directory, Arena *arena);

/* What postmaster.pid alone tells of a data directory. */
typedef enum PostmasterTrace {
    POSTMASTER_GONE,   /* there is no such file, or no process of its number: a crash left it */
    POSTMASTER_ALIEN,  /* a process has the number and works elsewhere, or no postmaster can have it */
    POSTMASTER_LIKELY, /* the process works in the data directory, or we may not see where */
} PostmasterTrace;
/* `*out_pid` is the number that the file begins with, 0 without one. `data_directory` is without symbolic links. */
MUST Err *postmaster_trace(PostmasterTrace *out, int64_t *out_pid, const char *data_directory);

/* A process of PostgreSQL that still works in `data_directory` (without symbolic links) although its postmaster is
 * gone; 0 when there is none that we may see. */
MUST Err *postmaster_orphan_find(int64_t *out_pid, const char *data_directory);

/* All that we may look at, by data directory. Texts and array live in the arena. */
MUST Err *postmaster_list(const Postmaster **out, size_t *count, Arena *arena);

/* The running server that is meant: in `data_directory`, on `port` or in the socket folder `host` (each may be NULL).
 * NOT_FOUND; USAGE when several fit, naming them. */
MUST Err *postmaster_find(Postmaster *out, const char *data_directory, const char *host, const char *port,
                          Arena *arena);
