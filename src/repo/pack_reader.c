/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/pack.h"
#include "repo/pack_index.h"

#include <assert.h>

struct PackReader {
    ContainerReader *container;
    PackIndex index;
};

struct PackRuns {
    RunWalk walk;
    Dec dec;
};

static Err *sections_decode(PackReader *reader)
{
    Span files = {0}, pages = {0};
    TRY(pack_sections_find(&files, &pages, reader->container));
    return pack_index_decode(&reader->index, files, pages,
                             container_info(reader->container)->summary.plain_bytes);
}

Err *pack_open(PackReader **out, Store *store, const Key *key)
{
    AUTO(pack_close) PackReader *reader = mem_new(sizeof *reader);
    const ContainerExpect expect = {CONTAINER_PACK, key_object_name(key->text)};
    TRY(container_open(&reader->container, store, key->text, &expect));
    TRY_AS(sections_decode(reader), "object %s", key->text);
    *out = TAKE(reader);
    return NULL;
}

void pack_close(PackReader **reader)
{
    if (!*reader)
        return;
    pack_index_done(&(*reader)->index);
    container_close(&(*reader)->container);
    mem_free(reader);
}

ContainerReader *pack_container(PackReader *reader)
{
    return reader->container;
}

uint64_t pack_seed(const PackReader *reader)
{
    return reader->index.seed;
}

Err *pack_page_hashes(uint64_t *out, const PackReader *reader, uint64_t offset, size_t count)
{
    TRY_AS(pack_index_hashes(out, &reader->index, offset, count), "object %s",
           container_info(reader->container)->name);
    return NULL;
}

PackRuns *pack_runs_new(const PackReader *reader)
{
    PackRuns *const runs = mem_new(sizeof *runs);
    runs->dec = dec_begin(reader->index.files);
    return runs;
}

bool pack_runs_next(PackRunEntry *out, PackRuns *runs)
{
    if (dec_left(&runs->dec) == 0)
        return false;
    Err *err = run_decode(out, &runs->walk, &runs->dec);
    assert(!err); /* pack_open() walked them all */
    err_free(&err);
    return true;
}

void pack_runs_free(PackRuns **runs)
{
    mem_free(runs);
}
