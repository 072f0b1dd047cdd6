/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NEAREST_LENGTH_MAX = 64 };

bool text_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    const size_t text_len = strlen(text), suffix_len = strlen(suffix);
    return text_len >= suffix_len && strcmp(text + text_len - suffix_len, suffix) == 0;
}

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool text_hex_upper(uint64_t *out, const char *text, unsigned digits)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        const int digit = text[i] >= 'a' ? -1 : text_hex_digit(text[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}

bool text_u64(uint64_t *out, const char *text)
{
    if (!*text)
        return false;
    uint64_t value = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

bool text_i64(int64_t *out, const char *text)
{
    const bool is_negative = *text == '-';
    uint64_t magnitude;
    if (!text_u64(&magnitude, text + is_negative) || magnitude > INT64_MAX)
        return false;
    *out = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

void text_hex_format(char *out, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *const from = bytes;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[from[i] >> 4];
        out[2 * i + 1] = digits[from[i] & 15];
    }
    out[2 * size] = 0;
}

bool text_hex_parse(void *bytes, size_t size, const char *text)
{
    if (strlen(text) != 2 * size)
        return false;
    uint8_t *const to = bytes;
    for (size_t i = 0; i < size; i++) {
        const int high = text_hex_digit(text[2 * i]), low = text_hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

SizeText size_text(uint64_t size_bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    SizeText out;
    if (size_bytes < 1000) {
        snprintf(out.text, sizeof out.text, "%" PRIu64 " B", size_bytes);
        return out;
    }
    double value = (double)size_bytes;
    unsigned unit = 0;
    while (value >= 999.5 && unit + 1 < COUNT_OF(units)) {
        value /= 1000;
        unit++;
    }
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(out.text, sizeof out.text, "%.*f %s", decimals, value, units[unit]);
    return out;
}

DurationText duration_text(int64_t duration_us)
{
    DurationText out;
    const int64_t seconds = duration_us / 1000000;
    if (seconds < 10)
        snprintf(out.text, sizeof out.text, "%.1fs", (double)duration_us / 1e6);
    else if (seconds < 60)
        snprintf(out.text, sizeof out.text, "%ds", (int)seconds);
    else if (seconds < 3600)
        snprintf(out.text, sizeof out.text, "%dm%02ds", (int)(seconds / 60), (int)(seconds % 60));
    else
        snprintf(out.text, sizeof out.text, "%" PRId64 "h%02dm", seconds / 3600, (int)(seconds % 3600 / 60));
    return out;
}

/* Levenshtein's distance by one row of the table. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NEAREST_LENGTH_MAX + 1];
    const size_t b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b_len; j++) {
            const unsigned above = row[j + 1];
            unsigned best = diagonal + (a[i] != b[j]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *text_nearest(const char *word, const char *const *candidates)
{
    const size_t word_len = strlen(word);
    if (word_len > NEAREST_LENGTH_MAX)
        return NULL;
    const char *nearest = NULL;
    unsigned best = (unsigned)(word_len < 3 ? 1 : word_len / 3) + 1;
    for (; *candidates; candidates++) {
        if (strlen(*candidates) > NEAREST_LENGTH_MAX)
            continue;
        const unsigned d = distance(word, *candidates);
        if (d < best) {
            best = d;
            nearest = *candidates;
        }
    }
    return nearest;
}
