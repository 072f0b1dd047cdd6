/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/tablespace_map.h"

#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

/* "1 /\n" */
enum { LINE_BYTES_MIN = 4 };

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

TablespaceMapStyle tablespace_map_style(Span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\')
            continue;
        i++;
        if (i == text.len || (text.ptr[i] != '\\' && !is_line_end((char)text.ptr[i])))
            return TABLESPACE_MAP_BARE;
    }
    return TABLESPACE_MAP_ESCAPED;
}

/* Takes one line from `text` at *at into `line`, which has room for all of it, with the escapes undone. Returns the
 * place behind its NUL. */
static char *line_take(char *line, size_t *at, Span text, TablespaceMapStyle style)
{
    for (; *at < text.len; (*at)++) {
        const char c = (char)text.ptr[*at];
        const bool has_next = *at + 1 < text.len;
        const char next = has_next ? (char)text.ptr[*at + 1] : 0;
        if (is_line_end(c))
            break;
        if (c == '\\' && has_next && (style == TABLESPACE_MAP_ESCAPED || is_line_end(next)))
            (*at)++;
        *line++ = (char)text.ptr[*at];
    }
    *line = 0;
    if (*at < text.len)
        (*at)++;
    return line + 1;
}

static Err *line_parse(TablespaceLink *out, char *line)
{
    char *const blank = strchr(line, ' ');
    if (blank)
        *blank = 0;
    uint64_t oid;
    if (!blank || !text_u64(&oid, line) || oid == 0 || oid > UINT32_MAX || !blank[1])
        return ERR(CORRUPT, "tablespace_map has a line that begins with \"%.40s\", expected OID and path",
                   line);
    *out = (TablespaceLink){.tablespace = {(uint32_t)oid}, .path = blank + 1};
    return NULL;
}

Err *tablespace_map_parse(TablespaceMap *out, Span text, TablespaceMapStyle style, Arena *arena)
{
    if (text.len > TABLESPACE_MAP_BYTES_MAX)
        return ERR(LIMIT, "tablespace_map has %zu bytes, at most %d are read", text.len,
                   TABLESPACE_MAP_BYTES_MAX);
    if (text.len && memchr(text.ptr, 0, text.len))
        return ERR(CORRUPT, "tablespace_map holds a NUL byte");
    TablespaceLink *const links = arena_alloc(arena, (text.len / LINE_BYTES_MIN + 1) * sizeof *links);
    char *line = arena_alloc(arena, text.len + 1); /* a line's NUL takes the place of its newline */
    size_t count = 0;
    for (size_t at = 0; at < text.len;) {
        char *const next = line_take(line, &at, text, style);
        TRY(line_parse(&links[count++], line));
        line = next;
    }
    *out = (TablespaceMap){.links = links, .count = count};
    return NULL;
}

Err *tablespace_map_format(Buf *to, const TablespaceMap *map, TablespaceMapStyle style)
{
    for (size_t i = 0; i < map->count; i++) {
        const TablespaceLink *const link = &map->links[i];
        if (style == TABLESPACE_MAP_BARE && text_ends(link->path, "\\"))
            return ERR(UNSUPPORTED, "the path of tablespace %" PRIu32 " ends in a backslash: \"%s\"",
                       link->tablespace.id, link->path);
        buf_addf(to, "%" PRIu32 " ", link->tablespace.id);
        for (const char *p = link->path; *p; p++) {
            if (is_line_end(*p) || (*p == '\\' && style == TABLESPACE_MAP_ESCAPED))
                buf_add_text(to, "\\");
            buf_add(to, p, 1);
        }
        buf_add_text(to, "\n");
    }
    return NULL;
}
