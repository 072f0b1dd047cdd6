/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/arena.h"

#include <string.h>

static void test_arena__keeps_what_it_was_given(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const char *texts[1000];
    for (int i = 0; i < 1000; i++)
        texts[i] = arena_textf(arena, "text number %d", i);
    assert_string_equal(texts[0], "text number 0");
    assert_string_equal(texts[999], "text number 999");
}

static void test_arena__serves_blocks_larger_than_its_own(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    uint8_t *const large = arena_alloc(arena, 1 << 20);
    assert_true(span_is_zero(span_of(large, 1 << 20)));
    assert_true(arena_size(arena) >= 1 << 20);
}

static void test_arena_clear__gives_zeroed_memory_again(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    memset(arena_alloc(arena, 100), 0xff, 100);
    arena_clear(arena);
    assert_true(span_is_zero(span_of(arena_alloc(arena, 100), 100)));
}

UNIT_MAIN(cmocka_unit_test(test_arena__keeps_what_it_was_given),
          cmocka_unit_test(test_arena__serves_blocks_larger_than_its_own),
          cmocka_unit_test(test_arena_clear__gives_zeroed_memory_again))
