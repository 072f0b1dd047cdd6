/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fake/wal.h - makes WAL to order, and opens the WAL that real servers made
 *
 * A FakeWal lays records out over pages and segments of 1 MB as a server does, with right checksums and links. A test
 * then bends the bytes. Begin with fake_wal_begin(), end with fake_wal_done().
 */
#pragma once

#include "base/buf.h"
#include "pg/wal_page.h"
#include "pg/wal_record.h"

#define FAKE_WAL_SYSTEM_ID UINT64_C(7654321098765432101)
#define FAKE_WAL_SEGMENT   (UINT32_C(1) << 20)

typedef struct FakeWal {
    Buf bytes;
    const PgVersion *version;
    Lsn start;           /* of the first byte; the start of a segment */
    Lsn prev;            /* of the last record */
    Timeline timeline;   /* of the pages to come */
    uint16_t next_flags; /* added to the next page's header */
} FakeWal;

void fake_wal_begin(FakeWal *wal, uint32_t major);
void fake_wal_done(FakeWal *wal);
/* Where the next byte goes. */
Lsn fake_wal_at(const FakeWal *wal);

/* A record of head, `rest`; both return its start. The second makes `rest` of main data alone. */
Lsn fake_wal_record(FakeWal *wal, const WalRecordHead *head, Span rest);
Lsn fake_wal_main(FakeWal *wal, uint8_t manager, uint8_t info, Xid xid, Span main);
/* A record of so many bytes in all, of a manager that nobody knows. */
Lsn fake_wal_filler(FakeWal *wal, size_t total_bytes);

/* Zeros up to the end of the page, or of the segment (without page headers). */
void fake_wal_pad_page(FakeWal *wal);
void fake_wal_pad_segment(FakeWal *wal);
/* Takes everything from `at` on away; the record before it was `prev`. */
void fake_wal_cut(FakeWal *wal, Lsn at, Lsn prev);

/* Checksums a record's bytes anew after they were bent. */
void fake_wal_seal(uint8_t *record, size_t total_bytes);

/* Unpacks tests/fixtures/wal/pgNN.zst: segments of a real server of that major, the last one of timeline 2. */
void fake_wal_fixture(Buf *out, uint32_t major);
