/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * bench/floor.c - what the least possible program would take for one WAL segment
 *
 *   floor push IN OUT   read, compress (zstd 1, frames of 256 KiB), write, sync file and folder
 *   floor get IN OUT    read, decompress, write
 *
 * One thread, no check of anything. What archive-push and archive-get take beyond it is the price of their promises.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { FRAME = 256 * 1024, STORED_MAX = 64 * 1024 * 1024 };

static void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void push(int in, int out)
{
    const size_t room = ZSTD_compressBound(FRAME);
    char *const plain = malloc(FRAME), *const stored = malloc(room);
    ZSTD_CCtx *const codec = ZSTD_createCCtx();
    for (ssize_t got; (got = read(in, plain, FRAME)) > 0;) {
        const size_t size = ZSTD_compressCCtx(codec, stored, room, plain, (size_t)got, 1);
        must(!ZSTD_isError(size) && write(out, stored, size) == (ssize_t)size, "write");
    }
    must(fsync(out) == 0, "fsync");
}

static void get(int in, int out)
{
    char *const stored = malloc(STORED_MAX), *const plain = malloc(FRAME);
    const ssize_t size = read(in, stored, STORED_MAX);
    must(size > 0, "read");
    ZSTD_DCtx *const codec = ZSTD_createDCtx();
    ZSTD_inBuffer from = {stored, (size_t)size, 0};
    while (from.pos < from.size) {
        ZSTD_outBuffer to = {plain, FRAME, 0};
        must(!ZSTD_isError(ZSTD_decompressStream(codec, &to, &from)), "zstd");
        must(write(out, plain, to.pos) == (ssize_t)to.pos, "write");
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const int in = open(argv[2], O_RDONLY), out = open(argv[3], O_WRONLY | O_CREAT | O_EXCL, 0600);
    must(in >= 0 && out >= 0, "open");
    if (strcmp(argv[1], "get") == 0) {
        get(in, out);
        return 0;
    }
    push(in, out);
    const int folder = open(dirname(argv[3]), O_RDONLY);
    must(folder >= 0 && fsync(folder) == 0, "fsync");
    return 0;
}
