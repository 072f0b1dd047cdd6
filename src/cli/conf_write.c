/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/conf_write.h"

#include "base/limits.h"
#include "base/text.h"
#include "conf/resolve.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

#include <string.h>

enum { CONF_MODE = 0644, CONF_FOLDER_MODE = 0755 };

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (text_equal(*names, name))
            return true;
    }
    return false;
}

static bool is_same(OptionId id, const OptionValue *a, const OptionValue *b, Arena *arena)
{
    const OptionType type = option_table[id].type;
    char *real_a = NULL, *real_b = NULL;
    if (!a->text || !b->text)
        return false;
    if (type == TYPE_INT || type == TYPE_DURATION)
        return a->number == b->number;
    if (text_equal(a->text, b->text))
        return true;
    if (type != TYPE_PATH)
        return false;
    AUTO(err_free) Err *err_a = path_real(&real_a, a->text, arena);
    AUTO(err_free) Err *err_b = path_real(&real_b, b->text, arena);
    return !err_a && !err_b && text_equal(real_a, real_b);
}

/* inih ends a value at a blank and ';'. */
static Err *value_check(OptionId id, const char *value)
{
    if (strchr(value, '\n') || strchr(value, ';') || value[0] == '"')
        return ERR(USAGE, "%s \"%s\" cannot stand in a configuration file", option_key(id), value);
    return NULL;
}

typedef struct SectionCall {
    Buf *out;
    const Settings *now, *files; /* all there is; what stands in files alone */
    OptionScope scope;
    const char *name;
    bool is_there; /* in a file */
} SectionCall;

/* A section that is there must say nothing else than what was asked for, and what is found must be in it. How long this
 * run waits is nobody else's business. */
static Err *setting_compare(const SectionCall *call, OptionId id, const Setting *wanted, Arena *arena)
{
    const Setting written = settings_get(call->files, id, call->name);
    static const char *const titles[] = {"global", "cluster", "repo"};
    if (option_table[id].flags & OPTION_ONE_OFF || is_same(id, &written.value, &wanted->value, arena))
        return NULL;
    if (!written.value.text || written.is_default)
        return err_hint(ERR(USAGE, "section [%s %s] has no %s, and \"%s\" was found or asked for",
                            titles[call->scope], call->name, option_key(id), wanted->value.text),
                        "add to that section: %s = %s", option_key(id), wanted->value.text);
    return err_hint(ERR(USAGE, "%s: %s is \"%s\", and \"%s\" was found or asked for", written.origin,
                        option_key(id), written.value.text, wanted->value.text),
                    "change that line, or choose another name with --cluster or --repo");
}

static Err *section_text(const SectionCall *call, Arena *arena)
{
    static const char *const titles[] = {"global", "cluster", "repo"};
    if (!call->is_there)
        buf_addf(call->out, "\n[%s %s]\n", titles[call->scope], call->name);
    for (OptionId id = 0; id < OPTION_COUNT; id++) {
        const Option *const option = &option_table[id];
        const Setting setting = settings_get(call->now, id, call->name);
        if (option->scope != call->scope || setting.is_default || !setting.value.text ||
            (option->flags & OPTION_NO_FILE))
            continue;
        if (call->is_there) {
            TRY(setting_compare(call, id, &setting, arena));
        } else if (!setting_is_from_file(&setting)) {
            TRY(value_check(id, setting.value.text));
            buf_addf(call->out, "%s = %s\n", option_key(id), setting.value.text);
        }
    }
    return NULL;
}

/* A cluster that chooses no repositories uses all there are, so a further one would be required for it at once, without
 * that cluster being in it: its archiving would stand still. */
static Err *new_repo_check(const char *repo, const Settings *files, const char *cluster)
{
    AUTO(buf_done) Buf old = {0};
    for (const char *const *known = settings_repos(files); *known; known++)
        buf_addf(&old, "%s%s", old.len ? ", " : "", *known);
    for (const char *const *other = settings_clusters(files); *other; other++) {
        if (!text_equal(*other, cluster) && !settings_text(files, OPT_REPO, *other))
            return err_hint(
                ERR(USAGE, "cluster \"%s\" uses every repository, and would need \"%s\" too", *other, repo),
                "add to section [cluster %s]: repo = %s", *other, buf_text(&old));
    }
    return NULL;
}

Err *conf_addition_text(Buf *out, const ConfAddition *addition, Arena *arena)
{
    AUTO(settings_free) Settings *files = NULL;
    static char *const no_environment[] = {NULL};
    const ArgOption config = {OPT_CONFIG, "--config", addition->file};
    const Args args = {.options = &config, .option_count = !text_equal(addition->file, CONF_FILE_DEFAULT)};
    TRY(settings_load(&files, &(SettingsInput){.args = &args,
                                               .environment = no_environment,
                                               .default_file = CONF_FILE_DEFAULT,
                                               .may_be_missing = true}));
    ClusterOptions cluster;
    TRY(conf_cluster_named(&cluster, addition->now, addition->cluster, arena));
    for (size_t i = 0; i < cluster.repo_count; i++) {
        const char *const name = cluster.repos[i].name;
        const bool is_there = is_listed(settings_repos(files), name);
        if (!is_there)
            TRY(new_repo_check(name, files, addition->cluster));
        TRY(section_text(&(SectionCall){out, addition->now, files, SCOPE_REPO, name, is_there}, arena));
    }
    const SectionCall section = {
        out,           addition->now,     files,
        SCOPE_CLUSTER, addition->cluster, is_listed(settings_clusters(files), addition->cluster)};
    return section_text(&section, arena);
}

/* A link to the configuration stays one: *file becomes where it leads. */
static Err *link_follow(const char **file, Arena *arena)
{
    EntryInfo info;
    char *real;
    TRY(entry_stat(&info, *file));
    if (info.kind != ENTRY_LINK)
        return NULL;
    TRY_AS(path_real(&real, *file, arena), "following the link %s", *file);
    *file = real;
    return NULL;
}

Err *conf_addition_write(const ConfAddition *addition, const Buf *text)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf whole = {0};
    EntryInfo info;
    const char *file = addition->file;
    TRY(folder_make_all(path_parent(addition->file, arena), CONF_FOLDER_MODE));
    TRY(link_follow(&file, arena));
    TRY(entry_stat_follow(&info, file));
    if (info.kind == ENTRY_ABSENT)
        buf_add_text(&whole, "# pgstrata: see \"pgstrata help\" and the manual; \"pgstrata config show\" "
                             "shows what counts.\n");
    else
        TRY(file_read_all(&whole, file, CONF_FILE_BYTES_MAX));
    if (whole.len && whole.data[whole.len - 1] != '\n')
        buf_add_text(&whole, "\n");
    buf_add(&whole, text->data, text->len);
    return file_write_durable(file, buf_span(&whole), info.kind == ENTRY_ABSENT ? CONF_MODE : info.mode);
}
