/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/wal_show.h"

#include "job/cluster.h"
#include "os/file.h"

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

Err *wal_show_stored(WalShown *out, const ClusterOptions *cluster, const char *name)
{
    AUTO(repo_set_free) RepoSet *set = NULL;
    AUTO(err_free) Err *first = NULL;
    Generation generation;
    TRY(cluster_repos_open(&set, cluster));
    TRY(generation_latest(&generation, set, cluster->name));
    *out = (WalShown){.system_id = generation.system_id, .major = generation.major};
    TRY(wal_name_parse(&out->name, name, generation.segment_bytes));
    if (out->name.kind != WAL_NAME_SEGMENT)
        return ERR(USAGE, "%s is no WAL segment", name);
    for (size_t i = 0; i < set->count; i++) {
        const Repo *const repo = set->repos[i];
        Err *err =
            wal_object_summary(&out->summary, &out->has_summary, repo->store, &generation.root, out->name);
        if (!err) {
            memcpy(out->repo, repo->name, sizeof out->repo);
            return NULL;
        }
        first = err_first(TAKE(first), err);
    }
    return TAKE(first);
}
