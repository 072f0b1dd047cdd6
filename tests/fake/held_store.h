/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/fake/held_store.h - stores in memory that outlive the jobs which open them, and fail when told to
 *
 * "held://NAME" opens the store NAME, which is made when it is first named. A job opens and closes it as any other; the
 * test keeps its hands on it: it plans faults (store/faulty.h) and looks at what is there.
 */
#pragma once

#include "base/buf.h"
#include "store/faulty.h"

/* For ClusterOptions and RepoSpec. */
extern const StoreDriver *const held_drivers[];

/* The faulty store itself, for plans and looks; borrowed. */
Store *held_store(const char *name);

/* What is there, and the way back to it: objects that came since are removed. Both without faults, and planning none. */
typedef struct HeldState {
    Buf keys; /* each with its NUL */
} HeldState;
void held_remember(HeldState *out, Store *store);
void held_go_back(const HeldState *state, Store *store);
void held_state_done(HeldState *state);

void held_stores_done(void);
