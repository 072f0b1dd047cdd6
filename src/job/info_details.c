/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/info_details.h"

#include "base/text.h"
#include "cluster/cluster.h"

static void draw_add(Buf *draws, const PackUse *use)
{
    InfoDraw *last = draws->len ? (InfoDraw *)(void *)(draws->data + draws->len) - 1 : NULL;
    if (!last || !text_equal(last->label.text, use->label.text)) {
        const InfoDraw fresh = {.label = use->label};
        buf_add(draws, &fresh, sizeof fresh);
        last = (InfoDraw *)(void *)(draws->data + draws->len) - 1;
    }
    last->packs++;
    last->stored_bytes += use->stored_bytes;
    last->plain_bytes += use->plain_bytes;
    last->live_bytes += use->live_bytes;
}

static size_t telling_repo(const Info *info)
{
    size_t at = 0;
    while (at + 1 < info->repo_count && !info->repos[at].is_told)
        at++;
    return at;
}

Err *info_details(InfoDetails *out, const ClusterOptions *cluster, const Info *info, const InfoBackup *backup,
                  Arena *arena)
{
    InfoDetails details = {.draw_count = 0};
    if (backup->state != INFO_BACKUP_GOOD && backup->state != INFO_BACKUP_BROKEN) {
        *out = details;
        return NULL;
    }
    const RepoSpec spec = cluster_repo_spec(cluster, telling_repo(info));
    AUTO(repo_free) Repo *repo = NULL;
    AUTO(buf_done) Buf draws = {0};
    PackUses packs;
    TRY(repo_open(&repo, &spec));
    TRY(backup_packs_load(&packs, repo, &info->generations[info->generation_count - 1].generation.root,
                          backup->label, arena));
    for (size_t i = 0; i < packs.count; i++)
        draw_add(&draws, &packs.uses[i]);
    details.draw_count = draws.len / sizeof(InfoDraw);
    details.draws = (const InfoDraw *)(const void *)arena_bytes(arena, buf_span(&draws)).ptr;
    const Span map = backup->record.tablespace_map_file;
    TRY(tablespace_map_parse(&details.tablespaces, map, tablespace_map_style(map), arena));
    *out = details;
    return NULL;
}
