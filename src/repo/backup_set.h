/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/backup_set.h - the objects that make a backup: begin, packs, backup
 *
 * Order of writing: `begin` reserves the label and says from where the backup starts; packs follow; `packs` lists what
 * the backup draws on; `backup`, written last, is the commit. Without it the backup does not exist. So a label with
 * `begin` only is a running or broken backup, never a damaged one.
 *
 * Ownership: what is loaded lives in the arena.
 * Format:    repo/FORMAT.md, "Backup objects".
 */
#pragma once

#include "repo/generation.h"
#include "repo/place.h"

/* A place in WAL and what stands there: archive/wal_mark.h. */
typedef struct WalMark {
    Lsn lsn; /* 0: none */
    Hash128 hash;
} WalMark;

typedef struct BackupBegin {
    BackupLabel label; /* says the type too: label_type() */
    Lsn start_lsn;     /* 0 for an offline backup before its control file was read */
    Timeline timeline;
    Instant created;
    bool from_standby;
    bool offline;
    bool has_checksums; /* as in the commit */
    Instant
        server_started; /* the postmaster; INSTANT_NONE of a stopped server, and where nobody wrote it down */
    WalMark mark;       /* a checkpoint not before start_lsn */
    const char *host;
    const char *data_directory;
    const BackupLabel *may_draw_on; /* backups whose packs it may use */
    size_t may_draw_on_count;
} BackupBegin;

/* One pack a backup draws on. */
typedef struct PackUse {
    BackupLabel label; /* the backup that wrote it */
    uint32_t pack;
    uint64_t stored_bytes; /* of the object */
    uint64_t plain_bytes;  /* what it holds */
    uint64_t live_bytes;   /* of these, what this backup's files, manifest and side data are made of */
    Sha256 sha256;         /* of the object up to its SHA field: container.h */
} PackUse;

/* A standby's control file, read after all other files: a copy of a standby is consistent from the recovery point that
 * it names, so a restore takes this one and not the one among the files. */
#define SIDE_CONTROL "global/pg_control"

/* A named piece of side data: configuration files outside PGDATA, maps of names, extension and collation versions. */
typedef struct SideItem {
    const char *name; /* "config/postgresql.conf", "databases.json" */
    PlainPlace place;
} SideItem;

typedef struct BadPage {
    const char *path;
    uint32_t block;       /* within the fork */
    const char *relation; /* "db.schema.table" when known, else "" */
} BadPage;

typedef struct BackupRecord {
    BackupLabel label;
    BackupLabel parent; /* what it was made from; empty for a full backup */
    Timeline timeline;
    Lsn start_lsn; /* redo: recovery begins here */
    Lsn checkpoint_lsn;
    Lsn stop_lsn; /* recovery must reach it; not below start_lsn */
    Instant start_time, stop_time;
    bool from_standby;
    bool offline;
    bool has_checksums;
    unsigned major;
    const char *server_version; /* "15.18 (Debian 15.18-1)" */
    uint64_t files;             /* entries of kind file */
    uint64_t size_bytes;        /* of all files */
    uint64_t stored_bytes;      /* of all its objects but the commit itself */
    PlainPlace manifest_root;
    Span backup_label_file;   /* byte for byte as the server gave it; empty for an offline backup */
    Span tablespace_map_file; /* the same; may be empty */
    const SideItem *side;
    size_t side_count;
    const BadPage *bad_pages; /* the first BAD_PAGES_LISTED_MAX */
    size_t bad_page_listed;
    uint64_t bad_page_count;
    const char *note; /* "" for none */
} BackupRecord;

/* NOT_FOUND when the object is not there: for the record that says "not committed". CORRUPT, UNSUPPORTED. */
MUST Err *backup_record_load(BackupRecord *out, Repo *repo, const KeyRoot *root, BackupLabel label,
                             Arena *arena);
MUST Err *backup_begin_load(BackupBegin *out, Repo *repo, const KeyRoot *root, BackupLabel label,
                            Arena *arena);
/* By label and pack number. */
typedef struct PackUses {
    const PackUse *uses;
    size_t count;
} PackUses;
/* NULL when it is not among them. */
const PackUse *pack_uses_find(PackUses packs, BackupLabel label, uint32_t pack);
MUST Err *backup_packs_load(PackUses *out, Repo *repo, const KeyRoot *root, BackupLabel label, Arena *arena);

/* A label for `now` that is later than every label in any of the repositories. */
MUST Err *backup_label_choose(BackupLabel *out, RepoSet *set, const KeyRoot *root, BackupType type,
                              Instant now);
/* Writes `begin` under its label; when another host has taken that one, or a later one, since it was chosen, under the
 * next that is free: begin->label tells. BUSY when others are quicker LABEL_TRIES_MAX times. */
MUST Err *backup_begin_reserve(BackupBegin *begin, RepoSet *set, const KeyRoot *root);
/* EXISTS: the label is taken. */
MUST Err *backup_begin_write(RepoSet *set, const KeyRoot *root, const BackupBegin *begin);
/* In ascending order of label and pack number. */
MUST Err *backup_packs_write(RepoSet *set, const KeyRoot *root, BackupLabel label, PackUses packs);
/* The object that was written, the same in every repository. */
typedef struct BackupCommit {
    uint64_t stored_bytes;
    Hash128 hash; /* of all its bytes */
} BackupCommit;
/* The commit. */
MUST Err *backup_record_write(BackupCommit *out, RepoSet *set, const KeyRoot *root,
                              const BackupRecord *record);

/* What is known of a label from names alone. */
typedef struct BackupEntry {
    BackupLabel label;
    bool has_begin, has_packs, is_committed;
    uint32_t pack_count;
    uint64_t stored_bytes; /* of all its objects */
    Instant begun;         /* the store's time of `begin`; INSTANT_NONE without */
    Instant committed;     /* the same of the commit */
} BackupEntry;
/* By label. One listing pass. */
MUST Err *backup_list(const BackupEntry **out, size_t *count, Repo *repo, const KeyRoot *root, Arena *arena);
/* Among those of such a list; NULL when it is not there. */
const BackupEntry *backup_entry_find(const BackupEntry *entries, size_t count, BackupLabel label);
