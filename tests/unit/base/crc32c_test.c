/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/crc32c.h"

/* RFC 3720, appendix B.4, and the common check value of "123456789". */
static void test_crc32c__gives_the_published_values(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(crc32c(span_of("123456789", 9)), 0xe3069283);
    assert_int_equal(crc32c(span_of(bytes, 32)), 0x8a9136aa);
    for (int i = 0; i < 32; i++)
        bytes[i] = 0xff;
    assert_int_equal(crc32c(span_of(bytes, 32)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(span_of(bytes, 32)), 0x46dd794e);
}

static void test_crc32c__is_the_same_in_pieces_and_portably(void **state)
{
    (void)state;
    uint8_t bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 7);
    const uint32_t whole = crc32c(span_of(bytes, sizeof bytes));
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t crc = crc32c_add(CRC32C_INIT, bytes, cut);
        crc = crc32c_add_portable(crc, bytes + cut, sizeof bytes - cut);
        assert_int_equal(crc32c_end(crc), whole);
    }
}

static void test_wal_record__is_body_then_head(void **state)
{
    (void)state;
    uint8_t bytes[600];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 131 + i / 5);
    for (size_t size = 24; size <= sizeof bytes; size++) {
        const uint32_t body = crc32c_add_portable(CRC32C_INIT, bytes + 24, size - 24);
        assert_int_equal(crc32c_wal_record(bytes, size), crc32c_end(crc32c_add_portable(body, bytes, 20)));
    }
}

UNIT_MAIN(cmocka_unit_test(test_wal_record__is_body_then_head),
          cmocka_unit_test(test_crc32c__gives_the_published_values),
          cmocka_unit_test(test_crc32c__is_the_same_in_pieces_and_portably))
