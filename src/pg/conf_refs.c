/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/conf_refs.h"

#include "base/limits.h"
#include "base/text.h"
#include "pg/conf_file.h"

#include <string.h>
#include <strings.h>

static const char *const include_words[] = {[CONF_REF_FILE] = "include",
                                            [CONF_REF_FILE_IF_EXISTS] = "include_if_exists",
                                            [CONF_REF_FOLDER] = "include_dir"};

static bool is_include(ConfRefKind *out, const char *word)
{
    for (size_t i = 0; i < COUNT_OF(include_words); i++) {
        if (!strcasecmp(word, include_words[i])) {
            *out = (ConfRefKind)i;
            return true;
        }
    }
    return false;
}

static size_t line_end(Span text, size_t at)
{
    while (at < text.len && text.ptr[at] != '\n')
        at++;
    return at;
}

/* ---- postgresql.conf: a reference is a whole line */

static Err *settings_parse(Buf *refs, Span text, Arena *arena)
{
    PgConf conf;
    TRY(pg_conf_parse(&conf, text, arena));
    size_t begin = 0;
    unsigned number = 1;
    for (size_t i = 0; i < conf.count; i++) {
        ConfRef ref;
        if (conf.lines[i].kind != PG_CONF_INCLUDE || !is_include(&ref.kind, conf.lines[i].name))
            continue;
        for (; number < conf.lines[i].number; number++)
            begin = line_end(text, begin) + 1;
        ref.path = conf.lines[i].value;
        ref.begin = begin;
        ref.end = line_end(text, begin);
        buf_add(refs, &ref, sizeof ref);
    }
    return NULL;
}

/* ---- pg_hba.conf and its like: words apart by blanks and commas */

typedef struct Word {
    const char *text;
    bool begins_with_quote; /* then it has no special meaning */
    size_t begin, end;
} Word;

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == ',';
}

/* A backslash at the end of a line joins the next one to it. */
static bool is_continued(Span text, size_t at)
{
    return text.ptr[at] == '\\' && at + 1 < text.len && text.ptr[at + 1] == '\n';
}

/* A quote may begin anywhere in a word; two in a row inside of quotes are one. Quotes end with the line. */
static Word word_read(Span text, size_t at, Arena *arena)
{
    Word word = {.begin = at, .begins_with_quote = text.ptr[at] == '"'};
    AUTO(buf_done) Buf value = {0};
    bool is_quoted = false, was_quote = false;
    for (; at < text.len && text.ptr[at] != '\n'; at++) {
        const char c = (char)text.ptr[at];
        if (is_continued(text, at) || (!is_quoted && (is_between(c) || c == '#')))
            break;
        if (c != '"' || was_quote)
            buf_add(&value, &c, 1);
        was_quote = is_quoted && c == '"' && !was_quote;
        is_quoted ^= c == '"';
    }
    word.end = at;
    word.text = arena_text(arena, buf_text(&value));
    return word;
}

typedef struct AuthLine {
    unsigned words;
    bool is_include; /* the word that comes is a path */
    ConfRefKind kind;
} AuthLine;

static void word_judge(Buf *refs, AuthLine *line, const Word *word)
{
    ConfRef ref = {.kind = line->kind, .path = word->text, .begin = word->begin, .end = word->end};
    if (line->words == 1 && line->is_include) {
        buf_add(refs, &ref, sizeof ref);
    } else if (line->words == 0 && is_include(&line->kind, word->text)) {
        line->is_include = true;
    } else if (!word->begins_with_quote && word->text[0] == '@' && word->text[1]) {
        ref.kind = CONF_REF_LIST;
        ref.path++;
        buf_add(refs, &ref, sizeof ref);
    }
    line->words++;
}

static void auth_parse(Buf *refs, Span text, Arena *arena)
{
    AuthLine line = {.words = 0};
    size_t at = 0;
    while (at < text.len) {
        const char c = (char)text.ptr[at];
        if (is_continued(text, at)) {
            at += 2;
        } else if (c == '\n') {
            line = (AuthLine){.words = 0};
            at++;
        } else if (c == '#') {
            at = line_end(text, at);
        } else if (is_between(c)) {
            at++;
        } else {
            const Word word = word_read(text, at, arena);
            word_judge(refs, &line, &word);
            at = word.end;
        }
    }
}

Err *conf_refs_parse(ConfRefs *out, Span text, ConfSyntax syntax, Arena *arena)
{
    AUTO(buf_done) Buf refs = {0};
    if (text.len > PG_CONF_BYTES_MAX)
        return ERR(LIMIT, "a configuration file of %zu bytes, at most %d", text.len, PG_CONF_BYTES_MAX);
    if (syntax == CONF_SETTINGS)
        TRY(settings_parse(&refs, text, arena));
    else
        auth_parse(&refs, text, arena);
    *out = (ConfRefs){(const ConfRef *)(const void *)arena_bytes(arena, buf_span(&refs)).ptr,
                      refs.len / sizeof(ConfRef)};
    return NULL;
}

void conf_ref_format(Buf *to, const ConfRef *ref, ConfSyntax syntax, const char *path)
{
    if (syntax == CONF_SETTINGS) {
        buf_addf(to, "%s ", include_words[ref->kind]);
        pg_conf_quote(to, path);
        return;
    }
    buf_add_text(to, ref->kind == CONF_REF_LIST ? "@\"" : "\"");
    for (; *path; path++)
        buf_add_text(to, *path == '"' ? "\"\"" : (const char[]){*path, 0});
    buf_add_text(to, "\"");
}
