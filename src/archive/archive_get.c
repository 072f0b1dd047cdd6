/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/archive_get.h"

#include "base/log.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "archive/prefetch.h"
#include "archive/spool.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/path.h"
#include "os/signal.h"
#include "os/user.h"
#include "pg/conf_file.h"
#include "repo/generation.h"
#include "store/retry.h"

#include <string.h>
#include <unistd.h>

/* A standby without a primary tries again this often, and says so once a minute. */
enum { WAIT_MS = 5000, SAY_US = 60 * 1000 * 1000, OPTS_BYTES_MAX = 64 * 1024 };
#define FILE_MODE 0600

typedef struct Get {
    const ClusterOptions *cluster;
    const ArchiveGet *get;
    Plan plan;
    bool has_plan, is_standby;
    SystemId system_id;
    WalName name;
    Prefetch prefetch; /* spool NULL: none */
    Arena *arena;
} Get;

/* ---- what the data directory says */

static const char *in_data(const Get *self, const char *name)
{
    return path_join(self->get->data_directory, name, self->arena);
}

/* The plan stays in the folder when its recovery has ended on a timeline of its own, and travels with every copy of the
 * folder. There it would call absent what another recovery needs. */
static bool plan_is_spent(const Get *self)
{
    ControlFile control;
    AUTO(err_free) Err *err = cluster_control_read(&control, self->get->data_directory);
    return !err && self->plan.role != PLAN_STANDBY && !plan_stretch(&self->plan, control.checkpoint.timeline);
}

static Err *plan_read(Get *self)
{
    AUTO(buf_done) Buf text = {0};
    Err *err = file_read_all(&text, in_data(self, PLAN_FILE_NAME), PLAN_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    TRY_AS(plan_parse(&self->plan, arena_bytes(self->arena, buf_span(&text)), self->arena), "reading %s",
           in_data(self, PLAN_FILE_NAME));
    self->has_plan = !plan_is_spent(self);
    if (!self->has_plan)
        self->plan = (Plan){0};
    return NULL;
}

static Err *standby_look(Get *self)
{
    EntryInfo info;
    TRY(entry_stat_follow(&info, in_data(self, "standby.signal")));
    self->is_standby = info.kind != ENTRY_ABSENT;
    return NULL;
}

static Err *cluster_look(Get *self)
{
    uint32_t segment_bytes = self->plan.segment_bytes;
    self->system_id = self->plan.system_id;
    if (!self->has_plan) {
        ControlFile control;
        Err *err = cluster_control_read(&control, self->get->data_directory);
        if (err)
            return err_hint(err, "archive-get must run in the data directory, as restore_command does.");
        segment_bytes = control.wal_segment_bytes;
        self->system_id = control.system_id;
    }
    return wal_name_parse(&self->name, self->get->name, segment_bytes);
}

/* The value of primary_conninfo in one file; NULL when it is not set there. */
static const char *conninfo_in(const Get *self, const char *path)
{
    AUTO(buf_done) Buf text = {0};
    PgConf conf;
    AUTO(err_free) Err *err = file_read_all(&text, path, PG_CONF_BYTES_MAX);
    if (!err)
        err = pg_conf_parse(&conf, arena_bytes(self->arena, buf_span(&text)), self->arena);
    return err ? NULL : pg_conf_find(&conf, "primary_conninfo");
}

/* Where the server reads its configuration when it is not in the data directory: as the postmaster was told. */
static const char *conf_elsewhere(const Get *self)
{
    AUTO(buf_done) Buf text = {0};
    AUTO(err_free) Err *err = file_read_all(&text, in_data(self, "postmaster.opts"), OPTS_BYTES_MAX);
    const char *const option = err ? NULL : strstr(buf_text(&text), "\"config_file=");
    if (!option)
        return NULL;
    char *const path = arena_text(self->arena, strchr(option, '=') + 1);
    path[strcspn(path, "\"")] = 0;
    return path;
}

static bool has_primary(const Get *self)
{
    const char *value = conninfo_in(self, in_data(self, "postgresql.auto.conf"));
    if (!value)
        value = conninfo_in(self, in_data(self, "postgresql.conf"));
    const char *const elsewhere = value ? NULL : conf_elsewhere(self);
    if (elsewhere)
        value = conninfo_in(self, elsewhere);
    return value && value[0];
}

/* ---- the repositories to ask */

typedef struct Asked {
    Repo **repos;
    size_t count;
    Err *silence;
} Asked;

static void asked_done(Asked *asked)
{
    for (size_t i = 0; i < asked->count; i++)
        repo_free(&asked->repos[i]);
    mem_free(&asked->repos);
    err_free(&asked->silence);
}

static Err *repo_open_known(Repo **out, const RepoSpec *spec, const char *id)
{
    AUTO(repo_free) Repo *repo = NULL;
    TRY(repo_open(&repo, spec));
    if (id && !text_equal(repo->id, id))
        return err_hint(ERR(REFUSED, "%s is the repository %s, the plan of this directory asks for %s",
                            spec->url, repo->id, id),
                        "Is another disk mounted there?");
    *out = TAKE(repo);
    return NULL;
}

static void repo_ask(Asked *asked, const RepoSpec *spec, const char *id)
{
    Repo *repo = NULL;
    Err *err = repo_open_known(&repo, spec, id);
    if (!err)
        asked->repos[asked->count++] = repo;
    asked->silence = err_first(asked->silence, err);
}

static void repos_ask(Asked *asked, const Get *self)
{
    const size_t count = self->has_plan ? self->plan.repo_count : self->cluster->repo_count;
    asked->repos = mem_new(count * sizeof(Repo *));
    for (size_t i = 0; i < count; i++) {
        /* Another may have it; patience is for all of them: patiently(). */
        RepoSpec spec = {.retry_timeout_ms = 0, .drivers = self->cluster->drivers};
        spec.name = self->has_plan ? self->plan.repos[i].name : self->cluster->repos[i].name;
        spec.url = self->has_plan ? self->plan.repos[i].url : self->cluster->repos[i].url;
        repo_ask(asked, &spec, self->has_plan ? self->plan.repos[i].id : NULL);
    }
}

static Err *root_find(KeyRoot *out, const Get *self, const Asked *asked)
{
    if (self->has_plan) {
        *out = self->plan.root;
        return NULL;
    }
    Store **const stores = arena_alloc(self->arena, asked->count * sizeof(Store *));
    for (size_t i = 0; i < asked->count; i++)
        stores[i] = asked->repos[i]->store;
    RepoSet set = {asked->repos, stores, asked->count};
    Generation generation;
    TRY(generation_find(&generation, &set, self->cluster->name, self->system_id));
    if (generation.segment_bytes != self->name.segment_bytes)
        return ERR(REFUSED, "the archive has segments of %u bytes, this cluster %u", generation.segment_bytes,
                   self->name.segment_bytes);
    *out = generation.root;
    return NULL;
}

/* ---- handing out */

/* Under a name of its own first: PostgreSQL never sees half a file, nor one that was not checked to its end. No sync:
 * what is found there after a crash is thrown away and asked for again. */
typedef struct HandOut {
    Landing landing;
    const char *temp;
    File *file; /* NULL: nothing has landed yet */
} HandOut;

static Err *hand_out_begin(Landing *landing, uint64_t size_bytes)
{
    HandOut *const self = (HandOut *)landing;
    if (!self->file) {
        TRY(file_remove(self->temp));
        TRY(file_create(&self->file, self->temp, FILE_MODE));
    }
    TRY(file_set_size(self->file, 0));
    return file_set_size(self->file, size_bytes);
}

static Err *hand_out_write(Landing *landing, uint64_t offset, Span bytes)
{
    return file_write_at(((HandOut *)landing)->file, bytes, offset);
}

static Err *hand_out_commit(HandOut *self, const char *path)
{
    TRY(file_rename(self->temp, path));
    file_close(&self->file);
    return NULL;
}

static void hand_out_done(HandOut *self)
{
    if (!self->file)
        return;
    file_close(&self->file);
    unlink(self->temp); /* what cannot be removed now is with the next call for this file */
}

static Err *ask(WalAnswer *out, const Get *self)
{
    AUTO(asked_done) Asked asked = {0};
    repos_ask(&asked, self);
    if (!asked.count)
        return TAKE(asked.silence);
    WalQuestion question = {.repos = asked.repos,
                            .repo_count = asked.count,
                            .silence = asked.silence,
                            .system_id = self->system_id,
                            .plan = self->has_plan ? &self->plan : NULL,
                            .is_standby = self->is_standby,
                            .jobs = self->cluster->jobs};
    static const LandingOps ops = {hand_out_begin, hand_out_write};
    TRY(root_find(&question.root, self, &asked));
    AUTO(hand_out_done)
    HandOut to = {.landing = {.ops = &ops}, .temp = arena_textf(self->arena, "%s.new", self->get->path)};
    TRY(wal_answer(out, &to.landing, &question, self->name));
    if (*out == WAL_ABSENT)
        return NULL;
    TRY(hand_out_commit(&to, self->get->path));
    if (self->prefetch.spool && self->name.kind == WAL_NAME_SEGMENT)
        prefetch_run(&self->prefetch, &question, self->name);
    return NULL;
}

/* Names what a file of the spool must have come from. */
static Hash128 origin_of(const Get *self)
{
    AUTO(buf_done) Buf text = {0};
    buf_addf(&text, "%s %s %u\n", self->cluster->name, system_id_text(self->system_id).text,
             self->plan.root.generation);
    for (size_t i = 0; i < self->plan.repo_count; i++)
        buf_addf(&text, "%s\n", self->plan.repos[i].id);
    for (size_t i = 0; i < self->cluster->repo_count && !self->has_plan; i++)
        buf_addf(&text, "%s\n", self->cluster->repos[i].url);
    return hash128_of(buf_span(&text));
}

static Err *once(WalAnswer *out, const Get *self)
{
    const WalQuestion by_plan = {.plan = self->has_plan ? &self->plan : NULL, .is_standby = self->is_standby};
    *out = WAL_ABSENT;
    if (wal_answer_is_alien(&by_plan, self->name))
        return NULL;
    if (self->prefetch.spool && self->name.kind == WAL_NAME_SEGMENT &&
        wal_answer_is_whole(&by_plan, self->name) &&
        prefetch_take(&self->prefetch, self->name, self->get->path)) {
        *out = WAL_FOUND;
        return NULL;
    }
    return ask(out, self);
}

/* Asks again while a repository is away that is needed for the answer. */
static Err *patiently(WalAnswer *out, const Get *self)
{
    Retry retry = retry_begin(self->cluster->retry_timeout_ms);
    for (;;) {
        Err *err = once(out, self);
        if (!err)
            return NULL;
        TRY(retry_wait(&retry, err));
    }
}

/* ---- a standby does not stop */

static Err *wait_out(WalAnswer *out, const Get *self)
{
    int64_t said_us = INT64_MIN;
    for (;;) {
        Err *err = patiently(out, self);
        if (!err || signal_stop_pending())
            return err;
        if (said_us == INT64_MIN || clock_monotonic_us() - said_us >= SAY_US) {
            log_warning("waiting for %s: %s", self->get->name, err_text(err));
            said_us = clock_monotonic_us();
        }
        err_free(&err);
        clock_sleep_ms(WAIT_MS);
        TRY(signal_check());
    }
}

static Err *standby_answer(WalAnswer *out, const Get *self)
{
    if (!has_primary(self))
        return wait_out(out, self);
    Err *err = patiently(out, self);
    if (!err || signal_stop_pending())
        return err;
    log_warning("%s is not had from the archive, streaming may have it: %s", self->get->name, err_text(err));
    err_free(&err);
    *out = WAL_ABSENT;
    return NULL;
}

static void get_done(Get *self)
{
    arena_free(&self->arena);
}

Err *archive_get(WalAnswer *out, const ClusterOptions *cluster, const ArchiveGet *get)
{
    AUTO(get_done) Get self = {.cluster = cluster, .get = get, .arena = arena_new()};
    WalAnswer answer = WAL_ABSENT;
    if (geteuid() == 0)
        TRY(user_become_owner(get->data_directory));
    TRY(plan_read(&self));
    TRY(standby_look(&self));
    TRY(cluster_look(&self));
    self.prefetch =
        (Prefetch){.spool = spool_folder(cluster->spool_dir, "get", get->data_directory, self.arena),
                   .origin = origin_of(&self),
                   .jobs = cluster->jobs};
    TRY(self.is_standby ? standby_answer(&answer, &self) : patiently(&answer, &self));
    if (answer == WAL_ABSENT)
        spool_remove(cluster->spool_dir, "get",
                     get->data_directory); /* recovery ends, or takes another way */
    *out = answer;
    return NULL;
}
