/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/random.h"

#include "base/text.h"
#include "os/errno.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

Err *random_bytes(void *out, size_t size)
{
    uint8_t *at = out;
    while (size) {
        const ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERR_OS("asking the kernel for random bytes");
        at += got;
        size -= (size_t)got;
    }
    return NULL;
}

Err *random_uuid(UuidText *out)
{
    uint8_t bytes[16];
    TRY(random_bytes(bytes, sizeof bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */

    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    char *to = out->text;
    const uint8_t *from = bytes;
    for (size_t i = 0; i < sizeof groups; i++) {
        if (i)
            *to++ = '-';
        text_hex_format(to, from, groups[i]);
        to += 2 * groups[i];
        from += groups[i];
    }
    return NULL;
}
