/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/conf_file.h"

#include "base/limits.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_ascii_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Every byte of a multi-byte character counts as a letter. */
static bool is_letter(char c)
{
    return is_ascii_letter(c) || c == '_' || (uint8_t)c >= 0x80;
}

/* What may follow a letter in a word. */
static bool is_word_char(char c)
{
    return is_letter(c) || is_digit(c) || (c && strchr("-._:/", c));
}

static const char *blanks_skip(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* The scanner takes the longest token it can; these return its length, 0 when there is none. All of them end at a NUL.
 */
static size_t word_len(const char *p)
{
    size_t len = 0;
    if (is_letter(*p))
        while (is_word_char(p[len]))
            len++;
    return len;
}

static size_t run_len(const char *p, bool (*belongs)(char))
{
    size_t len = 0;
    while (belongs(p[len]))
        len++;
    return len;
}

static bool is_hex_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* [sign] digits [unit], or 0x and hexadecimal digits. */
static size_t integer_len(const char *p)
{
    const size_t sign = *p == '-' || *p == '+';
    size_t digits = run_len(p + sign, is_digit);
    if (!digits)
        return 0;
    if (p[sign] == '0' && p[sign + 1] == 'x' && is_hex_digit(p[sign + 2]))
        digits = 2 + run_len(p + sign + 2, is_hex_digit);
    return sign + digits + run_len(p + sign + digits, is_ascii_letter);
}

/* [sign] [digits] . [digits] [exponent]; a unit may not follow. */
static size_t real_len(const char *p)
{
    size_t len = *p == '-' || *p == '+';
    len += run_len(p + len, is_digit);
    if (p[len] != '.')
        return 0;
    len++;
    len += run_len(p + len, is_digit);
    if (p[len] == 'e' || p[len] == 'E') {
        const size_t head = p[len + 1] == '-' || p[len + 1] == '+' ? 2 : 1;
        const size_t digits = run_len(p + len + head, is_digit);
        len += digits ? head + digits : 0;
    }
    return len;
}

static size_t bare_len(const char *p)
{
    const size_t word = word_len(p), integer = integer_len(p), real = real_len(p);
    return word ? word : integer > real ? integer : real;
}

/* A string in quotes, both quotes counted. */
static size_t string_len(const char *p)
{
    if (*p != '\'')
        return 0;
    for (size_t len = 1; p[len]; len++) {
        if (p[len] == '\\' && p[len + 1])
            len++;
        else if (p[len] == '\'' && p[len + 1] == '\'')
            len++;
        else if (p[len] == '\'')
            return len + 1;
    }
    return 0;
}

/* The character that the escape at *p (behind the backslash) stands for; moves *p to its last character. */
static char escape_decode(const char **p)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *const letter = strchr(letters, **p);
    if (**p && letter)
        return meant[letter - letters];
    if (**p < '0' || **p > '7')
        return **p;
    unsigned value = 0;
    for (int i = 0; i < 3 && **p >= '0' && **p <= '7'; i++)
        value = value << 3 | (unsigned)(*(*p)++ - '0');
    (*p)--;
    return (char)value;
}

/* `quoted` has `len` bytes with its quotes. An escaped NUL ends the value, as it does in the server. */
static const char *string_decode(const char *quoted, size_t len, Arena *arena)
{
    char *const value = arena_alloc(arena, len), *to = value;
    for (const char *p = quoted + 1; p < quoted + len - 1; p++) {
        if (*p == '\\') {
            p++;
            *to++ = escape_decode(&p);
        } else {
            p += *p == '\'';
            *to++ = *p;
        }
    }
    return value;
}

/* The length of a name at `p`: a word, or two joined by a dot. 0 for anything else. */
static size_t name_len(const char *p)
{
    const size_t len = word_len(p);
    size_t dots = 0;
    for (size_t i = 0; i < len; i++) {
        const bool is_dot = p[i] == '.';
        dots += is_dot;
        if (!is_letter(p[i]) && !is_digit(p[i]) &&
            !(is_dot && dots == 1 && i + 1 < len && is_letter(p[i + 1])))
            return 0;
    }
    return len;
}

static bool is_include(const char *name)
{
    return !strcasecmp(name, "include") || !strcasecmp(name, "include_if_exists") ||
           !strcasecmp(name, "include_dir");
}

/* Reads one line. False when it says nothing; a line that cannot be understood is PG_CONF_BROKEN. */
static bool line_parse(PgConfLine *out, const char *line, unsigned number, Arena *arena)
{
    const char *p = blanks_skip(line);
    if (!*p || *p == '#')
        return false;
    *out = (PgConfLine){.kind = PG_CONF_BROKEN, .number = number};
    const char *const name = p;
    const size_t name_bytes = name_len(p);
    p = blanks_skip(p + name_bytes);
    if (*p == '=')
        p = blanks_skip(p + 1);
    const char *const value = p;
    const size_t string_bytes = string_len(p), bare_bytes = bare_len(p);
    p = blanks_skip(p + string_bytes + bare_bytes);
    if (!name_bytes || string_bytes + bare_bytes == 0 || (*p && *p != '#'))
        return true;

    out->name = arena_textf(arena, "%.*s", (int)name_bytes, name);
    out->value = string_bytes ? string_decode(value, string_bytes, arena)
                              : arena_textf(arena, "%.*s", (int)bare_bytes, value);
    out->kind = is_include(out->name) ? PG_CONF_INCLUDE : PG_CONF_SETTING;
    return true;
}

/* The line at *at without its newline; moves *at behind it. */
static Span line_take(Span text, size_t *at)
{
    const Span rest = span_cut(text, *at, text.len - *at);
    const uint8_t *const end = memchr(rest.ptr, '\n', rest.len);
    const size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
    *at += len + (end != NULL);
    return span_cut(rest, 0, len);
}

/* line_parse() for a line that is no text yet. The server stumbles over a NUL; so do we. */
static bool line_read(PgConfLine *out, Span line, unsigned number, Arena *arena)
{
    if (line.len && memchr(line.ptr, 0, line.len)) {
        *out = (PgConfLine){.kind = PG_CONF_BROKEN, .number = number};
        return true;
    }
    return line_parse(out, arena_textf(arena, "%.*s", (int)line.len, (const char *)line.ptr), number, arena);
}

static size_t lines_count(Span text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

Err *pg_conf_parse(PgConf *out, Span text, Arena *arena)
{
    if (text.len > PG_CONF_BYTES_MAX)
        return ERR(LIMIT, "configuration file has %zu bytes, at most %d are read", text.len,
                   PG_CONF_BYTES_MAX);
    PgConfLine *const lines = arena_alloc(arena, lines_count(text) * sizeof *lines);
    size_t count = 0;
    unsigned number = 1;
    for (size_t at = 0; at < text.len; number++)
        count += line_read(&lines[count], line_take(text, &at), number, arena);
    *out = (PgConf){.lines = lines, .count = count};
    return NULL;
}

const char *pg_conf_find(const PgConf *conf, const char *name)
{
    for (size_t i = conf->count; i > 0; i--) {
        const PgConfLine *const line = &conf->lines[i - 1];
        if (line->kind == PG_CONF_SETTING && !strcasecmp(line->name, name))
            return line->value;
    }
    return NULL;
}

void pg_conf_quote(Buf *to, const char *value)
{
    buf_add_text(to, "'");
    for (; *value; value++) {
        if (*value == '\n' || *value == '\r') {
            buf_add_text(to, *value == '\n' ? "\\n" : "\\r");
            continue;
        }
        if (*value == '\'' || *value == '\\')
            buf_add(to, value, 1);
        buf_add(to, value, 1);
    }
    buf_add_text(to, "'");
}

Err *pg_conf_add(Buf *to, const char *name, const char *value)
{
    if (!*name || name_len(name) != strlen(name) || is_include(name))
        return ERR(USAGE, "\"%s\" is not the name of a setting", name);
    if (to->len && to->data[to->len - 1] != '\n')
        buf_add_text(to, "\n");
    buf_addf(to, "%s = ", name);
    pg_conf_quote(to, value);
    buf_add_text(to, "\n");
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (!strcasecmp(name, *names))
            return true;
    }
    return false;
}

void pg_conf_copy_without(Buf *to, Span text, const char *const *names)
{
    AUTO(arena_free) Arena *arena = arena_new();
    for (size_t at = 0; at < text.len;) {
        const size_t begin = at;
        PgConfLine line;
        arena_clear(arena);
        const bool says = line_read(&line, line_take(text, &at), 0, arena);
        if (!says || line.kind != PG_CONF_SETTING || !is_one_of(line.name, names))
            buf_add(to, text.ptr + begin, at - begin);
    }
}
