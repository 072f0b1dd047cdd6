/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Asking: a statement is sent, the answer awaited in short waits that a stop signal ends, errors told by SQLSTATE. */
#include "db/connection_priv.h"
#include "os/clock.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

enum { WAIT_TICK_US = 1000000, CHECK_READS = 4 };

static Err *session_lost(const Connection *connection)
{
    const char *const message =
        connection->session ? connection->pq->PQerrorMessage(connection->session) : "it was ended before";
    return ERR(AWAY, "session at %s is lost: %.*s", connection_place(connection), (int)strcspn(message, "\n"),
               message);
}

static const char *field_text(const Connection *connection, const PGresult *rows, int field)
{
    const char *const text = connection->pq->PQresultErrorField(rows, field);
    return text ? text : "";
}

Err *connection_check(Connection *connection)
{
    /* A server that ends a session says why, and then closes it: two reads. */
    for (int i = 0; i < CHECK_READS; i++) {
        if (!connection->session || connection->pq->PQstatus(connection->session) == CONNECTION_BAD)
            return session_lost(connection);
        struct pollfd socket = {.fd = connection->pq->PQsocket(connection->session), .events = POLLIN};
        if (poll(&socket, 1, 0) <= 0)
            return NULL;
        if (!connection->pq->PQconsumeInput(connection->session))
            return session_lost(connection);
    }
    return NULL;
}

/* The server's own words, classed by SQLSTATE. Without one libpq itself has given up: the session is lost. */
static Err *answer_error(const Connection *connection, const PGresult *rows, const char *grant)
{
    const char *const sqlstate = field_text(connection, rows, PG_DIAG_SQLSTATE);
    if (!*sqlstate)
        return session_lost(connection);
    Err *err = err_new(sqlstate_class(sqlstate), __FILE__, __LINE__, "server at %s: %s",
                       connection_place(connection), field_text(connection, rows, PG_DIAG_MESSAGE_PRIMARY));
    const char *const detail = field_text(connection, rows, PG_DIAG_MESSAGE_DETAIL);
    if (*detail)
        err = err_detail(err, "%s", detail);
    err = err_detail(err, "SQLSTATE %s", sqlstate);
    const char *const hint = field_text(connection, rows, PG_DIAG_MESSAGE_HINT);
    if (*hint)
        err = err_hint(err, "%s", hint);
    if (err_is(err, ERR_DENIED) && grant)
        err = err_hint(err, "as a superuser in database %s: GRANT %s TO \"%s\"",
                       connection_dbname(connection), grant, connection_user(connection));
    return err;
}

/* Asks the server to give up what it is doing for us. Whether it heard does not matter: the session ends anyway. */
static Err *cancel_send(Connection *connection, Err *why)
{
    const Libpq *const pq = connection->pq;
    PGcancel *const cancel = pq->PQgetCancel(connection->session);
    char reason[256];
    if (cancel)
        pq->PQcancel(cancel, reason, sizeof reason);
    pq->PQfreeCancel(cancel);
    connection_drop(connection);
    return why;
}

static Err *send_finish(Connection *connection)
{
    const Libpq *const pq = connection->pq;
    for (int left = pq->PQflush(connection->session); left; left = pq->PQflush(connection->session)) {
        if (left < 0)
            return session_lost(connection);
        bool is_ready = false;
        Err *const err = session_wait(&is_ready, pq, connection->session, POLLIN | POLLOUT);
        if (err)
            return cancel_send(connection, err);
        if (!pq->PQconsumeInput(connection->session))
            return session_lost(connection);
    }
    return NULL;
}

static Err *answer_wait(Connection *connection, const Query *query)
{
    const Libpq *const pq = connection->pq;
    const int64_t begin = clock_monotonic_us();
    int64_t tick = begin + WAIT_TICK_US;
    while (pq->PQisBusy(connection->session)) {
        bool is_ready = false;
        Err *const err = session_wait(&is_ready, pq, connection->session, POLLIN);
        if (err)
            return cancel_send(connection, err);
        if (!pq->PQconsumeInput(connection->session))
            return session_lost(connection);
        const int64_t now = clock_monotonic_us();
        if (query->on_wait && now >= tick) {
            query->on_wait(query->wait_arg, (now - begin) / 1000);
            tick = now + WAIT_TICK_US;
        }
    }
    return NULL;
}

/* Takes every answer to what was sent, keeps the last one and the first error. */
static Err *answers_collect(PGresult **out, Connection *connection, const Query *query)
{
    const Libpq *const pq = connection->pq;
    PGresult *kept = NULL;
    Err *first = NULL;
    for (;;) {
        Err *const err = answer_wait(connection, query);
        if (err) {
            pq->PQclear(kept);
            return err_first(err, first);
        }
        PGresult *const next = pq->PQgetResult(connection->session);
        if (!next)
            break;
        pq->PQclear(kept);
        kept = next;
        const ExecStatusType status = pq->PQresultStatus(next);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            first = err_first(first, answer_error(connection, next, query->grant));
    }
    if (first) {
        pq->PQclear(kept);
        return first;
    }
    *out = kept;
    return NULL;
}

static int query_send(Connection *connection, const Query *query)
{
    const Libpq *const pq = connection->pq;
    return pq->PQsendQueryParams(connection->session, query->sql, query->param_count, NULL, query->params,
                                 NULL, NULL, query->is_binary);
}

Err *db_query(Result **out, Connection *connection, const Query *query)
{
    assert(query->param_count >= 0 && query->param_count <= QUERY_PARAMS_MAX);
    if (!connection->session || !query_send(connection, query))
        return session_lost(connection);
    TRY(send_finish(connection));
    PGresult *rows = NULL;
    TRY(answers_collect(&rows, connection, query));
    if (!rows)
        return session_lost(connection);
    Result *const result = mem_new(sizeof *result);
    *result = (Result){.pq = connection->pq, .rows = rows};
    *out = result;
    return NULL;
}

Err *db_run(Connection *connection, const Query *query)
{
    AUTO(result_free) Result *ignored = NULL;
    return db_query(&ignored, connection, query);
}

Err *db_exec(Connection *connection, const char *sql)
{
    if (!connection->session || !connection->pq->PQsendQuery(connection->session, sql))
        return session_lost(connection);
    TRY(send_finish(connection));
    PGresult *rows = NULL;
    TRY(answers_collect(&rows, connection, &(Query){.sql = sql}));
    connection->pq->PQclear(rows);
    return NULL;
}

static Err *quoted_add(Buf *to, Connection *connection, char *quoted)
{
    if (!quoted)
        return ERR(USAGE, "text cannot be quoted for the server: it is not valid UTF-8");
    buf_add_text(to, quoted);
    connection->pq->PQfreemem(quoted);
    return NULL;
}

Err *db_quote_literal(Buf *to, Connection *connection, const char *text)
{
    if (!connection->session)
        return session_lost(connection);
    return quoted_add(to, connection,
                      connection->pq->PQescapeLiteral(connection->session, text, strlen(text)));
}

Err *db_quote_name(Buf *to, Connection *connection, const char *name)
{
    if (!connection->session)
        return session_lost(connection);
    return quoted_add(to, connection,
                      connection->pq->PQescapeIdentifier(connection->session, name, strlen(name)));
}
