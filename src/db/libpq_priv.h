/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * db/libpq_priv.h - libpq, loaded when a server is talked to
 *
 * The commands that PostgreSQL calls for every segment never talk with a server, and linking libpq (with its TLS and
 * Kerberos libraries) would triple their start-up time. So only the header is used when building, and libpq.so.5 is
 * opened by the first connection. Its functions are called through a table: `pq->PQgetvalue(…)`.
 *
 * Threads: libpq_load() may be called by several at once; the table is read-only afterwards.
 */
#pragma once

#include "base/err.h"

/* libpq's header calls a bare integer Oid; ours is a type of its own (base/ids.h). */
#define Oid PqOid
#include <libpq-fe.h>
#undef Oid

#define LIBPQ_FUNCTIONS(X)                                                                                   \
    X(PQconnectStartParams)                                                                                  \
    X(PQconnectPoll)                                                                                         \
    X(PQconnectionNeedsPassword)                                                                             \
    X(PQconndefaults)                                                                                        \
    X(PQconninfoParse)                                                                                       \
    X(PQconninfo)                                                                                            \
    X(PQconninfoFree)                                                                                        \
    X(PQfinish)                                                                                              \
    X(PQstatus)                                                                                              \
    X(PQsocket)                                                                                              \
    X(PQhost)                                                                                                \
    X(PQport)                                                                                                \
    X(PQuser)                                                                                                \
    X(PQdb)                                                                                                  \
    X(PQserverVersion)                                                                                       \
    X(PQerrorMessage)                                                                                        \
    X(PQsetErrorVerbosity)                                                                                   \
    X(PQsetNoticeReceiver)                                                                                   \
    X(PQsetnonblocking)                                                                                      \
    X(PQsendQuery)                                                                                           \
    X(PQsendQueryParams)                                                                                     \
    X(PQflush)                                                                                               \
    X(PQconsumeInput)                                                                                        \
    X(PQisBusy)                                                                                              \
    X(PQgetResult)                                                                                           \
    X(PQgetCancel)                                                                                           \
    X(PQcancel)                                                                                              \
    X(PQfreeCancel)                                                                                          \
    X(PQresultStatus)                                                                                        \
    X(PQresultErrorField)                                                                                    \
    X(PQntuples)                                                                                             \
    X(PQfnumber)                                                                                             \
    X(PQfformat)                                                                                             \
    X(PQftype)                                                                                               \
    X(PQgetvalue)                                                                                            \
    X(PQgetlength)                                                                                           \
    X(PQgetisnull)                                                                                           \
    X(PQclear)                                                                                               \
    X(PQescapeLiteral)                                                                                       \
    X(PQescapeIdentifier)                                                                                    \
    X(PQfreemem)

#define LIBPQ_MEMBER(name) __typeof__(name) *name;
typedef struct Libpq {
    LIBPQ_FUNCTIONS(LIBPQ_MEMBER)
} Libpq;
#undef LIBPQ_MEMBER

/* The table lives as long as the program. UNSUPPORTED when the library is missing or too old. */
MUST Err *libpq_load(const Libpq **out);
