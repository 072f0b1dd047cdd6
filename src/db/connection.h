/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * db/connection.h - one session with a live PostgreSQL server
 *
 * Where to connect is libpq's affair: what the options leave open comes from its environment (PGHOST, PGSERVICE,
 * PGPASSFILE, PGSSLMODE, …) and its defaults. Passwords come by libpq's ways only and appear in no message. A session
 * is made predictable at once: search_path is pg_catalog, client_encoding UTF8, dates ISO, zone UTC, no time limits of
 * role or database, so that a long backup is not cut off.
 *
 * No call blocks for ever: every wait looks for a stop signal (os/signal.h) several times a second, sends a cancel
 * request and returns CANCELED; the connection is of no use after that. A server that has gone silent is noticed by
 * TCP keepalives within a minute.
 *
 * Errors are told apart by SQLSTATE, never by text. Classes a caller may test for: AWAY (unreachable, refused, starting
 * up, too many connections, session lost: worth a retry), DENIED (password, role, pg_hba.conf, missing privilege; the
 * hint names the remedy), NOT_FOUND (no such database), CANCELED, USAGE (options that libpq refuses). The rest is IO.
 *
 * Ownership: a Result is freed with result_free() and outlives its Connection. Threads: one thread a Connection.
 */
#pragma once

#include "db/result.h"

typedef struct Connection Connection;

/* NULL leaves the choice to libpq, but for dbname: "postgres" unless the environment or a service names another. */
typedef struct DbOptions {
    const char *host;
    const char *port;
    const char *user;
    const char *dbname;
    const char *service;
    const char *application_name; /* NULL: "pgstrata" */
    int connect_timeout_ms;       /* for the whole attempt; 0: libpq's connect_timeout, or 30 s */
} DbOptions;

MUST Err *db_connect(Connection **out, const DbOptions *options);
/* Is this a connection string that may stand in a server's settings? USAGE: libpq does not understand it, or it holds a
 * password; the message repeats nothing of it. */
MUST Err *db_conninfo_check(const char *conninfo);
void connection_close(Connection **connection);
/* Is the session still there? Looks without asking the server. AWAY. Another thread may call it while its own calls
 * nothing. */
MUST Err *connection_check(Connection *connection);
/* Ends the session and keeps the object: a later query is AWAY. What the session held in the server is undone. */
void connection_drop(Connection *connection);

/* As server_version_num: 150020 for 15.20. */
int connection_version(const Connection *connection);
const char *connection_user(const Connection *connection);
const char *connection_dbname(const Connection *connection);
/* "socket /tmp, port 5432" or "host db1, port 5432", for messages. */
const char *connection_place(const Connection *connection);

/* Called about once a second while a query is running. */
typedef void DbWaitFn(void *arg, int64_t waited_ms);

enum { QUERY_PARAMS_MAX = 6 };

typedef struct Query {
    const char *sql;                      /* one statement; parameters are $1, $2, … */
    const char *params[QUERY_PARAMS_MAX]; /* as text; NULL is null */
    int param_count;
    bool is_binary; /* results in binary form: for bytea, which would double as text */
    /* What follows GRANT in the hint when the role lacks the right: "pg_monitor". NULL: no such hint. */
    const char *grant;
    DbWaitFn *on_wait; /* may be NULL */
    void *wait_arg;
} Query;

MUST Err *db_query(Result **out, Connection *connection, const Query *query);
/* A query whose answer does not matter. */
MUST Err *db_run(Connection *connection, const Query *query);
/* One or more statements without parameters, separated by semicolons, in one transaction. */
MUST Err *db_exec(Connection *connection, const char *sql);

/* Quoted for use inside a statement; added to `to`. USAGE when the text is not valid UTF-8. */
struct Buf;
MUST Err *db_quote_literal(struct Buf *to, Connection *connection, const char *text);
MUST Err *db_quote_name(struct Buf *to, Connection *connection, const char *name);
