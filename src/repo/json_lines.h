/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/json_lines.h - NDJSON: one JSON object a line
 *
 * Documents that can grow with the cluster (manifest, list of packs) are read line by line, so that the parser's
 * memory is that of one line. Every line ends in a newline and holds at most MANIFEST_LINE_MAX bytes; there are no
 * empty lines.
 */
#pragma once

#include "repo/json_fields.h"

typedef struct JsonLines {
    Span text; /* borrowed */
    size_t at;
    uint32_t line;    /* the one read last, from 1 */
    const char *what; /* the document, for messages; borrowed */
} JsonLines;

JsonLines json_lines(Span text, const char *what);
/* The next line; NULL at the end. The caller owns it (AUTO(json_free)). CORRUPT. */
MUST Err *json_lines_next(json_t **out, JsonLines *lines);
/* The same in two steps: the next line as it stands, without its end; and what it says. */
MUST Err *json_lines_cut(Span *out, bool *is_end, JsonLines *lines);
MUST Err *json_lines_parse(json_t **out, const JsonLines *lines, Span line);
/* A reader of the fields of the line read last. */
JsonReader json_lines_read(const JsonLines *lines, const json_t *line);
