/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/err.h"

#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERR_CODE_SIZE = 48, ERR_ORIGIN_SIZE = 96 };

struct Err {
    ErrClass class;
    Buf text;
    Buf detail;
    Buf hint;
    char room[24];
    char code[ERR_CODE_SIZE];
    char origin[ERR_ORIGIN_SIZE];
};

static const char *const class_names[ERR_CLASS_COUNT] = {
    [ERR_NOT_FOUND] = "NOT_FOUND",
    [ERR_EXISTS] = "EXISTS",
    [ERR_BUSY] = "BUSY",
    [ERR_AWAY] = "AWAY",
    [ERR_DENIED] = "DENIED",
    [ERR_CORRUPT] = "CORRUPT",
    [ERR_GAP] = "GAP",
    [ERR_REFUSED] = "REFUSED",
    [ERR_UNSUPPORTED] = "UNSUPPORTED",
    [ERR_LIMIT] = "LIMIT",
    [ERR_CANCELED] = "CANCELED",
    [ERR_USAGE] = "USAGE",
    [ERR_IO] = "IO",
    [ERR_BUG] = "BUG",
};

/* "src/store/posix.c" or "../src/store/posix.c" -> "store": the folder that holds the file. */
static void room_of(char *room, size_t room_size, const char *file)
{
    const char *const last = strrchr(file, '/');
    if (!last) {
        snprintf(room, room_size, "program");
        return;
    }
    const char *begin = last;
    while (begin > file && begin[-1] != '/')
        begin--;
    snprintf(room, room_size, "%.*s", (int)(last - begin), begin);
}

static void code_set(Err *err)
{
    snprintf(err->code, sizeof err->code, "%s/%s", err->room, class_names[err->class]);
}

Err *err_new(ErrClass class, const char *file, int line, const char *format, ...)
{
    assert(class < ERR_CLASS_COUNT);
    Err *const err = mem_new(sizeof *err);
    err->class = class;
    room_of(err->room, sizeof err->room, file);
    code_set(err);
    const char *const in_tree = strstr(file, "src/");
    snprintf(err->origin, sizeof err->origin, "%s:%d", in_tree ? in_tree : file, line);

    va_list args;
    va_start(args, format);
    buf_addv(&err->text, format, args);
    va_end(args);
    return err;
}

Err *err_doing(Err *err, const char *format, ...)
{
    AUTO(buf_done) Buf joined = {0};
    va_list args;
    va_start(args, format);
    buf_addv(&joined, format, args);
    va_end(args);
    buf_addf(&joined, ": %s", buf_text(&err->text));
    buf_swap(&joined, &err->text);
    return err;
}

static void line_add(Buf *to, const char *format, va_list args)
{
    if (to->len)
        buf_addf(to, "\n");
    buf_addv(to, format, args);
}

Err *err_detail(Err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line_add(&err->detail, format, args);
    va_end(args);
    return err;
}

Err *err_hint(Err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line_add(&err->hint, format, args);
    va_end(args);
    return err;
}

Err *err_become(Err *err, ErrClass class)
{
    assert(class < ERR_CLASS_COUNT);
    err->class = class;
    code_set(err);
    return err;
}

static void buf_copy(Buf *to, const Buf *from)
{
    *to = (Buf){0};
    buf_add(to, from->data, from->len);
}

Err *err_copy(const Err *err)
{
    Err *const copy = mem_new(sizeof *copy);
    *copy = *err;
    buf_copy(&copy->text, &err->text);
    buf_copy(&copy->detail, &err->detail);
    buf_copy(&copy->hint, &err->hint);
    return copy;
}

Err *err_first(Err *first, Err *second)
{
    if (!first)
        return second;
    err_free(&second);
    return first;
}

ErrClass err_class(const Err *err)
{
    return err->class;
}

bool err_is(const Err *err, ErrClass class)
{
    return err && err->class == class;
}

bool err_is_unreadable(const Err *err)
{
    return err_is(err, ERR_NOT_FOUND) || err_is(err, ERR_CORRUPT) || err_is(err, ERR_UNSUPPORTED);
}

const char *err_text(const Err *err)
{
    return buf_text(&err->text);
}

const char *err_detail_text(const Err *err)
{
    return buf_text(&err->detail);
}

const char *err_hint_text(const Err *err)
{
    return buf_text(&err->hint);
}

const char *err_code(const Err *err)
{
    return err->code;
}

const char *err_origin(const Err *err)
{
    return err->origin;
}

const char *err_class_name(ErrClass class)
{
    assert(class < ERR_CLASS_COUNT);
    return class_names[class];
}

void err_free(Err **err)
{
    if (!*err)
        return;
    buf_done(&(*err)->text);
    buf_done(&(*err)->detail);
    buf_done(&(*err)->hint);
    mem_free(err);
}
