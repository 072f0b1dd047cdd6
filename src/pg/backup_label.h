/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * pg/backup_label.h - where recovery of a backup begins, and, in the archive, where it may end
 *
 * The server hands out `backup_label` when a backup stops; it goes into the restored data directory byte for byte. On a
 * primary it also writes the same lines with three more about the stop into a `.backup` file (a "backup history file")
 * beside the WAL. Formats: src/backend/access/transam/xlog.c, from 15 xlogbackup.c; the reader is read_backup_label().
 *
 * Unknown lines are skipped. A line given twice is CORRUPT: a label text with a newline in it could otherwise pretend
 * to be one of the others.
 */
#pragma once

#include "base/arena.h"
#include "base/ids.h"

typedef enum BackupMethod {
    BACKUP_STREAMED,  /* recovery waits for the end of the backup */
    BACKUP_EXCLUSIVE, /* "pg_start_backup": the old way of 13 and 14 */
} BackupMethod;

typedef struct BackupLabelFile {
    Lsn start;
    const char *start_file; /* name of the segment that holds `start` */
    Lsn checkpoint;
    BackupMethod method;
    bool is_from_standby;
    const char *start_time; /* as the server wrote it, in its own time zone: "2026-11-21 10:46:15 UTC" */
    const char *label;
    Timeline start_timeline;
    Lsn incremental_from; /* 17+, BASE_BACKUP INCREMENTAL only; 0 otherwise */
    Timeline incremental_from_timeline;
    /* In a .backup file only; 0 and NULL in a backup_label. */
    Lsn stop;
    const char *stop_file;
    const char *stop_time;
    Timeline stop_timeline;
} BackupLabelFile;

/* Texts live in `arena`; those of absent lines are NULL. CORRUPT when a line that must be there is missing, twice there
 * or malformed; UNSUPPORTED for an unknown method or origin; LIMIT above BACKUP_LABEL_BYTES_MAX. */
MUST Err *backup_label_parse(BackupLabelFile *out, Span text, Arena *arena);

/* The same for a .backup file: the lines about the stop must be there too. */
MUST Err *backup_history_parse(BackupLabelFile *out, Span text, Arena *arena);
