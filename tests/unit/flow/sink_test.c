/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/buf.h"
#include "flow/sink.h"

#include <string.h>

static void test_buf_sink__keeps_all_up_to_its_limit(void **state)
{
    (void)state;
    AUTO(buf_done) Buf kept = {0};
    BufSink sink = buf_sink(&kept, 5);
    ASSERT_OK(sink_write(&sink.sink, span_of("abc", 3)));
    ASSERT_ERR(LIMIT, sink_write(&sink.sink, span_of("def", 3)));
    ASSERT_OK(sink_write(&sink.sink, span_of("de", 2)));
    ASSERT_OK(sink_finish(&sink.sink));
    assert_string_equal(buf_text(&kept), "abcde");
}

static int freed;

static void count_free(Sink *sink)
{
    (void)sink;
    freed++;
}

static void test_sink_free__frees_once_and_nulls(void **state)
{
    (void)state;
    static const SinkOps ops = {.free = count_free};
    Sink sink = {.ops = &ops};
    Sink *at = &sink;
    sink_free(&at);
    assert_null(at);
    sink_free(&at);
    assert_int_equal(freed, 1);
}

UNIT_MAIN(cmocka_unit_test(test_buf_sink__keeps_all_up_to_its_limit),
          cmocka_unit_test(test_sink_free__frees_once_and_nulls))
