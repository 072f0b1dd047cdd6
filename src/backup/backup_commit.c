/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * backup/backup_commit.c - the end of a backup: what was found, what it draws on, and the object that makes it one
 */
#include "backup/backup_file.h"

#include "base/text.h"
#include "cluster/commit_note.h"
#include "os/clock.h"
#include "repo/hold.h"

#include <stdlib.h>
#include <string.h>

static int by_place(const void *a, const void *b)
{
    const BadPage *const x = a, *const y = b;
    const int order = strcmp(x->path, y->path);
    return order ? order : x->block < y->block ? -1 : x->block > y->block;
}

static bool is_listed(const Backup *backup, const Suspect *suspect)
{
    const BadPage *const bad = (const BadPage *)backup->bad_pages.data;
    for (size_t i = 0; i < backup->bad_pages.len / sizeof *bad; i++) {
        if (bad[i].block == suspect->block && text_equal(bad[i].path, suspect->path))
            return true;
    }
    return false;
}

/* A page cannot be newer than the WAL that existed when the last page had been read. */
static void suspects_judge(Backup *backup)
{
    const Suspect *const suspects = (const Suspect *)backup->suspects.data;
    for (size_t i = 0; i < backup->suspects.len / sizeof *suspects; i++) {
        if (suspects[i].lsn.at <= backup->record.stop_lsn.at || is_listed(backup, &suspects[i]))
            continue;
        backup->record.bad_page_count++;
        const BadPage bad = {suspects[i].path, suspects[i].block, ""};
        if (backup->bad_pages.len / sizeof bad < BAD_PAGES_LISTED_MAX)
            buf_add(&backup->bad_pages, &bad, sizeof bad);
    }
}

static void bad_pages_record(Backup *backup)
{
    BackupRecord *const record = &backup->record;
    suspects_judge(backup);
    if (backup->bad_pages.len)
        qsort(backup->bad_pages.data, backup->bad_pages.len / sizeof(BadPage), sizeof(BadPage), by_place);
    backup_pages_name(backup, (BadPage *)backup->bad_pages.data, backup->bad_pages.len / sizeof(BadPage));
    record->bad_pages = (const BadPage *)backup->bad_pages.data;
    record->bad_page_listed = backup->bad_pages.len / sizeof(BadPage);
    for (size_t i = 0; i < record->bad_page_listed; i++) {
        const BadPage *const bad = &record->bad_pages[i];
        report_warn(backup->report, "backup/BAD_PAGE", "block %u of %s is damaged%s%s", bad->block, bad->path,
                    bad->relation[0] ? ": relation " : "", bad->relation);
    }
    if (record->bad_page_count)
        report_hint(backup->report,
                    "%llu damaged pages were stored as they are; an older backup may hold them whole",
                    (unsigned long long)record->bad_page_count);
}

/* The objects that are no packs, as the first repository has them. */
static Err *small_objects_count(Backup *backup)
{
    static const char *const names[] = {"begin", "packs"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        ObjectInfo info;
        const Key key = key_backup_object(&backup->generation.root, backup->record.label, names[i]);
        TRY(store_stat(&info, backup->set->stores[0], key.text));
        backup->record.stored_bytes += info.size_bytes;
    }
    return NULL;
}

/* The backup is made and good: that it cannot be remembered here is a warning. */
static void commit_remember(const Backup *backup)
{
    const CommitNote note = {.root = backup->generation.root,
                             .label = backup->record.label,
                             .committed = clock_now(),
                             .hash = backup->commit.hash};
    for (size_t i = 0; i < backup->set->count; i++) {
        Err *const err = commit_note_write(backup->cluster->state_dir, backup->set->repos[i], &note);
        if (err)
            report_survived(
                backup->report,
                err_hint(err_doing(err, "remembering the commit of %s", note.label.text),
                         "the backup is good; verify cannot tell from this host should its commit "
                         "get lost"));
    }
}

Err *backup_commit(Backup *backup)
{
    progress_phase(backup->progress, "committing");
    TRY(pack_finish(backup->own_packs));
    backup_packs_keep(backup, backup->own_packs);
    bad_pages_record(backup);
    PackUses uses;
    TRY(pack_tally_uses(&uses, backup->tally));
    const KeyRoot *const root = &backup->generation.root;
    TRY(backup_packs_write(backup->set, root, backup->record.label, uses));
    TRY(small_objects_count(backup));
    TRY(hold_commit_check(backup->set, root, backup->record.label));
    TRY(backup_record_write(&backup->commit, backup->set, root, &backup->record));
    commit_remember(backup);
    return NULL;
}
