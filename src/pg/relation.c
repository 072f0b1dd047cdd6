/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/relation.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const fork_names[PG_FORK_COUNT] = {"main", "fsm", "vm", "init"};

const char *pg_fork_name(PgFork fork)
{
    assert(fork < PG_FORK_COUNT);
    return fork_names[fork];
}

RelationPath relation_path(const RelationFile *file, const PgVersion *version)
{
    char folder[64], suffix[8] = "", segment[12] = "";
    const RelFile rel = file->rel;
    if (rel.tablespace.id == TABLESPACE_GLOBAL)
        snprintf(folder, sizeof folder, "global");
    else if (rel.tablespace.id == TABLESPACE_DEFAULT)
        snprintf(folder, sizeof folder, "base/%" PRIu32, rel.database.id);
    else
        snprintf(folder, sizeof folder, "pg_tblspc/%" PRIu32 "/PG_%" PRIu32 "_%" PRIu32 "/%" PRIu32,
                 rel.tablespace.id, version->major, version->catalog_version, rel.database.id);
    if (file->fork != PG_FORK_MAIN)
        snprintf(suffix, sizeof suffix, "_%s", pg_fork_name(file->fork));
    if (file->segment)
        snprintf(segment, sizeof segment, ".%" PRIu32, file->segment);

    RelationPath out;
    snprintf(out.text, sizeof out.text, "%s/%" PRIu32 "%s%s", folder, rel.number.id, suffix, segment);
    return out;
}

/* A number as PostgreSQL writes file names: from 1, no leading zero. Moves *text behind it. */
static bool number_parse(uint32_t *out, const char **text)
{
    uint64_t value = 0;
    const char *p = *text;
    if (*p == '0')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > UINT32_MAX)
            return false;
    }
    if (p == *text)
        return false;
    *out = (uint32_t)value;
    *text = p;
    return true;
}

static PgFork fork_parse(const char **text)
{
    for (int fork = PG_FORK_FSM; **text == '_' && fork < PG_FORK_COUNT; fork++) {
        if (text_starts(*text + 1, fork_names[fork])) {
            *text += 1 + strlen(fork_names[fork]);
            return (PgFork)fork;
        }
    }
    return PG_FORK_MAIN;
}

bool relation_name_parse(RelationFile *out, const char *name)
{
    RelationFile file = {0};
    if (!number_parse(&file.rel.number.id, &name))
        return false;
    file.fork = fork_parse(&name);
    if (*name == '.') {
        name++;
        if (!number_parse(&file.segment, &name))
            return false;
    }
    if (*name)
        return false;
    *out = file;
    return true;
}

bool relation_name_is_temporary(const char *name)
{
    if (*name++ != 't')
        return false;
    const char *const backend = name;
    while (*name >= '0' && *name <= '9') /* backend 0 exists: leading zeros are no reason to refuse here */
        name++;
    RelationFile file;
    return name > backend && *name == '_' && relation_name_parse(&file, name + 1);
}
