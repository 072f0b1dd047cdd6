/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Entries stand in the order in which they came, which is the order of precedence: files, environment, command line.
 * A look-up walks them backwards. */
#include "conf/settings.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "conf/ini_file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Entry {
    OptionId id;
    OptionScope section; /* SCOPE_COMMAND: environment or command line, which speak for every section */
    const char *name;    /* of the section */
    OptionValue value;
    const char *file; /* one pointer a file; NULL when it came from no file */
    const char *origin;
} Entry;

typedef struct Names {
    const char *items[CONF_SECTIONS_MAX + 1]; /* ends in NULL */
    size_t count;
} Names;

struct Settings {
    Arena *arena;
    Entry *entries;
    size_t count;
    size_t room;
    Names clusters;
    Names repos;
    Names files;
};

void settings_free(Settings **settings)
{
    if (!*settings)
        return;
    arena_free(&(*settings)->arena);
    mem_free(&(*settings)->entries);
    mem_free(settings);
}

static bool names_hold(const Names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (text_equal(names->items[i], name))
            return true;
    }
    return false;
}

static Err *names_add(Names *names, const char *name, Arena *arena)
{
    if (names_hold(names, name))
        return NULL;
    if (names->count == CONF_SECTIONS_MAX)
        return ERR(LIMIT, "there are more than %d of them", CONF_SECTIONS_MAX);
    names->items[names->count++] = arena_text(arena, name);
    return NULL;
}

static Err *entry_add(Settings *settings, Entry entry)
{
    if (settings->count == CONF_ENTRIES_MAX)
        return ERR(LIMIT, "the configuration has more than %d values", CONF_ENTRIES_MAX);
    if (settings->count == settings->room) {
        settings->room = settings->room ? settings->room * 2 : 64;
        settings->entries = mem_resize(settings->entries, settings->room * sizeof *settings->entries);
    }
    settings->entries[settings->count++] = entry;
    return NULL;
}

static Err *key_unknown(const IniLine *line)
{
    static const char *const sections[] = {"[global]", "[cluster NAME]", "[repo NAME]"};
    const OptionId id = option_by_key(line->key);
    for (OptionScope scope = SCOPE_GLOBAL; id != OPTION_COUNT && scope <= SCOPE_REPO; scope++) {
        if (option_fits_section(id, scope))
            return ERR(USAGE, "\"%s\" belongs in a section %s", line->key, sections[option_table[id].scope]);
    }
    if (id != OPTION_COUNT)
        return ERR(USAGE, "\"%s\" may be given on the command line only", line->key);
    Err *const err = ERR(USAGE, "unknown option \"%s\" in a section %s", line->key, sections[line->section]);
    const char *const nearest = option_nearest_key(line->key, line->section);
    return nearest ? err_hint(err, "did you mean \"%s\"?", nearest) : err;
}

static Err *line_take(void *arg, const IniLine *line)
{
    Settings *const settings = arg;
    if (line->section == SCOPE_CLUSTER)
        TRY_AS(names_add(&settings->clusters, line->name, settings->arena), "clusters");
    if (line->section == SCOPE_REPO)
        TRY_AS(names_add(&settings->repos, line->name, settings->arena), "repositories");
    if (!line->key)
        return NULL;
    const OptionId id = option_by_key(line->key);
    if (id == OPTION_COUNT || !option_fits_section(id, line->section))
        return key_unknown(line);
    for (size_t i = 0; i < settings->count; i++) {
        const Entry *const other = &settings->entries[i];
        if (other->id == id && other->file == line->file && other->section == line->section &&
            text_equal(other->name, line->name))
            return ERR(USAGE, "\"%s\" is given twice, first at %s", line->key, other->origin);
    }
    Entry entry = {.id = id, .section = line->section, .file = line->file};
    TRY(option_value_parse(&entry.value, id, line->value, NULL, settings->arena));
    entry.name = arena_text(settings->arena, line->name);
    entry.origin = arena_textf(settings->arena, "%s:%d", line->file, line->line);
    return entry_add(settings, entry);
}

static void stream_close(FILE **stream)
{
    if (*stream)
        fclose(*stream);
}

static Err *file_read(Settings *settings, const char *path)
{
    AUTO(stream_close) FILE *stream = fopen(path, "re");
    if (!stream)
        return ERR(USAGE, "configuration file %s cannot be read: %s", path, strerror(errno));
    TRY_AS(names_add(&settings->files, path, settings->arena), "configuration files");
    return ini_file_read(stream, settings->files.items[settings->files.count - 1], line_take, settings);
}

static void entries_free(struct dirent ***entries, int count)
{
    for (int i = 0; i < count; i++)
        free((*entries)[i]);
    free(*entries);
}

static int is_conf_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && text_ends(entry->d_name, ".conf");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static Err *folder_read(Settings *settings, const char *folder)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_conf_file, by_bytes);
    if (count < 0 && errno == ENOENT)
        return NULL;
    if (count < 0)
        return ERR(USAGE, "configuration folder %s cannot be read: %s", folder, strerror(errno));
    Err *err = NULL;
    for (int i = 0; i < count && !err; i++)
        err = file_read(settings, arena_textf(settings->arena, "%s/%s", folder, entries[i]->d_name));
    entries_free(&entries, count);
    return err;
}

static Err *files_read(Settings *settings, const char *asked, const char *default_file)
{
    if (asked)
        return file_read(settings, asked);
    if (access(default_file, F_OK) == 0)
        TRY(file_read(settings, default_file));
    else if (errno != ENOENT && errno != ENOTDIR)
        return ERR(USAGE, "configuration file %s cannot be read: %s", default_file, strerror(errno));
    const char *const slash = strrchr(default_file, '/');
    const int folder_len = slash ? (int)(slash - default_file) : 0;
    return folder_read(settings, arena_textf(settings->arena, "%.*s/conf.d", folder_len, default_file));
}

static Err *variable_unknown(const char *name, Arena *arena)
{
    char *const option = arena_text(arena, name + strlen("PGSTRATA_"));
    for (char *c = option; *c; c++)
        *c = *c == '_' ? '-' : (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    const OptionId id = option_by_env_name(name);
    if (id != OPTION_COUNT)
        return ERR(USAGE, "environment variable %s: --%s may be given on the command line only", name,
                   option_table[id].name);
    Err *const err = ERR(USAGE, "unknown environment variable %s", name);
    const char *const nearest = option_nearest_name(option, FOR_ALL);
    if (!nearest)
        return err_hint(err, "variables that begin with PGSTRATA_ are options of pgstrata");
    return err_hint(err, "did you mean %s?", option_env_name(option_by_name(nearest, strlen(nearest))).text);
}

/* One "NAME=value". */
static Err *variable_read(Settings *settings, const char *variable)
{
    const char *const equals = strchr(variable, '=');
    if (!equals || !text_starts(variable, "PGSTRATA_"))
        return NULL;
    const char *const name = arena_textf(settings->arena, "%.*s", (int)(equals - variable), variable);
    Entry entry = {.id = option_by_env_name(name), .section = SCOPE_COMMAND, .name = ""};
    if (entry.id == OPTION_COUNT || option_table[entry.id].scope == SCOPE_COMMAND)
        return variable_unknown(name, settings->arena);
    if (!equals[1]) /* set to nothing, as containers do: not given */
        return NULL;
    TRY_AS(option_value_parse(&entry.value, entry.id, equals + 1, NULL, settings->arena),
           "environment variable %s", name);
    entry.origin = arena_textf(settings->arena, "environment (%s)", name);
    return entry_add(settings, entry);
}

static Err *environment_read(Settings *settings, char *const *environment)
{
    for (char *const *variable = environment; *variable; variable++)
        TRY(variable_read(settings, *variable));
    return NULL;
}

/* PGDATA is the habit of PostgreSQL's own programs. It names one directory, so it helps where there is one cluster
 * and nothing else names its directory. */
static Err *pgdata_read(Settings *settings, char *const *environment)
{
    for (char *const *variable = environment; *variable; variable++) {
        if (!text_starts(*variable, "PGDATA=/") || settings->clusters.count > 1)
            continue;
        Entry entry = {
            .id = OPT_PGDATA, .section = SCOPE_GLOBAL, .name = "", .origin = "environment (PGDATA)"};
        TRY_AS(option_value_parse(&entry.value, OPT_PGDATA, *variable + strlen("PGDATA="), NULL,
                                  settings->arena),
               "environment variable PGDATA");
        return entry_add(settings, entry);
    }
    return NULL;
}

static Err *args_read(Settings *settings, const Args *args)
{
    char cwd[PGDATA_PATH_MAX];
    const char *const base_dir = getcwd(cwd, sizeof cwd);
    for (size_t i = 0; i < args->option_count; i++) {
        const ArgOption *const given = &args->options[i];
        Entry entry = {.id = given->id, .section = SCOPE_COMMAND, .name = ""};
        TRY_AS(option_value_parse(&entry.value, given->id, given->value, base_dir, settings->arena),
               "command line");
        entry.origin = arena_textf(settings->arena, "command line (%s)", given->as_written);
        TRY(entry_add(settings, entry));
    }
    return NULL;
}

/* The file that is read is itself asked for by option or variable. */
static const char *file_asked(const SettingsInput *input)
{
    const ArgOption *const given = args_find(input->args, OPT_CONFIG);
    if (given)
        return given->value;
    for (char *const *variable = input->environment; *variable; variable++) {
        if (text_starts(*variable, "PGSTRATA_CONFIG=") && strchr(*variable, '=')[1])
            return strchr(*variable, '=') + 1;
    }
    return NULL;
}

/* Without sections the options alone can make one cluster and one repository. Where sections are about to be written,
 * the command line can also name a further one. */
static Err *sections_complete(Settings *settings, bool may_grow)
{
    const char *const cluster = settings_text(settings, OPT_CLUSTER, NULL);
    const char *const repo = settings_text(settings, OPT_REPO, NULL);
    const bool is_repo_named = may_grow && repo && !strpbrk(repo, ", ");
    const bool has_place = settings_text(settings, OPT_REPO_URL, "") != NULL;
    if (cluster ? may_grow || !settings->clusters.count
                : !settings->clusters.count && settings_text(settings, OPT_PGDATA, ""))
        TRY(names_add(&settings->clusters, cluster ? cluster : CONF_NAME_DEFAULT, settings->arena));
    if (has_place && (is_repo_named || !settings->repos.count))
        TRY(names_add(&settings->repos, is_repo_named ? repo : CONF_NAME_DEFAULT, settings->arena));
    return NULL;
}

Err *settings_load(Settings **out, const SettingsInput *input)
{
    AUTO(settings_free) Settings *settings = mem_new(sizeof *settings);
    settings->arena = arena_new();
    const char *const asked = file_asked(input);
    if (!asked || !input->may_be_missing || access(asked, F_OK) == 0 || errno != ENOENT)
        TRY(files_read(settings, asked, input->default_file));
    TRY(pgdata_read(settings, input->environment));
    TRY(environment_read(settings, input->environment));
    TRY(args_read(settings, input->args));
    TRY(sections_complete(settings, input->may_be_missing));
    *out = TAKE(settings);
    return NULL;
}

static const Entry *entry_find(const Settings *settings, OptionId id, OptionScope section, const char *name)
{
    for (size_t i = settings->count; i-- > 0;) {
        const Entry *const entry = &settings->entries[i];
        if (entry->id == id && entry->section == section && text_equal(entry->name, name))
            return entry;
    }
    return NULL;
}

bool setting_is_from_file(const Setting *setting)
{
    return !setting->is_default && !text_starts(setting->origin, "command line") &&
           !text_starts(setting->origin, "environment");
}

Setting settings_get(const Settings *settings, OptionId id, const char *section)
{
    const Option *const option = &option_table[id];
    const Entry *entry = entry_find(settings, id, SCOPE_COMMAND, "");
    if (!entry && section)
        entry = entry_find(settings, id, option->scope, section);
    if (!entry)
        entry = entry_find(settings, id, SCOPE_GLOBAL, "");
    if (entry)
        return (Setting){entry->value, entry->origin, false};
    Setting setting = {.origin = "default", .is_default = true};
    if (option->initial) {
        Err *err = option_value_parse(&setting.value, id, option->initial, NULL, settings->arena);
        assert(!err); /* a row of the table is wrong */
        err_free(&err);
    }
    return setting;
}

const char *settings_text(const Settings *settings, OptionId id, const char *section)
{
    return settings_get(settings, id, section).value.text;
}

int64_t settings_number(const Settings *settings, OptionId id, const char *section)
{
    return settings_get(settings, id, section).value.number;
}

bool settings_flag(const Settings *settings, OptionId id)
{
    return settings_get(settings, id, NULL).value.number != 0;
}

const char *const *settings_texts(size_t *out_count, const Settings *settings, OptionId id, Arena *arena)
{
    const char **const texts = arena_alloc(arena, (settings->count + 1) * sizeof *texts);
    size_t count = 0;
    for (size_t i = 0; i < settings->count; i++) {
        if (settings->entries[i].id == id)
            texts[count++] = settings->entries[i].value.text;
    }
    *out_count = count;
    return texts;
}

const char *const *settings_clusters(const Settings *settings)
{
    return settings->clusters.items;
}

const char *const *settings_repos(const Settings *settings)
{
    return settings->repos.items;
}

const char *const *settings_files(const Settings *settings)
{
    return settings->files.items;
}
