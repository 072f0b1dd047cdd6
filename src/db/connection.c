/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "db/connection.h"

#include "base/log.h"
#include "base/text.h"
#include "db/connection_priv.h"
#include "os/clock.h"
#include "os/errno.h"
#include "os/signal.h"

#include <poll.h>
#include <string.h>

enum { WAIT_SLICE_MS = 200, CONNECT_TIMEOUT_DEFAULT_MS = 30000, CONNECT_PARAMS_MAX = 16 };

ErrClass sqlstate_class(const char *sqlstate)
{
    /* How the code begins; the first that fits decides (PostgreSQL's src/backend/utils/errcodes.txt). */
    static const struct {
        const char *begin;
        ErrClass class;
    } classes[] = {
        {"08", ERR_AWAY},         /* connection exceptions */
        {"28", ERR_DENIED},       /* password, role, pg_hba.conf */
        {"3D000", ERR_NOT_FOUND}, /* no such database */
        {"42501", ERR_DENIED},    /* insufficient privilege */
        {"53300", ERR_AWAY},      /* too many connections */
        {"53400", ERR_LIMIT},     /* configuration limit exceeded */
        {"53100", ERR_LIMIT},     /* disk full */
        {"57P", ERR_AWAY},        /* shutting down, crashed, starting up, database dropped, idle timeout */
        {"58P01", ERR_NOT_FOUND}, /* no such file */
        {"XX001", ERR_CORRUPT},   /* data corrupted */
        {"XX002", ERR_CORRUPT},   /* index corrupted */
    };
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        if (text_starts(sqlstate, classes[i].begin))
            return classes[i].class;
    }
    return ERR_IO;
}

Err *session_wait(bool *is_ready, const Libpq *pq, const PGconn *session, short events)
{
    TRY(signal_check());
    struct pollfd wait = {.fd = pq->PQsocket(session), .events = events};
    const int count = poll(&wait, 1, WAIT_SLICE_MS);
    if (count < 0 && errno != EINTR)
        return ERR_OS("waiting for the server");
    *is_ready = count > 0;
    return NULL;
}

/* ---- what went wrong while connecting ---- */

/*
 * libpq keeps the SQLSTATE of a refused connection to itself, but writes it into its message when told to be verbose:
 * "severity:  SQLSTATE: text" (PQsetErrorVerbosity). Severity and text may be translated; this shape is not. Returns
 * the place of the five characters, or NULL: then no server has answered.
 */
static const char *sqlstate_find(const char *message)
{
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        const char *const code = at + strlen(":  ");
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == SQLSTATE_LENGTH &&
            text_starts(code + SQLSTATE_LENGTH, ": "))
            return code;
    }
    return NULL;
}

static Err *refusal_hint(Err *err, const char *sqlstate)
{
    if (text_starts(sqlstate, "28P01"))
        return err_hint(err,
                        "put the password into ~/.pgpass (mode 0600) of the user that runs this program, or "
                        "name such a file with PGPASSFILE");
    if (text_starts(sqlstate, "28"))
        return err_hint(err,
                        "check that the role exists (option user) and that pg_hba.conf lets it in from here");
    if (text_starts(sqlstate, "3D000"))
        return err_hint(err, "name an existing database with the option dbname");
    if (text_starts(sqlstate, "42501"))
        return err_hint(err, "GRANT CONNECT ON DATABASE … TO the role");
    if (text_starts(sqlstate, "53300"))
        return err_hint(err, "raise max_connections, or keep slots free with superuser_reserved_connections");
    return err;
}

/* The line of libpq's message that holds the SQLSTATE, without it. */
static Err *refusal_new(const char *message, const char *sqlstate)
{
    const char *begin = sqlstate;
    while (begin > message && begin[-1] != '\n')
        begin--;
    const char *const rest = sqlstate + SQLSTATE_LENGTH + strlen(": ");
    Err *err = err_new(sqlstate_class(sqlstate), __FILE__, __LINE__, "%.*s%.*s", (int)(sqlstate - begin),
                       begin, (int)strcspn(rest, "\n"), rest);
    err = err_detail(err, "SQLSTATE %.*s", SQLSTATE_LENGTH, sqlstate);
    return refusal_hint(err, sqlstate);
}

static Err *connect_failure(const Libpq *pq, const PGconn *session)
{
    const char *const message = pq->PQerrorMessage(session);
    const char *const sqlstate = sqlstate_find(message);
    if (sqlstate)
        return refusal_new(message, sqlstate);
    const size_t line = strcspn(message, "\n");
    if (pq->PQconnectionNeedsPassword(session))
        return refusal_hint(ERR(DENIED, "%.*s", (int)line, message), "28P01");
    /* Without a host to try, the options themselves were refused: a service that is not defined, a bad port. */
    if (!*pq->PQhost(session))
        return ERR(USAGE, "%.*s", (int)line, message);
    Err *err = ERR(AWAY, "%.*s", (int)line, message);
    for (const char *more = message + line; *more; more += strcspn(more, "\n")) {
        more += strspn(more, "\n\t ");
        if (*more)
            err = err_detail(err, "%.*s", (int)strcspn(more, "\n"), more);
    }
    return err_hint(err, "check that the server runs there; the options host and port say where");
}

/* ---- connecting ---- */

typedef struct ConnectParams {
    const char *names[CONNECT_PARAMS_MAX];
    const char *values[CONNECT_PARAMS_MAX];
    int count;
} ConnectParams;

static void param_add(ConnectParams *params, const char *name, const char *value)
{
    if (!value)
        return;
    params->names[params->count] = name;
    params->values[params->count++] = value;
}

static bool environment_names_dbname(const Libpq *pq)
{
    PQconninfoOption *const defaults = pq->PQconndefaults();
    bool is_named = false;
    for (const PQconninfoOption *option = defaults; option && option->keyword; option++)
        is_named |= text_equal(option->keyword, "dbname") && option->val;
    pq->PQconninfoFree(defaults);
    return is_named;
}

static ConnectParams params_of(const Libpq *pq, const DbOptions *options)
{
    ConnectParams params = {.count = 0};
    param_add(&params, "service", options->service);
    param_add(&params, "host", options->host);
    param_add(&params, "port", options->port);
    param_add(&params, "user", options->user);
    /* libpq's own default is a database named like the user, which hardly ever exists for a backup role. */
    const char *const fallback = options->service || environment_names_dbname(pq) ? NULL : "postgres";
    param_add(&params, "dbname", options->dbname ? options->dbname : fallback);
    param_add(&params, "application_name",
              options->application_name ? options->application_name : "pgstrata");
    param_add(&params, "client_encoding", "UTF8");
    /* A dead network shows after a minute: 30 s of silence, then three questions. */
    param_add(&params, "keepalives_idle", "30");
    param_add(&params, "keepalives_interval", "10");
    param_add(&params, "keepalives_count", "3");
    return params;
}

/* libpq honours its connect_timeout (seconds) only where it waits itself, which we never let it do. */
static int64_t timeout_ms_of(const Libpq *pq, PGconn *session, const DbOptions *options)
{
    if (options->connect_timeout_ms > 0)
        return options->connect_timeout_ms;
    int64_t timeout_ms = CONNECT_TIMEOUT_DEFAULT_MS;
    PQconninfoOption *const all = pq->PQconninfo(session);
    for (const PQconninfoOption *option = all; option && option->keyword; option++) {
        int64_t seconds = 0;
        if (text_equal(option->keyword, "connect_timeout") && option->val &&
            text_i64(&seconds, option->val) && seconds > 0 && seconds < 3600)
            timeout_ms = seconds * 1000;
    }
    pq->PQconninfoFree(all);
    return timeout_ms;
}

static Err *connect_finish(const Libpq *pq, PGconn *session, const DbOptions *options)
{
    if (pq->PQstatus(session) == CONNECTION_BAD)
        return connect_failure(pq, session);
    pq->PQsetErrorVerbosity(session, PQERRORS_VERBOSE);
    const int64_t timeout_ms = timeout_ms_of(pq, session, options);
    const int64_t deadline = clock_monotonic_us() + timeout_ms * 1000;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        bool is_ready = false;
        TRY(session_wait(&is_ready, pq, session, events));
        /* libpq must not be asked to go on before its socket is ready: it would take itself for further than it is. */
        if (is_ready)
            next = pq->PQconnectPoll(session);
        if (next == PGRES_POLLING_FAILED)
            return connect_failure(pq, session);
        if (next != PGRES_POLLING_OK && clock_monotonic_us() > deadline)
            return err_hint(ERR(AWAY, "no answer from host %s, port %s within %lld s", pq->PQhost(session),
                                pq->PQport(session), (long long)(timeout_ms / 1000)),
                            "check the address and any firewall between here and there");
    }
    pq->PQsetErrorVerbosity(session, PQERRORS_DEFAULT);
    return NULL;
}

/* What the server says beside its answers. */
static void notice_log(void *arg, const PGresult *notice)
{
    const Libpq *const pq = arg;
    const char *const severity = pq->PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *const text = pq->PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (severity && text_equal(severity, "WARNING"))
        log_warning("server: %s", text ? text : "");
    else
        log_debug("server: %s", text ? text : "");
}

/* The session must not depend on what role, database or environment set. */
static Err *session_settle(Connection *connection)
{
    TRY(db_exec(connection,
                "SET search_path = pg_catalog;"
                "SET statement_timeout = 0; SET lock_timeout = 0;"
                "SET idle_in_transaction_session_timeout = 0;"
                "SET standard_conforming_strings = on; SET DateStyle = 'ISO, YMD';"
                "SET TimeZone = 'UTC'; SET bytea_output = 'hex'; SET client_min_messages = warning;"
                "SET default_transaction_read_only = off; SET synchronous_commit = local"));
    if (connection->version >= 140000)
        TRY(db_exec(connection, "SET idle_session_timeout = 0"));
    if (connection->version >= 170000)
        TRY(db_exec(connection, "SET transaction_timeout = 0"));
    return NULL;
}

static void place_set(Connection *connection)
{
    const Libpq *const pq = connection->pq;
    const char *const host = pq->PQhost(connection->session);
    buf_addf(&connection->place, "%s %s, port %s", *host == '/' || *host == '@' ? "socket" : "host", host,
             pq->PQport(connection->session));
}

Err *db_connect(Connection **out, const DbOptions *options)
{
    AUTO(connection_close) Connection *connection = mem_new(sizeof *connection);
    TRY(libpq_load(&connection->pq));
    const Libpq *const pq = connection->pq;
    const ConnectParams params = params_of(pq, options);
    connection->session = pq->PQconnectStartParams(params.names, params.values, 0);
    if (!connection->session)
        return ERR(LIMIT, "libpq found no memory for a connection");
    TRY_AS(connect_finish(pq, connection->session, options), "connecting to PostgreSQL");
    pq->PQsetNoticeReceiver(connection->session, notice_log, (void *)(uintptr_t)pq);
    pq->PQsetnonblocking(connection->session, 1);
    connection->version = pq->PQserverVersion(connection->session);
    buf_add_text(&connection->user, pq->PQuser(connection->session));
    buf_add_text(&connection->dbname, pq->PQdb(connection->session));
    place_set(connection);
    TRY_AS(session_settle(connection), "preparing the session at %s", connection_place(connection));
    *out = TAKE(connection);
    return NULL;
}

Err *db_conninfo_check(const char *conninfo)
{
    const Libpq *pq;
    TRY(libpq_load(&pq));
    /* libpq's own words could repeat a piece of a password. */
    PQconninfoOption *const options = pq->PQconninfoParse(conninfo, NULL);
    if (!options)
        return err_hint(ERR(USAGE, "this is no connection string that libpq understands"),
                        "it looks like \"host=db1 port=5432 user=replicator\"");
    bool has_password = false;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        has_password |= option->val && (text_equal(option->keyword, "password") ||
                                        text_equal(option->keyword, "sslpassword"));
    pq->PQconninfoFree(options);
    if (!has_password)
        return NULL;
    return err_hint(
        ERR(USAGE, "the connection string holds a password"),
        "put it into ~/.pgpass (mode 0600) of the server's user, or into a file named by passfile=");
}

void connection_drop(Connection *connection)
{
    if (connection->session)
        connection->pq->PQfinish(connection->session);
    connection->session = NULL;
}

void connection_close(Connection **connection)
{
    if (!*connection)
        return;
    connection_drop(*connection);
    buf_done(&(*connection)->user);
    buf_done(&(*connection)->dbname);
    buf_done(&(*connection)->place);
    mem_free(connection);
}

int connection_version(const Connection *connection)
{
    return connection->version;
}

const char *connection_user(const Connection *connection)
{
    return buf_text(&connection->user);
}

const char *connection_dbname(const Connection *connection)
{
    return buf_text(&connection->dbname);
}

const char *connection_place(const Connection *connection)
{
    return buf_text(&connection->place);
}
