/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as postgresql.conf. What was read says the same when it is written with our quotes; and a setting that is
 * taken out is gone, while all others stay. */
#include "pg/conf_file.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again_check(const PgConf *conf, Arena *arena)
{
    AUTO(buf_done) Buf text = {0};
    for (size_t i = 0; i < conf->count; i++) {
        const PgConfLine *const line = &conf->lines[i];
        if (line->kind != PG_CONF_SETTING)
            continue;
        buf_clear(&text);
        Err *err = pg_conf_add(&text, line->name, line->value);
        assert(!err);
        PgConf again;
        err = pg_conf_parse(&again, buf_span(&text), arena);
        assert(!err && again.count == 1);
        assert(strcmp(pg_conf_find(&again, line->name), line->value) == 0);
    }
}

static void without_check(const PgConf *conf, Span text, Arena *arena)
{
    AUTO(buf_done) Buf rest = {0};
    const char *const names[] = {conf->count && conf->lines[0].name ? conf->lines[0].name : "port", NULL};
    pg_conf_copy_without(&rest, text, names);
    PgConf left;
    Err *err = pg_conf_parse(&left, buf_span(&rest), arena);
    assert(!err && left.count <= conf->count && !pg_conf_find(&left, names[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) Arena *arena = arena_new();
    PgConf conf;
    Err *err = pg_conf_parse(&conf, span_of(data, size), arena);
    if (!err) {
        again_check(&conf, arena);
        without_check(&conf, span_of(data, size), arena);
    }
    err_free(&err);
    return 0;
}
