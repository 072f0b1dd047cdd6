/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/json_object.h"

#include "base/limits.h"
#include "repo/keys.h"

#include <assert.h>
#include <string.h>

Err *object_encode(Buf *out, const ContainerSpec *spec, Span plain)
{
    BufSink to = buf_sink(out, SIZE_MAX);
    AUTO(container_writer_free) ContainerWriter *writer = NULL;
    TRY(container_begin(&writer, spec, &to.sink));
    for (size_t at = 0; at < plain.len; at += FRAME_PLAIN_MAX)
        TRY(container_frame(writer, span_cut(plain, at, FRAME_PLAIN_MAX)));
    ContainerSummary summary;
    return container_finish(&summary, writer);
}

Err *object_load(Buf *plain, Store *store, const char *key, ContainerKind kind)
{
    const ContainerExpect expect = {.kind = kind, .name = key_object_name(key)};
    return container_load(plain, store, key, &expect, JSON_OBJECT_MAX);
}

Err *json_object_encode(Buf *out, const json_t *json, const char *key, ContainerKind kind)
{
    /* Indented and with a newline: people read it after zstd -d. */
    char *text = json_dumps(json, JSON_INDENT(1));
    assert(text);
    AUTO(buf_done) Buf plain = {0};
    buf_addf(&plain, "%s\n", text);
    mem_free(&text);
    const ContainerSpec spec = {.kind = kind,
                                .name = key_object_name(key),
                                .codec = CODEC_ZSTD,
                                .level = codec_level_default(CODEC_ZSTD)};
    return object_encode(out, &spec, buf_span(&plain));
}

void json_read_schema(JsonReader *reader)
{
    const int64_t schema = json_read_int(reader, "schema", 1, INT64_MAX);
    if (!reader->fault && schema != JSON_SCHEMA)
        reader->fault =
            err_hint(ERR(UNSUPPORTED, "%s: written by a newer pgstrata: schema %lld; this program reads %d",
                         reader->what, (long long)schema, JSON_SCHEMA),
                     "use a newer pgstrata for this repository");
}

Err *json_object_load(json_t **out, JsonReader *reader, Store *store, const char *key, ContainerKind kind)
{
    AUTO(buf_done) Buf plain = {0};
    TRY(object_load(&plain, store, key, kind));
    TRY(json_parse_object(out, buf_span(&plain), key));
    *reader = json_read(*out, key);
    json_read_schema(reader);
    return NULL;
}
