/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_new(size_t size)
{
    void *const block = calloc(1, size ? size : 1);
    if (!block)
        abort();
    return block;
}

void *mem_resize(void *block, size_t size)
{
    void *const resized = realloc(block, size ? size : 1);
    if (!resized)
        abort();
    return resized;
}

char *mem_text(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *const copy = mem_new(size);
    memcpy(copy, text, size);
    return copy;
}

void mem_free(void *pointer_address)
{
    void *block;
    memcpy(&block, pointer_address, sizeof block); /* the variable may be any pointer type */
    free(block);
    memset(pointer_address, 0, sizeof block);
}
