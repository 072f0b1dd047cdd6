/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "db/libpq_priv.h"

#include <dlfcn.h>
#include <stdatomic.h>

#define LIBPQ_FILE "libpq.so.5"

/* One-time library set-up. Two threads that come at once both load; the second finds the first's table. */
static _Atomic(Libpq *) loaded;

typedef struct Symbol {
    const char *name;
    size_t offset; /* of its pointer in Libpq */
} Symbol;

#define LIBPQ_SYMBOL(name) {#name, offsetof(Libpq, name)},
static const Symbol symbols[] = {LIBPQ_FUNCTIONS(LIBPQ_SYMBOL)};

static Err *table_fill(Libpq *table)
{
    void *const library = dlopen(LIBPQ_FILE, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *const reason = dlerror();
        return err_hint(
            ERR(UNSUPPORTED, "%s cannot be loaded: %s", LIBPQ_FILE, reason ? reason : "no reason given"),
            "install libpq5: talking with PostgreSQL needs it");
    }
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        void *const function = dlsym(library, symbols[i].name);
        if (!function)
            return err_hint(ERR(UNSUPPORTED, "%s has no %s", LIBPQ_FILE, symbols[i].name),
                            "install a newer libpq5, at least that of PostgreSQL 13");
        *(void **)(void *)((char *)table + symbols[i].offset) = function;
    }
    return NULL;
}

Err *libpq_load(const Libpq **out)
{
    Libpq *table = atomic_load(&loaded);
    if (!table) {
        AUTO(mem_free) Libpq *fresh = mem_new(sizeof *fresh);
        TRY(table_fill(fresh));
        if (atomic_compare_exchange_strong(&loaded, &table, fresh))
            table = TAKE(fresh);
    }
    *out = table;
    return NULL;
}
