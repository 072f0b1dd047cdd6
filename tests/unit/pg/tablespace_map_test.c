/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "pg/fixture.h"
#include "pg/tablespace_map.h"

/* Fixtures have a tablespace in the folder "/srv/odd<major>\n\space x" and one in a plain folder. */
static void test_tablespace_map__is_read_back_as_servers_write_it(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(buf_done) Buf text = {0}, again = {0};
        fixture_read(&text, major, "tablespace_map");
        const TablespaceMapStyle style = tablespace_map_style(buf_span(&text));
        assert_int_equal(style, major == 13 ? TABLESPACE_MAP_BARE : TABLESPACE_MAP_ESCAPED);
        TablespaceMap map;
        ASSERT_OK(tablespace_map_parse(&map, buf_span(&text), style, arena));
        assert_int_equal(map.count, 2);
        assert_string_equal(map.links[0].path, arena_textf(arena, "/srv/odd%u\n\\space x", major));
        assert_string_equal(map.links[1].path, arena_textf(arena, "/srv/plain%u", major));
        assert_int_equal(map.links[1].tablespace.id, map.links[0].tablespace.id + 1);
        ASSERT_OK(tablespace_map_format(&again, &map, style));
        assert_string_equal(buf_text(&again), buf_text(&text));
    }
}

static void test_tablespace_map__keeps_odd_paths_in_both_styles(void **state)
{
    (void)state;
    const TablespaceLink links[] = {{{16384}, "/a\nb"},
                                    {{16385}, "/a\rb"},
                                    {{16386}, "/a\\\nb"},
                                    {{16387}, "/\\\\x"},
                                    {{16388}, "/ two  blanks"}};
    const TablespaceMap map = {links, COUNT_OF(links)};
    static const TablespaceMapStyle styles[] = {TABLESPACE_MAP_ESCAPED, TABLESPACE_MAP_BARE};
    for (size_t s = 0; s < COUNT_OF(styles); s++) {
        AUTO(arena_free) Arena *arena = arena_new();
        AUTO(buf_done) Buf text = {0};
        TablespaceMap again;
        ASSERT_OK(tablespace_map_format(&text, &map, styles[s]));
        ASSERT_OK(tablespace_map_parse(&again, buf_span(&text), styles[s], arena));
        assert_int_equal(again.count, map.count);
        for (size_t i = 0; i < map.count; i++) {
            assert_int_equal(again.links[i].tablespace.id, links[i].tablespace.id);
            assert_string_equal(again.links[i].path, links[i].path);
        }
    }
}

static void test_tablespace_map__refuses_a_path_that_bare_style_cannot_carry(void **state)
{
    (void)state;
    const TablespaceLink link = {{16384}, "/a\\"};
    const TablespaceMap map = {&link, 1};
    AUTO(buf_done) Buf text = {0};
    ASSERT_ERR(UNSUPPORTED, tablespace_map_format(&text, &map, TABLESPACE_MAP_BARE));
    ASSERT_OK(tablespace_map_format(&text, &map, TABLESPACE_MAP_ESCAPED));
    assert_string_equal(buf_text(&text), "16384 /a\\\\\n");
}

static void test_tablespace_map__takes_a_last_line_without_end(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    TablespaceMap map;
    ASSERT_OK(tablespace_map_parse(&map, fixture_text("1 /a\r2 /b"), TABLESPACE_MAP_ESCAPED, arena));
    assert_int_equal(map.count, 2);
    assert_string_equal(map.links[1].path, "/b");
    ASSERT_OK(tablespace_map_parse(&map, fixture_text(""), TABLESPACE_MAP_ESCAPED, arena));
    assert_int_equal(map.count, 0);
}

static void test_tablespace_map__refuses_malformed_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {"\n",       "1\n",  "1 \n", "x /a\n", "0 /a\n", "4294967296 /a\n",
                                      "1 /a\n\n", " /a\n"};
    AUTO(arena_free) Arena *arena = arena_new();
    TablespaceMap map = {.count = 77};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_ERR(CORRUPT, tablespace_map_parse(&map, fixture_text(bad[i]), TABLESPACE_MAP_ESCAPED, arena));
    ASSERT_ERR(CORRUPT, tablespace_map_parse(&map, span_of("1 /a\0\n", 6), TABLESPACE_MAP_ESCAPED, arena));
    AUTO(buf_done) Buf large = {0};
    memset(buf_reserve(&large, TABLESPACE_MAP_BYTES_MAX + 1), 'x', TABLESPACE_MAP_BYTES_MAX + 1);
    buf_grown(&large, TABLESPACE_MAP_BYTES_MAX + 1);
    ASSERT_ERR(LIMIT, tablespace_map_parse(&map, buf_span(&large), TABLESPACE_MAP_ESCAPED, arena));
    assert_int_equal(map.count, 77);
}

UNIT_MAIN(cmocka_unit_test(test_tablespace_map__is_read_back_as_servers_write_it),
          cmocka_unit_test(test_tablespace_map__keeps_odd_paths_in_both_styles),
          cmocka_unit_test(test_tablespace_map__refuses_a_path_that_bare_style_cannot_carry),
          cmocka_unit_test(test_tablespace_map__takes_a_last_line_without_end),
          cmocka_unit_test(test_tablespace_map__refuses_malformed_lines))
