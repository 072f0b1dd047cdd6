/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* What was decided about the backups of info, and which promises keep them. */
#include "base/text.h"
#include "job/info_priv.h"
#include "os/clock.h"
#include "repo/hold.h"
#include "retention/policy.h"

/* A record that cannot be read says nothing: then all that is missing is a gap. */
Err *info_holds_read(InfoReading *reading)
{
    const KeyRoot *const root = &reading->generation->root;
    TRY(hold_list(&reading->holds, reading->repo, root, reading->arena));
    const size_t count = reading->holds.wal_count;
    if (!count)
        return NULL;
    Err *err = hold_wal_load(&reading->wanted, reading->repo, root, reading->holds.wal[count - 1].number,
                             reading->arena);
    reading->has_wanted = !err;
    if (err_is(err, ERR_AWAY) || err_is(err, ERR_CANCELED))
        return err;
    err_free(&err);
    return NULL;
}

bool info_wal_expired(const InfoReading *reading, const Lineage *lineage, uint64_t first, uint64_t last)
{
    bool is_wanted = !reading->has_wanted;
    for (uint64_t segment = first; segment <= last && !is_wanted; segment++) {
        LineageCopy copy;
        is_wanted = lineage_copy(&copy, lineage, segment, 0) &&
                    wal_wanted_has(&reading->wanted, copy.name.timeline, segment);
    }
    return !is_wanted;
}

void info_holds_apply(InfoBackup *backups, size_t count, const InfoReading *reading)
{
    const HoldList *const holds = &reading->holds;
    for (size_t i = 0; i < count; i++) {
        InfoBackup *const backup = &backups[i];
        const Hold *const pin = hold_find(holds, HOLD_PINS, backup->label.text);
        const Hold *const fate = hold_find(holds, HOLD_FATES, backup->label.text);
        backup->is_pinned = hold_is_pinned(holds, backup->label);
        backup->is_condemned = hold_is_condemned(holds, backup->label);
        backup->condemned = backup->is_condemned && !fate->fault ? fate->stored : INSTANT_NONE;
        backup->condemned_by = backup->is_condemned && !fate->fault ? fate->host : "";
        backup->pin_note = backup->is_pinned && pin && !pin->fault ? pin->note : "";
        backup->is_given_up = (backup->is_condemned && !fate->fault && fate->by != HOLD_BY_RULE) ||
                              ((backup->state == INFO_BACKUP_GOOD || backup->state == INFO_BACKUP_BROKEN) &&
                               !backup->is_on_production && hold_is_given_up(holds, backup->record.timeline));
    }
}

static PolicyAsk policy_ask(const Info *info, const Promises *promises, Arena *arena)
{
    PolicyBackup *const backups = arena_alloc(arena, info->backup_count * sizeof *backups);
    size_t count = 0;
    for (size_t i = 0; i < info->backup_count; i++) {
        const InfoBackup *const backup = &info->backups[i];
        if (backup->state != INFO_BACKUP_GOOD && backup->state != INFO_BACKUP_BROKEN)
            continue;
        PolicyBackup *const judged = &backups[count++];
        *judged = policy_backup(&backup->record, backup->entry.committed);
        judged->is_on_production = backup->is_on_production;
        judged->is_good = backup->state == INFO_BACKUP_GOOD;
        judged->is_pinned = backup->is_pinned;
        judged->is_given_up = backup->is_given_up;
    }
    return (PolicyAsk){.backups = backups, .count = count, .promises = *promises, .now = clock_now()};
}

const unsigned *info_reasons(const Info *info, const Promises *promises, Arena *arena)
{
    Policy policy;
    const PolicyAsk ask = policy_ask(info, promises, arena);
    unsigned *const reasons = arena_alloc(arena, info->backup_count * sizeof *reasons);
    policy_judge(&policy, &ask, arena);
    for (size_t i = 0, at = 0; i < info->backup_count; i++) {
        if (at < ask.count && text_equal(ask.backups[at].label.text, info->backups[i].label.text))
            reasons[i] = policy.reasons[at++];
    }
    return reasons;
}
