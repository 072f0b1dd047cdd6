/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "pg/conf_refs.h"

static Span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

typedef struct Expected {
    ConfRefKind kind;
    const char *path;
    const char *written; /* the bytes of the reference */
} Expected;

static void refs_check(const char *text, ConfSyntax syntax, const Expected *expected, size_t count)
{
    AUTO(arena_free) Arena *arena = arena_new();
    ConfRefs refs;
    ASSERT_OK(conf_refs_parse(&refs, span_text(text), syntax, arena));
    assert_int_equal(refs.count, count);
    for (size_t i = 0; i < count; i++) {
        const ConfRef *const ref = &refs.refs[i];
        assert_int_equal(ref->kind, expected[i].kind);
        assert_string_equal(ref->path, expected[i].path);
        assert_true(
            span_equal(span_of(text + ref->begin, ref->end - ref->begin), span_text(expected[i].written)));
    }
}

static void test_conf_refs__of_settings_are_include_lines(void **state)
{
    (void)state;
    static const char text[] = "port = 1\n"
                               "# include 'no.conf'\n"
                               "include 'a b.conf'  # why\n"
                               "\n"
                               "INCLUDE_DIR = conf.d\n"
                               "x.include = 'c.conf'\n"
                               "include_if_exists '/etc/it''s.conf'";
    static const Expected expected[] = {
        {CONF_REF_FILE, "a b.conf", "include 'a b.conf'  # why"},
        {CONF_REF_FOLDER, "conf.d", "INCLUDE_DIR = conf.d"},
        {CONF_REF_FILE_IF_EXISTS, "/etc/it's.conf", "include_if_exists '/etc/it''s.conf'"}};
    refs_check(text, CONF_SETTINGS, expected, COUNT_OF(expected));
}

static void test_conf_refs__of_hba_are_include_lines_and_lists(void **state)
{
    (void)state;
    static const char text[] = "# include no\n"
                               "local @dbs,other,@\"two words\" \"@literal\" trust # @no\n"
                               "include more.conf\n"
                               "include_dir \"conf d\"\n"
                               "host include @x\\\n"
                               " all trust\n"
                               "local @ all\"@\"b trust\r\n"
                               "include_if_exists /etc/x.conf\r\n"
                               "@users";
    static const Expected expected[] = {{CONF_REF_LIST, "dbs", "@dbs"},
                                        {CONF_REF_LIST, "two words", "@\"two words\""},
                                        {CONF_REF_FILE, "more.conf", "more.conf"},
                                        {CONF_REF_FOLDER, "conf d", "\"conf d\""},
                                        {CONF_REF_LIST, "x", "@x"},
                                        {CONF_REF_FILE_IF_EXISTS, "/etc/x.conf", "/etc/x.conf"},
                                        {CONF_REF_LIST, "users", "@users"}};
    refs_check(text, CONF_AUTH, expected, COUNT_OF(expected));
}

static void test_conf_ref_format__leads_elsewhere(void **state)
{
    (void)state;
    static const struct {
        ConfSyntax syntax;
        ConfRefKind kind;
        const char *text;
    } cases[] = {{CONF_SETTINGS, CONF_REF_FILE, "include 'it''s \"a\"'"},
                 {CONF_SETTINGS, CONF_REF_FILE_IF_EXISTS, "include_if_exists 'it''s \"a\"'"},
                 {CONF_SETTINGS, CONF_REF_FOLDER, "include_dir 'it''s \"a\"'"},
                 {CONF_AUTH, CONF_REF_FOLDER, "\"it's \"\"a\"\"\""},
                 {CONF_AUTH, CONF_REF_LIST, "@\"it's \"\"a\"\"\""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) Buf text = {0};
        conf_ref_format(&text, &(ConfRef){.kind = cases[i].kind}, cases[i].syntax, "it's \"a\"");
        assert_string_equal(buf_text(&text), cases[i].text);
    }
}

static void test_conf_refs_parse__keeps_to_its_limit(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    static char text[PG_CONF_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    ConfRefs refs;
    ASSERT_ERR(LIMIT, conf_refs_parse(&refs, span_of(text, sizeof text), CONF_SETTINGS, arena));
    ASSERT_ERR(LIMIT, conf_refs_parse(&refs, span_of(text, sizeof text), CONF_AUTH, arena));
}

UNIT_MAIN(cmocka_unit_test(test_conf_refs__of_settings_are_include_lines),
          cmocka_unit_test(test_conf_refs__of_hba_are_include_lines_and_lists),
          cmocka_unit_test(test_conf_ref_format__leads_elsewhere),
          cmocka_unit_test(test_conf_refs_parse__keeps_to_its_limit))
