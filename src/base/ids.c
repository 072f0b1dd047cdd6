/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "base/ids.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

LsnText lsn_text(Lsn lsn)
{
    LsnText out;
    snprintf(out.text, sizeof out.text, "%X/%X", (unsigned)(lsn.at >> 32), (unsigned)lsn.at);
    return out;
}

/* 1 to 8 hexadecimal digits up to `end`. */
static bool half_parse(uint32_t *out, const char *begin, const char *end)
{
    if (end <= begin || end - begin > 8)
        return false;
    uint32_t value = 0;
    for (const char *p = begin; p < end; p++) {
        const int digit = text_hex_digit(*p);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

Err *lsn_parse(Lsn *out, const char *text)
{
    const char *const slash = strchr(text, '/');
    uint32_t high, low;
    if (!slash || !half_parse(&high, text, slash) || !half_parse(&low, slash + 1, text + strlen(text)))
        return ERR(USAGE, "\"%s\" is not an LSN: expected two hexadecimal numbers such as 16/B374D848", text);
    out->at = (uint64_t)high << 32 | low;
    return NULL;
}

SystemIdText system_id_text(SystemId system_id)
{
    SystemIdText out;
    snprintf(out.text, sizeof out.text, "%" PRIu64, system_id.id);
    return out;
}

Err *system_id_parse(SystemId *out, const char *text)
{
    uint64_t id;
    if (!text_u64(&id, text))
        return ERR(USAGE, "\"%s\" is not a system identifier: expected decimal digits", text);
    out->id = id;
    return NULL;
}
