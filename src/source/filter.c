/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "source/filter.h"

#include "base/buf.h"
#include "base/text.h"
#include "pg/relation.h"

#include <stdlib.h>
#include <string.h>

/* Folders of the data directory whose contents do not outlive a server. */
static const char *const emptied[] = {
    "pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
};

/* Left out wherever they are; a star stands for any ending. */
static const char *const skipped[] = {
    ".DS_Store",          "backup_label",   "backup_manifest",          "current_logfiles.tmp",
    "pg_internal.init*",  "pgsql_tmp*",     "postgresql.auto.conf.tmp", "postmaster.opts",
    "postmaster.pid",     "tablespace_map", "pgstrata.clone",           "pgstrata.plan",
    "pgstrata.restoring",
};

static bool name_fits(const char *name, const char *pattern)
{
    const size_t length = strlen(pattern);
    return pattern[length - 1] == '*' ? strncmp(name, pattern, length - 1) == 0 : text_equal(name, pattern);
}

static bool is_among(const char *name, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (name_fits(name, patterns[i]))
            return true;
    }
    return false;
}

/* Of pg_wal the folders stay, empty; segments and history files only where they are asked for. */
static SourceVerdict wal_verdict(const SourceItem *item, const FilterOptions *options)
{
    if (item->kind == SOURCE_FOLDER)
        return SOURCE_EMPTY;
    return options->keeps_wal ? SOURCE_TAKE : SOURCE_SKIP;
}

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

static SourceVerdict name_verdict(SourceItem *item, const char *path, const FilterOptions *options)
{
    if (is_among(item->name, skipped, COUNT_OF(skipped)))
        return SOURCE_SKIP;
    if (text_equal(path, "pg_wal"))
        return wal_verdict(item, options);
    if (!*path && is_among(item->name, emptied, COUNT_OF(emptied)))
        return emptied_verdict(item);
    return SOURCE_TAKE;
}

/* ---- relations ---- */

/* "base/5" or "pg_tblspc/16385/PG_15_202209061/5" */
static bool is_database(const char *path)
{
    const char *const last = strrchr(path, '/');
    if (!last || last[1 + strspn(last + 1, "0123456789")])
        return false;
    if (text_starts(path, "base/"))
        return strchr(path, '/') == last;
    int slashes = 0;
    for (const char *p = path; *p; p++)
        slashes += *p == '/';
    return text_starts(path, "pg_tblspc/") && slashes == 3;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* The numbers of the relations that have an init fork, sorted. */
static void unlogged_find(Buf *numbers, const SourceFolder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        RelationFile file;
        if (relation_name_parse(&file, folder->items[i].name) && file.fork == PG_FORK_INIT)
            buf_add(numbers, &file.rel.number.id, sizeof(uint32_t));
    }
    if (numbers->len)
        qsort(numbers->data, numbers->len / sizeof(uint32_t), sizeof(uint32_t), compare_numbers);
}

static bool is_unlogged(const Buf *numbers, const char *name)
{
    RelationFile file;
    if (!numbers->len || !relation_name_parse(&file, name) || file.fork == PG_FORK_INIT)
        return false;
    return bsearch(&file.rel.number.id, numbers->data, numbers->len / sizeof(uint32_t), sizeof(uint32_t),
                   compare_numbers) != NULL;
}

static void relations_mark(SourceFolder *folder)
{
    AUTO(buf_done) Buf unlogged = {0};
    unlogged_find(&unlogged, folder);
    for (size_t i = 0; i < folder->count; i++) {
        const char *const name = folder->items[i].name;
        if (relation_name_is_temporary(name) || is_unlogged(&unlogged, name))
            folder->items[i].verdict = SOURCE_SKIP;
    }
}

void filter_apply(SourceFolder *folder, const char *path, const FilterOptions *options)
{
    for (size_t i = 0; i < folder->count; i++)
        folder->items[i].verdict = name_verdict(&folder->items[i], path, options);
    if (is_database(path))
        relations_mark(folder);
}
