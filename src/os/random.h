/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* os/random.h - unpredictable bytes from the kernel */
#pragma once

#include "base/err.h"

/* IO when the kernel has none to give. */
MUST Err *random_bytes(void *out, size_t size);

typedef struct UuidText {
    char text[37];
} UuidText;

/* A random (version 4) UUID in its usual form, RFC 9562. */
MUST Err *random_uuid(UuidText *out);
