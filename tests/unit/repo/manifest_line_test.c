/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* The two readers of a line: what the scanner takes, the parser takes and reads the same; all our lines are scanned. */
#include "unit.h"

#include "base/text.h"
#include "repo/format_example.h"
#include "repo/manifest_line.h"

static const BackupLabel labels[] = {{"20261120-000000F"}, {"20261121-083000I"}};

/* What a line says, by one of the readers. */
typedef struct Said {
    ManifestLine line;
    Arena *arena;
    Buf extents;
    JsonLines lines;
} Said;

static void said_done(Said *said)
{
    arena_free(&said->arena);
    buf_done(&said->extents);
}

static LineIn said_in(Said *said)
{
    said->arena = arena_new();
    said->lines = (JsonLines){.what = "leaf", .line = 2};
    return (LineIn){.lines = &said->lines,
                    .labels = {labels, COUNT_OF(labels)},
                    .arena = said->arena,
                    .extents = &said->extents};
}

static void assert_same(const Said *a, const Said *b)
{
    const ManifestEntry *const one = &a->line.entry, *const two = &b->line.entry;
    assert_string_equal(one->path, two->path);
    assert_int_equal(one->kind, two->kind);
    assert_int_equal(one->mode, two->mode);
    assert_int_equal(one->modified.us, two->modified.us);
    assert_int_equal(one->size_bytes, two->size_bytes);
    assert_int_equal(one->link_target == NULL, two->link_target == NULL);
    if (one->link_target)
        assert_string_equal(one->link_target, two->link_target);
    assert_int_equal(a->line.extents, b->line.extents);
    assert_int_equal(a->line.has_more, b->line.has_more);
    assert_int_equal(a->extents.len, b->extents.len);
    if (a->extents.len)
        assert_memory_equal(a->extents.data, b->extents.data, a->extents.len);
}

/* Scans it; when it is taken, the parser must say the same. */
static bool is_scanned(Span text, LineKind kind)
{
    AUTO(said_done) Said scanned = {0}, parsed = {0};
    const LineIn scan_in = said_in(&scanned), parse_in = said_in(&parsed);
    if (!manifest_line_scan(&scanned.line, &scan_in, text, kind)) {
        assert_int_equal(scanned.extents.len, 0);
        return false;
    }
    ASSERT_OK(manifest_line_parse(&parsed.line, &parse_in, text, kind));
    assert_same(&scanned, &parsed);
    return true;
}

/* In `text`, ' stands for ". The line ends with its memory, so that reading behind it is found out. */
static bool is_scanned_text(const char *text, LineKind kind)
{
    const size_t len = strlen(text);
    AUTO(mem_free) char *line = mem_new(len);
    for (size_t i = 0; i < len; i++)
        line[i] = text[i] == '\'' ? '"' : text[i];
    return is_scanned(span_of(line, len), kind);
}

static void test_manifest_line_scan__takes_what_the_format_shows(void **state)
{
    (void)state;
    AUTO(buf_done) Buf leaf = {0};
    format_example_text(&leaf, "## Manifest", 0);
    JsonLines lines = json_lines(buf_span(&leaf), "leaf");
    Span line;
    bool is_end;
    ASSERT_OK(json_lines_cut(&line, &is_end, &lines)); /* the labels */
    size_t scanned = 0;
    for (;;) {
        ASSERT_OK(json_lines_cut(&line, &is_end, &lines));
        if (is_end)
            break;
        assert_true(is_scanned(line, LINE_ENTRY));
        scanned++;
    }
    assert_int_equal(scanned, 6);
}

#define BEGIN "{'path':'a','mode':'0600','size':"

static void test_manifest_line_scan__takes_what_the_writer_writes(void **state)
{
    (void)state;
    static const char *const entries[] = {
        BEGIN "0}",
        BEGIN "999999999999999999}",
        "{'path':'base/1/~ {}[],:','mode':'7777','modified':'1969-12-31T23:59:59.999999Z','size':1}",
        "{'path':'a','kind':'folder','mode':'0700','modified':'2026-11-21T08:33:12Z'}",
        "{'path':'a','kind':'folder','mode':'0700'}",
        "{'path':'a','kind':'link','mode':'0777','target':'/x y'}",
        BEGIN "3,'count':[1],'pack':[1],'offset':[7]}",
        BEGIN
        "3,'skip':[5,0],'count':[1,4294967295],'label':[1,0],'pack':[999999,-999998],'offset':[0,-8192]}",
        BEGIN "3,'count':[1],'pack':[1],'more':true}",
    };
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        if (!is_scanned_text(entries[i], LINE_ENTRY))
            fail_msg("%s is not scanned", entries[i]);
    }
    assert_true(is_scanned_text("{'path':'a','skip':[7],'count':[1],'pack':[3]}", LINE_MORE));
    assert_true(is_scanned_text("{'path':'a','count':[1],'pack':[3],'more':true}", LINE_MORE));
}

/* Right or wrong, none of these is a line as the writer makes it. */
static const char *const not_ours[] = {
    "",
    "{",
    "{}",
    "{'path':'a'",
    "{'path':'a'}",
    "{'path':'a','mode':'0600'}",
    "{'path_hex':'61','mode':'0600','size':0}",
    "{'path':'a\\n','mode':'0600','size':0}",
    "{'path':'a\x7f','mode':'0600','size':0}",
    "{'path':'\xc3\xa9','mode':'0600','size':0}",
    "{'path':'\xff','mode':'0600','size':0}",
    "{'path':'a\t','mode':'0600','size':0}",
    "{'path':'a','kind':'file','mode':'0600','size':0}",
    "{'path':'a','kind':'pipe','mode':'0600','size':0}",
    "{'path':'a','kind':'link','mode':'0600'}",
    "{'path':'a','kind':'link','mode':'0600','target':null}",
    "{'path':'a','kind':'folder','mode':'0600','size':0}",
    "{'path':'a','mode':'600','size':0}",
    "{'path':'a','mode':'0800','size':0}",
    "{'path':'a','mode':'06000','size':0}",
    "{'path':'a','mode':'0600','modified':null,'size':0}",
    "{'path':'a','mode':'0600','modified':'2026-11-21T08:33:12','size':0}",
    "{'path':'a','mode':'0600','modified':'2026-11-21T08:33:12Z and a good deal more of it','size':0}",
    "{'path':'a','mode':'0600','modified':'2026-11-21T08:33:12Z",
    "{'mode':'0600','path':'a','size':0}",
    "{'path':'a','size':0,'mode':'0600'}",
    "{'path':'a','mode':'0600','size':0,'size':0}",
    "{'path':'a','mode':'0600','size':0,'new':1}",
    "{ 'path':'a','mode':'0600','size':0}",
    BEGIN "0} ",
    BEGIN "0}}",
    BEGIN "}",
    BEGIN "00}",
    BEGIN "01}",
    BEGIN "-0}",
    BEGIN "-1}",
    BEGIN "1.0}",
    BEGIN "1e3}",
    BEGIN "'1'}",
    BEGIN "9223372036854775807}", /* right, and left to the parser for its length */
    BEGIN "9223372036854775808}",
    BEGIN "99999999999999999999999}",
    BEGIN "3,'count':[]}",
    BEGIN "3,'count':[0],'pack':[1]}",
    BEGIN "3,'count':[1]}",
    BEGIN "3,'count':[4294967296],'pack':[1]}",
    BEGIN "3,'count':[1,],'pack':[1,]}",
    BEGIN "3,'count':[1,1],'pack':[1]}",
    BEGIN "3,'count':[1],'pack':[1,1]}",
    BEGIN "3,'count':[1 ],'pack':[1]}",
    BEGIN "3,'count':[1],'pack':[1000000]}",
    BEGIN "3,'count':[1],'pack':[1],'label':[0]}",
    BEGIN "3,'count':[1],'label':[2],'pack':[1]}",
    BEGIN "3,'count':[1],'label':[-1],'pack':[1]}",
    BEGIN "3,'count':[1],'pack':[1],'offset':[-1]}",
    BEGIN "3,'skip':[4294967296],'count':[1],'pack':[1]}",
    BEGIN "3,'skip':[4294967295,1],'count':[1,1],'pack':[1,0]}",
    BEGIN "3,'pack':[1]}",
    BEGIN "3,'count':[1],'pack':[1",
    BEGIN "3,'count':[1],'pack':[1],'more':false}",
    BEGIN "3,'more':true,'count':[1],'pack':[1]}",
};

static void test_manifest_line_scan__leaves_the_rest_to_the_parser(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(not_ours); i++) {
        if (is_scanned_text(not_ours[i], LINE_ENTRY))
            fail_msg("%s is scanned", not_ours[i]);
    }
    assert_false(is_scanned_text(BEGIN "3,'count':[1],'pack':[1]}", LINE_MORE));
}

static void test_manifest_line_scan__stops_at_the_longest_path(void **state)
{
    (void)state;
    char line[PGDATA_PATH_MAX + 64];
    for (int len = PGDATA_PATH_MAX - 1; len <= PGDATA_PATH_MAX; len++) {
        snprintf(line, sizeof line, "{'path':'%0*d','mode':'0600','size':0}", len, 0);
        assert_int_equal(is_scanned_text(line, LINE_ENTRY), len < PGDATA_PATH_MAX);
    }
}

static void test_manifest_line_scan__stops_at_the_greatest_number_of_extents(void **state)
{
    (void)state;
    static const char text[] = "{\"path\":\"a\",\"count\":[1,1],\"pack\":[1,0]}";
    for (size_t before = EXTENTS_PER_ENTRY_MAX - 2; before < EXTENTS_PER_ENTRY_MAX; before++) {
        AUTO(said_done) Said said = {0};
        const LineIn in = said_in(&said);
        const size_t len = before * sizeof(Extent);
        buf_reserve(&said.extents, len);
        buf_grown(&said.extents, len);
        const bool fits = before + 2 <= EXTENTS_PER_ENTRY_MAX;
        assert_int_equal(manifest_line_scan(&said.line, &in, span_of(text, strlen(text)), LINE_MORE), fits);
        assert_int_equal(said.extents.len, len + (fits ? 2 * sizeof(Extent) : 0));
    }
}

/* Every byte of a line changed, to every value: never a different answer. */
static void test_manifest_line_scan__agrees_with_the_parser_whatever_a_byte_becomes(void **state)
{
    (void)state;
    static const char text[] =
        "{\"path\":\"base/5/16384\",\"mode\":\"0600\",\"modified\":\"2026-11-21T08:33:12.500000Z\","
        "\"size\":57444,\"skip\":[0,2,0],\"count\":[2,3,1],\"label\":[0,1,0],"
        "\"pack\":[1,1,-1],\"offset\":[0,-16384,-8189],\"more\":true}";
    size_t scanned = 0;
    for (size_t i = 0; i < strlen(text); i++) {
        for (unsigned value = 0; value < 256; value++) {
            char changed[sizeof text];
            memcpy(changed, text, sizeof text);
            changed[i] = (char)value;
            scanned += is_scanned(span_of(changed, strlen(text)), LINE_ENTRY);
        }
    }
    assert_true(scanned > 1000);
}

UNIT_MAIN(cmocka_unit_test(test_manifest_line_scan__takes_what_the_format_shows),
          cmocka_unit_test(test_manifest_line_scan__takes_what_the_writer_writes),
          cmocka_unit_test(test_manifest_line_scan__leaves_the_rest_to_the_parser),
          cmocka_unit_test(test_manifest_line_scan__stops_at_the_longest_path),
          cmocka_unit_test(test_manifest_line_scan__stops_at_the_greatest_number_of_extents),
          cmocka_unit_test(test_manifest_line_scan__agrees_with_the_parser_whatever_a_byte_becomes))
