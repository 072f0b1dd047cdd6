/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#pragma once

#define PGSTRATA_VERSION "0.1.0"
