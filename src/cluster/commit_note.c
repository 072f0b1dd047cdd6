/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/commit_note.h"

#include "base/text.h"
#include "cluster/state_folder.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "repo/backup_set.h"
#include "repo/hold.h"
#include "repo/json_object.h"

#include <assert.h>
#include <string.h>

enum { NOTE_MODE = 0640, NOTES_FOLDER_MODE = 0750, NOTE_BYTES_MAX = 4096 };

static const char *note_path(const char *folder, const KeyRoot *root, BackupLabel label, Arena *arena)
{
    return arena_textf(arena, "%s/%s-g%u-%s.json", folder, root->cluster, root->generation, label.text);
}

Err *commit_note_remove(const char *state_dir, const Repo *repo, const KeyRoot *root, BackupLabel label)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *folder = NULL;
    if (!state_dir)
        return NULL;
    TRY(state_folder_of(&folder, state_dir, "commits", repo, arena));
    TRY(file_remove(note_path(folder, root, label, arena)));
    /* Also when it is gone already: whoever removed it may have died before its sync. */
    Err *err = folder_sync(folder);
    if (err_is(err, ERR_NOT_FOUND)) /* this host keeps none */
        err_free(&err);
    return err;
}

Err *commit_note_write(const char *state_dir, const Repo *repo, const CommitNote *note)
{
    if (!state_dir)
        return NULL;
    AUTO(arena_free) Arena *arena = arena_new();
    const char *folder = NULL;
    TRY(state_folder_of(&folder, state_dir, "commits", repo, arena));
    TRY(folder_make_all(folder, NOTES_FOLDER_MODE));
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_text(json, "repository", repo->name);
    json_set_text(json, "cluster", note->root.cluster);
    json_set_int(json, "generation", note->root.generation);
    json_set_text(json, "label", note->label.text);
    json_set_instant(json, "committed", note->committed);
    json_set_hash128(json, "commit_xxh128", &note->hash);
    char *text = json_dumps(json, JSON_INDENT(1));
    assert(text);
    const char *const path = note_path(folder, &note->root, note->label, arena);
    Err *const err = file_write_durable(path, span_of(text, strlen(text)), NOTE_MODE);
    mem_free(&text);
    return err;
}

/* `repository`: its name as it was configured then; in the arena, NULL: not asked for. */
static Err *note_read(CommitNote *out, const char **repository, const char *path, Arena *arena)
{
    AUTO(buf_done) Buf text = {0};
    AUTO(json_free) json_t *json = NULL;
    CommitNote note = {.path = path};
    TRY(file_read_all(&text, path, NOTE_BYTES_MAX));
    TRY(json_parse_object(&json, buf_span(&text), path));
    JsonReader reader = json_read(json, path);
    json_read_schema(&reader);
    if (repository)
        *repository = arena_text(arena, json_read_text(&reader, "repository"));
    json_read_copy(note.root.cluster, sizeof note.root.cluster, &reader, "cluster");
    note.root.generation = (uint32_t)json_read_int(&reader, "generation", 1, UINT32_MAX);
    note.label = json_read_label(&reader, "label");
    note.committed = json_read_instant(&reader, "committed");
    note.hash = json_read_hash128(&reader, "commit_xxh128");
    TRY(json_read_end(&reader));
    TRY(key_name_check("cluster", note.root.cluster));
    *out = note;
    return NULL;
}

static Err *names_load(FolderList *out, const char **folder, const char *state_dir, const Repo *repo,
                       Arena *arena)
{
    TRY(state_folder_of(folder, state_dir, "commits", repo, arena));
    Err *err = folder_list(out, *folder, arena);
    if (err_is(err, ERR_NOT_FOUND))
        err_free(&err);
    return err;
}

CommitNotes commit_notes_load(const char *state_dir, const Repo *repo, const char *cluster, Report *report,
                              Arena *arena)
{
    FolderList names = {.count = 0};
    const char *folder = NULL;
    AUTO(buf_done) Buf notes = {0};
    AUTO(err_free) Err *silent = state_dir ? names_load(&names, &folder, state_dir, repo, arena) : NULL;
    if (silent)
        report_note(report, "state/COMMITS", "what this host committed is not known: %s", err_text(silent));
    for (size_t i = 0; i < names.count; i++) {
        CommitNote note;
        const char *const path = path_join(folder, names.entries[i].name, arena);
        if (!text_ends(path, ".json") || !text_starts(names.entries[i].name, cluster))
            continue;
        Err *err = note_read(&note, NULL, path, arena);
        if (err)
            report_survived(report, err_hint(err_doing(err, "reading what this host committed"),
                                             "take the file away; its backup is then judged without it"));
        else if (text_equal(note.root.cluster, cluster))
            buf_add(&notes, &note, sizeof note);
    }
    return (CommitNotes){.notes = (const CommitNote *)(const void *)arena_bytes(arena, buf_span(&notes)).ptr,
                         .count = notes.len / sizeof(CommitNote)};
}

const CommitNote *commit_note_find(const CommitNotes *notes, uint32_t generation, BackupLabel label)
{
    for (size_t i = 0; i < notes->count; i++) {
        if (notes->notes[i].root.generation == generation &&
            text_equal(notes->notes[i].label.text, label.text))
            return &notes->notes[i];
    }
    return NULL;
}

static Err *lost(const CommitNote *note, const char *what);

/* It is not there: was it removed on purpose? Then the note has had its day. */
static Err *absent(const CommitNote *note, Repo *repo)
{
    bool is_gone;
    TRY(hold_is_gone(&is_gone, repo, &note->root, note->label));
    if (!is_gone)
        return lost(note, "is gone");
    AUTO(err_free) Err *kept = file_remove(note->path); /* a note that stays does no harm */
    return NULL;
}

static Err *lost(const CommitNote *note, const char *what)
{
    return err_hint(
        ERR(CORRUPT, "backup %s was committed at %s and its commit object %s", note->label.text,
            instant_text(note->committed).text, what),
        "copy the object from another repository, or take a full backup now; if the backup was removed "
        "on purpose, remove %s",
        note->path);
}

/* NOT_FOUND. */
static Err *commit_compare(bool *is_same, const CommitNote *note, Repo *repo)
{
    const Key key = key_backup_object(&note->root, note->label, "backup");
    AUTO(buf_done) Buf bytes = {0};
    TRY(store_get_all(&bytes, repo->store, key.text, RANGE_ALL, JSON_OBJECT_MAX));
    const Hash128 hash = hash128_of(buf_span(&bytes));
    *is_same = hash128_equal(&hash, &note->hash);
    return NULL;
}

Err *commit_note_check(const CommitNote *note, Repo *repo)
{
    bool is_same;
    Err *err = commit_compare(&is_same, note, repo);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return absent(note, repo);
    }
    TRY(err);
    return is_same ? NULL : lost(note, "is not the one that this host wrote");
}

/* Is one of the notes in this folder of a commit that stands in the repository as it was noted? */
static Err *folder_ask(bool *is_its, const char *folder, Repo *repo, const char *cluster, Arena *arena)
{
    FolderList names = {.count = 0};
    *is_its = false;
    AUTO(err_free) Err *silent = folder_list(&names, folder, arena);
    for (size_t i = 0; !silent && !*is_its && i < names.count; i++) {
        CommitNote note;
        const char *name = NULL;
        Err *err = note_read(&note, &name, path_join(folder, names.entries[i].name, arena), arena);
        if (!err && text_equal(name, repo->name) && text_equal(note.root.cluster, cluster))
            err = commit_compare(is_its, &note, repo);
        if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
            return err;
        err_free(&err); /* that one tells nothing */
    }
    return NULL;
}

Err *commit_notes_repository(const char **id, const char *state_dir, Repo *repo, const char *cluster,
                             Arena *arena)
{
    FolderList folders = {.count = 0};
    *id = NULL;
    if (!state_dir)
        return NULL;
    const char *const all = path_join(state_dir, "commits", arena);
    AUTO(err_free) Err *silent = folder_list(&folders, all, arena);
    for (size_t i = 0; !silent && i < folders.count; i++) {
        const char *const name = folders.entries[i].name;
        bool is_its;
        TRY(folder_ask(&is_its, path_join(all, name, arena), repo, cluster, arena));
        if (is_its && *id) {
            *id = NULL;
            return NULL;
        }
        *id = is_its ? name : *id;
    }
    return NULL;
}

/* Of the generation that begins at notes[0]; `*used` is how many notes that are. */
static Err *generation_check(size_t *used, const CommitNote *notes, size_t count, Repo *repo)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const BackupEntry *entries;
    size_t entry_count, i = 0;
    TRY(backup_list(&entries, &entry_count, repo, &notes[0].root, arena));
    for (; i < count && notes[i].root.generation == notes[0].root.generation; i++) {
        const BackupEntry *const entry = backup_entry_find(entries, entry_count, notes[i].label);
        if (!entry || !entry->is_committed)
            TRY(absent(&notes[i], repo));
    }
    *used = i;
    return NULL;
}

Err *commit_notes_check(const CommitNotes *notes, Repo *repo)
{
    const CommitNote *newest = notes->count ? &notes->notes[0] : NULL;
    for (size_t i = 0, used = 0; i < notes->count; i += used)
        TRY(generation_check(&used, &notes->notes[i], notes->count - i, repo));
    for (size_t i = 1; i < notes->count; i++) {
        if (notes->notes[i].committed.us > newest->committed.us)
            newest = &notes->notes[i];
    }
    return newest ? commit_note_check(newest, repo) : NULL;
}
