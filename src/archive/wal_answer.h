/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * archive/wal_answer.h - what the archive answers to a server that recovers
 *
 * PostgreSQL takes "absent" for the end of WAL and opens. So absent is only said when it is proven: every repository
 * answered, and nothing shows that WAL goes on. Everything else is an error, on which recovery must stop: AWAY and the
 * like for a repository that does not answer, CORRUPT for damage without a good copy, GAP for a hole.
 *
 * With a plan the branch is known: what is not on it is absent without asking; what is on it and before the end must be
 * there; the parent's copy of a segment in which the child began is cut at the switch point, because what follows there
 * is of a dead branch. Without a plan a segment is absent when neither its timeline nor a descendant has a later one, and
 * tails that reach past the point where a descendant branched off are REFUSED: which way recovery goes is not known.
 *
 * A segment that its server never finished is stored as tails (repo/wal_cover.h). It is handed out, with zeros behind,
 * only where WAL may end: in the segment with the end of the plan, in the parent's switch segment, and in what would
 * else be answered with absent. The whole segment wins in whatever repository it lies. A standby is never given tails:
 * the server puts what it is given in the place of what it has streamed, and that may reach further.
 */
#pragma once

#include "flow/landing.h"
#include "repo/plan.h"
#include "repo/repo.h"

typedef struct WalQuestion {
    Repo *const *repos; /* those that could be opened, in order of preference */
    size_t repo_count;
    const Err *silence; /* why the others could not; NULL when all are open */
    KeyRoot root;
    SystemId system_id;
    const Plan *plan; /* NULL: none */
    bool is_standby;  /* standby.signal is there: absent does not end recovery */
    int jobs;         /* threads that decode one file; 0: the calling one */
} WalQuestion;

typedef enum WalAnswer { WAL_FOUND, WAL_ABSENT } WalAnswer;

/* Lands the plain bytes when found, and only then may they be used: their hashes and head were checked. A damaged copy
 * may have landed before and been overwritten. What the landing itself has to say comes out as an error, never as absent:
 * its NOT_FOUND is IO here. */
MUST Err *wal_answer(WalAnswer *out, Landing *to, const WalQuestion *question, WalName name);

/* Is the segment known not to be on the plan's branch? */
bool wal_answer_is_alien(const WalQuestion *question, WalName name);
/* Is the whole segment, as it is archived, part of the branch (or is there no plan)? Then it may be fetched ahead. */
bool wal_answer_is_whole(const WalQuestion *question, WalName name);

/* A checked whole segment from the first repository that has a good copy; `*found` false when none has it and all
 * answered. */
MUST Err *wal_answer_fetch(bool *found, Landing *to, const WalQuestion *question, WalName name);
