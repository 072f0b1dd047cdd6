/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/json_fields.h"

#include "base/buf.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_CHARS = 64 };

void json_free(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

Err *json_parse_object(json_t **out, Span text, const char *what)
{
    json_error_t fault;
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &fault);
    if (!json)
        return ERR(CORRUPT, "%s: no valid JSON at byte %d: %s", what, fault.position, fault.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return ERR(CORRUPT, "%s: not a JSON object", what);
    }
    *out = json;
    return NULL;
}

JsonReader json_read(const json_t *json, const char *what)
{
    return (JsonReader){.json = json, .what = what};
}

Err *json_read_end(JsonReader *reader)
{
    return TAKE(reader->fault);
}

static void keep_fault(JsonReader *reader, Err *fault)
{
    if (reader->line)
        fault = err_doing(fault, "%s, line %u", reader->what, reader->line);
    else
        fault = err_doing(fault, "%s", reader->what);
    reader->fault = err_first(reader->fault, fault);
}

void json_read_fault(JsonReader *reader, const char *format, ...)
{
    AUTO(buf_done) Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    keep_fault(reader, ERR(CORRUPT, "%s", buf_text(&text)));
}

/* NULL when the field is absent or null. */
static const json_t *field_opt(const JsonReader *reader, const char *name)
{
    const json_t *const field = reader->fault ? NULL : json_object_get(reader->json, name);
    return field && !json_is_null(field) ? field : NULL;
}

static const json_t *field_of(JsonReader *reader, const char *name, json_type type, const char *type_name)
{
    if (reader->fault)
        return NULL;
    const json_t *const field = json_object_get(reader->json, name);
    if (!field)
        json_read_fault(reader, "field \"%s\" is missing", name);
    else if (json_typeof(field) == type)
        return field;
    else
        json_read_fault(reader, "field \"%s\" is not %s", name, type_name);
    return NULL;
}

bool json_read_has(JsonReader *reader, const char *name)
{
    return field_opt(reader, name) != NULL;
}

const char *json_read_text(JsonReader *reader, const char *name)
{
    const json_t *const field = field_of(reader, name, JSON_STRING, "text");
    return field ? json_string_value(field) : "";
}

const char *json_read_text_opt(JsonReader *reader, const char *name)
{
    return field_opt(reader, name) ? json_read_text(reader, name) : NULL;
}

int64_t json_read_int(JsonReader *reader, const char *name, int64_t lowest, int64_t highest)
{
    const json_t *const field = field_of(reader, name, JSON_INTEGER, "a whole number");
    if (!field)
        return 0;
    const int64_t value = json_integer_value(field);
    if (value >= lowest && value <= highest)
        return value;
    json_read_fault(reader, "field \"%s\" is %lld, not within %lld and %lld", name, (long long)value,
                    (long long)lowest, (long long)highest);
    return 0;
}

uint64_t json_read_size(JsonReader *reader, const char *name)
{
    return (uint64_t)json_read_int(reader, name, 0, INT64_MAX);
}

bool json_read_bool(JsonReader *reader, const char *name)
{
    if (reader->fault)
        return false;
    const json_t *const field = json_object_get(reader->json, name);
    if (!json_is_boolean(field))
        json_read_fault(reader, "field \"%s\" is %s", name, field ? "not true or false" : "missing");
    return json_is_true(field);
}

/* Texts that their own parsers read: the parser's verdict becomes CORRUPT, with the field's name before it. */
static void text_fault(JsonReader *reader, const char *name, Err *fault)
{
    if (fault)
        keep_fault(reader, err_doing(err_become(fault, ERR_CORRUPT), "field \"%s\"", name));
}

Lsn json_read_lsn(JsonReader *reader, const char *name)
{
    Lsn lsn = {0};
    const char *const text = json_read_text(reader, name);
    if (!reader->fault)
        text_fault(reader, name, lsn_parse(&lsn, text));
    return lsn;
}

Lsn json_read_lsn_opt(JsonReader *reader, const char *name)
{
    return field_opt(reader, name) ? json_read_lsn(reader, name) : (Lsn){0};
}

Instant json_read_instant(JsonReader *reader, const char *name)
{
    Instant instant = INSTANT_NONE;
    const char *const text = json_read_text_opt(reader, name);
    if (text && !reader->fault)
        text_fault(reader, name, instant_parse(&instant, text));
    return instant;
}

SystemId json_read_system_id(JsonReader *reader, const char *name)
{
    SystemId system_id = {0};
    const char *const text = json_read_text(reader, name);
    if (!reader->fault)
        text_fault(reader, name, system_id_parse(&system_id, text));
    return system_id;
}

BackupLabel json_read_label(JsonReader *reader, const char *name)
{
    BackupLabel label = {{0}};
    const char *const text = json_read_text(reader, name);
    if (!reader->fault)
        text_fault(reader, name, label_parse(&label, text));
    return label;
}

Hash128 json_read_hash128(JsonReader *reader, const char *name)
{
    Hash128 hash = {{0}};
    const char *const text = json_read_text(reader, name);
    if (!reader->fault && !hash128_parse(&hash, text))
        json_read_fault(reader, "field \"%s\" is no hash of 32 hexadecimal digits: \"%s\"", name, text);
    return hash;
}

Sha256 json_read_sha256(JsonReader *reader, const char *name)
{
    Sha256 hash = {{0}};
    const char *const text = json_read_text(reader, name);
    if (!reader->fault && !sha256_parse(&hash, text))
        json_read_fault(reader, "field \"%s\" is no hash of 64 hexadecimal digits: \"%s\"", name, text);
    return hash;
}

unsigned json_read_choice(JsonReader *reader, const char *name, const char *const *names)
{
    const char *const text = json_read_text(reader, name);
    if (reader->fault)
        return 0;
    for (unsigned i = 0; names[i]; i++) {
        if (text_equal(text, names[i]))
            return i;
    }
    keep_fault(reader,
               ERR(UNSUPPORTED, "field \"%s\" is \"%s\", which this version does not know", name, text));
    return 0;
}

static void hex_name(char out[NAME_MAX_CHARS], const char *name)
{
    const int len = snprintf(out, NAME_MAX_CHARS, "%s_hex", name);
    assert(len > 0 && len < NAME_MAX_CHARS);
}

Span json_read_bytes(JsonReader *reader, const char *name, Arena *arena)
{
    char name_hex[NAME_MAX_CHARS];
    hex_name(name_hex, name);
    if (!json_read_has(reader, name_hex)) {
        const char *const text = json_read_text(reader, name);
        return span_of(arena_text(arena, text), strlen(text));
    }
    const char *const hex = json_read_text(reader, name_hex);
    const size_t size = strlen(hex) / 2;
    uint8_t *const bytes = arena_alloc(arena, size + 1);
    if (!text_hex_parse(bytes, size, hex))
        json_read_fault(reader, "field \"%s\" is not hexadecimal", name_hex);
    return span_of(bytes, size);
}

const char *json_read_raw(JsonReader *reader, const char *name, Arena *arena)
{
    const Span bytes = json_read_bytes(reader, name, arena);
    if (bytes.len && memchr(bytes.ptr, 0, bytes.len))
        json_read_fault(reader, "field \"%s\" has a NUL inside", name);
    return reader->fault ? "" : (const char *)bytes.ptr;
}

void json_read_copy(char *to, size_t size, JsonReader *reader, const char *name)
{
    AUTO(arena_free) Arena *arena = arena_new();
    const char *const text = json_read_raw(reader, name, arena);
    const size_t len = strlen(text);
    if (len < size)
        memcpy(to, text, len + 1);
    else
        json_read_fault(reader, "field \"%s\" has %zu characters, at most %zu fit", name, len, size - 1);
}

const json_t *json_read_array(JsonReader *reader, const char *name)
{
    return field_of(reader, name, JSON_ARRAY, "an array");
}

const json_t *json_read_object(JsonReader *reader, const char *name)
{
    return field_of(reader, name, JSON_OBJECT, "an object");
}

/* Our own names and values: jansson refuses only what is no UTF-8 (and lack of memory, which ends us anyway). */
static void set(json_t *json, const char *name, json_t *value)
{
    const int status = json_object_set_new(json, name, value);
    assert(status == 0);
    (void)status;
}

void json_set_text(json_t *json, const char *name, const char *text)
{
    set(json, name, text ? json_string(text) : json_null());
}

void json_set_int(json_t *json, const char *name, int64_t value)
{
    set(json, name, json_integer(value));
}

void json_set_size(json_t *json, const char *name, uint64_t value)
{
    assert(value <= INT64_MAX);
    set(json, name, json_integer((json_int_t)value));
}

void json_set_bool(json_t *json, const char *name, int value)
{
    set(json, name, json_boolean(value));
}

void json_set_lsn(json_t *json, const char *name, Lsn lsn)
{
    json_set_text(json, name, lsn_is_valid(lsn) ? lsn_text(lsn).text : NULL);
}

void json_set_instant(json_t *json, const char *name, Instant instant)
{
    json_set_text(json, name, instant_is_none(instant) ? NULL : instant_text(instant).text);
}

void json_set_system_id(json_t *json, const char *name, SystemId system_id)
{
    json_set_text(json, name, system_id_text(system_id).text);
}

void json_set_hash128(json_t *json, const char *name, const Hash128 *hash)
{
    json_set_text(json, name, hash128_text(hash).text);
}

void json_set_sha256(json_t *json, const char *name, const Sha256 *hash)
{
    json_set_text(json, name, sha256_text(hash).text);
}

void json_set_bytes(json_t *json, const char *name, Span bytes)
{
    const bool has_nul = bytes.len && memchr(bytes.ptr, 0, bytes.len);
    json_t *const text = has_nul ? NULL : json_stringn(bytes.len ? (const char *)bytes.ptr : "", bytes.len);
    if (text) {
        set(json, name, text);
        return;
    }
    char name_hex[NAME_MAX_CHARS];
    hex_name(name_hex, name);
    char *hex = mem_new(2 * bytes.len + 1);
    text_hex_format(hex, bytes.ptr, bytes.len);
    json_set_text(json, name_hex, hex);
    mem_free(&hex);
}

void json_set_raw(json_t *json, const char *name, const char *text)
{
    json_set_bytes(json, name, span_of(text, strlen(text)));
}
