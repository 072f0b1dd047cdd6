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

static char *name_prefix(const Prefetch *prefetch, WalName name, Arena *arena)
{
    return arena_textf(arena, "%s-%s-", wal_name_text(name).text, hash128_text(&prefetch->origin).text);
}

bool prefetch_find(char **path, Buf *plain, const Prefetch *prefetch, WalName name, Arena *arena)
{
    const char *const prefix = name_prefix(prefetch, name, arena);
    FolderList list = {0};
    AUTO(err_free) Err *err = folder_list(&list, prefetch->spool, arena);
    for (size_t i = 0; i < list.count && !err; i++) {
        if (!text_starts(list.entries[i].name, prefix))
            continue;
        *path = path_join(prefetch->spool, list.entries[i].name, arena);
        const size_t before = plain->len;
        err = file_read_all(plain, *path, name.segment_bytes);
        if (err)
            break;
        const Hash128 hash = hash128_of(span_cut(buf_span(plain), before, SIZE_MAX));
        if (plain->len - before == name.segment_bytes &&
            text_equal(list.entries[i].name + strlen(prefix), hash128_text(&hash).text))
            return true;
        buf_cut(plain, before);
        err = file_remove(*path);
    }
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
