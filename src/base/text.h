/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* base/text.h - small questions about text, and numbers in it. Locale plays no part. */
#pragma once

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);

/* 0..15, or -1. */
int text_hex_digit(char c);
/* Exactly `digits` hexadecimal digits at `text`, upper case as PostgreSQL writes them. False on anything else. */
bool text_hex_upper(uint64_t *out, const char *text, unsigned digits);
/* The whole text is a decimal number that fits. No sign, no blanks. */
bool text_u64(uint64_t *out, const char *text);
bool text_i64(int64_t *out, const char *text); /* a leading '-' is allowed */

/* Lower-case hexadecimal digits of `bytes`; `out` holds 2 * size + 1. */
void text_hex_format(char *out, const void *bytes, size_t size);
/* The reverse, either case; false unless `text` is exactly 2 * size digits. */
bool text_hex_parse(void *bytes, size_t size, const char *text);

/* "41.2 GB", "512 B": powers of ten, three digits that count. */
typedef struct SizeText {
    char text[16];
} SizeText;
SizeText size_text(uint64_t size_bytes);

/* "3m10s", "0.8s", "2h05m". */
typedef struct DurationText {
    char text[24];
} DurationText;
DurationText duration_text(int64_t duration_us);

/* The candidate nearest to `word` by edit distance, for "did you mean"; NULL when none is near (at most a third of
 * the word wrong). `candidates` ends in NULL. */
const char *text_nearest(const char *word, const char *const *candidates);
