/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/log.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>

static LogFn *hook;
static void *hook_arg;
static LogLevel hook_lowest;

void log_hook_set(LogFn *fn, void *arg, LogLevel lowest)
{
    hook = fn;
    hook_arg = arg;
    hook_lowest = lowest;
}

static void say(LogLevel level, const char *format, va_list args)
{
    if (!hook || level < hook_lowest)
        return;
    AUTO(buf_done) Buf line = {0};
    buf_addv(&line, format, args);
    hook(hook_arg, level, buf_text(&line));
}

#define LOG_FUNCTION(name, level)                                                                            \
    void name(const char *format, ...)                                                                       \
    {                                                                                                        \
        va_list args;                                                                                        \
        va_start(args, format);                                                                              \
        say(level, format, args);                                                                            \
        va_end(args);                                                                                        \
    }

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
