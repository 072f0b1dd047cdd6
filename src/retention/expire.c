/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "retention/expire.h"

#include "base/text.h"
#include "cluster/cluster.h"
#include "os/signal.h"
#include "retention/expire_priv.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {[EXPIRE_KEPT] = "kept",
                                          [EXPIRE_RUNNING] = "running",
                                          [EXPIRE_CONDEMNED] = "condemned",
                                          [EXPIRE_REMOVED] = "removed",
                                          [EXPIRE_REMAINS] = "remains"};

const char *expire_state_name(ExpireState state)
{
    return state_names[state];
}

/* What is being gathered for the result. */
typedef struct Gathering {
    const ExpireWork *work;
    ExpireResult sums;
    Buf backups, objects;
    HostName host;
    Arena *arena;
    size_t found;   /* repositories and generations that have what was asked about */
    uint32_t today; /* the newest generation in any of them */
} Gathering;

static void gathering_done(Gathering *gathering)
{
    buf_done(&gathering->backups);
    buf_done(&gathering->objects);
}

/* ---- what there is to tell ---- */

static void sum_add(ExpireSum *sum, uint64_t bytes)
{
    sum->objects++;
    sum->bytes += bytes;
}

void expire_note(Expiry *expiry, const ObjectEntry *object, ExpireObjectState state, const char *why)
{
    const bool is_wal = text_starts(object->key, key_wal_root(&expiry->generation->root).text);
    const uint64_t bytes = object->info.size_bytes;
    if (state == EXPIRE_OBJECT_REMOVED)
        sum_add(is_wal ? &expiry->sums->wal_removed : &expiry->sums->backups_removed, bytes);
    else if (is_wal)
        sum_add(state == EXPIRE_OBJECT_LATER ? &expiry->sums->wal_later : &expiry->sums->wal_kept, bytes);
    if (!expiry->work->options.lists_objects)
        return;
    const ExpireObject row = {.repo = arena_text(expiry->arena, expiry->repo->name),
                              .key = arena_text(expiry->arena, object->key),
                              .stored_bytes = bytes,
                              .state = state,
                              .why = why};
    buf_add(expiry->objects, &row, sizeof row);
}

static ExpireState state_of(const Expiry *expiry, size_t at)
{
    static const ExpireState states[] = {[VERDICT_STAYS] = EXPIRE_KEPT,
                                         [VERDICT_GOES] = EXPIRE_CONDEMNED,
                                         [VERDICT_RUNNING] = EXPIRE_RUNNING,
                                         [VERDICT_REMAINS] = EXPIRE_REMAINS};
    return expire_is_due(expiry, at) ? EXPIRE_REMOVED : states[expiry->judgements[at].verdict];
}

/* What was condemned a moment ago goes a grace from now. */
static Instant due_of(const Expiry *expiry, size_t at)
{
    const Hold *const fate = expiry->stock.backups[at].fate;
    const bool is_old = hold_says(fate, HOLD_CONDEMNED);
    const Instant since = is_old ? fate->stored : expiry->store_now;
    return (Instant){since.us + expiry->work->cluster->expire_grace_us};
}

void expire_rows_add(Expiry *expiry)
{
    for (size_t i = 0; i < expiry->stock.count; i++) {
        const StockBackup *const backup = &expiry->stock.backups[i];
        if (!expire_is_meant(expiry, backup->entry.label))
            continue;
        ExpireBackup row = {.repo = arena_text(expiry->arena, expiry->repo->name),
                            .generation = expiry->generation->root.generation,
                            .label = backup->entry.label,
                            .state = state_of(expiry, i),
                            .reasons = expiry->judgements[i].reasons,
                            .why = expiry->judgements[i].why,
                            .due = INSTANT_NONE,
                            .stored_bytes = backup->entry.stored_bytes};
        if (row.state == EXPIRE_CONDEMNED)
            row.due = due_of(expiry, i);
        buf_add(expiry->backups, &row, sizeof row);
    }
}

/* ---- by hand ---- */

static Err *hand_refuse(const Expiry *expiry, size_t at)
{
    const BackupLabel label = expiry->stock.backups[at].entry.label;
    const Judgement *const judgement = &expiry->judgements[at];
    if (expiry->work->options.is_forced)
        return NULL;
    if (judgement->verdict == VERDICT_RUNNING)
        return err_hint(ERR(REFUSED, "backup %s was begun not long ago: it may be running", label.text),
                        "when it is certain that it does not run, add --force");
    if (judgement->reasons & 1U << POLICY_LAST)
        return err_hint(ERR(REFUSED, "backup %s is the last good one in the repository %s", label.text,
                            expiry->repo->name),
                        "take a new backup first; --force removes this one all the same");
    if (hold_is_pinned(&expiry->stock.holds, label))
        return err_hint(
            ERR(REFUSED, "backup %s is pinned in the repository %s", label.text, expiry->repo->name),
            "\"pgstrata unpin %s\" first, or add --force", label.text);
    if (judgement->verdict == VERDICT_STAYS && !judgement->reasons && !judgement->is_for_other)
        return err_hint(ERR(REFUSED, "backup %s stays in the repository %s: %s", label.text,
                            expiry->repo->name, judgement->why),
                        "\"pgstrata verify\" says more; --force removes it all the same");
    return NULL;
}

static const StockBackup *asked_backup(const Expiry *expiry, size_t *at)
{
    for (*at = 0; *at < expiry->stock.count; ++*at) {
        const StockBackup *const backup = &expiry->stock.backups[*at];
        if (text_equal(backup->entry.label.text, expiry->work->options.backup) && !stock_is_remains(backup))
            return backup;
    }
    return NULL;
}

/* A word by hand counts for more than one by rule, and begins the grace anew. */
static Err *hand_say(Expiry *expiry, const StockBackup *backup)
{
    const Hold *const fate = backup->fate;
    const HoldBy by = expiry->work->options.is_forced ? HOLD_BY_FORCE : HOLD_BY_HAND;
    const bool stands =
        hold_is_condemned(&expiry->stock.holds, backup->entry.label) && !fate->fault && fate->by >= by;
    if (stands)
        return NULL;
    Hold hold = hold_next(HOLD_FATES, backup->entry.label.text, HOLD_CONDEMNED, fate);
    hold.by = by;
    hold.note = "by hand";
    return expire_say(expiry, &hold);
}

/* ---- a timeline that is given up ---- */

/* One that is not there may come some day: what it writes then is nothing that anybody has given up today. */
static bool timeline_is_known(const Expiry *expiry)
{
    const Stock *const stock = &expiry->stock;
    const Timeline timeline = expiry->work->options.drop_timeline;
    bool is_known = lineage_part(&stock->production, timeline) ||
                    wal_archive_timeline(&stock->archive, timeline) ||
                    hold_is_given_up(&stock->holds, timeline);
    for (size_t i = 0; i < stock->other_count; i++)
        is_known |= stock->others[i].timeline.id == timeline.id;
    return is_known;
}

static Err *timeline_refuse(const Expiry *expiry)
{
    const Timeline timeline = expiry->work->options.drop_timeline;
    const Lineage *const production = &expiry->stock.production;
    if (!production->count && expiry->stock.line_fault)
        return ERR(REFUSED, "which timeline is the production branch's cannot be read: %s",
                   expiry->stock.line_fault);
    if (production->count && production->timeline.id == timeline.id)
        return err_hint(ERR(REFUSED, "timeline %u is the tip of the production branch", timeline.id),
                        "what its backups hold expires as it was promised: see the option --retention");
    return NULL;
}

static Err *timeline_say(Expiry *expiry, Timeline timeline)
{
    char subject[LABEL_CHARS + 1];
    snprintf(subject, sizeof subject, "%08X", timeline.id);
    const HoldList *const holds = &expiry->stock.holds;
    if (hold_is_given_up(holds, timeline))
        return NULL;
    Hold hold = hold_next(HOLD_TIMELINES, subject, HOLD_GIVEN_UP, hold_find(holds, HOLD_TIMELINES, subject));
    hold.by = HOLD_BY_HAND;
    return expire_say(expiry, &hold);
}

/* ---- a generation that is given up ---- */

static bool is_dropped(const Expiry *expiry)
{
    return expiry->work->options.drop_generation == expiry->generation->root.generation;
}

bool expire_has_no_backup(const Expiry *expiry)
{
    for (size_t i = 0; i < expiry->stock.count; i++) {
        if (!stock_is_remains(&expiry->stock.backups[i]))
            return false;
    }
    return true;
}

static Err *generation_refuse(const Expiry *expiry)
{
    const uint32_t number = expiry->generation->root.generation;
    if (number == expiry->today)
        return err_hint(ERR(REFUSED, "generation %u is today's", number),
                        "what it holds expires as it was promised: see the option --retention");
    for (size_t i = 0; i < expiry->stock.count; i++) {
        const StockBackup *const backup = &expiry->stock.backups[i];
        if (!stock_is_remains(backup))
            return err_hint(ERR(REFUSED, "generation %u has backup %s in the repository %s", number,
                                backup->entry.label.text, expiry->repo->name),
                            "its WAL goes when no backup is left: \"pgstrata expire --backup %s --force\"",
                            backup->entry.label.text);
    }
    return NULL;
}

/* A dry run need not imagine it: the generation is meant as a whole. */
static Err *generation_say(Expiry *expiry)
{
    const WalArchive *const archive = &expiry->stock.archive;
    for (size_t i = 0; i < archive->count && !expiry->work->options.dry_run; i++)
        TRY(timeline_say(expiry, archive->timelines[i].timeline));
    return NULL;
}

/* ---- one generation of one repository ---- */

static Expiry expiry_of(Gathering *gathering, Repo *repo, const Generation *generation)
{
    return (Expiry){.work = gathering->work,
                    .repo = repo,
                    .generation = generation,
                    .today = gathering->today,
                    .arena = gathering->arena,
                    .host = gathering->host.text,
                    .backups = &gathering->backups,
                    .objects = &gathering->objects,
                    .sums = &gathering->sums};
}

/* What a person asked for is refused before anything is written anywhere. */
static Err *generation_ask(Gathering *gathering, Repo *repo, const Generation *generation)
{
    const ExpireOptions *const options = &gathering->work->options;
    Expiry expiry = expiry_of(gathering, repo, generation);
    ExpireWork look_only = *gathering->work;
    size_t at;
    look_only.options.dry_run = true;
    expiry.work = &look_only;
    TRY(expire_clock(&expiry));
    TRY(expire_look(&expiry));
    if (options->backup && asked_backup(&expiry, &at)) {
        gathering->found++;
        TRY(hand_refuse(&expiry, at));
    }
    if (is_dropped(&expiry)) {
        gathering->found++;
        TRY(generation_refuse(&expiry));
    }
    if (!options->drop_timeline.id)
        return NULL;
    gathering->found += timeline_is_known(&expiry);
    return timeline_refuse(&expiry);
}

static Err *words_say(Expiry *expiry)
{
    const ExpireOptions *const options = &expiry->work->options;
    size_t at;
    const StockBackup *const backup = options->backup ? asked_backup(expiry, &at) : NULL;
    if (backup)
        TRY(hand_say(expiry, backup));
    if (options->drop_timeline.id && timeline_is_known(expiry))
        TRY(timeline_say(expiry, options->drop_timeline));
    if (is_dropped(expiry))
        TRY(generation_say(expiry));
    return backup || options->drop_timeline.id || is_dropped(expiry) ? expire_look(expiry) : NULL;
}

static Err *generation_expire(Gathering *gathering, Repo *repo, const Generation *generation)
{
    Expiry expiry = expiry_of(gathering, repo, generation);
    const bool is_dry = gathering->work->options.dry_run;
    TRY(expire_clock(&expiry));
    TRY(expire_look(&expiry));
    TRY(words_say(&expiry));
    TRY(expire_decide(&expiry));
    if (!is_dry)
        TRY(expire_look(&expiry));
    expire_rows_add(&expiry);
    if (expire_has_work(&expiry)) {
        TRY(expire_remove(&expiry));
        if (!is_dry)
            TRY(expire_look(&expiry));
    }
    TRY(expire_packs(&expiry));
    return expire_wal(&expiry);
}

/* ---- all of them ---- */

static Err *generations_ask(Gathering *gathering, Repo *repo)
{
    const Generation *list;
    size_t count;
    TRY(generation_list(&list, &count, repo, gathering->work->cluster->name, gathering->arena));
    for (size_t i = 0; i < count; i++) {
        TRY(signal_check());
        TRY(generation_ask(gathering, repo, &list[i]));
    }
    return NULL;
}

/* Each generation has nothing to do with the others; only a store that is away is for all of them. */
static Err *generations_expire(Gathering *gathering, Repo *repo)
{
    const Generation *list;
    size_t count;
    TRY(generation_list(&list, &count, repo, gathering->work->cluster->name, gathering->arena));
    if (count && list[count - 1].root.generation > gathering->today)
        gathering->today = list[count - 1].root.generation;
    for (size_t i = 0; i < count; i++) {
        TRY(signal_check());
        Err *err = generation_expire(gathering, repo, &list[i]);
        if (err_is(err, ERR_CANCELED) || err_is(err, ERR_AWAY))
            return err;
        if (err)
            report_fault(gathering->work->report,
                         err_doing(err, "expiring generation %u in the repository %s",
                                   list[i].root.generation, repo->name));
    }
    return NULL;
}

/* A repository may be behind the others. */
static Err *today_find(Gathering *gathering, Repo *const *repos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Generation *list;
        size_t found;
        TRY(generation_list(&list, &found, repos[i], gathering->work->cluster->name, gathering->arena));
        if (found && list[found - 1].root.generation > gathering->today)
            gathering->today = list[found - 1].root.generation;
    }
    return NULL;
}

static Err *asked_check(Gathering *gathering, Repo *const *repos, size_t count)
{
    const ExpireOptions *const options = &gathering->work->options;
    const char *const cluster = gathering->work->cluster->name;
    BackupLabel label;
    if (options->backup)
        TRY(label_parse(&label, options->backup));
    if (!options->backup && !options->drop_timeline.id && !options->drop_generation)
        return NULL;
    TRY(today_find(gathering, repos, count));
    for (size_t i = 0; i < count; i++)
        TRY(generations_ask(gathering, repos[i]));
    if (options->backup && !gathering->found)
        return err_hint(ERR(NOT_FOUND, "cluster %s has no backup %s", cluster, options->backup),
                        "\"pgstrata info\" lists the backups");
    if (options->drop_timeline.id && !gathering->found)
        return err_hint(ERR(NOT_FOUND, "cluster %s has no timeline %u", cluster, options->drop_timeline.id),
                        "\"pgstrata info\" lists the timelines");
    if (options->drop_generation && !gathering->found)
        return err_hint(ERR(NOT_FOUND, "cluster %s has no generation %u", cluster, options->drop_generation),
                        "\"pgstrata info\" lists the generations");
    return NULL;
}

static Err *repos_expire(Gathering *gathering, Repo *const *repos, size_t count)
{
    TRY(asked_check(gathering, repos, count));
    for (size_t i = 0; i < count; i++) {
        Err *err = generations_expire(gathering, repos[i]);
        if (err_is(err, ERR_CANCELED))
            return err;
        if (err)
            report_fault(gathering->work->report,
                         err_doing(err, "expiring in the repository %s", repos[i]->name));
    }
    return NULL;
}

Err *expire_repos(ExpireResult *out, Repo *const *repos, size_t count, const ExpireWork *work, Arena *arena)
{
    AUTO(gathering_done) Gathering gathering = {.work = work, .arena = arena, .host = cluster_host_name()};
    TRY(repos_expire(&gathering, repos, count));
    ExpireResult result = gathering.sums;
    result.backups = (const ExpireBackup *)(const void *)arena_bytes(arena, buf_span(&gathering.backups)).ptr;
    result.backup_count = gathering.backups.len / sizeof(ExpireBackup);
    result.objects = (const ExpireObject *)(const void *)arena_bytes(arena, buf_span(&gathering.objects)).ptr;
    result.object_count = gathering.objects.len / sizeof(ExpireObject);
    *out = result;
    return NULL;
}

typedef struct OpenRepos {
    Repo **repos;
    size_t count;
} OpenRepos;

static void open_repos_done(OpenRepos *open)
{
    for (size_t i = 0; i < open->count; i++)
        repo_free(&open->repos[i]);
    mem_free(&open->repos);
}

Err *expire_run(ExpireResult *out, const ExpireWork *work, Arena *arena)
{
    const ClusterOptions *const cluster = work->cluster;
    AUTO(open_repos_done) OpenRepos open = {.repos = mem_new(cluster->repo_count * sizeof(Repo *))};
    for (size_t i = 0; i < cluster->repo_count; i++) {
        const RepoSpec spec = cluster_repo_spec(cluster, i);
        Err *err = repo_open(&open.repos[open.count], &spec);
        if (err_is(err, ERR_CANCELED))
            return err;
        if (err)
            report_fault(work->report, err);
        else
            open.count++;
    }
    return expire_repos(out, open.repos, open.count, work, arena);
}
