/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The output is itself a configuration file: what it prints can be read back. */
#include "base/text.h"
#include "cli/command.h"
#include "conf/resolve.h"

typedef struct Shown {
    CommandCall *call;
    OptionScope scope;
    const char *name; /* of the section; NULL for [global] */
    json_t *settings;
} Shown;

static void setting_show(const Shown *shown, OptionId id)
{
    const Setting setting = settings_get(shown->call->settings, id, shown->name);
    if (!setting.value.text)
        return;
    const bool is_given_to_program = option_table[id].flags & OPTION_NO_FILE;
    output_text(shown->call->output, "%s%s = %s  ; %s\n", is_given_to_program ? "; " : "", option_key(id),
                setting.value.text, setting.origin);
    json_object_set_new(shown->settings, option_key(id),
                        json_pack("{s:o, s:o}", "value", output_json_text(setting.value.text), "origin",
                                  output_json_text(setting.origin)));
}

static void section_show(CommandCall *call, OptionScope scope, const char *name, json_t *to)
{
    static const char *const titles[] = {"global", "cluster", "repo"};
    const Shown shown = {call, scope, name, json_object()};
    output_text(call->output, "[%s%s%s]\n", titles[scope], name ? " " : "", name ? name : "");
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        if (option_table[id].scope == scope)
            setting_show(&shown, id);
    }
    output_text(call->output, "\n");
    if (name)
        json_array_append_new(to, json_pack("{s:s, s:o}", "name", name, "settings", shown.settings));
    else
        json_object_set_new(to, "global", shown.settings);
}

static void sections_show(CommandCall *call, OptionScope scope, const char *const *names, const char *field)
{
    json_t *const list = json_array();
    for (; *names; names++)
        section_show(call, scope, *names, list);
    json_object_set_new(call->output->document, field, list);
}

Err *cmd_config_show(CommandCall *call)
{
    json_t *const files = json_array();
    for (const char *const *file = settings_files(call->settings); *file; file++) {
        output_text(call->output, "; read %s\n", *file);
        json_array_append_new(files, output_json_text(*file));
    }
    json_object_set_new(call->output->document, "files", files);
    section_show(call, SCOPE_GLOBAL, NULL, call->output->document);
    sections_show(call, SCOPE_REPO, settings_repos(call->settings), "repos");
    sections_show(call, SCOPE_CLUSTER, settings_clusters(call->settings), "clusters");
    /* What every other command would complain about is complained about here. */
    for (const char *const *name = settings_clusters(call->settings); *name; name++) {
        ClusterOptions cluster;
        TRY(conf_cluster_named(&cluster, call->settings, *name, call->arena));
    }
    return NULL;
}
