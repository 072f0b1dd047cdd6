/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * base/mem.h - heap memory and the clean-up of scopes
 *
 * Running out of memory aborts the program: there is nothing a backup program could do then that would not need
 * memory. Sizes that come from outside (a file, the network) are checked against base/limits.h before they get here.
 *
 * AUTO(fn) names the function that abandons a variable when it leaves scope; the function gets the variable's address
 * and must accept one that holds NULL or zero. TAKE(p) hands ownership on: it yields the value and nulls the variable,
 * so the clean-up finds nothing. Leaving scope never makes anything succeed; success is an explicit `*_commit`.
 */
#pragma once

#include <stddef.h>

#define AUTO(fn)                                                                                             \
    __attribute__((cleanup(fn), unused)) /* unused: some variables exist for their clean-up alone */
#define MUST __attribute__((warn_unused_result))
#define TAKE(p)                                                                                              \
    __extension__({                                                                                          \
        __typeof__(p) *const take_place_ = &(p);                                                             \
        __typeof__(p) take_value_ = *take_place_;                                                            \
        *take_place_ = NULL;                                                                                 \
        take_value_;                                                                                         \
    })

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory of `size` bytes, never NULL; free it with mem_free(). */
MUST void *mem_new(size_t size);

/* Grows or shrinks; bytes beyond the old size are undefined. Only growable containers of base/ need it. */
MUST void *mem_resize(void *block, size_t size);

/* A copy of `text`, with its closing NUL. */
MUST char *mem_text(const char *text);

/* Frees what the pointer at `pointer_address` points to and nulls it: mem_free(&p), or AUTO(mem_free) char *p. */
void mem_free(void *pointer_address);
