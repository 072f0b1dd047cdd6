/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/crc32c.h"
#include "pg/filenode_map.h"
#include "pg/fixture.h"

static void test_filenode_map__finds_shared_catalogs_of_every_major(void **state)
{
    (void)state;
    FOR_EACH_MAJOR(major)
    {
        AUTO(buf_done) Buf bytes = {0};
        fixture_read(&bytes, major, "pg_filenode.map");
        assert_int_equal(bytes.len, major < 16 ? 512 : 524);
        FilenodeMap map;
        ASSERT_OK(filenode_map_decode(&map, buf_span(&bytes)));
        assert_true(map.count > 40);
        Oid file = {0};
        assert_true(filenode_map_find(&file, &map, (Oid){1262})); /* pg_database, never rewritten here */
        assert_int_equal(file.id, 1262);
        assert_false(filenode_map_find(&file, &map, (Oid){1259})); /* pg_class is not shared */
        assert_false(filenode_map_find(&file, &map, (Oid){0}));
    }
}

static void test_filenode_map__refuses_any_flipped_byte(void **state)
{
    (void)state;
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, 16, "pg_filenode.map");
    FilenodeMap map = {.count = 77};
    for (size_t at = 0; at < bytes.len; at++) {
        bytes.data[at] ^= 1;
        ASSERT_ERR(CORRUPT, filenode_map_decode(&map, buf_span(&bytes)));
        bytes.data[at] ^= 1;
    }
    for (size_t len = 0; len < bytes.len; len++)
        ASSERT_ERR(CORRUPT, filenode_map_decode(&map, span_cut(buf_span(&bytes), 0, len)));
    assert_int_equal(map.count, 77);
}

static void test_filenode_map__refuses_more_entries_than_fit(void **state)
{
    (void)state;
    AUTO(buf_done) Buf bytes = {0};
    fixture_read(&bytes, 13, "pg_filenode.map");
    FilenodeMap map;
    put_u32(bytes.data + 4, 63);
    put_u32(bytes.data + 504, crc32c(span_of(bytes.data, 504)));
    ASSERT_ERR_TEXT(CORRUPT, "63", filenode_map_decode(&map, buf_span(&bytes)));
    put_u32(bytes.data + 4, 62);
    put_u32(bytes.data + 504, crc32c(span_of(bytes.data, 504)));
    ASSERT_OK(filenode_map_decode(&map, buf_span(&bytes)));
}

UNIT_MAIN(cmocka_unit_test(test_filenode_map__finds_shared_catalogs_of_every_major),
          cmocka_unit_test(test_filenode_map__refuses_any_flipped_byte),
          cmocka_unit_test(test_filenode_map__refuses_more_entries_than_fit))
