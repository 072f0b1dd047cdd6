/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "flow/progress.h"

void progress_phase(Progress *progress, const char *phase)
{
    atomic_store(&progress->phase, phase);
}

ProgressNow progress_now(const Progress *progress)
{
    const char *const phase = atomic_load(&progress->phase);
    return (ProgressNow){
        .phase = phase ? phase : "",
        .bytes_total = counter_get(&progress->bytes_total),
        .bytes_done = counter_get(&progress->bytes_done),
        .bytes_stored = counter_get(&progress->bytes_stored),
        .files_total = counter_get(&progress->files_total),
        .files_done = counter_get(&progress->files_done),
    };
}
