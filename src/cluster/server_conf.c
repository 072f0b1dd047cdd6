/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* A stack of open files instead of recursion: the one on top is read on; what it includes is put above it. */
#include "cluster/server_conf.h"

#include "base/limits.h"
#include "base/text.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

#include <strings.h>

/* The server's own bound (conffiles.h: CONF_FILE_MAX_DEPTH): files that include one another end here. */
enum { DEPTH_MAX = 10 };

typedef struct OpenFile {
    const char *path;
    bool may_be_missing;
    int depth;
    bool is_read;
    PgConf conf;
    size_t at;
} OpenFile;

typedef struct Reading {
    Arena *arena;
    Buf stack; /* of OpenFile */
    Buf lines; /* of PgConfLine */
    Buf files; /* of ServerConfFile */
} Reading;

static void reading_done(Reading *reading)
{
    buf_done(&reading->stack);
    buf_done(&reading->lines);
    buf_done(&reading->files);
}

static void file_push(Reading *reading, const char *path, int depth, bool may_be_missing)
{
    const OpenFile file = {.path = path, .depth = depth, .may_be_missing = may_be_missing};
    buf_add(&reading->stack, &file, sizeof file);
}

static Err *file_load(PgConf *out, const char *path, Arena *arena)
{
    AUTO(buf_done) Buf text = {0};
    TRY(file_read_all(&text, path, PG_CONF_BYTES_MAX));
    return pg_conf_parse(out, buf_span(&text), arena);
}

static Err *file_begin(Reading *reading, OpenFile *file)
{
    file->is_read = true;
    if (reading->files.len / sizeof(ServerConfFile) >= PG_CONF_FILES_MAX)
        return ERR(LIMIT, "%s: more than %d files are included", file->path, PG_CONF_FILES_MAX);
    ServerConfFile note = {.path = file->path, .may_be_missing = file->may_be_missing};
    AUTO(err_free) Err *err = file_load(&file->conf, file->path, reading->arena);
    if (err)
        note.fault = arena_text(reading->arena, err_text(err));
    buf_add(&reading->files, &note, sizeof note);
    return NULL;
}

static bool is_taken(const FolderEntry *entry)
{
    return entry->kind != ENTRY_FOLDER && entry->name[0] != '.' && text_ends(entry->name, ".conf");
}

/* The last one first, so that the first one lies on top. */
static void folder_push(Reading *reading, const char *folder, int depth)
{
    FolderList list;
    AUTO(err_free) Err *err = folder_list(&list, folder, reading->arena);
    if (err) {
        const ServerConfFile note = {.path = folder, .fault = arena_text(reading->arena, err_text(err))};
        buf_add(&reading->files, &note, sizeof note);
        return;
    }
    for (size_t i = list.count; i-- > 0;) {
        if (is_taken(&list.entries[i]))
            file_push(reading, path_join(folder, list.entries[i].name, reading->arena), depth, false);
    }
}

/* `from` moves when the stack grows: nothing of it is used after a push. */
static void include_push(Reading *reading, const OpenFile *from, const PgConfLine *line)
{
    const int depth = from->depth + 1;
    if (depth > DEPTH_MAX)
        return;
    const char *const path =
        path_is_absolute(line->value)
            ? line->value
            : path_join(path_parent(from->path, reading->arena), line->value, reading->arena);
    if (!strcasecmp(line->name, "include_dir"))
        folder_push(reading, path, depth);
    else
        file_push(reading, path, depth, !strcasecmp(line->name, "include_if_exists"));
}

static Err *step(Reading *reading)
{
    OpenFile *const top = (OpenFile *)(void *)(reading->stack.data + reading->stack.len) - 1;
    if (!top->is_read)
        return file_begin(reading, top);
    if (top->at == top->conf.count) {
        buf_cut(&reading->stack, reading->stack.len - sizeof *top);
        return NULL;
    }
    const PgConfLine *const line = &top->conf.lines[top->at++];
    if (line->kind == PG_CONF_SETTING)
        buf_add(&reading->lines, line, sizeof *line);
    else if (line->kind == PG_CONF_INCLUDE)
        include_push(reading, top, line);
    return NULL;
}

Err *server_conf_read(ServerConf *out, const char *path, Arena *arena)
{
    AUTO(reading_done) Reading reading = {.arena = arena};
    file_push(&reading, arena_text(arena, path), 0, false);
    while (reading.stack.len)
        TRY(step(&reading));
    *out = (ServerConf){
        .conf = {(const PgConfLine *)(const void *)arena_bytes(arena, buf_span(&reading.lines)).ptr,
                 reading.lines.len / sizeof(PgConfLine)},
        .files = (const ServerConfFile *)(const void *)arena_bytes(arena, buf_span(&reading.files)).ptr,
        .file_count = reading.files.len / sizeof(ServerConfFile)};
    return NULL;
}
