/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "backup/backup_base.h"

#include "archive/change_map.h"
#include "base/limits.h"
#include "base/text.h"
#include "os/path.h"
#include "repo/hold.h"

#include <string.h>

typedef struct Search {
    Backup *backup;
    BackupType type;
    Repo *repo;
    Lineage lineage;
    const BackupEntry **lists; /* a list for each repository */
    size_t *counts;
    const BackupLabel *condemned;
    size_t condemned_count;
    const char *why; /* the newest candidate is none */
    bool is_damage;  /* because of objects that are missing or cannot be read */
} Search;

void base_free(Base **base)
{
    if (!*base)
        return;
    wal_changes_free(&(*base)->changes);
    page_hashes_free(&(*base)->hashes);
    repo_free(&(*base)->repo);
    mem_free(base);
}

/* -- is it one? ------------------------------------------------------------------------------------------------------ */

static bool is_everywhere(const Search *search, BackupLabel label)
{
    for (size_t i = 0; i < search->backup->set->count; i++) {
        const BackupEntry *const entry = backup_entry_find(search->lists[i], search->counts[i], label);
        if (!entry || !entry->is_committed)
            return false;
    }
    return true;
}

/* NULL when the new backup may build on it; else why not. */
static const char *record_fault(const Search *search, const BackupRecord *parent)
{
    const BackupRecord *const own = &search->backup->record;
    Arena *const arena = search->backup->arena;
    if (!lineage_has_backup(&search->lineage, parent->timeline, parent->stop_lsn))
        return arena_textf(arena, "%s is of timeline %u and not of the line of descent of timeline %u",
                           parent->label.text, parent->timeline.id, own->timeline.id);
    if (parent->stop_lsn.at > own->start_lsn.at)
        return arena_textf(arena, "%s was consistent at %s only, behind the start of this one at %s",
                           parent->label.text, lsn_text(parent->stop_lsn).text,
                           lsn_text(own->start_lsn).text);
    return NULL;
}

/* What is listed of the packs of one backup, held against those that are used. */
typedef struct PackCheck {
    const PackUse *uses; /* of one label, by number */
    size_t count, next;
    size_t prefix_len;
} PackCheck;

static Err *pack_seen(void *arg, const ObjectEntry *object)
{
    PackCheck *const check = arg;
    uint32_t pack;
    if (check->next == check->count || !key_pack_matches(&pack, object->key + check->prefix_len) ||
        pack != check->uses[check->next].pack)
        return NULL;
    if (object->info.size_bytes == check->uses[check->next].stored_bytes)
        check->next++;
    return NULL;
}

/* Are all packs in the repository, as long as they were? Names the first that is not. */
static Err *packs_look(const char **fault, const Search *search, Repo *repo, const PackUses *packs)
{
    const KeyRoot *const root = &search->backup->generation.root;
    for (size_t i = 0; i < packs->count;) {
        PackCheck check = {.uses = packs->uses + i};
        while (i < packs->count && text_equal(packs->uses[i].label.text, check.uses->label.text))
            i++;
        check.count = (size_t)(packs->uses + i - check.uses);
        const Key prefix = key_backup_object(root, check.uses->label, "pack-");
        check.prefix_len = strlen(prefix.text) - strlen("pack-");
        TRY(store_list(repo->store, prefix.text, (ListOpts){0}, pack_seen, &check));
        if (check.next == check.count)
            continue;
        const Key key = key_pack(root, check.uses->label, check.uses[check.next].pack);
        *fault = arena_textf(search->backup->arena, "%s is missing or damaged in repository %s", key.text,
                             repo->name);
        return NULL;
    }
    return NULL;
}

/* Fills in record and packs; `*fault` says why it is no parent, `*is_damage` whether for lack of objects. Damage is
 * such a reason, an absent store is an error. */
static Err *candidate_look(Base *base, const char **fault, bool *is_damage, const Search *search,
                           BackupLabel label)
{
    Backup *const backup = search->backup;
    const KeyRoot *const root = &backup->generation.root;
    TRY(backup_record_load(&base->record, search->repo, root, label, backup->arena));
    *fault = record_fault(search, &base->record);
    if (*fault)
        return NULL;
    *is_damage = true;
    TRY(backup_packs_load(&base->packs, search->repo, root, label, backup->arena));
    for (size_t i = 0; i < backup->set->count && !*fault; i++)
        TRY(packs_look(fault, search, backup->set->repos[i], &base->packs));
    return NULL;
}

static Err *candidate_try(Base *base, bool *is_one, Search *search, BackupLabel label)
{
    const char *fault = NULL;
    bool is_damage = false;
    AUTO(err_free) Err *err = candidate_look(base, &fault, &is_damage, search, label);
    if (err && !err_is_unreadable(err))
        return TAKE(err);
    if (err)
        fault = arena_textf(search->backup->arena, "%s cannot be read: %s", label.text, err_text(err));
    *is_one = !fault;
    if (fault && !search->why) {
        search->why = fault;
        search->is_damage = is_damage || err;
    }
    return NULL;
}

/* A newer backup that nobody can build on costs reading; one that is damaged needs somebody who looks at it. */
static void passed_over_tell(const Search *search)
{
    Report *const report = search->backup->report;
    if (!search->is_damage)
        return;
    report_warn(report, "backup/PARENT_DAMAGED", "the newest backup cannot be built on: %s", search->why);
    report_hint(
        report,
        "\"pgstrata verify\" tells what else is damaged; an older backup serves instead, or a full one");
}

/* -- the newest ------------------------------------------------------------------------------------------------------ */

static Err *lists_read(Search *search)
{
    Backup *const backup = search->backup;
    search->lists = arena_alloc(backup->arena, backup->set->count * sizeof *search->lists);
    search->counts = arena_alloc(backup->arena, backup->set->count * sizeof *search->counts);
    for (size_t i = 0; i < backup->set->count; i++)
        TRY(backup_list(&search->lists[i], &search->counts[i], backup->set->repos[i],
                        &backup->generation.root, backup->arena));
    return hold_condemned(&search->condemned, &search->condemned_count, backup->set, &backup->generation.root,
                          backup->arena);
}

/* Labels ascend in the order in which backups were begun, so the last that fits is the newest. */
static Err *parent_search(Base *base, bool *is_found, Search *search)
{
    *is_found = false;
    for (size_t i = search->counts[0]; i > 0 && !*is_found; i--) {
        const BackupLabel label = search->lists[0][i - 1].label;
        if (search->type == BACKUP_DIFF && label_type(label) != BACKUP_FULL)
            continue;
        if (is_everywhere(search, label) &&
            !label_is_among(label, search->condemned, search->condemned_count))
            TRY(candidate_try(base, is_found, search, label));
    }
    return NULL;
}

/* -- what changed ---------------------------------------------------------------------------------------------------- */

/* A page that was damaged in the parent may have been mended since, without WAL: it is looked at again. */
static void bad_pages_mark(Base *base, const Backup *backup)
{
    for (size_t i = 0; i < base->record.bad_page_listed; i++) {
        const BadPage *const bad = &base->record.bad_pages[i];
        const PgdataPath path = pgdata_path_classify(bad->path, &backup->filter.version);
        if (path.kind != PGDATA_RELATION)
            continue;
        if (path.relation.fork == PG_FORK_MAIN)
            wal_changes_mark(base->changes, path.relation.rel, (NumberRun){bad->block, 1});
        else
            wal_changes_touch(base->changes, path.relation.rel);
    }
}

/* Why no map could tell, whatever the WAL says; NULL when one can. */
static const char *record_reason(const Base *base, const Backup *backup)
{
    if (base->record.has_checksums != backup->record.has_checksums)
        return backup->record.has_checksums
                   ? "page checksums were switched on since, which rewrites pages without WAL"
                   : "page checksums were switched off since";
    if (base->record.bad_page_count > base->record.bad_page_listed)
        return "the parent has more damaged pages than it lists";
    return NULL;
}

Err *base_changes_read(WalChanges **out, const char **why, Backup *backup, const BaseRange *range)
{
    WalArchive archive;
    AUTO(wal_changes_free) WalChanges *changes = NULL;
    TRY(wal_archive_list(&archive, range->repo, &backup->generation, backup->arena));
    const ChangeRange wanted = {.repo = range->repo,
                                .generation = &backup->generation,
                                .archive = &archive,
                                .lineage = range->lineage,
                                .wal_folder = path_join(backup->cluster->pgdata, "pg_wal", backup->arena),
                                .from = range->from,
                                .to = backup->record.start_lsn};
    AUTO(err_free) Err *err = change_map_make(&changes, &wanted);
    if (err && !err_is(err, ERR_CORRUPT) && !err_is(err, ERR_UNSUPPORTED))
        return TAKE(err);
    const char *const fault = err ? err_text(err) : wal_changes_fault(changes);
    if (fault)
        *why = arena_text(backup->arena, fault);
    *out = fault ? NULL : TAKE(changes);
    return NULL;
}

static Err *changes_read(Base *base, const Search *search)
{
    Backup *const backup = search->backup;
    base->reason = record_reason(base, backup);
    if (base->reason)
        return NULL;
    const BaseRange range = {search->repo, &search->lineage, base->record.start_lsn};
    TRY(base_changes_read(&base->changes, &base->reason, backup, &range));
    if (base->changes)
        bad_pages_mark(base, backup);
    return NULL;
}

Err *base_find(Base **out, const char **why, Backup *backup, BackupType type)
{
    AUTO(base_free) Base *base = mem_new(sizeof *base);
    base->repo = repo_mirror(backup->set);
    Search search = {.backup = backup, .type = type, .repo = base->repo};
    progress_phase(backup->progress, "reading the parent");
    TRY(lineage_load(&search.lineage, base->repo, &backup->generation, backup->record.timeline,
                     backup->arena));
    TRY(lists_read(&search));
    bool is_found;
    TRY(parent_search(base, &is_found, &search));
    passed_over_tell(&search);
    if (!is_found) {
        *why = search.why            ? search.why
               : type == BACKUP_DIFF ? "there is no full backup yet"
                                     : "there is no backup yet";
        return NULL;
    }
    TRY(changes_read(base, &search));
    base->hashes = page_hashes_new(base->repo->store, &backup->generation.root);
    *out = TAKE(base);
    return NULL;
}

const BackupLabel *base_labels(size_t *count, const Base *base, Arena *arena)
{
    AUTO(buf_done) Buf labels = {0};
    for (size_t i = 0; i < base->packs.count; i++) {
        const BackupLabel *const label = &base->packs.uses[i].label;
        if (i > 0 && text_equal(label->text, base->packs.uses[i - 1].label.text))
            continue;
        buf_add(&labels, label, sizeof *label);
    }
    *count = labels.len / sizeof(BackupLabel);
    return (const BackupLabel *)(const void *)arena_bytes(arena, buf_span(&labels)).ptr;
}
