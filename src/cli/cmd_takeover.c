/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"
#include "cli/command.h"
#include "conf/resolve.h"
#include "archive/takeover.h"

static Err *timeline_parse(Timeline *out, const char *word)
{
    uint64_t number;
    if (!text_u64(&number, word) || !number || number > UINT32_MAX)
        return err_hint(ERR(USAGE, "\"%s\" is no timeline", word),
                        "a timeline is a number from 1 on, such as 3");
    out->id = (uint32_t)number;
    return NULL;
}

static void story_tell(CommandCall *call, const TakeoverStory *story, bool is_done)
{
    Output *const out = call->output;
    if (story->parent.id)
        output_text(out, "timeline %u branched off timeline %u at %s\n", story->timeline.id, story->parent.id,
                    lsn_text(story->switch_lsn).text);
    if (story->is_rightful)
        output_text(out, "timeline %u is rightful already\n", story->timeline.id);
    else if (story->production.id)
        output_text(
            out,
            "%s: restores follow timeline %u by default, no longer timeline %u, and archive-push takes its "
            "WAL.\n"
            "What timeline %u wrote stays in the archive and can be restored with --target-timeline %u.\n",
            is_done ? "done" : "taking over means", story->timeline.id, story->production.id,
            story->production.id, story->production.id);
    if (story->is_clone)
        output_text(out, "the mark of a copy, pgstrata.clone, %s\n", is_done ? "is gone" : "would go");
    json_object_set_new(out->document, "timeline", json_integer(story->timeline.id));
    json_object_set_new(out->document, "parent", json_integer(story->parent.id));
    json_object_set_new(out->document, "switch_lsn", json_string(lsn_text(story->switch_lsn).text));
    json_object_set_new(out->document, "production_before", json_integer(story->production.id));
    json_object_set_new(out->document, "done", json_boolean(is_done));
}

Err *cmd_takeover(CommandCall *call)
{
    ClusterOptions cluster;
    const bool is_dry = settings_flag(call->settings, OPT_DRY_RUN);
    TakeoverOptions options = {.cluster = &cluster,
                               .is_confirmed = settings_flag(call->settings, OPT_YES) && !is_dry};
    TakeoverStory story;
    TRY(conf_cluster(&cluster, call->settings, call->arena));
    if (call->word_count)
        TRY(timeline_parse(&options.timeline, call->words[0]));
    TRY(takeover(&story, &options));
    story_tell(call, &story, options.is_confirmed);
    const bool is_open = !options.is_confirmed && (!story.is_rightful || story.is_clone);
    if (is_open && !is_dry)
        return err_hint(ERR(REFUSED, "taking over was not confirmed, nothing was changed"),
                        "Make sure that no other server goes on as this cluster, then add --yes.");
    return NULL;
}
