/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * A copy that we start ourselves must not meet the original, which listens where the copy would: it gets the next port
 * that nobody listens on, neither over TCP nor on a socket in the folders that it uses.
 */
#include "base/text.h"
#include "restore/restore_priv.h"
#include "os/entry.h"
#include "os/port.h"
#include "os/path.h"

#include <string.h>

enum {
    PORT_INITIAL = 5432,
    PORT_MAX = 65535,
    PORTS_TRIED = 1000, /* hosts with hundreds of clusters exist */
};

/* A socket file stands there also for a server that listens on no TCP address. */
static bool has_socket(const char *folder, uint16_t port, Arena *arena)
{
    EntryInfo info;
    AUTO(err_free) Err *err = entry_stat(&info, arena_textf(arena, "%s/.s.PGSQL.%u", folder, port));
    return err || info.kind != ENTRY_ABSENT;
}

static bool is_free(const char *folders, uint16_t port)
{
    AUTO(arena_free) Arena *arena = arena_new();
    static const char *const usual[] = {"/var/run/postgresql", "/tmp"};
    for (size_t i = 0; i < COUNT_OF(usual); i++) {
        if (has_socket(usual[i], port, arena))
            return false;
    }
    char *rest = arena_text(arena, folders);
    for (char *folder; (folder = strsep(&rest, ",")) != NULL;) {
        folder += strspn(folder, " \"");
        folder[strcspn(folder, "\"")] = '\0';
        if (*folder && has_socket(folder, port, arena))
            return false;
    }
    return port_is_free(port);
}

static const char *value_of(const char *name, const PgConf *conf, const PgConf *automatic)
{
    const char *const value = pg_conf_find(automatic, name);
    return value ? value : pg_conf_find(conf, name);
}

Err *restore_port_choose(uint16_t *out, const Restore *restore, const PgConf *conf, const PgConf *automatic)
{
    const RestoreOptions *const options = restore->options;
    *out = options->port;
    /* One that is isolated has a socket in its own folder alone. */
    if (!options->start || options->isolate || options->port || restore->place.is_own_place)
        return NULL;
    const char *const set = value_of("port", conf, automatic);
    const char *const folders = value_of("unix_socket_directories", conf, automatic);
    int64_t first = PORT_INITIAL;
    if (set && (!text_i64(&first, set) || first < 1 || first > PORT_MAX))
        first = PORT_INITIAL;
    for (int64_t port = first; port < first + PORTS_TRIED && port <= PORT_MAX; port++) {
        if (!is_free(folders ? folders : "", (uint16_t)port))
            continue;
        *out = port == first ? 0 : (uint16_t)port;
        return NULL;
    }
    return err_hint(ERR(LIMIT, "no port from %lld on is free for the copy to listen on", (long long)first),
                    "--port names one");
}
