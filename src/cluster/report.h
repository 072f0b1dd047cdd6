/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/report.h - what a job has to say beside its result: warnings as data
 *
 * A job fills a Report and succeeds or fails as it must; cli/ prints the notices and lets the gravest one decide the
 * exit status. Nothing here prints.
 *
 * Invariants
 *   1. Notices keep the order in which they were added.
 *   2. At most REPORT_NOTICES_MAX are kept; those after it are counted in `dropped`, and the gravest level and class
 *      still count, so a flood of bad pages cannot hide a gap.
 *
 * Threads: a Report belongs to one thread; workers fill their own, joined with report_join().
 */
#pragma once

#include "base/err.h"

typedef enum NoticeLevel {
    NOTICE_NOTE,    /* worth knowing; changes nothing */
    NOTICE_WARNING, /* done, but a human must look */
    NOTICE_STALE,   /* newer changes than the promised recovery point are not safe yet */
    NOTICE_FAULT,   /* something was found that is an error of class `class` */
    NOTICE_LEVEL_COUNT
} NoticeLevel;

typedef struct Notice {
    NoticeLevel level;
    ErrClass class; /* of a fault only */
    char *code;     /* stable: "backup/BAD_PAGE", or a fault's room/CLASS */
    char *text;
    char *detail; /* "" when there is none */
    char *hint;   /* "" when there is none */
} Notice;

typedef struct Report {
    Notice *notices;
    size_t count;
    size_t room; /* allocated */
    size_t dropped;
    bool has_level[NOTICE_LEVEL_COUNT];
    bool has_class[ERR_CLASS_COUNT]; /* of the faults */
} Report;

void report_note(Report *report, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warn(Report *report, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_stale(Report *report, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says what the user can do about the notice added last. */
void report_hint(Report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keeps an error that did not end the job. Consumes `err`: report_fault(report, TAKE(err)). */
void report_fault(Report *report, Err *err);
/* The same as a warning: the error was survived, such as one of two copies. Consumes `err`. */
void report_survived(Report *report, Err *err);

/* Moves the notices of `from` behind those of `to` and empties `from`. */
void report_join(Report *to, Report *from);
/* The same, with whose they are before each text: "cluster a: …". */
void report_join_of(Report *to, Report *from, const char *whose);
void report_done(Report *report);
