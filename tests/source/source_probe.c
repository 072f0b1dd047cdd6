/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/source/source_probe.c - shows what a backup would read
 *
 * source_probe PGDATA online|offline: a line per entry, "kind<TAB>path<TAB>bytes read<TAB>CRC-32C", kinds d (folder), D
 * (folder behind a link), l, f, v (vanished before it was read); then source_check(). Exit status 1 with the error.
 */
#include "base/crc32c.h"
#include "base/limits.h"
#include "os/file.h"
#include "pg/version.h"
#include "source/local.h"
#include "source/walk.h"

#include <stdio.h>
#include <string.h>

static Err *file_show(Source *source, const char *path)
{
    static uint8_t bytes[FRAME_PLAIN_MAX];
    AUTO(source_close) SourceFile *file = NULL;
    TRY(source_open(&file, source, path));
    uint64_t done = 0;
    uint32_t crc = CRC32C_INIT;
    for (size_t got = sizeof bytes; file && got == sizeof bytes; done += got) {
        TRY(source_read(&got, file, bytes, sizeof bytes, done));
        crc = crc32c_add(crc, bytes, got);
    }
    printf("%c\t%s\t%llu\t%08x\n", file ? 'f' : 'v', path, (unsigned long long)done, crc32c_end(crc));
    return NULL;
}

static Err *entry_show(Source *source, const SourceEntry *entry)
{
    if (entry->item->kind == SOURCE_FILE)
        return file_show(source, entry->path);
    const char kind = entry->item->kind == SOURCE_LINK ? 'l' : entry->item->target ? 'D' : 'd';
    printf("%c\t%s\t0\t0\n", kind, entry->path);
    return NULL;
}

static Err *version_read(PgVersion *out, const char *pgdata)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf text = {0};
    const PgVersion *version = NULL;
    TRY(file_read_all(&text, arena_textf(arena, "%s/PG_VERSION", pgdata), 64));
    TRY(pg_version_parse(&version, buf_span(&text)));
    *out = *version;
    return NULL;
}

static Err *show(const char *pgdata, const char *how)
{
    FilterOptions filter = {.keeps_wal = strcmp(how, "offline") == 0};
    TRY(version_read(&filter.version, pgdata));
    AUTO(source_free) Source *source = NULL;
    TRY(source_local_open(&source, pgdata));
    AUTO(walk_free) Walk *walk = NULL;
    TRY(walk_new(&walk, source, &(WalkOptions){.filter = &filter}));
    for (;;) {
        bool is_entry = false;
        SourceEntry entry;
        TRY(walk_next(&is_entry, &entry, walk));
        if (!is_entry)
            return source_check(source);
        TRY(entry_show(source, &entry));
    }
}

int main(int count, char **args)
{
    AUTO(err_free) Err *err = count == 3 ? show(args[1], args[2]) : ERR(USAGE, "PGDATA online|offline");
    if (err)
        fprintf(stderr, "%s [%s]\n%s\n", err_text(err), err_code(err), err_hint_text(err));
    return err ? 1 : 0;
}
