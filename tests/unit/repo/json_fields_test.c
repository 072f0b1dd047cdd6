/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/text.h"
#include "repo/json_lines.h"

#include <string.h>

static Span text_span(const char *text)
{
    return span_of(text, strlen(text));
}

static json_t *parsed(const char *text)
{
    json_t *json = NULL;
    ASSERT_OK(json_parse_object(&json, text_span(text), "plan"));
    return json;
}

static void test_json_fields__are_read_back_as_set(void **state)
{
    (void)state;
    const Hash128 hash = hash128_of(text_span("abc"));
    const Sha256 sha = {{1, 2, 3}};
    AUTO(json_free) json_t *json = json_object();
    json_set_text(json, "text", "caf\xc3\xa9");
    json_set_text(json, "nothing", NULL);
    json_set_int(json, "int", -5);
    json_set_size(json, "size", INT64_MAX);
    json_set_bool(json, "bool", true);
    json_set_lsn(json, "lsn", (Lsn){UINT64_C(0x16B374D848)});
    json_set_lsn(json, "no_lsn", (Lsn){0});
    json_set_instant(json, "instant", (Instant){1795000000123456});
    json_set_instant(json, "no_instant", INSTANT_NONE);
    json_set_system_id(json, "system_id", (SystemId){UINT64_MAX});
    json_set_hash128(json, "hash", &hash);
    json_set_sha256(json, "sha", &sha);
    json_set_text(json, "label", "20261121-083000F");

    JsonReader reader = json_read(json, "plan");
    assert_string_equal(json_read_text(&reader, "text"), "caf\xc3\xa9");
    assert_null(json_read_text_opt(&reader, "nothing"));
    assert_null(json_read_text_opt(&reader, "absent"));
    assert_int_equal(json_read_int(&reader, "int", -5, 5), -5);
    assert_int_equal(json_read_size(&reader, "size"), INT64_MAX);
    assert_true(json_read_bool(&reader, "bool"));
    assert_int_equal(json_read_lsn(&reader, "lsn").at, UINT64_C(0x16B374D848));
    assert_int_equal(json_read_lsn_opt(&reader, "no_lsn").at, 0);
    assert_int_equal(json_read_instant(&reader, "instant").us, 1795000000123456);
    assert_true(instant_is_none(json_read_instant(&reader, "no_instant")));
    assert_true(json_read_system_id(&reader, "system_id").id == UINT64_MAX);
    const Hash128 hash_again = json_read_hash128(&reader, "hash");
    assert_true(hash128_equal(&hash_again, &hash));
    const Sha256 sha_again = json_read_sha256(&reader, "sha");
    assert_true(sha256_equal(&sha_again, &sha));
    assert_string_equal(json_read_label(&reader, "label").text, "20261121-083000F");
    ASSERT_OK(json_read_end(&reader));
}

static void test_json_raw__carries_any_bytes(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 'a', 0xff};
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(json_free) json_t *json = json_object();
    json_set_raw(json, "path", "/srv/caf\xe9");
    json_set_raw(json, "plain", "/srv/x");
    json_set_bytes(json, "bytes", span_of(bytes, sizeof bytes));
    json_set_bytes(json, "empty", span_of(NULL, 0));
    assert_null(json_object_get(json, "path"));
    assert_non_null(json_object_get(json, "plain"));

    JsonReader reader = json_read(json, "plan");
    char small[10], exact[11];
    assert_string_equal(json_read_raw(&reader, "path", arena), "/srv/caf\xe9");
    assert_true(span_equal(json_read_bytes(&reader, "bytes", arena), span_of(bytes, sizeof bytes)));
    assert_int_equal(json_read_bytes(&reader, "empty", arena).len, 0);
    json_read_copy(exact, sizeof exact, &reader, "path");
    assert_string_equal(exact, "/srv/caf\xe9");
    ASSERT_OK(json_read_end(&reader));
    json_read_copy(small, 9, &reader, "path");
    ASSERT_ERR_TEXT(CORRUPT, "9 characters, at most 8", json_read_end(&reader));
    json_read_raw(&reader, "bytes", arena);
    ASSERT_ERR_TEXT(CORRUPT, "NUL", json_read_end(&reader));
}

typedef void FieldRead(JsonReader *reader);

static void read_int(JsonReader *reader)
{
    json_read_int(reader, "a", 1, 9);
}

static void read_text(JsonReader *reader)
{
    json_read_text(reader, "a");
}

static void read_bool(JsonReader *reader)
{
    json_read_bool(reader, "a");
}

static void read_lsn(JsonReader *reader)
{
    json_read_lsn(reader, "a");
}

static void read_instant(JsonReader *reader)
{
    json_read_instant(reader, "a");
}

static void read_system_id(JsonReader *reader)
{
    json_read_system_id(reader, "a");
}

static void read_label(JsonReader *reader)
{
    json_read_label(reader, "a");
}

static void read_hash128(JsonReader *reader)
{
    json_read_hash128(reader, "a");
}

static void read_array(JsonReader *reader)
{
    assert_null(json_read_array(reader, "a"));
}

static void test_json_reader__names_document_and_field(void **state)
{
    (void)state;
    static const struct {
        FieldRead *read;
        const char *json, *part;
    } cases[] = {
        {read_int, "{}", "plan: field \"a\" is missing"},
        {read_int, "{\"a\":null}", "not a whole number"},
        {read_int, "{\"a\":1.0}", "not a whole number"},
        {read_int, "{\"a\":\"1\"}", "not a whole number"},
        {read_int, "{\"a\":10}", "\"a\" is 10, not within 1 and 9"},
        {read_int, "{\"a\":0}", "\"a\" is 0, not within 1 and 9"},
        {read_text, "{\"a\":1}", "not text"},
        {read_bool, "{\"a\":1}", "not true or false"},
        {read_bool, "{}", "missing"},
        {read_lsn, "{\"a\":\"xyz\"}", "plan: field \"a\": "},
        {read_instant, "{\"a\":\"now\"}", "plan: field \"a\": "},
        {read_system_id, "{\"a\":\"-1\"}", "plan: field \"a\": "},
        {read_label, "{\"a\":\"../x\"}", "plan: field \"a\": "},
        {read_hash128, "{\"a\":\"00\"}", "32 hexadecimal digits"},
        {read_array, "{\"a\":{}}", "not an array"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(json_free) json_t *json = parsed(cases[i].json);
        JsonReader reader = json_read(json, "plan");
        cases[i].read(&reader);
        ASSERT_ERR_TEXT(CORRUPT, cases[i].part, json_read_end(&reader));
    }
}

static void test_json_reader__keeps_the_first_fault(void **state)
{
    (void)state;
    AUTO(json_free) json_t *json = parsed("{\"b\":1}");
    JsonReader reader = json_read(json, "plan");
    assert_string_equal(json_read_text(&reader, "a"), "");
    assert_int_equal(json_read_int(&reader, "b", 0, 9), 0);
    json_read_text(&reader, "b");
    ASSERT_ERR_TEXT(CORRUPT, "\"a\" is missing", json_read_end(&reader));
}

static void test_json_read_choice__knows_no_other_word(void **state)
{
    (void)state;
    static const char *const names[] = {"red", "green", NULL};
    AUTO(json_free) json_t *json = parsed("{\"a\":\"green\",\"b\":\"blue\"}");
    JsonReader reader = json_read(json, "plan");
    assert_int_equal(json_read_choice(&reader, "a", names), 1);
    json_read_choice(&reader, "b", names);
    ASSERT_ERR_TEXT(UNSUPPORTED, "blue", json_read_end(&reader));
}

static void test_json_parse_object__refuses_what_is_no_object(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1} x",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":99999999999999999999}",
                                      "{'a':1}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        json_t *json = NULL;
        ASSERT_ERR(CORRUPT, json_parse_object(&json, text_span(bad[i]), "plan"));
        assert_null(json);
    }
}

static void test_json_lines__come_one_by_one_with_their_number(void **state)
{
    (void)state;
    JsonLines lines = json_lines(text_span("{\"a\":1}\n{\"a\":22}\n"), "list");
    AUTO(json_free) json_t *first = NULL, *end = NULL;
    AUTO(json_free) json_t *second = NULL;
    ASSERT_OK(json_lines_next(&first, &lines));
    ASSERT_OK(json_lines_next(&second, &lines));
    JsonReader reader = json_lines_read(&lines, second);
    read_int(&reader);
    ASSERT_ERR_TEXT(CORRUPT, "list, line 2: field \"a\" is 22", json_read_end(&reader));
    ASSERT_OK(json_lines_next(&end, &lines));
    assert_null(end);
}

static void test_json_lines__refuse_a_line_without_end(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "\n", "[]\n", "{}{}\n", "{\n}\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        JsonLines lines = json_lines(text_span(bad[i]), "list");
        json_t *line = NULL;
        ASSERT_ERR_TEXT(CORRUPT, "list, line 1", json_lines_next(&line, &lines));
    }
}

UNIT_MAIN(cmocka_unit_test(test_json_fields__are_read_back_as_set),
          cmocka_unit_test(test_json_raw__carries_any_bytes),
          cmocka_unit_test(test_json_reader__names_document_and_field),
          cmocka_unit_test(test_json_reader__keeps_the_first_fault),
          cmocka_unit_test(test_json_read_choice__knows_no_other_word),
          cmocka_unit_test(test_json_parse_object__refuses_what_is_no_object),
          cmocka_unit_test(test_json_lines__come_one_by_one_with_their_number),
          cmocka_unit_test(test_json_lines__refuse_a_line_without_end))
