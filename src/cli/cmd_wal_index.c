/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* wal-index: what segments of WAL hold, for people and programs. */
#include "cli/command.h"
#include "cli/wal_index_show.h"
#include "conf/resolve.h"

#include <string.h>

static Err *shown_find(WalShown *out, CommandCall *call, const char *word)
{
    ClusterOptions cluster;
    if (strchr(word, '/'))
        return wal_show_file(out, word);
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    return wal_show_stored(out, &cluster, word);
}

static Err *word_show(CommandCall *call, json_t *segments, size_t at)
{
    AUTO(wal_shown_done) WalShown shown = {.major = 0};
    TRY(shown_find(&shown, call, call->words[at]));
    if (at > 0)
        output_text(call->output, "\n");
    if (call->output->is_json)
        json_array_append_new(segments, wal_index_json(&shown));
    else
        wal_index_print(call->output, &shown);
    return NULL;
}

Err *cmd_wal_index(CommandCall *call)
{
    json_t *const segments = json_array();
    json_object_set_new(call->output->document, "segments", segments);
    for (size_t i = 0; i < call->word_count; i++)
        TRY(word_show(call, segments, i));
    return NULL;
}
