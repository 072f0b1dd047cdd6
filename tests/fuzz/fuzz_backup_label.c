/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as a backup label; what was taken has all that recovery needs. */
#include "pg/backup_label.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) Arena *arena = arena_new();
    BackupLabelFile label;
    Err *err = backup_label_parse(&label, span_of(data, size), arena);
    if (!err) {
        assert(lsn_is_valid(label.start) && strlen(label.start_file) == 24);
        assert(lsn_is_valid(label.checkpoint) && label.start_timeline.id);
    }
    err_free(&err);
    err = backup_history_parse(&label, span_of(data, size), arena);
    if (!err)
        assert(lsn_is_valid(label.stop) && strlen(label.stop_file) == 24 && label.stop_time &&
               label.stop_timeline.id);
    err_free(&err);
    return 0;
}
