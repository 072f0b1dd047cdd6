/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * db/settings.h - change a server's settings and steer its WAL
 *
 * Settings are changed with ALTER SYSTEM, so they land in postgresql.auto.conf and can be undone by setting_reset().
 * They act after settings_reload(), or after a restart where the server says so (ServerSetting.is_pending).
 */
#pragma once

#include "db/connection.h"

typedef struct ServerSetting {
    const char *name;
    const char *value;       /* in force now; NULL when the role may not see it */
    const char *unit;        /* "s", "8kB"; NULL for none */
    const char *context;     /* postmaster: needs a restart; sighup: a reload; … */
    const char *source;      /* "default", "configuration file", … */
    const char *source_file; /* NULL when not from a file or not visible */
    bool is_pending;         /* changed in the files, waits for a restart */
} ServerSetting;

/* NOT_FOUND when this major has no such setting. */
MUST Err *setting_read(ServerSetting *out, Connection *connection, const char *name, Arena *arena);
/* All that wait for a restart, by name. */
MUST Err *settings_pending_read(const ServerSetting **out, size_t *count, Connection *connection,
                                Arena *arena);

/* ALTER SYSTEM SET name = value; one value, not a list. DENIED names the GRANT. */
MUST Err *setting_change(Connection *connection, const char *name, const char *value);
MUST Err *setting_reset(Connection *connection, const char *name);
/* Makes the server read its files again and waits until this session has done so. IO when that takes over ten
 * seconds: then the files cannot be read, the server's log says why. */
MUST Err *settings_reload(Connection *connection);

/* A WAL segment's name, with its closing NUL. */
typedef struct SegmentText {
    char text[25];
} SegmentText;

typedef struct WalSwitch {
    SegmentText segment; /* the segment that is complete now and will be archived */
    Lsn lsn;             /* its end */
} WalSwitch;

/* Ends the current segment. A small record is written first, so that there is always something to switch: on an idle
 * server the switch alone would do nothing, and no segment would come. UNSUPPORTED on a standby. */
MUST Err *wal_switch(WalSwitch *out, Connection *connection);
/* The end of the record that marks the point. `name` of at most 63 bytes (longer is USAGE). */
MUST Err *wal_mark_restore_point(Lsn *out, Connection *connection, const char *name);
/* The segment in which the byte before `lsn` lies, on the server's current timeline. Not on a standby. */
MUST Err *wal_segment_name(SegmentText *out, Connection *connection, Lsn lsn);
