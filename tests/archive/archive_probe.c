/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/archive/archive_probe.c - an archive and a plan without setup and restore
 *
 * archive_probe init PGDATA URL...      repositories r1, r2, ... with a generation and a branch record for the cluster
 * archive_probe plan DIR ROLE FROM TLI END URL...
 *                                       writes DIR/pgstrata.plan: role clone, owner or standby; the branch to timeline
 *                                       TLI from LSN FROM on; END is its last known segment's name, or "none"
 * archive_probe changes FROM TO TLI WAL URL
 *                                       prints the map of changes between two LSNs of the branch that ends in TLI; WAL is
 *                                       a pg_wal folder or "none". Lines: "fault TEXT", "database SPACE/DB",
 *                                       "SPACE/DB/FILE LIMIT FIRST+COUNT...", with "-" for no limit
 * Exit status 1 with the error.
 */
#include "archive/change_map.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/path.h"
#include "repo/branch.h"
#include "repo/plan.h"
#include "repo/wal_archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPOS_MAX = 8 };

static Err *repos_init(RepoSet **out, char **urls, size_t count)
{
    Repo *repos[REPOS_MAX];
    for (size_t i = 0; i < count && i < REPOS_MAX; i++) {
        const char name[] = {'r', (char)('1' + i), 0};
        TRY(repo_init(&repos[i], &(RepoSpec){.name = name, .url = urls[i]}));
    }
    *out = repo_set_of(repos, count);
    return NULL;
}

static Err *init(char **args, size_t count)
{
    ControlFile control;
    AUTO(repo_set_free) RepoSet *set = NULL;
    TRY(cluster_control_read(&control, args[0]));
    TRY(repos_init(&set, args + 1, count - 1));
    const Generation wanted = {.root = {.cluster = "main"},
                               .system_id = control.system_id,
                               .major = control.version->major,
                               .catalog_version = control.version->catalog_version,
                               .segment_bytes = control.wal_segment_bytes,
                               .block_bytes = PAGE_BYTES,
                               .relation_segment_blocks = control.relation_segment_blocks,
                               .has_checksums = control.data_checksum_version != 0};
    Generation made;
    TRY(generation_create(&made, set, &wanted));
    BranchRecord record = {
        .timeline = control.checkpoint.timeline, .origin = BRANCH_SETUP, .created = clock_now()};
    strcpy(record.host, cluster_host_name().text);
    strcpy(record.data_directory, args[0]);
    return branch_write(set, &made.root, &record);
}

static Err *plan_make(Plan *plan, char **args, Repo *repo, Arena *arena)
{
    static const char *const roles[] = {"clone", "owner", "standby"};
    Generation generation;
    RepoSet set = {&repo, &repo->store, 1};
    Lsn from;
    History history = {.timeline = {(uint32_t)atoi(args[3])}};
    TRY(generation_latest(&generation, &set, "main"));
    TRY(lsn_parse(&from, args[2]));
    TRY(wal_archive_history(&history, repo, &generation.root, history.timeline, arena));
    char *here = NULL;
    TRY(path_real(&here, args[0], arena));
    *plan = (Plan){.root = generation.root,
                   .system_id = generation.system_id,
                   .segment_bytes = generation.segment_bytes,
                   .branch = plan_branch_make(&history, from, generation.segment_bytes, arena),
                   .has_end = !text_equal(args[4], "none"),
                   .target = "latest",
                   .host = arena_text(arena, cluster_host_name().text),
                   .data_directory = here,
                   .created = clock_now()};
    while (plan->role < COUNT_OF(roles) && !text_equal(roles[plan->role], args[1]))
        plan->role++;
    TRY(label_parse(&plan->backup, "20260101-000000F"));
    WalName end;
    if (plan->has_end) {
        TRY(wal_name_parse(&end, args[4], generation.segment_bytes));
        plan->end_segment = end.segment;
    }
    return NULL;
}

static Err *plan_write(char **args, size_t count)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(repo_set_free) RepoSet *set = NULL;
    AUTO(buf_done) Buf text = {0};
    Plan plan;
    TRY(repos_init(&set, args + 5, count - 5));
    TRY(plan_make(&plan, args, set->repos[0], arena));
    PlanRepo *const repos = arena_alloc(arena, set->count * sizeof *repos);
    for (size_t i = 0; i < set->count; i++)
        repos[i] = (PlanRepo){set->repos[i]->name, args[5 + i], set->repos[i]->id};
    plan.repos = repos;
    plan.repo_count = set->count;
    TRY(plan_format(&text, &plan));
    return file_write_durable(path_join(args[0], PLAN_FILE_NAME, arena), buf_span(&text), 0644);
}

static void changes_print(WalChanges *map)
{
    size_t count;
    const WalDatabase *const databases = wal_changes_databases(map, &count);
    if (wal_changes_fault(map))
        printf("fault %s\n", wal_changes_fault(map));
    for (size_t i = 0; i < count; i++)
        printf("database %" PRIu32 "/%" PRIu32 "\n", databases[i].tablespace.id, databases[i].database.id);
    for (size_t i = 0; i < wal_changes_count(map); i++) {
        const WalChange *const change = wal_changes_at(map, i);
        printf("%" PRIu32 "/%" PRIu32 "/%" PRIu32 " ", change->file.tablespace.id, change->file.database.id,
               change->file.number.id);
        if (change->limit == WAL_NO_LIMIT)
            printf("-");
        else
            printf("%" PRIu32, change->limit);
        NumberRun run = {0, 0};
        while (number_set_next(&run, &change->blocks, run.first + run.count))
            printf(" %" PRIu32 "+%" PRIu32, run.first, run.count);
        printf("\n");
    }
}

static Err *changes(char **args)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(repo_set_free) RepoSet *set = NULL;
    AUTO(wal_changes_free) WalChanges *map = NULL;
    Generation generation;
    WalArchive archive;
    Lineage lineage;
    ChangeRange range = {.generation = &generation,
                         .archive = &archive,
                         .lineage = &lineage,
                         .wal_folder = text_equal(args[3], "none") ? NULL : args[3]};
    TRY(lsn_parse(&range.from, args[0]));
    TRY(lsn_parse(&range.to, args[1]));
    TRY(repos_init(&set, args + 4, 1));
    range.repo = set->repos[0];
    TRY(generation_latest(&generation, set, "main"));
    TRY(wal_archive_list(&archive, range.repo, &generation, arena));
    TRY(lineage_load(&lineage, range.repo, &generation, (Timeline){(uint32_t)atoi(args[2])}, arena));
    TRY(change_map_make(&map, &range));
    changes_print(map);
    return NULL;
}

int main(int count, char **args)
{
    AUTO(err_free) Err *err = NULL;
    if (count >= 4 && text_equal(args[1], "init"))
        err = init(args + 2, (size_t)count - 2);
    else if (count >= 8 && text_equal(args[1], "plan"))
        err = plan_write(args + 2, (size_t)count - 2);
    else if (count == 7 && text_equal(args[1], "changes"))
        err = changes(args + 2);
    else
        err = ERR(USAGE,
                  "init PGDATA URL... | plan DIR ROLE FROM TLI END URL... | changes FROM TO TLI WAL URL");
    if (err)
        fprintf(stderr, "%s [%s]\n%s\n", err_text(err), err_code(err), err_hint_text(err));
    return err ? 1 : 0;
}
