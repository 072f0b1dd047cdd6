/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The first byte chooses the object (begin, packs, backup, cluster, branch, holds), the rest are its plain bytes. */
#include "repo/backup_set.h"
#include "repo/branch.h"
#include "repo/hold_wal.h"
#include "repo/json_object.h"
#include "store/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const KeyRoot root = {"main", 1};
static const BackupLabel label = {"20261121-083000F"};

static Err *object_put(Repo *repo, const char *key, ContainerKind kind, Span plain)
{
    const ContainerSpec spec = {.kind = kind, .name = key_object_name(key), .codec = CODEC_NONE};
    AUTO(buf_done) Buf bytes = {0};
    TRY(object_encode(&bytes, &spec, plain));
    return store_put_all(repo->store, key, buf_span(&bytes));
}

static Err *backup_try(Repo *repo, unsigned which, Span plain, Arena *arena)
{
    static const char *const names[] = {"begin", "packs", "backup"};
    static const ContainerKind kinds[] = {CONTAINER_BEGIN, CONTAINER_PACKS, CONTAINER_BACKUP};
    BackupBegin begin;
    PackUses packs;
    BackupRecord record;
    TRY(object_put(repo, key_backup_object(&root, label, names[which]).text, kinds[which], plain));
    if (which == 0)
        return backup_begin_load(&begin, repo, &root, label, arena);
    if (which == 1)
        return backup_packs_load(&packs, repo, &root, label, arena);
    return backup_record_load(&record, repo, &root, label, arena);
}

static Err *hold_try(Repo *repo, unsigned which, Span plain, Arena *arena)
{
    HoldList holds;
    WalWantedList wanted;
    if (which == 0) {
        TRY(object_put(repo, key_hold(&root, "pin", label.text, 1).text, CONTAINER_HOLD, plain));
        return hold_list(&holds, repo, &root, arena);
    }
    TRY(object_put(repo, key_hold(&root, "wal", "", 1).text, CONTAINER_HOLD, plain));
    return hold_wal_load(&wanted, repo, &root, 1, arena);
}

static Err *object_try(Repo *repo, unsigned which, Span plain, Arena *arena)
{
    const Generation *generations;
    const BranchRecord *branches;
    size_t count;
    if (which < 3)
        return backup_try(repo, which, plain, arena);
    if (which == 3) {
        TRY(object_put(repo, key_cluster(&root).text, CONTAINER_CLUSTER, plain));
        return generation_list(&generations, &count, repo, root.cluster, arena);
    }
    if (which > 4)
        return hold_try(repo, which - 5, plain, arena);
    TRY(object_put(repo, key_branch(&root, (Timeline){2}).text, CONTAINER_BRANCH, plain));
    return branch_list(&branches, &count, repo, &root, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    AUTO(arena_free) Arena *arena = arena_new();
    Repo repo = {.name = "main", .store = mem_store_new()};
    AUTO(err_free) Err *err = object_try(&repo, data[0] % 7, span_of(data + 1, size - 1), arena);
    store_free(&repo.store);
    return 0;
}
