/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* tests/unit/repo/format_example.h - the hex dumps of src/repo/FORMAT.md as bytes, so that the document cannot go stale */
#pragma once

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* One line "00000010  01 02 …  |text|": the offset, then up to 16 bytes. */
static inline void example_line(Buf *out, const char *line)
{
    const char *at = line + strlen("00000000");
    for (int i = 0; i < 16; i++) {
        at += strspn(at, " ");
        uint8_t byte;
        const char digits[] = {at[0], at[0] ? at[1] : 0, 0};
        if (*at == '|' || !text_hex_parse(&byte, 1, digits))
            return;
        buf_add_u8(out, byte);
        at += 2;
    }
}

/* Appends the text of the code block `number` (from 0) of the first "### Example" behind `heading`. */
static inline void format_example_text(Buf *out, const char *heading, int number)
{
    FILE *const file = fopen(UNIT_FIXTURES "/../../src/repo/FORMAT.md", "r");
    assert_non_null(file);
    char line[2048];
    bool in_section = false, in_example = false;
    for (int fences = 0; fences < 2 * number + 2 && fgets(line, sizeof line, file);) {
        in_section |= strncmp(line, heading, strlen(heading)) == 0 && line[strlen(heading)] == '\n';
        in_example |= in_section && text_equal(line, "### Example\n");
        if (in_example && text_equal(line, "```\n"))
            fences++;
        else if (fences == 2 * number + 1)
            buf_add_text(out, line);
    }
    fclose(file);
    assert_true(out->len > 0);
}

/* Appends the dump of the first "### Example" behind `heading`, such as "## Pack". */
static inline void format_example(Buf *out, const char *heading)
{
    FILE *const file = fopen(UNIT_FIXTURES "/../../src/repo/FORMAT.md", "r");
    assert_non_null(file);
    char line[2048];
    enum { BEFORE, IN_SECTION, IN_EXAMPLE, IN_DUMP } at = BEFORE;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (at == BEFORE && text_equal(line, heading))
            at = IN_SECTION;
        else if (at == IN_SECTION && text_equal(line, "### Example"))
            at = IN_EXAMPLE;
        else if (at == IN_EXAMPLE && text_equal(line, "```"))
            at = IN_DUMP;
        else if (at == IN_DUMP && text_equal(line, "```"))
            break;
        else if (at == IN_DUMP)
            example_line(out, line);
    }
    fclose(file);
    assert_true(out->len > 0);
}
