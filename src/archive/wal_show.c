/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_show.h"

#include "cluster/cluster.h"
#include "os/file.h"
#include "repo/wal_cover.h"

#include <inttypes.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 20 };

void wal_shown_done(WalShown *shown)
{
    if (shown->summary.arena)
        wal_summary_done(&shown->summary);
    wal_changes_free(&shown->changes);
    if (shown->activity.arena)
        wal_activity_done(&shown->activity);
    wal_sections_done(&shown->sections);
    err_free(&shown->fault);
}

/* The sections are there; takes them apart. */
static Err *sections_show(WalShown *shown)
{
    const WalSections *const sections = &shown->sections;
    TRY(wal_index_summary_decode(&shown->summary, buf_span(&sections->summary)));
    TRY(wal_index_blocks_decode(&shown->changes, buf_span(&sections->blocks)));
    TRY(wal_index_activity_decode(&shown->activity, buf_span(&sections->activity)));
    return wal_index_seams_decode(&shown->seams, buf_span(&sections->seams));
}

/* ---- a file */

static Err *file_push(WalIndexer *indexer, const File *file, Buf *piece, uint64_t size)
{
    for (uint64_t at = piece->len; at < size;) {
        size_t got;
        buf_clear(piece);
        TRY(file_read_at(&got, file, buf_reserve(piece, PIECE_BYTES), PIECE_BYTES, at));
        buf_grown(piece, got);
        TRY(wal_indexer_push(indexer, buf_span(piece)));
        if (got < PIECE_BYTES)
            break; /* the last piece, or a file that was cut meanwhile */
        at += got;
    }
    return NULL;
}

static Err *file_index(WalShown *shown, const File *file)
{
    AUTO(buf_done) Buf piece = {0};
    AUTO(wal_indexer_free) WalIndexer *indexer = NULL;
    WalSegmentHead head;
    uint64_t size;
    size_t got;
    TRY(file_size(&size, file));
    if (size > WAL_SEGMENT_BYTES_MAX)
        return ERR(LIMIT, "it has %" PRIu64 " bytes, a WAL segment has at most %u", size,
                   WAL_SEGMENT_BYTES_MAX);
    TRY(file_read_at(&got, file, buf_reserve(&piece, PIECE_BYTES), PIECE_BYTES, 0));
    buf_grown(&piece, got);
    TRY(wal_segment_head_decode(&head, buf_span(&piece)));
    shown->name = wal_name_of_lsn(head.timeline, head.address, head.segment_bytes);
    shown->system_id = head.system_id;
    shown->major = head.version->major;
    TRY(wal_indexer_new(&indexer, buf_span(&piece)));
    TRY(wal_indexer_push(indexer, buf_span(&piece)));
    TRY(file_push(indexer, file, &piece, size));
    wal_indexer_finish(&shown->sections, indexer);
    return sections_show(shown);
}

static void shown_hand_on(WalShown *out, WalShown *shown)
{
    *out = *shown;
    *shown = (WalShown){.major = 0};
}

Err *wal_show_file(WalShown *out, const char *path)
{
    AUTO(wal_shown_done) WalShown shown = {.major = 0};
    AUTO(file_close) File *file = NULL;
    TRY(file_open_read_opts(&file, path, (FileReadOpts){.is_sequential = true}));
    TRY_AS(file_index(&shown, file), "reading %s", path);
    shown_hand_on(out, &shown);
    return NULL;
}

/* ---- out of a repository */

/* What is stored without an index: because its records cannot be read, or by an older pgstrata. */
static Err *plain_show(WalShown *shown, Span plain)
{
    shown->fault = wal_sections_of(&shown->sections, plain);
    return shown->fault ? NULL : sections_show(shown);
}

/* Takes the index out of one repository, or makes it. */
typedef Err *StoredFn(WalShown *shown, Store *store, const KeyRoot *root);

static Err *whole_show(WalShown *shown, Store *store, const KeyRoot *root)
{
    TRY(wal_object_sections(&shown->sections, &shown->is_stored, store, root, shown->name));
    if (shown->is_stored)
        return sections_show(shown);
    AUTO(buf_done) Buf plain = {0};
    TRY(wal_object_read(&plain, store, root, shown->name));
    return plain_show(shown, buf_span(&plain));
}

static Err *tail_show(WalShown *shown, Store *store, const KeyRoot *root)
{
    AUTO(arena_free) Arena *arena = arena_new();
    WalCover cover;
    TRY(wal_cover_find(&cover, store, root, shown->name, arena));
    if (!cover.bytes)
        return ERR(NOT_FOUND, "no tail holds the begin of %s", wal_name_text(shown->name).text);
    if (cover.count == 1) /* an index is of one tail alone */
        TRY(wal_tail_sections(&shown->sections, &shown->is_stored, store, root, &cover.tails[0]));
    if (shown->is_stored)
        return sections_show(shown);
    AUTO(buf_done) Buf plain = {0};
    TRY(wal_cover_read(&plain, store, root, &cover));
    return plain_show(shown, buf_span(&plain));
}

static Err *repo_show(WalShown *out, const WalShown *wanted, const Repo *repo, const KeyRoot *root,
                      StoredFn *way)
{
    AUTO(wal_shown_done) WalShown shown = *wanted;
    TRY(way(&shown, repo->store, root));
    memcpy(shown.repo, repo->name, sizeof shown.repo);
    shown_hand_on(out, &shown);
    return NULL;
}

Err *wal_show_stored(WalShown *out, const ClusterOptions *cluster, const char *name)
{
    static StoredFn *const ways[] = {whole_show, tail_show}; /* a tail only when nobody has it whole */
    AUTO(repo_set_free) RepoSet *set = NULL;
    AUTO(err_free) Err *first = NULL;
    Generation generation;
    TRY(cluster_repos_open(&set, cluster));
    TRY(generation_latest(&generation, set, cluster->name));
    WalShown wanted = {.system_id = generation.system_id, .major = generation.major};
    TRY(wal_name_parse(&wanted.name, name, generation.segment_bytes));
    if (wanted.name.kind != WAL_NAME_SEGMENT)
        return ERR(USAGE, "%s is no WAL segment", name);
    for (size_t i = 0; i < COUNT_OF(ways) * set->count; i++) {
        if (i == set->count && !err_is(first, ERR_NOT_FOUND))
            break;
        Err *err =
            repo_show(out, &wanted, set->repos[i % set->count], &generation.root, ways[i / set->count]);
        if (!err)
            return NULL;
        first = err_first(TAKE(first), err);
    }
    return TAKE(first);
}
