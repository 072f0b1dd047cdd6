/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/json_lines.h"

#include "base/limits.h"

#include <string.h>

JsonLines json_lines(Span text, const char *what)
{
    return (JsonLines){.text = text, .what = what};
}

Err *json_lines_cut(Span *out, bool *is_end, JsonLines *lines)
{
    const size_t left = lines->text.len - lines->at;
    *is_end = !left;
    if (!left)
        return NULL;
    lines->line++;
    const uint8_t *const begin = lines->text.ptr + lines->at;
    const uint8_t *const end = memchr(begin, '\n', left < MANIFEST_LINE_MAX ? left : MANIFEST_LINE_MAX);
    if (!end)
        return ERR(CORRUPT, "%s, line %u: no end of line within %d bytes", lines->what, lines->line,
                   MANIFEST_LINE_MAX);
    *out = span_of(begin, (size_t)(end - begin));
    lines->at += out->len + 1;
    return NULL;
}

Err *json_lines_parse(json_t **out, const JsonLines *lines, Span line)
{
    json_error_t fault;
    AUTO(json_free)
    json_t *json = json_loadb((const char *)line.ptr, line.len, JSON_REJECT_DUPLICATES, &fault);
    if (!json)
        return ERR(CORRUPT, "%s, line %u: no valid JSON at byte %d: %s", lines->what, lines->line,
                   fault.position, fault.text);
    if (!json_is_object(json))
        return ERR(CORRUPT, "%s, line %u: not a JSON object", lines->what, lines->line);
    *out = TAKE(json);
    return NULL;
}

Err *json_lines_next(json_t **out, JsonLines *lines)
{
    Span line;
    bool is_end;
    TRY(json_lines_cut(&line, &is_end, lines));
    if (!is_end)
        return json_lines_parse(out, lines, line);
    *out = NULL;
    return NULL;
}

JsonReader json_lines_read(const JsonLines *lines, const json_t *line)
{
    return (JsonReader){.json = line, .what = lines->what, .line = lines->line};
}
