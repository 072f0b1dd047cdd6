/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_show.h"

#include "cluster/cluster.h"
#include "os/file.h"
#include "repo/wal_cover.h"

#include <string.h>

void wal_shown_done(WalShown *shown)
{
    if (shown->has_summary)
        wal_summary_done(&shown->summary);
    shown->has_summary = false;
}

Err *wal_show_file(WalShown *out, const char *path)
{
    AUTO(buf_done) Buf plain = {0};
    WalSegmentHead head;
    TRY(file_read_all(&plain, path, WAL_SEGMENT_BYTES_MAX));
    TRY_AS(wal_segment_head_decode(&head, buf_span(&plain)), "reading %s", path);
    plain.len -= plain.len % PAGE_BYTES; /* one that is being received may end anywhere */
    *out = (WalShown){.name = wal_name_of_lsn(head.timeline, head.address, head.segment_bytes),
                      .system_id = head.system_id,
                      .major = head.version->major,
                      .has_summary = true};
    wal_summary_init(&out->summary, head.version);
    AUTO(wal_reader_free) WalReader *reader = wal_reader_new(&head, wal_summary_entry, &out->summary);
    TRY(wal_reader_push(reader, buf_span(&plain)));
    wal_summary_finish(&out->summary, reader);
    return NULL;
}

/* Takes the summary out of one repository. */
typedef Err *StoredFn(WalShown *out, Store *store, const KeyRoot *root);

static Err *whole_show(WalShown *out, Store *store, const KeyRoot *root)
{
    return wal_object_summary(&out->summary, &out->has_summary, store, root, out->name);
}

static Err *tail_show(WalShown *out, Store *store, const KeyRoot *root)
{
    AUTO(arena_free) Arena *arena = arena_new();
    WalCover cover;
    TRY(wal_cover_find(&cover, store, root, out->name, arena));
    if (cover.count != 1) /* a summary is of one tail alone */
        return ERR(NOT_FOUND, "no tail alone holds the begin of %s", wal_name_text(out->name).text);
    return wal_tail_summary(&out->summary, &out->has_summary, store, root, &cover.tails[0]);
}

Err *wal_show_stored(WalShown *out, const ClusterOptions *cluster, const char *name)
{
    static StoredFn *const ways[] = {whole_show, tail_show}; /* a tail only when nobody has it whole */
    AUTO(repo_set_free) RepoSet *set = NULL;
    AUTO(err_free) Err *first = NULL;
    Generation generation;
    TRY(cluster_repos_open(&set, cluster));
    TRY(generation_latest(&generation, set, cluster->name));
    *out = (WalShown){.system_id = generation.system_id, .major = generation.major};
    TRY(wal_name_parse(&out->name, name, generation.segment_bytes));
    if (out->name.kind != WAL_NAME_SEGMENT)
        return ERR(USAGE, "%s is no WAL segment", name);
    for (size_t i = 0; i < COUNT_OF(ways) * set->count; i++) {
        if (i == set->count && !err_is(first, ERR_NOT_FOUND))
            break;
        const Repo *const repo = set->repos[i % set->count];
        Err *err = ways[i / set->count](out, repo->store, &generation.root);
        if (!err) {
            memcpy(out->repo, repo->name, sizeof out->repo);
            return NULL;
        }
        first = err_first(TAKE(first), err);
    }
    return TAKE(first);
}
