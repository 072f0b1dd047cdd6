/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "pg/backup_label.h"

#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

typedef enum FieldKind {
    FIELD_LSN,
    FIELD_LSN_FILE,
    FIELD_TEXT,
    FIELD_TIMELINE,
    FIELD_METHOD,
    FIELD_ORIGIN
} FieldKind;

typedef enum FieldNeed { IN_BOTH, IN_HISTORY, OPTIONAL } FieldNeed;

/* One kind of line. `file_at` is the place of the segment name of an LSN_FILE. */
typedef struct Field {
    const char *key;
    FieldNeed need;
    FieldKind kind;
    size_t at;
    size_t file_at;
} Field;

#define AT(member) offsetof(BackupLabelFile, member)
static const Field fields[] = {
    {"START WAL LOCATION", IN_BOTH, FIELD_LSN_FILE, AT(start), AT(start_file)},
    {"CHECKPOINT LOCATION", IN_BOTH, FIELD_LSN, AT(checkpoint), 0},
    {"START TIMELINE", IN_BOTH, FIELD_TIMELINE, AT(start_timeline), 0},
    {"BACKUP METHOD", IN_BOTH, FIELD_METHOD, AT(method), 0},
    {"BACKUP FROM", IN_BOTH, FIELD_ORIGIN, AT(is_from_standby), 0},
    {"START TIME", OPTIONAL, FIELD_TEXT, AT(start_time), 0},
    {"LABEL", OPTIONAL, FIELD_TEXT, AT(label), 0},
    {"STOP WAL LOCATION", IN_HISTORY, FIELD_LSN_FILE, AT(stop), AT(stop_file)},
    {"STOP TIMELINE", IN_HISTORY, FIELD_TIMELINE, AT(stop_timeline), 0},
    {"STOP TIME", IN_HISTORY, FIELD_TEXT, AT(stop_time), 0},
    {"INCREMENTAL FROM LSN", OPTIONAL, FIELD_LSN, AT(incremental_from), 0},
    {"INCREMENTAL FROM TLI", OPTIONAL, FIELD_TIMELINE, AT(incremental_from_timeline), 0},
};

static Err *bad_line(const Field *field, const char *value)
{
    return ERR(CORRUPT, "backup label says \"%s: %.80s\", which cannot be", field->key, value);
}

static Err *lsn_take(void *to, const Field *field, const char *value)
{
    Lsn lsn;
    Err *err = lsn_parse(&lsn, value);
    if (err || lsn.at == 0) {
        err_free(&err);
        return bad_line(field, value);
    }
    memcpy(to, &lsn, sizeof lsn);
    return NULL;
}

/* "0/2000028 (file 000000010000000000000002)" */
static Err *lsn_file_take(BackupLabelFile *label, const Field *field, const char *value, Arena *arena)
{
    static const char middle[] = " (file ";
    const char *const blank = strstr(value, middle);
    const char *const file = blank ? blank + sizeof middle - 1 : NULL;
    const size_t file_len = file ? strcspn(file, ")") : 0;
    uint64_t part;
    if (file_len != 24 || !text_equal(file + file_len, ")") || !text_hex_upper(&part, file, 16) ||
        !text_hex_upper(&part, file + 16, 8))
        return bad_line(field, value);
    TRY(lsn_take((char *)label + field->at, field, arena_textf(arena, "%.*s", (int)(blank - value), value)));
    const char *const name = arena_textf(arena, "%.24s", file);
    memcpy((char *)label + field->file_at, &name, sizeof name);
    return NULL;
}

static Err *timeline_take(void *to, const Field *field, const char *value)
{
    uint64_t id;
    if (!text_u64(&id, value) || id == 0 || id > UINT32_MAX)
        return bad_line(field, value);
    const Timeline timeline = {(uint32_t)id};
    memcpy(to, &timeline, sizeof timeline);
    return NULL;
}

static Err *method_take(BackupLabelFile *label, const char *value)
{
    if (!text_equal(value, "streamed") && !text_equal(value, "pg_start_backup"))
        return ERR(UNSUPPORTED, "backup label names the method \"%.40s\", which is not known", value);
    label->method = text_equal(value, "streamed") ? BACKUP_STREAMED : BACKUP_EXCLUSIVE;
    return NULL;
}

/* 13 says "master". */
static Err *origin_take(BackupLabelFile *label, const char *value)
{
    if (!text_equal(value, "primary") && !text_equal(value, "master") && !text_equal(value, "standby"))
        return ERR(UNSUPPORTED, "backup label names the origin \"%.40s\", which is not known", value);
    label->is_from_standby = text_equal(value, "standby");
    return NULL;
}

static Err *field_take(BackupLabelFile *label, const Field *field, const char *value, Arena *arena)
{
    char *const to = (char *)label + field->at;
    switch (field->kind) {
    case FIELD_LSN:
        return lsn_take(to, field, value);
    case FIELD_LSN_FILE:
        return lsn_file_take(label, field, value, arena);
    case FIELD_TIMELINE:
        return timeline_take(to, field, value);
    case FIELD_METHOD:
        return method_take(label, value);
    case FIELD_ORIGIN:
        return origin_take(label, value);
    case FIELD_TEXT:
        memcpy(to, &value, sizeof value);
        return NULL;
    }
    return ERR(BUG, "a field of a kind that does not exist");
}

/* `seen` has a bit per row of fields[]. */
static Err *line_parse(BackupLabelFile *label, unsigned *seen, char *line, Arena *arena)
{
    char *const colon = strstr(line, ": ");
    if (!colon)
        return NULL;
    *colon = 0;
    for (unsigned i = 0; i < COUNT_OF(fields); i++) {
        if (!text_equal(line, fields[i].key))
            continue;
        if (*seen & 1u << i)
            return ERR(CORRUPT, "backup label has two lines \"%s\"", line);
        *seen |= 1u << i;
        return field_take(label, &fields[i], colon + 2, arena);
    }
    return NULL;
}

static Err *missing_check(unsigned seen, bool is_history)
{
    for (unsigned i = 0; i < COUNT_OF(fields); i++) {
        const bool is_needed = fields[i].need == IN_BOTH || (fields[i].need == IN_HISTORY && is_history);
        if (is_needed && !(seen & 1u << i))
            return ERR(CORRUPT, "backup label has no line \"%s\"", fields[i].key);
    }
    return NULL;
}

static Err *parse(BackupLabelFile *out, Span text, bool is_history, Arena *arena)
{
    if (text.len > BACKUP_LABEL_BYTES_MAX)
        return ERR(LIMIT, "backup label has %zu bytes, at most %d are read", text.len,
                   BACKUP_LABEL_BYTES_MAX);
    if (text.len && memchr(text.ptr, 0, text.len))
        return ERR(CORRUPT, "backup label holds a NUL byte");
    char *rest = arena_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(rest, text.ptr, text.len);
    BackupLabelFile label = {0};
    unsigned seen = 0;
    char *line;
    while ((line = strsep(&rest, "\n")))
        TRY(line_parse(&label, &seen, line, arena));
    TRY(missing_check(seen, is_history));
    *out = label;
    return NULL;
}

Err *backup_label_parse(BackupLabelFile *out, Span text, Arena *arena)
{
    return parse(out, text, false, arena);
}

Err *backup_history_parse(BackupLabelFile *out, Span text, Arena *arena)
{
    return parse(out, text, true, arena);
}
