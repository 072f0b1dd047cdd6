/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/version.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

/* clang-format off */
static const PgVersion versions[] = {
    {13, 202007201, 1300, 0xD106},
    {14, 202107181, 1300, 0xD10D},
    {15, 202209061, 1300, 0xD110},
    {16, 202307071, 1300, 0xD113},
    {17, 202406281, 1700, 0xD116},
    {18, 202506291, 1800, 0xD118},
};
/* clang-format on */

static Err *with_range(Err *err)
{
    return err_hint(err, "this version reads PostgreSQL %d to %d", PG_MAJOR_FIRST, PG_MAJOR_LAST);
}

Err *pg_version_of_major(const PgVersion **out, uint32_t major)
{
    if (major < PG_MAJOR_FIRST || major > PG_MAJOR_LAST)
        return with_range(ERR(UNSUPPORTED, "PostgreSQL major version %" PRIu32 " is not known", major));
    *out = &versions[major - PG_MAJOR_FIRST];
    return NULL;
}

Err *pg_version_of_catalog(const PgVersion **out, uint32_t catalog_version)
{
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        if (versions[i].catalog_version == catalog_version) {
            *out = &versions[i];
            return NULL;
        }
    }
    return with_range(ERR(UNSUPPORTED, "catalog version %" PRIu32 " is not known", catalog_version));
}

Err *pg_version_of_wal_magic(const PgVersion **out, uint16_t wal_page_magic)
{
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        if (versions[i].wal_page_magic == wal_page_magic) {
            *out = &versions[i];
            return NULL;
        }
    }
    return with_range(ERR(UNSUPPORTED, "WAL page magic %04X is not known", wal_page_magic));
}

Err *pg_version_parse(const PgVersion **out, Span content)
{
    char text[11] = "";
    const size_t len = content.len && content.ptr[content.len - 1] == '\n' ? content.len - 1 : content.len;
    uint64_t major = 0;
    if (len < sizeof text && len)
        memcpy(text, content.ptr, len);
    if (strlen(text) != len || !text_u64(&major, text) || major > UINT32_MAX)
        return ERR(CORRUPT, "PG_VERSION of %zu bytes holds no major version number", content.len);
    return pg_version_of_major(out, (uint32_t)major);
}
