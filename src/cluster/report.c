/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/report.h"

#include "base/buf.h"
#include "base/limits.h"

static void notice_done(Notice *notice)
{
    mem_free(&notice->code);
    mem_free(&notice->text);
    mem_free(&notice->detail);
    mem_free(&notice->hint);
}

/* Takes over the notice's texts. */
static void notice_add(Report *report, Notice notice)
{
    report->has_level[notice.level] = true;
    if (notice.level == NOTICE_FAULT)
        report->has_class[notice.class] = true;
    if (report->count == REPORT_NOTICES_MAX) {
        report->dropped++;
        notice_done(&notice);
        return;
    }
    if (report->count == report->room) {
        report->room = report->room ? report->room * 2 : 8;
        report->notices = mem_resize(report->notices, report->room * sizeof *report->notices);
    }
    report->notices[report->count++] = notice;
}

static void add(Report *report, Notice notice, const char *format, va_list args)
{
    AUTO(buf_done) Buf text = {0};
    buf_addv(&text, format, args);
    notice.text = buf_take_text(&text);
    notice.detail = mem_text("");
    notice.hint = mem_text("");
    notice_add(report, notice);
}

#define REPORT_FUNCTION(name, notice_level)                                                                  \
    void name(Report *report, const char *code, const char *format, ...)                                     \
    {                                                                                                        \
        va_list args;                                                                                        \
        va_start(args, format);                                                                              \
        add(report, (Notice){.level = notice_level, .code = mem_text(code)}, format, args);                  \
        va_end(args);                                                                                        \
    }

REPORT_FUNCTION(report_note, NOTICE_NOTE)
REPORT_FUNCTION(report_warn, NOTICE_WARNING)
REPORT_FUNCTION(report_stale, NOTICE_STALE)

void report_hint(Report *report, const char *format, ...)
{
    /* The notice may have been dropped: then its hint is too. */
    if (!report->count || report->dropped)
        return;
    AUTO(buf_done) Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    Notice *const last = &report->notices[report->count - 1];
    mem_free(&last->hint);
    last->hint = buf_take_text(&text);
}

static void add_err(Report *report, NoticeLevel level, Err *err)
{
    notice_add(report, (Notice){.level = level,
                                .class = err_class(err),
                                .code = mem_text(err_code(err)),
                                .text = mem_text(err_text(err)),
                                .detail = mem_text(err_detail_text(err)),
                                .hint = mem_text(err_hint_text(err))});
    err_free(&err);
}

void report_fault(Report *report, Err *err)
{
    add_err(report, NOTICE_FAULT, err);
}

void report_survived(Report *report, Err *err)
{
    add_err(report, NOTICE_WARNING, err);
}

void report_join(Report *to, Report *from)
{
    for (size_t i = 0; i < from->count; i++)
        notice_add(to, from->notices[i]);
    to->dropped += from->dropped;
    for (int i = 0; i < NOTICE_LEVEL_COUNT; i++)
        to->has_level[i] |= from->has_level[i];
    for (int i = 0; i < ERR_CLASS_COUNT; i++)
        to->has_class[i] |= from->has_class[i];
    from->count = 0; /* the texts have moved */
    report_done(from);
}

void report_join_of(Report *to, Report *from, const char *whose)
{
    for (size_t i = 0; i < from->count; i++) {
        AUTO(buf_done) Buf text = {0};
        buf_addf(&text, "%s: %s", whose, from->notices[i].text);
        mem_free(&from->notices[i].text);
        from->notices[i].text = buf_take_text(&text);
    }
    report_join(to, from);
}

void report_done(Report *report)
{
    for (size_t i = 0; i < report->count; i++)
        notice_done(&report->notices[i]);
    mem_free(&report->notices);
    *report = (Report){0};
}
