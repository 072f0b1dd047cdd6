/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/limits.h - every bound of the program, with its reason
 *
 * Sizes read from outside are checked against these before memory is taken. A number that is part of the repository
 * format stands in repo/FORMAT.md too.
 */
#pragma once

#include "base/wal_limits.h"

/* PostgreSQL's page. Other block sizes need a rebuilt server; nobody ships one. */
#define PAGE_BYTES 8192
/* Pages that so many bytes take; the last one may be cut. */
static inline uint64_t pages_of(uint64_t bytes)
{
    return bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0);
}

/* Format: a frame holds at most this many plain bytes, so that one page costs at most one such decompression. */
#define FRAME_PLAIN_MAX (256 * 1024)
/* Format: compressed bytes of a frame; the codecs' own worst case for FRAME_PLAIN_MAX plus headers, with slack. */
#define FRAME_STORED_MAX (FRAME_PLAIN_MAX + 16 * 1024)

/* A pack is closed at whichever comes first: objects of a size that every store likes, an index that fits memory. */
#define PACK_STORED_TARGET (64 * 1024 * 1024)
#define PACK_PLAIN_MAX     (INT64_C(1) << 30)
/* A pack's list of files: closed here, so that millions of tiny files make more packs, not larger lists. */
#define PACK_FILES_MAX (8 * 1024 * 1024)

/* Format: the index of a container. A pack of 1 GiB needs 1.2 MiB; the WAL index of a 1 GB segment may need more. */
#define CONTAINER_INDEX_MAX (256 * 1024 * 1024)
/* Format: what a kind of object says of itself in the head, and the head with name and facts. */
#define CONTAINER_FACTS_MAX 4096
#define CONTAINER_HEAD_MAX  8192
/* Format: frames of a container. A full pack of 1 GiB and a 1 GB segment have 4096; small files make them shorter. */
#define CONTAINER_FRAMES_MAX (1024 * 1024)

/* One work unit of backup and restore: small enough to balance workers, large enough to cost nothing. */
#define UNIT_BYTES_MAX (128 * 1024 * 1024)

/* Format: a manifest leaf is one frame. */
#define LEAF_PLAIN_MAX FRAME_PLAIN_MAX

/* Format: the manifest's root, read whole. A leaf holds about 1,500 small files and costs a line of 300 bytes here:
 * enough for 300 million files. */
#define MANIFEST_ROOT_MAX (64 * 1024 * 1024)
/* Format: a line of a leaf or root, so that one line never costs more memory than a leaf. */
#define MANIFEST_LINE_MAX LEAF_PLAIN_MAX
/* Extents a line holds before the entry goes on in the next one: a line then always fits an empty leaf. */
#define EXTENTS_PER_LINE 2048
/* Extents of one file, kept in memory together: every block of an 8 GiB segment apart from its neighbours. */
#define EXTENTS_PER_ENTRY_MAX (1024 * 1024)
/* Symbolic links of one backup, which the manifest's reader remembers. PostgreSQL has one per tablespace. */
#define MANIFEST_LINKS_MAX 65536
/* Format: "pack-" and six digits. */
#define PACK_NUMBER_MAX 999999

/* A key in a store: S3 allows 1024 bytes, file systems 255 a component. */
#define STORE_KEY_MAX 512

/* A path below the data directory. MAXPGPATH of PostgreSQL is 1024. */
#define PGDATA_PATH_MAX 1024

/* Entries of one folder held in memory at once, about 32 bytes each and their names: 10 million take some 500 MB. */
#define FOLDER_ENTRIES_MAX 10000000
/* Levels of folders entered below one root; each holds a descriptor open. */
#define FOLDER_DEPTH_MAX 128

/* A timeline history file: 20,000 promotions at 50 bytes. */
#define HISTORY_BYTES_MAX (1024 * 1024)

/* backup_label, and tablespace_map with a line a tablespace; PostgreSQL reads both whole. */
#define BACKUP_LABEL_BYTES_MAX   (64 * 1024)
#define TABLESPACE_MAP_BYTES_MAX (4 * 1024 * 1024)

/* postgresql.conf: the sample has 30 kB; more than this is another file. */
#define PG_CONF_BYTES_MAX (1024 * 1024)

/* Files that postgresql.conf includes, however: conf.d of a large fleet has dozens. */
#define PG_CONF_FILES_MAX 1000

/* A folder for the server's socket: sun_path has 108 bytes, for the folder, "/.s.PGSQL.65535" and a NUL (pqcomm.h). */
#define SOCKET_FOLDER_MAX 92

/* A host name with its NUL: Linux and POSIX allow 255 characters. */
#define HOST_NAME_MAX_BYTES 256

/* Format: bad pages that a backup lists one by one; of more only the number is kept. */
#define BAD_PAGES_LISTED_MAX 1000
/* Blocks that differ during a backup's self-check until WAL explains them: 28 bytes each. */
#define SELF_CHECK_DOUBTS_MAX 1000000

/* Format: pgstrata.plan; a branch of 20,000 timelines. */
#define PLAN_BYTES_MAX (4 * 1024 * 1024)

/* Objects that are read whole as JSON: backup, begin, packs, cluster. The list of packs is the long one. */
#define JSON_OBJECT_MAX (64 * 1024 * 1024)

/* Labels that other hosts may take under our eyes before a backup gives up: each costs them a whole begin. */
#define LABEL_TRIES_MAX 10

#define JOBS_MAX 256

/* Every retry loop: waits double from the first to the last; the whole is bounded by retry-timeout. */
#define RETRY_WAIT_FIRST_MS 100
#define RETRY_WAIT_LAST_MS  5000

/* Bad copies that a reader of several repositories remembers one by one: a person reads them. */
#define MIRROR_FAULTS_MAX 100

/* Objects that verify remembers as read, 80 bytes each: 16 TB of WAL in segments of 16 MB. Others are read again. */
#define VERIFY_SEEN_MAX (1024 * 1024)
/* Objects set aside that a repair looks through: each stands for one that was damaged. */
#define QUARANTINE_MAX 100000

/* Names of clusters and repositories become folder names and keys. */
#define CONF_NAME_MAX 40
/* inih cuts a section's name after this many bytes. */
#define CONF_SECTION_MAX 49
/* Configuration is written by hand; more is a wrong file. */
#define CONF_FILE_BYTES_MAX (1024 * 1024)
#define CONF_SECTIONS_MAX   256
#define CONF_ENTRIES_MAX    10000

/* Notices of one job that are kept word for word; a damaged disk can make millions. */
#define REPORT_NOTICES_MAX 1000

/* How many segments without a commit are passed over to find the last commit: two weeks of an idle server that
 * switches every minute. */
#define WINDOW_LOOK_BACK_MAX 20000
