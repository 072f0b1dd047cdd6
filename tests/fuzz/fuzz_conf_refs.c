/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* Any text as postgresql.conf or pg_hba.conf: references lie in the text, in order and apart, and one that was made to
 * refer elsewhere does so when it is read again. The first byte chooses the syntax. */
#include "pg/conf_refs.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replaced_check(Span text, const ConfRefs *refs, ConfSyntax syntax, Arena *arena)
{
    static const char elsewhere[] = "conf.d/it's \"x\".conf";
    AUTO(buf_done) Buf changed = {0};
    size_t done = 0;
    for (size_t i = 0; i < refs->count; i++) {
        const ConfRef *const ref = &refs->refs[i];
        assert(ref->begin >= done && ref->end >= ref->begin && ref->end <= text.len);
        buf_add(&changed, text.ptr + done, ref->begin - done);
        conf_ref_format(&changed, ref, syntax, elsewhere);
        done = ref->end;
    }
    buf_add(&changed, text.ptr + done, text.len - done);
    ConfRefs again;
    Err *err = conf_refs_parse(&again, buf_span(&changed), syntax, arena);
    assert(!err && again.count == refs->count);
    for (size_t i = 0; i < again.count; i++)
        assert(again.refs[i].kind == refs->refs[i].kind && strcmp(again.refs[i].path, elsewhere) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) Arena *arena = arena_new();
    if (!size)
        return 0;
    const ConfSyntax syntax = data[0] % 2 ? CONF_AUTH : CONF_SETTINGS;
    const Span text = span_of(data + 1, size - 1);
    ConfRefs refs;
    Err *err = conf_refs_parse(&refs, text, syntax, arena);
    if (!err)
        replaced_check(text, &refs, syntax, arena);
    err_free(&err);
    return 0;
}
