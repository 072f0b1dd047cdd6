/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* os/port.h - TCP ports of this host */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Could a server listen there now, on every address? Another may be quicker. */
bool port_is_free(uint16_t port);
