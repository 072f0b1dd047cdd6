/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "source/filter.h"

#include "base/buf.h"
#include "base/text.h"
#include "pg/pgdata_path.h"
#include "pg/wal_name.h"

/* Such a folder may be a link to a faster disk; restored, it is a plain folder again, as in the server's own backups. */
static SourceVerdict emptied_verdict(SourceItem *item)
{
    if (item->kind == SOURCE_LINK) {
        item->kind = SOURCE_FOLDER;
        item->mode = 0700;
        item->target = NULL;
    }
    return SOURCE_EMPTY;
}

static bool is_wanted_wal(const char *name, const FilterOptions *options)
{
    WalName wal;
    if (!options->wal_segment_bytes || !wal_name_matches(&wal, name, options->wal_segment_bytes) ||
        wal.kind == WAL_NAME_HISTORY)
        return options->keeps_wal;
    return options->keeps_wal && wal.segment >= options->wal_first && wal.segment <= options->wal_last;
}

/* Everything but what depends on other names of the folder. */
static SourceVerdict kind_verdict(SourceItem *item, const char *folder, PgdataKind kind,
                                  const FilterOptions *options)
{
    if (kind == PGDATA_EMPTY_FOLDER)
        return emptied_verdict(item);
    if (kind == PGDATA_WAL_FOLDER && *folder)
        return SOURCE_EMPTY;
    if (kind == PGDATA_WAL_FILE && item->kind == SOURCE_FILE && text_equal(folder, "pg_wal") &&
        is_wanted_wal(item->name, options))
        return SOURCE_TAKE;
    return pgdata_kind_is_backed_up(kind) ? SOURCE_TAKE : SOURCE_SKIP;
}

/* The names that may be those of init forks: mostly none, so that nothing has to be looked up. */
static size_t inits_find(Buf *to, const SourceFolder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (text_ends(folder->items[i].name, "_init"))
            buf_add(to, &folder->items[i].name, sizeof folder->items[i].name);
    }
    return to->len / sizeof folder->items->name;
}

void filter_apply(SourceFolder *folder, const char *path, const FilterOptions *options)
{
    AUTO(buf_done) Buf inits = {0}, full = {0};
    const size_t init_count = inits_find(&inits, folder);
    for (size_t i = 0; i < folder->count; i++) {
        SourceItem *const item = &folder->items[i];
        buf_clear(&full);
        buf_add_path(&full, path, item->name);
        const PgdataPath is = pgdata_path_classify(buf_text(&full), &options->version);
        item->verdict = kind_verdict(item, path, is.kind, options);
        /* Shared relations, of no database, are never unlogged. */
        if (is.kind == PGDATA_RELATION && is.relation.rel.database.id &&
            pgdata_relation_is_unlogged(&is.relation, (const char *const *)(const void *)inits.data,
                                        init_count))
            item->verdict = SOURCE_SKIP;
    }
}
