/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cluster/commit_note.h - what a host remembers of the backups it committed
 *
 * In a repository a backup whose commit was lost looks like one that was interrupted: nobody can tell from what is left.
 * The host that wrote the commit can. It keeps a note of every commit in its state directory, one small file a backup
 * and repository: STATE-DIR/commits/<repository id>/<cluster>-g<n>-<label>.json. A host without notes knows less and
 * says nothing wrong.
 *
 * Invariants
 *   1. A note is written after its commit is durable in that repository, and is durable before the backup is announced.
 *   2. Who removes a backup on purpose removes its note first.
 *   3. A backup that another host removed on purpose is not missed: the repository says so (hold_is_gone()).
 *   4. Whoever reads notes and a listing of the repository reads the notes first, so that no commit comes in between.
 */
#pragma once

#include "base/arena.h"
#include "cluster/report.h"
#include "repo/generation.h"

typedef struct CommitNote {
    KeyRoot root;
    BackupLabel label;
    Instant committed;
    Hash128 hash;     /* of the commit object's bytes: BackupCommit */
    const char *path; /* of the note; not looked at when it is written */
} CommitNote;

typedef struct CommitNotes {
    const CommitNote *notes; /* by name of their files */
    size_t count;
} CommitNotes;

/* Durable on return; without a `state_dir` (NULL) nothing is kept. REFUSED when the repository's id cannot be a
 * folder's name. */
MUST Err *commit_note_write(const char *state_dir, const Repo *repo, const CommitNote *note);

/* The notes about one cluster in this repository; none without a `state_dir` (NULL). A note that cannot be read is a
 * warning, a folder that may not be read a note in the report. Lives in the arena. */
CommitNotes commit_notes_load(const char *state_dir, const Repo *repo, const char *cluster, Report *report,
                              Arena *arena);

/* The id of a repository that has lost it, by its name in the notes and by the commits in it, which must be those that were
 * noted; NULL when no note tells, or they contradict each other. Lives in the arena. AWAY. */
MUST Err *commit_notes_repository(const char **id, const char *state_dir, Repo *repo, const char *cluster,
                                  Arena *arena);

/* NULL when there is none. */
const CommitNote *commit_note_find(const CommitNotes *notes, uint32_t generation, BackupLabel label);

/* Forgets the backup, durably; without a `state_dir` or a note nothing. */
MUST Err *commit_note_remove(const char *state_dir, const Repo *repo, const KeyRoot *root, BackupLabel label);

/* Cheaply, whatever their number: are all commits there by name, and is the newest as it was written? The notes were
 * loaded before. Errors as commit_note_check(). */
MUST Err *commit_notes_check(const CommitNotes *notes, Repo *repo);

/* Is the commit in the repository as it was written? CORRUPT: it is gone, or it is another; else why it could not be
 * asked. */
MUST Err *commit_note_check(const CommitNote *note, Repo *repo);
