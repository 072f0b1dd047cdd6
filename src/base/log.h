/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/log.h - the hook through which lower rooms say something to the person who watches
 *
 * Errors are not logged, they are returned; warnings that belong to a result are data (cluster/report.h). What is left:
 * a retry that is going on, a wait, and debug lines. Without a hook nothing is said. The program's main sets the
 * hook once, before any thread starts; the hook must be able to serve several threads.
 */
#pragma once

typedef enum LogLevel { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING } LogLevel;

typedef void LogFn(void *arg, LogLevel level, const char *line);

void log_hook_set(LogFn *fn, void *arg, LogLevel lowest);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
