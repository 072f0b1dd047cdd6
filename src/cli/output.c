/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/output.h"

#include "base/text.h"
#include "cli/local_time.h"
#include "cli/progress_line.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void output_init(Output *output)
{
    *output = (Output){.document = json_pack("{s:i}", "schema", OUTPUT_SCHEMA)};
}

void output_done(Output *output)
{
    json_decref(output->document);
    *output = (Output){0};
}

void output_set_json(Output *output)
{
    output->is_json = true;
}

void output_text(Output *output, const char *format, ...)
{
    if (output->is_json)
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

/* Bytes of the UTF-8 sequence at `text`; 0 when there is none. Jansson is the judge. */
static size_t utf8_len(const char *text)
{
    for (size_t len = 1; len <= 4 && (len == 1 || text[len - 1]); len++) {
        json_t *const probe = json_stringn(text, len);
        json_decref(probe);
        if (probe)
            return len;
    }
    return 0;
}

json_t *output_json_text(const char *text)
{
    json_t *const whole = json_string(text);
    if (whole)
        return whole;
    AUTO(buf_done) Buf escaped = {0};
    while (*text) {
        const size_t len = utf8_len(text);
        if (len)
            buf_add(&escaped, text, len);
        else
            buf_addf(&escaped, "\\x%02x", (unsigned char)*text);
        text += len ? len : 1;
    }
    return json_string(buf_text(&escaped));
}

void output_json_count(json_t *to, const char *name, uint64_t count)
{
    json_object_set_new(to, name, json_integer(count < INT64_MAX ? (json_int_t)count : INT64_MAX));
}

/* Whole messages in one write, so that threads do not mix their lines. */
static void message_print(const Buf *message)
{
    progress_line_clear();
    fwrite(message->data, 1, message->len, stderr);
}

static void message_begin(Buf *message, const char *kind)
{
    const char *const no_color = getenv("NO_COLOR");
    const bool has_color = isatty(STDERR_FILENO) && !(no_color && *no_color);
    const bool is_error = text_equal(kind, "error");
    if (has_color && (is_error || text_equal(kind, "warning")))
        buf_addf(message, "pgstrata: \033[1;%dm%s:\033[0m ", is_error ? 31 : 35, kind);
    else
        buf_addf(message, "pgstrata: %s%s", kind, *kind ? ": " : "");
}

/* "HINT:  …", one line for each line of the text. */
static void message_add(Buf *message, const char *label, const char *text)
{
    while (*text) {
        const size_t len = strcspn(text, "\n");
        buf_addf(message, "%s:  %.*s\n", label, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* Messages have times as machines write them; this is where people read them. */
static void message_text_add(Buf *message, const char *text, const char *code, const char *detail)
{
    AUTO(buf_done) Buf local = {0};
    local_times_add(message, text);
    buf_addf(message, " [%s]\n", code);
    local_times_add(&local, detail);
    message_add(message, "DETAIL", buf_text(&local));
}

void output_err(Output *output, const Err *err)
{
    if (output->is_json) {
        json_object_set_new(
            output->document, "error",
            json_pack("{s:s, s:s, s:o, s:o, s:o}", "code", err_code(err), "class",
                      err_class_name(err_class(err)), "message", output_json_text(err_text(err)), "detail",
                      output_json_text(err_detail_text(err)), "hint", output_json_text(err_hint_text(err))));
        return;
    }
    AUTO(buf_done) Buf message = {0};
    message_begin(&message, "error");
    message_text_add(&message, err_text(err), err_code(err), err_detail_text(err));
    message_add(&message, "HINT", err_hint_text(err));
    fflush(stdout);
    message_print(&message);
}

static const char *level_name(NoticeLevel level)
{
    static const char *const names[] = {"note", "warning", "stale", "fault"};
    return names[level];
}

static void notice_print(const Notice *notice)
{
    AUTO(buf_done) Buf message = {0};
    message_begin(&message, notice->level == NOTICE_NOTE    ? ""
                            : notice->level == NOTICE_FAULT ? "error"
                                                            : "warning");
    message_text_add(&message, notice->text, notice->code, notice->detail);
    message_add(&message, "HINT", notice->hint);
    message_print(&message);
}

void output_report_now(Output *output, const Report *report)
{
    if (output->is_json)
        return;
    fflush(stdout);
    for (; output->told < report->count; output->told++)
        notice_print(&report->notices[output->told]);
}

void output_report(Output *output, const Report *report)
{
    json_t *const list = json_array();
    output_report_now(output, report);
    for (size_t i = 0; i < report->count; i++) {
        const Notice *const notice = &report->notices[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "level", level_name(notice->level),
                                              "code", output_json_text(notice->code), "message",
                                              output_json_text(notice->text), "detail",
                                              output_json_text(notice->detail), "hint",
                                              output_json_text(notice->hint)));
    }
    if (report->dropped && !output->is_json)
        log_warning("%zu more notices are not shown", report->dropped);
    if (report->count) {
        json_object_set(output->document, "notices", list);
        json_object_set_new(output->document, "notices_dropped", json_integer((json_int_t)report->dropped));
    }
    json_decref(list);
}

Err *output_end(Output *output)
{
    if (output->is_json) {
        char *const text = json_dumps(output->document, JSON_INDENT(2));
        assert(text); /* every text went through output_json_text() */
        puts(text);
        free(text);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        return ERR(IO, "standard output: %s", strerror(errno));
    return NULL;
}

static void log_line(void *arg, LogLevel level, const char *line)
{
    (void)arg;
    static const char *const kinds[] = {
        [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "", [LOG_LEVEL_WARNING] = "warning"};
    AUTO(buf_done) Buf message = {0};
    message_begin(&message, kinds[level]);
    buf_addf(&message, "%s\n", line);
    message_print(&message);
}

void output_log_start(LogLevel lowest)
{
    log_hook_set(log_line, NULL, lowest);
}
