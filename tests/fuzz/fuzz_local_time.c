/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as a target time. What is understood is shown and, read again with its offset, is the same moment. */
#include "base/buf.h"
#include "cli/local_time.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) Buf text = {0};
    buf_add(&text, data, size);
    Moment moment;
    Err *err = moment_parse(&moment, buf_text(&text));
    if (err) {
        err_free(&err);
        return 0;
    }
    LocalTimeText shown = moment_text(&moment);
    char *const bracket = strstr(shown.text, " (");
    if (bracket)
        *bracket = 0;
    Moment again;
    err = moment_parse(&again, shown.text);
    if (!err)
        assert(again.at.us == moment.at.us && !again.is_zoneless);
    assert(!err || moment.offset_s % 60); /* old zones had seconds in their offsets */
    err_free(&err);
    return 0;
}
