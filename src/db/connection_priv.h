/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* db/connection_priv.h - what connecting, asking and reading results share. */
#pragma once

#include "base/buf.h"
#include "db/connection.h"
#include "db/libpq_priv.h"

struct Connection {
    const Libpq *pq;
    PGconn *session; /* NULL once dropped */
    int version;
    Buf user, dbname, place; /* kept here: they outlive the session */
};

struct Result {
    const Libpq *pq;
    PGresult *rows;
};

/* Waits until the session's socket is ready for `events` (poll(2)), at most a fifth of a second. CANCELED when the
 * program was asked to stop. */
MUST Err *session_wait(bool *is_ready, const Libpq *pq, const PGconn *session, short events);

enum { SQLSTATE_LENGTH = 5 };

/* The class that an SQLSTATE stands for. */
ErrClass sqlstate_class(const char *sqlstate);
