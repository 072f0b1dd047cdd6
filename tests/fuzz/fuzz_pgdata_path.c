/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as a path of the data directory; a relation's path is the one that is made for it. Any content as that of
 * PG_VERSION. */
#include "base/limits.h"
#include "pg/pgdata_path.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void path_try(const char *path, uint32_t major)
{
    const PgVersion *version = NULL;
    Err *const err = pg_version_of_major(&version, major);
    assert(!err);
    const PgdataPath found = pgdata_path_classify(path, version);
    if (found.kind == PGDATA_RELATION)
        assert(strcmp(relation_path(&found.relation, version).text, path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[2 * PGDATA_PATH_MAX];
    const PgVersion *version;
    Err *err = pg_version_parse(&version, span_of(data, size));
    err_free(&err);

    const bool is_safe = pgdata_path_is_safe(span_of(data, size));
    if (size >= sizeof path)
        return 0;
    memcpy(path, data, size);
    path[size] = 0;
    assert(!is_safe || (*path && *path != '/' && strlen(path) == size && !strstr(path, "//")));
    path_try(path, 13);
    path_try(path, 18);
    return 0;
}
