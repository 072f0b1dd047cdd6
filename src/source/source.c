/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "source/source.h"

#include "os/path.h"

#include <assert.h>

Err *source_list(SourceFolder *out, Source *source, const char *path, Arena *arena)
{
    assert(!*path || path_is_inner(path));
    return source->ops->list(out, source, path, arena);
}

Err *source_open(SourceFile **out, Source *source, const char *path)
{
    assert(path_is_inner(path));
    return source->ops->open(out, source, path);
}

Err *source_read(size_t *out_bytes, SourceFile *file, void *to, size_t size, uint64_t offset)
{
    return file->source->ops->read(out_bytes, file, to, size, offset);
}

void source_close(SourceFile **file)
{
    if (*file)
        (*file)->source->ops->close(*file);
    *file = NULL;
}

Err *source_check(Source *source)
{
    return source->ops->check(source);
}

void source_free(Source **source)
{
    if (*source)
        (*source)->ops->free(*source);
    *source = NULL;
}
