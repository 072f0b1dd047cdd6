/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "conf/ini_file.h"

#include "base/limits.h"
#include "base/text.h"
#include "conf/option_value.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    FILE *from;
    const char *file;
    int line;
    size_t bytes;
    char *text; /* getline's */
    size_t room;
    bool has_section;
    OptionScope section;
    char name[CONF_NAME_MAX + 1]; /* the section's */
    IniFn *each;
    void *arg;
    Err *err; /* the first one; ends the reading */
} Reader;

static void reader_done(Reader *reader)
{
    free(reader->text);
    err_free(&reader->err);
}

static Err *line_check(const Reader *reader, const char *text, size_t len, size_t len_max)
{
    if (memchr(text, 0, len))
        return ERR(USAGE, "the line holds a NUL byte");
    if (len > len_max)
        return err_hint(ERR(USAGE, "the line has %zu bytes, at most %zu are possible", len, len_max),
                        "a comment can stand on a line of its own");
    if (reader->bytes > CONF_FILE_BYTES_MAX)
        return ERR(LIMIT, "the file has more than %d bytes", CONF_FILE_BYTES_MAX);
    return NULL;
}

static Err *section_unknown(const char *kind, const char *section)
{
    static const char *const kinds[] = {"global", "cluster", "repo", NULL};
    const char *const nearest = text_nearest(kind, kinds);
    Err *const err = ERR(USAGE, "unknown section [%s]", section);
    if (!nearest)
        return err_hint(err, "sections are [global], [cluster NAME] and [repo NAME]");
    return err_hint(err, "did you mean [%s%s]?", nearest, text_equal(nearest, "global") ? "" : " NAME");
}

/* "cluster main" becomes the section at hand. */
static Err *section_set(Reader *reader, const char *section)
{
    char kind[CONF_SECTION_MAX + 1], name[CONF_SECTION_MAX + 1] = "";
    const size_t kind_len = strcspn(section, " \t");
    const char *const rest = section + kind_len + strspn(section + kind_len, " \t");
    snprintf(kind, sizeof kind, "%.*s", (int)kind_len, section);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(rest, " \t"), rest);
    if (text_equal(kind, "global") && !*rest)
        reader->section = SCOPE_GLOBAL;
    else if (text_equal(kind, "cluster"))
        reader->section = SCOPE_CLUSTER;
    else if (text_equal(kind, "repo"))
        reader->section = SCOPE_REPO;
    else
        return section_unknown(kind, section);
    if (reader->section != SCOPE_GLOBAL) {
        if (!*rest)
            return ERR(USAGE, "section [%s] has no name: [%s NAME]", kind, kind);
        TRY(conf_name_check(rest[strlen(name)] ? rest : name, kind));
    }
    snprintf(reader->name, sizeof reader->name, "%s", name);
    reader->has_section = true;
    return NULL;
}

/* A line that begins with '['. */
static Err *section_read(Reader *reader, const char *text, size_t len)
{
    const char *const bracket = memchr(text, ']', len);
    if (!bracket)
        return ERR(USAGE, "the section's name does not end: \"]\" is missing");
    /* What inih would cut. */
    const size_t section_len = (size_t)(bracket - text - 1);
    if (section_len > CONF_SECTION_MAX)
        return ERR(USAGE, "the section's name has %zu bytes, at most %d are possible", section_len,
                   CONF_SECTION_MAX);
    const char *after = bracket + 1;
    while (after < text + len && (*after == ' ' || *after == '\t'))
        after++;
    if (after < text + len && *after != ';' && *after != '#')
        return ERR(USAGE, "after \"]\" the line must end");
    char section[CONF_SECTION_MAX + 1];
    snprintf(section, sizeof section, "%.*s", (int)section_len, text + 1);
    TRY(section_set(reader, section));
    return reader->each(reader->arg,
                        &(IniLine){reader->file, reader->line, reader->section, reader->name, NULL, NULL});
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' || c == '\n';
}

/* fgets for inih: `size` is the room at `out`. */
static char *line_read(char *out, int size, void *stream)
{
    Reader *const reader = stream;
    if (reader->err)
        return NULL;
    errno = 0;
    const ssize_t read = getline(&reader->text, &reader->room, reader->from);
    if (read < 0) {
        if (ferror(reader->from))
            reader->err = ERR(IO, "%s: reading: %s", reader->file, strerror(errno));
        return NULL;
    }
    reader->line++;
    reader->bytes += (size_t)read;
    size_t len = (size_t)read;
    const char *text = reader->text;
    if (reader->line == 1 && text_starts(text, "\xef\xbb\xbf")) {
        text += 3;
        len -= 3;
    }
    while (len && is_blank(text[len - 1]))
        len--;
    while (len && is_blank(*text)) {
        text++;
        len--;
    }
    Err *err = line_check(reader, text, len, (size_t)size - 2);
    if (!err && len && *text == '[')
        err = section_read(reader, text, len);
    if (err) {
        reader->err = err_doing(err, "%s:%d", reader->file, reader->line);
        return NULL;
    }
    memcpy(out, text, len);
    memcpy(out + len, "\n", 2);
    return out;
}

static Err *entry_handle(Reader *reader, const char *key, const char *value)
{
    if (!reader->has_section)
        return err_hint(ERR(USAGE, "\"%s\" stands before any section", key),
                        "begin with [global], [cluster NAME] or [repo NAME]");
    /* inih knows comments behind a value only with ';'. */
    if (strstr(value, " #") || strstr(value, "\t#"))
        return err_hint(ERR(USAGE, "\"%s\" seems to end in a comment", value),
                        "comments behind a value begin with \";\"");
    return reader->each(reader->arg,
                        &(IniLine){reader->file, reader->line, reader->section, reader->name, key, value});
}

/* inih's handler: 0 counts as an error of this line. */
static int entry_read(void *user, const char *section, const char *key, const char *value)
{
    (void)section; /* the reader knows it, uncut */
    Reader *const reader = user;
    if (reader->err)
        return 0;
    Err *const err = entry_handle(reader, key, value);
    if (err)
        reader->err = err_doing(err, "%s:%d", reader->file, reader->line);
    return !err;
}

Err *ini_file_read(FILE *from, const char *file, IniFn *each, void *arg)
{
    AUTO(reader_done) Reader reader = {.from = from, .file = file, .each = each, .arg = arg};
    const int bad_line = ini_parse_stream(line_read, &reader, entry_read, &reader);
    /* inih goes on after a line it does not understand: an earlier one of its own comes first. */
    if (bad_line > 0 && (!reader.err || bad_line < reader.line))
        return err_hint(
            ERR(USAGE, "%s:%d: the line is neither \"name = value\" nor \"[section]\"", file, bad_line),
            "comments begin with \";\" or \"#\"");
    return TAKE(reader.err);
}
