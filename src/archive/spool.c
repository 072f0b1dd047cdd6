/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/spool.h"

#include "base/log.h"
#include "codec/hash.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"

#include <string.h>
#include <unistd.h>

enum { SPOOL_MODE = 0700, SPOOL_FILE_MODE = 0600 };
#define TEMP_PREFIX ".new-"

static Err *folder_name(char **out, const char *spool_dir, const char *kind, const char *data_directory,
                        Arena *arena)
{
    char *real = NULL;
    TRY(path_real(&real, data_directory, arena));
    const Hash128 hash = hash128_of(span_of(real, strlen(real)));
    *out = arena_textf(arena, "%s/%s-%s", spool_dir, kind, hash128_text(&hash).text);
    return NULL;
}

static Err *folder_ready(char **out, const char *spool_dir, const char *kind, const char *data_directory,
                         Arena *arena)
{
    char *folder = NULL;
    EntryInfo info;
    TRY(folder_name(&folder, spool_dir, kind, data_directory, arena));
    TRY(entry_stat(&info, folder));
    if (info.kind == ENTRY_ABSENT) {
        TRY(folder_make_all(folder, SPOOL_MODE));
        TRY(entry_stat(&info, folder));
    }
    if (info.kind != ENTRY_FOLDER || info.uid != geteuid() || info.mode != SPOOL_MODE)
        return ERR(REFUSED, "%s is not a folder of ours with mode 0700", folder);
    *out = folder;
    return NULL;
}

char *spool_folder(const char *spool_dir, const char *kind, const char *data_directory, Arena *arena)
{
    char *folder = NULL;
    Err *err = folder_ready(&folder, spool_dir, kind, data_directory, arena);
    if (err)
        log_debug("working without a spool: %s", err_text(err));
    err_free(&err);
    return folder;
}

void spool_remove(const char *spool_dir, const char *kind, const char *data_directory)
{
    AUTO(arena_free) Arena *arena = arena_new();
    char *folder = NULL;
    EntryInfo info = {.kind = ENTRY_ABSENT};
    AUTO(err_free) Err *err = folder_name(&folder, spool_dir, kind, data_directory, arena);
    if (!err)
        err = entry_stat(&info, folder);
    if (!err && info.kind == ENTRY_FOLDER)
        err = folder_remove_all(folder);
    if (err)
        log_debug("emptying the spool: %s", err_text(err));
}

struct SpoolFile {
    File *file;
    char *folder;
    char *temp; /* NULL once it has its name */
};

void spool_file_abort(SpoolFile **file)
{
    SpoolFile *const self = *file;
    if (!self)
        return;
    file_close(&self->file);
    if (self->temp)
        unlink(self->temp); /* on a full disk, what is half must not take the room that is left */
    mem_free(&self->temp);
    mem_free(&self->folder);
    mem_free(file);
}

Err *spool_file_begin(SpoolFile **out, const char *folder, const char *temp_name)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const temp = arena_textf(arena, "%s/" TEMP_PREFIX "%s", folder, temp_name);
    TRY(file_remove(temp));
    AUTO(spool_file_abort) SpoolFile *self = mem_new(sizeof *self);
    self->folder = mem_text(folder);
    TRY(file_create(&self->file, temp, SPOOL_FILE_MODE));
    self->temp = mem_text(temp);
    *out = TAKE(self);
    return NULL;
}

Err *spool_file_write(SpoolFile *file, Span bytes)
{
    return file_write(file->file, bytes);
}

Err *spool_file_commit(SpoolFile *file, const char *name)
{
    AUTO(spool_file_abort) SpoolFile *self = file;
    AUTO(arena_free) Arena *arena = arena_new();
    TRY(file_rename(self->temp, path_join(self->folder, name, arena)));
    mem_free(&self->temp);
    return NULL;
}

static Err *file_make(const char *folder, const char *name, Span bytes)
{
    AUTO(spool_file_abort) SpoolFile *file = NULL;
    TRY(spool_file_begin(&file, folder, name));
    TRY(spool_file_write(file, bytes));
    return spool_file_commit(TAKE(file), name);
}

bool spool_write(const char *folder, const char *name, Span bytes)
{
    AUTO(err_free) Err *err = file_make(folder, name, bytes);
    if (err)
        log_debug("writing to the spool: %s", err_text(err));
    return !err;
}
