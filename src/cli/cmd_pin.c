/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/command.h"
#include "conf/resolve.h"
#include "os/user.h"
#include "retention/pin.h"

static Err *pin_run(CommandCall *call, HoldWord word)
{
    ClusterOptions cluster;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    const PinAsk ask = {.cluster = &cluster,
                        .label = call->words[0],
                        .note = word == HOLD_PINNED ? settings_text(call->settings, OPT_NOTE, NULL) : NULL,
                        .word = word};
    if (cluster.pgdata)
        TRY(user_become_owner(cluster.pgdata));
    TRY(pin_say(&ask));
    json_object_set_new(call->output->document, "label", json_string(ask.label));
    json_object_set_new(call->output->document, "pinned", json_boolean(word == HOLD_PINNED));
    output_text(call->output, "backup %s is %s\n", ask.label, hold_word_name(word));
    return NULL;
}

Err *cmd_pin(CommandCall *call)
{
    return pin_run(call, HOLD_PINNED);
}

Err *cmd_unpin(CommandCall *call)
{
    return pin_run(call, HOLD_UNPINNED);
}
