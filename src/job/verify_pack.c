/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Packs: how the pages in them are judged, and what of them the backups that draw on them must know.
 *
 * A pack lies under the label that wrote it and is drawn on by others. Its pages are judged by the rules of the writer,
 * whose record is read before any pack is. A pack whose pages are bad although nobody knew is whole: every backup that
 * draws on it restores as it was, bad page included, so this is told by itself.
 */
#include "job/verify_priv.h"

#include "base/text.h"
#include "repo/pack_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct LabelJudge {
    uint32_t generation;
    BackupLabel label;
    PageJudge judge;
} LabelJudge;

/* A record that cannot be read is told when its backup is followed, or with its object. */
static void judge_load(VerifyRun *run, const VerifyGeneration *generation, BackupLabel label)
{
    BackupRecord record;
    LabelJudge of = {.generation = generation->generation.root.generation, .label = label};
    AUTO(err_free)
    Err *err = backup_record_load(&record, run->repo, &generation->generation.root, label, run->arena);
    if (!err)
        err = page_judge_of(&of.judge, &record, &generation->generation);
    if (!err)
        buf_add(&run->judges, &of, sizeof of);
}

void verify_judges_load(VerifyRun *run)
{
    for (size_t i = 0; i < run->generation_count; i++) {
        const VerifyGeneration *const generation = &run->generations[i];
        for (size_t j = 0; generation->is_known && j < generation->backup_count; j++) {
            if (generation->backups[j].is_committed)
                judge_load(run, generation, generation->backups[j].label);
        }
    }
}

static int judge_compare(const void *a, const void *b)
{
    const LabelJudge *const x = a, *const y = b;
    if (x->generation != y->generation)
        return x->generation < y->generation ? -1 : 1;
    return strcmp(x->label.text, y->label.text);
}

/* They were loaded in this order. */
static const PageJudge *judge_of(const VerifyRun *run, const VerifyObject *object)
{
    const LabelJudge wanted = {.generation = object->generation, .label = object->label};
    const LabelJudge *const found = run->judges.len
                                        ? bsearch(&wanted, run->judges.data, run->judges.len / sizeof wanted,
                                                  sizeof wanted, judge_compare)
                                        : NULL;
    return found ? &found->judge : NULL;
}

Err *verify_pack_read(ContainerSummary *out, VerifyRun *run, const VerifyObject *object, const Key *key)
{
    PackProof proof;
    TRY(pack_verify(&proof, run->repo->store, key, judge_of(run, object)));
    *out = proof.summary;
    if (!proof.bad_pages)
        return NULL;
    counter_add(&run->bad_pages, proof.bad_pages);
    return verify_found(
        run,
        err_hint(ERR(CORRUPT,
                     "%s holds %" PRIu64 " damaged page%s that backup %s did not tell of; the first is %s",
                     key->text, proof.bad_pages, proof.bad_pages == 1 ? "" : "s", object->label.text,
                     proof.first_bad),
                 "the object is as it was written, and restores give these pages back as they are; look "
                 "at the page on the server, then take a full backup"));
}

void verify_pack_seen(VerifyRun *run, const PackSeen *seen)
{
    lock_take(&run->lock);
    buf_add(&run->packs, seen, sizeof *seen);
    lock_release(&run->lock);
}

static int pack_compare(const void *a, const void *b)
{
    const PackSeen *const x = a, *const y = b;
    if (x->generation != y->generation)
        return x->generation < y->generation ? -1 : 1;
    const int order = strcmp(x->label.text, y->label.text);
    return order ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

void verify_packs_sort(VerifyRun *run)
{
    if (run->packs.len)
        qsort(run->packs.data, run->packs.len / sizeof(PackSeen), sizeof(PackSeen), pack_compare);
}

const PackSeen *verify_pack(const VerifyRun *run, uint32_t generation, BackupLabel label, uint32_t pack)
{
    const PackSeen wanted = {.generation = generation, .label = label, .pack = pack};
    return run->packs.len ? bsearch(&wanted, run->packs.data, run->packs.len / sizeof wanted, sizeof wanted,
                                    pack_compare)
                          : NULL;
}
