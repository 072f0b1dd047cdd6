/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/output.h - data on standard output, messages on standard error
 *
 * With --output json standard output carries one document, {"schema": 1, …}, errors and notices included, and nothing
 * else; standard error then carries only what is said while the work goes on. Text that is not UTF-8 (paths may be
 * anything) appears in JSON with \xHH for each odd byte.
 *
 * Threads: messages may come from any thread; everything else belongs to main's.
 */
#pragma once

#include "base/buf.h"
#include "base/log.h"
#include "cluster/report.h"

#include <jansson.h>

/* Version of the JSON documents: fields may be added within one, never changed or removed. */
enum { OUTPUT_SCHEMA = 1 };

typedef struct Output {
    bool is_json;
    json_t *document; /* what a command adds its fields to */
    size_t told;      /* notices of the report that were printed already */
} Output;

void output_init(Output *output);
void output_done(Output *output);

/* Says so once the format is known. */
void output_set_json(Output *output);

/* Text for people; says nothing with --output json. */
void output_text(Output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the error: "pgstrata: error: TEXT [room/CLASS]", DETAIL:, HINT:, or keeps it for the document. */
void output_err(Output *output, const Err *err);
void output_report(Output *output, const Report *report);
/* Prints for people what has come into the report so far, so that they read it before what follows. */
void output_report_now(Output *output, const Report *report);

/* Writes what is left. IO when standard output did not take it. */
MUST Err *output_end(Output *output);

/* A text as JSON, whatever its bytes. */
MUST json_t *output_json_text(const char *text);
/* A count that may come from a damaged object; JSON's integers end at 63 bits. */
void output_json_count(json_t *to, const char *name, uint64_t count);

/* From here on log lines from `lowest` on are printed on standard error. */
void output_log_start(LogLevel lowest);
