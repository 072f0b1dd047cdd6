/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * cli/wal_index_show.h - the index of a WAL segment, for people and for programs
 */
#pragma once

#include "archive/wal_show.h"
#include "cli/output.h"

/* Everything the index holds, as one object; the fields stand in the manual page of wal-index. */
MUST json_t *wal_index_json(const WalShown *shown);
/* The same in lines; of long lists the first ones. */
void wal_index_print(Output *out, const WalShown *shown);

/* "restore point" */
const char *wal_event_name(WalEventKind kind);
/* "dropped file", and "other" for one that a newer pgstrata wrote. */
const char *wal_act_name(WalActKind kind);
