/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * repo/json_object.h - small objects that are made and read whole
 *
 * Most objects are small: one JSON document, a history file, a list. They are made in memory, so that every repository
 * gets the same bytes, and read in one request with everything checked.
 */
#pragma once

#include "repo/container.h"
#include "repo/json_fields.h"
#include "store/store.h"

/* Appends the container of `plain` to `out`: the bytes of the object `key`. */
MUST Err *object_encode(Buf *out, const ContainerSpec *spec, Span plain);
/* Appends the plain bytes of the object `key` to `plain`; its name is the key below the cluster. NOT_FOUND, CORRUPT;
 * LIMIT beyond JSON_OBJECT_MAX. */
MUST Err *object_load(Buf *plain, Store *store, const char *key, ContainerKind kind);

/* The field "schema", which opens every JSON object of the repository; another version is UNSUPPORTED. */
#define JSON_SCHEMA 1
void json_read_schema(JsonReader *reader);

/* As object_encode(), of one JSON object. */
MUST Err *json_object_encode(Buf *out, const json_t *json, const char *key, ContainerKind kind);
/* As object_load(), of one JSON object, which is yours: AUTO(json_free). `*reader` has read its schema and goes on with
 * the other fields; it borrows `*out` and `key`. */
MUST Err *json_object_load(json_t **out, JsonReader *reader, Store *store, const char *key,
                           ContainerKind kind);
