/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/job/backup_unit.h - generations and backups in memory. Included after archive_unit.h. */
#pragma once

#include "repo/backup_set.h"

#define SEGMENT(n) ((Lsn){UINT64_C(n) * FAKE_WAL_SEGMENT})

static inline RepoSet *set_of(Repo *repo)
{
    return repo_set_of(&repo, 1);
}

/* Frees the set and leaves its repository to the caller. */
static inline void set_let_go(RepoSet **set)
{
    (*set)->count = 0;
    repo_set_free(set);
}

static inline void put_generation(Repo *repo)
{
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    Generation out;
    ASSERT_OK(generation_create(&out, set, &unit_generation));
    assert_int_equal(out.root.generation, 1);
}

static inline BackupLabel label_of(const char *text)
{
    BackupLabel label;
    ASSERT_OK(label_parse(&label, text));
    return label;
}

static inline void put_begin(Repo *repo, const char *label)
{
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    const BackupBegin begin = {.label = label_of(label),
                               .start_lsn = SEGMENT(5),
                               .timeline = {1},
                               .created = second(0),
                               .host = "db1",
                               .data_directory = "/srv/data"};
    ASSERT_OK(backup_begin_write(set, &unit_generation.root, &begin));
}

/* A backup without data: begin, packs, backup. It ended a second after its label. */
static inline void put_backup(Repo *repo, const char *text, uint32_t timeline, Lsn start, Lsn stop)
{
    put_begin(repo, text);
    AUTO(set_let_go) RepoSet *set = set_of(repo);
    const BackupLabel label = label_of(text);
    const BackupRecord record = {.label = label,
                                 .timeline = {timeline},
                                 .start_lsn = start,
                                 .checkpoint_lsn = start,
                                 .stop_lsn = stop,
                                 .start_time = label_time(label),
                                 .stop_time = {label_time(label).us + 1000000},
                                 .major = 15,
                                 .server_version = "15.18",
                                 .manifest_root = {.label = label, .pack = 1, .size_bytes = 1},
                                 .note = ""};
    ASSERT_OK(backup_packs_write(set, &unit_generation.root, label, (PackUses){NULL, 0}));
    ASSERT_OK(backup_record_write(set, &unit_generation.root, &record));
}
