/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/prefetch.h"

#include "base/log.h"
#include "base/text.h"
#include "flow/pool.h"
#include "job/spool.h"
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

/* The whole file passes a small buffer: cheaper than 16 MB of fresh memory. With `to` it is copied, too. */
static Err *file_hash(Hash128 *out, uint64_t *out_bytes, const char *path, File *to)
{
    uint8_t bytes[64 * 1024];
    AUTO(file_close) File *file = NULL;
    AUTO(hash128_stream_free) Hash128Stream *stream = hash128_stream_new();
    TRY(file_open_read_opts(&file, path, (FileReadOpts){.no_follow = true, .is_sequential = true}));
    uint64_t at = 0;
    for (size_t got = sizeof bytes; got == sizeof bytes; at += got) {
        TRY(file_read_at(&got, file, bytes, sizeof bytes, at));
        hash128_stream_add(stream, span_of(bytes, got));
        if (to)
            TRY(file_write(to, span_of(bytes, got)));
    }
    *out = hash128_stream_end(stream);
    *out_bytes = at;
    return NULL;
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
    const WalQuestion *question;
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

static Err *run_work(void *arg, Pool *pool, void *state, void *unit)
{
    (void)pool, (void)state;
    const Run *const run = arg;
    const WalName *const name = unit;
    if (clock_monotonic_us() > run->deadline_us)
        return NULL;
    bool found = false;
    AUTO(buf_done) Buf plain = {0};
    TRY(wal_answer_fetch(&found, &plain, run->question, *name));
    if (!found)
        return NULL;
    AUTO(arena_free) Arena *arena = arena_new();
    const Hash128 hash = hash128_of(buf_span(&plain));
    const char *const file =
        arena_textf(arena, "%s%s", name_prefix(run->prefetch, *name, arena), hash128_text(&hash).text);
    (void)spool_write(run->prefetch->spool, file, buf_span(&plain));
    return NULL;
}

static bool stop_asked(void)
{
    return signal_stop_pending() != 0;
}

/* The segments behind `name` that are archived, up to the first that is not. */
static Err *run_plan(Run *run, WalName name)
{
    for (size_t i = 0; i < PREFETCH_MAX; i++) {
        name = wal_name_next(name);
        ObjectInfo info;
        if ((i + 1) * name.segment_bytes > PREFETCH_BYTES_MAX || !wal_answer_is_whole(run->question, name))
            break;
        Err *err =
            store_stat(&info, run->question->repos[0]->store, key_wal(&run->question->root, name).text);
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
    return pool_run(&(PoolSpec){
        .workers = workers, .arg = run, .produce = run_produce, .work = run_work, .stop_asked = stop_asked});
}

void prefetch_run(const Prefetch *prefetch, const WalQuestion *question, WalName name)
{
    Run run = {.prefetch = prefetch,
               .question = question,
               .deadline_us = clock_monotonic_us() + PREFETCH_MS * INT64_C(1000)};
    AUTO(err_free) Err *err = run_all(&run, name);
    if (err)
        log_debug("fetching ahead: %s", err_text(err));
}
