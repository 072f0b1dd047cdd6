/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/prefetch.h"

#include "base/log.h"
#include "base/text.h"
#include "flow/pool.h"
#include "archive/file_hash.h"
#include "archive/spool.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/signal.h"
#include "repo/wal_object.h"

#include <string.h>

/* At 20 ms a segment the eight take a tenth of a second on two processors, and a small disk is not filled. */
enum { PREFETCH_MAX = 8, PREFETCH_BYTES_MAX = 128 * 1024 * 1024, PREFETCH_MS = 2000 };
#define FILE_MODE 0600

static char *name_prefix(const Prefetch *prefetch, WalName name, Arena *arena)
{
    return arena_textf(arena, "%s-%s-", wal_name_text(name).text, hash128_text(&prefetch->origin).text);
}

/* CORRUPT when the file is not what its name promises. */
static Err *file_check(const char *path, WalName name, File *to)
{
    Hash128 hash;
    uint64_t size = 0;
    TRY(file_hash(&hash, &size, path, to));
    if (size != name.segment_bytes || !text_ends(path, hash128_text(&hash).text))
        return ERR(CORRUPT, "%s has %llu bytes and XXH3-128 %s", path, (unsigned long long)size,
                   hash128_text(&hash).text);
    return NULL;
}

/* The spool is on another file system. */
static Err *file_copy(const char *path, WalName name, const char *to_path, Arena *arena)
{
    const char *const temp = arena_textf(arena, "%s.new", to_path);
    AUTO(file_close) File *to = NULL;
    TRY(file_remove(temp));
    TRY(file_create(&to, temp, FILE_MODE));
    TRY(file_check(path, name, to));
    TRY(file_rename(temp, to_path));
    return file_remove(path);
}

static Err *file_take(const char *path, WalName name, const char *to_path, Arena *arena)
{
    Err *err = file_check(path, name, NULL);
    if (err)
        return err_first(err, file_remove(path));
    AUTO(err_free) Err *far = file_rename(path, to_path);
    return far ? file_copy(path, name, to_path, arena) : NULL;
}

bool prefetch_take(const Prefetch *prefetch, WalName name, const char *to_path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const prefix = name_prefix(prefetch, name, arena);
    FolderList list = {0};
    AUTO(err_free) Err *err = folder_list(&list, prefetch->spool, arena);
    for (size_t i = 0; i < list.count && !err; i++) {
        if (!text_starts(list.entries[i].name, prefix))
            continue;
        err = file_take(path_join(prefetch->spool, list.entries[i].name, arena), name, to_path, arena);
        if (!err)
            return true;
    }
    if (err)
        log_debug("taking from the spool: %s", err_text(err));
    return false;
}

/* ---- fetching */

typedef struct Run {
    const Prefetch *prefetch;
    WalQuestion question; /* each worker decodes alone */
    WalName names[PREFETCH_MAX];
    size_t count;
    int64_t deadline_us;
} Run;

static Err *run_produce(void *arg, Pool *pool)
{
    Run *const run = arg;
    for (size_t i = 0; i < run->count; i++)
        TRY(pool_push(pool, &run->names[i]));
    return NULL;
}

/* A file of the spool that is hashed while it lands, which it does in order. */
typedef struct SpoolLanding {
    Landing landing;
    SpoolFile *file;
    const char *spool;
    const char *name; /* until its hash is known */
    Hash128Stream *stream;
} SpoolLanding;

static Err *spool_landing_begin(Landing *landing, uint64_t size_bytes)
{
    (void)size_bytes;
    SpoolLanding *const self = (SpoolLanding *)landing;
    spool_file_abort(&self->file);
    (void)hash128_stream_end(self->stream);
    return spool_file_begin(&self->file, self->spool, self->name);
}

static Err *spool_landing_write(Landing *landing, uint64_t offset, Span bytes)
{
    (void)offset;
    SpoolLanding *const self = (SpoolLanding *)landing;
    hash128_stream_add(self->stream, bytes);
    return spool_file_write(self->file, bytes);
}

static void spool_landing_done(SpoolLanding *self)
{
    spool_file_abort(&self->file);
    hash128_stream_free(&self->stream);
}

static Err *segment_fetch(const Run *run, WalName name)
{
    static const LandingOps ops = {spool_landing_begin, spool_landing_write};
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(spool_landing_done)
    SpoolLanding to = {.landing = {.ops = &ops},
                       .spool = run->prefetch->spool,
                       .name = name_prefix(run->prefetch, name, arena),
                       .stream = hash128_stream_new()};
    bool found = false;
    TRY(wal_answer_fetch(&found, &to.landing, &run->question, name));
    if (!found)
        return NULL;
    const Hash128 hash = hash128_stream_end(to.stream);
    return spool_file_commit(TAKE(to.file), arena_textf(arena, "%s%s", to.name, hash128_text(&hash).text));
}

static Err *run_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)pool, (void)state;
    const Run *const run = arg;
    const WalName *const name = unit;
    return clock_monotonic_us() > run->deadline_us ? NULL : segment_fetch(run, *name);
}

/* The segments behind `name` that are archived, up to the first that is not. */
static Err *run_plan(Run *run, WalName name)
{
    for (size_t i = 0; i < PREFETCH_MAX; i++) {
        name = wal_name_next(name);
        ObjectInfo info;
        if ((i + 1) * name.segment_bytes > PREFETCH_BYTES_MAX || !wal_answer_is_whole(&run->question, name))
            break;
        Err *err = store_stat(&info, run->question.repos[0]->store, key_wal(&run->question.root, name).text);
        if (err_is(err, ERR_NOT_FOUND)) {
            err_free(&err);
            break;
        }
        TRY(err);
        run->names[run->count++] = name;
    }
    return NULL;
}

static Err *run_all(Run *run, WalName name)
{
    bool is_empty = false;
    TRY(folder_is_empty(&is_empty, run->prefetch->spool));
    if (is_empty)
        TRY(run_plan(run, name));
    if (!run->count)
        return NULL;
    const size_t workers =
        run->count < (size_t)run->prefetch->jobs ? run->count : (size_t)run->prefetch->jobs;
    return pool_run(&(PoolSpec){.workers = workers,
                                .arg = run,
                                .produce = run_produce,
                                .work = run_work,
                                .stop_check = signal_check});
}

void prefetch_run(const Prefetch *prefetch, const WalQuestion *question, WalName name)
{
    Run run = {.prefetch = prefetch,
               .question = *question,
               .deadline_us = clock_monotonic_us() + PREFETCH_MS * INT64_C(1000)};
    run.question.jobs = 0;
    AUTO(err_free) Err *err = run_all(&run, name);
    if (err)
        log_debug("fetching ahead: %s", err_text(err));
}
