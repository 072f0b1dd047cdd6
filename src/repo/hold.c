/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/hold.h"

#include "base/text.h"
#include "os/clock.h"
#include "os/random.h"
#include "repo/json_object.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_DIGITS = 6, NUMBER_MAX = 999999, TIMELINE_DIGITS = 8 };
#define CLOCK_OLD_US (INT64_C(3600) * 1000000)

static const char wal_folder[] = "wal/";

static const char *const folder_names[] = {
    [HOLD_PINS] = "pin", [HOLD_FATES] = "fate", [HOLD_TIMELINES] = "timeline"};
static const char *const word_names[] = {[HOLD_PINNED] = "pinned",
                                         [HOLD_UNPINNED] = "unpinned",
                                         [HOLD_CONDEMNED] = "condemned",
                                         [HOLD_REPRIEVED] = "reprieved",
                                         [HOLD_REMOVING] = "removing",
                                         [HOLD_GIVEN_UP] = "given up",
                                         NULL};
static const HoldFolder word_folders[] = {
    [HOLD_PINNED] = HOLD_PINS,     [HOLD_UNPINNED] = HOLD_PINS,  [HOLD_CONDEMNED] = HOLD_FATES,
    [HOLD_REPRIEVED] = HOLD_FATES, [HOLD_REMOVING] = HOLD_FATES, [HOLD_GIVEN_UP] = HOLD_TIMELINES};
static const char *const by_names[] = {
    [HOLD_BY_RULE] = "rule", [HOLD_BY_HAND] = "hand", [HOLD_BY_FORCE] = "force", NULL};

const char *hold_folder_name(HoldFolder folder)
{
    return folder_names[folder];
}

const char *hold_word_name(HoldWord word)
{
    return word_names[word];
}

/* ---- one decision ---- */

Hold hold_next(HoldFolder folder, const char *subject, HoldWord word, const Hold *before)
{
    assert(strlen(subject) <= LABEL_CHARS);
    Hold hold = {.folder = folder,
                 .number = before ? before->number + 1 : 1,
                 .word = word,
                 .created = clock_now(),
                 .host = "",
                 .note = "",
                 .stored = INSTANT_NONE};
    memcpy(hold.subject, subject, strlen(subject) + 1);
    return hold;
}

static Key hold_key(const KeyRoot *root, const Hold *hold)
{
    return key_hold(root, folder_names[hold->folder], hold->subject, hold->number);
}

Err *hold_write(Repo *repo, const KeyRoot *root, const Hold *hold)
{
    assert(word_folders[hold->word] == hold->folder);
    if (hold->number > NUMBER_MAX)
        return ERR(LIMIT, "%u decisions about %s, no more have a number", hold->number - 1, hold->subject);
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_text(json, "subject", hold->subject);
    json_set_text(json, "word", word_names[hold->word]);
    json_set_text(json, "by", by_names[hold->by]);
    json_set_instant(json, "created", hold->created);
    json_set_raw(json, "host", hold->host);
    json_set_raw(json, "note", hold->note);
    const Key key = hold_key(root, hold);
    AUTO(buf_done) Buf bytes = {0};
    TRY(json_object_encode(&bytes, json, key.text, CONTAINER_HOLD));
    return repo_put(repo, key.text, buf_span(&bytes));
}

static Err *hold_load(Hold *hold, Repo *repo, const KeyRoot *root, Arena *arena)
{
    const Key key = hold_key(root, hold);
    AUTO(json_free) json_t *json = NULL;
    JsonReader reader;
    TRY(json_object_load(&json, &reader, repo->store, key.text, CONTAINER_HOLD));
    const char *const subject = json_read_text(&reader, "subject");
    if (!reader.fault && !text_equal(subject, hold->subject))
        json_read_fault(&reader, "the subject is %s", subject);
    Hold read = *hold;
    read.word = (HoldWord)json_read_choice(&reader, "word", word_names);
    if (!reader.fault && word_folders[read.word] != hold->folder)
        json_read_fault(&reader, "\"%s\" cannot be said of a %s", word_names[read.word],
                        folder_names[hold->folder]);
    read.by = (HoldBy)json_read_choice(&reader, "by", by_names);
    read.created = json_read_instant(&reader, "created");
    read.host = json_read_raw(&reader, "host", arena);
    read.note = json_read_raw(&reader, "note", arena);
    TRY(json_read_end(&reader));
    *hold = read;
    return NULL;
}

/* ---- the list ---- */

typedef struct Listing {
    size_t prefix_len;
    Buf holds; /* of Hold: the newest of each subject, by name */
    Buf wal;   /* of HoldWalEntry */
} Listing;

static void listing_done(Listing *listing)
{
    buf_done(&listing->holds);
    buf_done(&listing->wal);
}

/* "000001" to its end. */
static bool number_matches(uint32_t *out, const char *text)
{
    uint64_t number;
    if (strlen(text) != NUMBER_DIGITS || !text_u64(&number, text) || number == 0)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool subject_is(HoldFolder folder, const char *subject)
{
    uint64_t timeline;
    if (folder != HOLD_TIMELINES)
        return label_is(subject);
    return strlen(subject) == TIMELINE_DIGITS && text_hex_upper(&timeline, subject, TIMELINE_DIGITS) &&
           timeline;
}

/* "pin/20261121-083000F.000001" */
static bool hold_matches(Hold *out, const char *name)
{
    for (HoldFolder folder = 0; folder < HOLD_FOLDER_COUNT; folder++) {
        const size_t len = strlen(folder_names[folder]);
        const char *const point = strrchr(name, '.');
        if (!text_starts(name, folder_names[folder]) || name[len] != '/' || !point ||
            point - name - (ptrdiff_t)len - 1 > LABEL_CHARS || point < name + len + 1)
            continue;
        Hold hold = {.folder = folder, .stored = INSTANT_NONE, .host = "", .note = ""};
        memcpy(hold.subject, name + len + 1, (size_t)(point - name) - len - 1);
        if (!subject_is(folder, hold.subject) || !number_matches(&hold.number, point + 1))
            return false;
        *out = hold;
        return true;
    }
    return false;
}

/* Names come sorted: the numbers of a subject follow each other, the highest last. */
static Err *object_see(void *arg, const ObjectEntry *object)
{
    Listing *const listing = arg;
    const char *const name = object->key + listing->prefix_len;
    HoldWalEntry wal = {.stored = object->info.modified};
    Hold hold;
    if (text_starts(name, wal_folder) && number_matches(&wal.number, name + strlen(wal_folder)))
        buf_add(&listing->wal, &wal, sizeof wal);
    if (!hold_matches(&hold, name))
        return NULL;
    hold.stored = object->info.modified;
    Hold *const last =
        listing->holds.len ? (Hold *)(void *)(listing->holds.data + listing->holds.len) - 1 : NULL;
    if (last && last->folder == hold.folder && text_equal(last->subject, hold.subject))
        *last = hold;
    else
        buf_add(&listing->holds, &hold, sizeof hold);
    return NULL;
}

/* Somebody may forget a backup between our listing and this: then nothing was decided about it any more. */
static Err *hold_read(Hold *hold, bool *is_gone, Repo *repo, const KeyRoot *root, Arena *arena)
{
    Err *err = hold_load(hold, repo, root, arena);
    *is_gone = err_is(err, ERR_NOT_FOUND);
    if (err_is(err, ERR_CORRUPT) || err_is(err, ERR_UNSUPPORTED) || err_is(err, ERR_LIMIT))
        hold->fault = arena_text(arena, err_text(err));
    else if (err && !*is_gone)
        return err;
    err_free(&err);
    return NULL;
}

Err *hold_list(HoldList *out, Repo *repo, const KeyRoot *root, Arena *arena)
{
    const Key prefix = key_hold_prefix(root);
    AUTO(listing_done) Listing listing = {.prefix_len = strlen(prefix.text)};
    TRY(store_list(repo->store, prefix.text, (ListOpts){0}, object_see, &listing));
    const Hold *const found = (const Hold *)(const void *)listing.holds.data;
    const size_t count = listing.holds.len / sizeof *found;
    Hold *const holds = arena_alloc(arena, count * sizeof *holds);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_gone;
        holds[kept] = found[i];
        TRY(hold_read(&holds[kept], &is_gone, repo, root, arena));
        kept += !is_gone;
    }
    *out =
        (HoldList){.holds = holds,
                   .count = kept,
                   .wal = (const HoldWalEntry *)(const void *)arena_bytes(arena, buf_span(&listing.wal)).ptr,
                   .wal_count = listing.wal.len / sizeof(HoldWalEntry)};
    return NULL;
}

const Hold *hold_find(const HoldList *list, HoldFolder folder, const char *subject)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->holds[i].folder == folder && text_equal(list->holds[i].subject, subject))
            return &list->holds[i];
    }
    return NULL;
}

bool hold_says(const Hold *hold, HoldWord word)
{
    return hold && !hold->fault && hold->word == word;
}

bool hold_is_pinned(const HoldList *list, BackupLabel label)
{
    const Hold *const pin = hold_find(list, HOLD_PINS, label.text);
    const Hold *const fate = hold_find(list, HOLD_FATES, label.text);
    return hold_says(pin, HOLD_PINNED) || (pin && pin->fault) || (fate && fate->fault);
}

bool hold_is_removing(const HoldList *list, BackupLabel label)
{
    return hold_says(hold_find(list, HOLD_FATES, label.text), HOLD_REMOVING);
}

bool hold_is_condemned(const HoldList *list, BackupLabel label)
{
    const Hold *const fate = hold_find(list, HOLD_FATES, label.text);
    return hold_says(fate, HOLD_CONDEMNED) || hold_is_removing(list, label) || (fate && fate->fault);
}

bool hold_is_given_up(const HoldList *list, Timeline timeline)
{
    char subject[TIMELINE_DIGITS + 1];
    snprintf(subject, sizeof subject, "%08X", timeline.id);
    return hold_says(hold_find(list, HOLD_TIMELINES, subject), HOLD_GIVEN_UP);
}

/* ---- what goes away ---- */

static Err *key_keep(void *arg, const ObjectEntry *object)
{
    buf_add(arg, object->key, strlen(object->key) + 1);
    return NULL;
}

static Err *keys_remove(Repo *repo, const Buf *keys)
{
    for (size_t at = 0; at < keys->len; at += strlen((const char *)keys->data + at) + 1)
        TRY(store_remove(repo->store, (const char *)keys->data + at));
    return NULL;
}

static Err *all_remove(Repo *repo, const char *prefix)
{
    AUTO(buf_done) Buf keys = {0};
    TRY(store_list(repo->store, prefix, (ListOpts){0}, key_keep, &keys));
    return keys_remove(repo, &keys);
}

Err *hold_forget(Repo *repo, const KeyRoot *root, BackupLabel label)
{
    static const HoldFolder folders[] = {HOLD_PINS, HOLD_FATES};
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        TRY(all_remove(repo, key_hold_stem(root, folder_names[folders[i]], label.text).text));
    return NULL;
}

static Err *mark_put(Repo *repo, const char *key)
{
    AUTO(json_free) json_t *json = json_object();
    json_set_int(json, "schema", JSON_SCHEMA);
    json_set_instant(json, "created", clock_now());
    AUTO(buf_done) Buf bytes = {0};
    TRY(json_object_encode(&bytes, json, key, CONTAINER_HOLD));
    return repo_put(repo, key, buf_span(&bytes));
}

Err *hold_gone_write(Repo *repo, const KeyRoot *root, BackupLabel label)
{
    Err *err = mark_put(repo, key_hold_gone(root, label).text);
    if (err_is(err, ERR_EXISTS)) /* it has been said before */
        err_free(&err);
    return err;
}

Err *hold_is_gone(bool *out, Repo *repo, const KeyRoot *root, BackupLabel label)
{
    ObjectInfo info;
    Err *err = store_stat(&info, repo->store, key_hold_gone(root, label).text);
    if (err && !err_is(err, ERR_NOT_FOUND))
        return err;
    *out = !err;
    err_free(&err);
    return NULL;
}

typedef struct OldClocks {
    Instant before;
    Buf keys; /* each with its NUL */
} OldClocks;

static Err *clock_see(void *arg, const ObjectEntry *object)
{
    OldClocks *const old = arg;
    return object->info.modified.us < old->before.us ? key_keep(&old->keys, object) : NULL;
}

/* Those that a crash has left. Younger ones may be of somebody who is about to look at his. */
static Err *clocks_tidy(Repo *repo, const KeyRoot *root, Instant now)
{
    OldClocks old = {.before = {now.us - CLOCK_OLD_US}};
    Err *err = store_list(repo->store, key_hold_stem(root, "clock", "").text, (ListOpts){0}, clock_see, &old);
    if (!err)
        err = keys_remove(repo, &old.keys);
    buf_done(&old.keys);
    return err;
}

Err *hold_clock_read(Instant *out, Repo *repo, const KeyRoot *root)
{
    uint64_t number;
    TRY(random_bytes(&number, sizeof number));
    const Key key = key_hold_clock(root, number);
    ObjectInfo info;
    TRY(mark_put(repo, key.text));
    TRY(store_stat(&info, repo->store, key.text));
    Err *err = store_remove(repo->store, key.text);
    if (!err)
        err = clocks_tidy(repo, root, info.modified);
    if (err && !err_is(err, ERR_DENIED)) /* whoever may not remove may still ask */
        return err;
    err_free(&err);
    *out = info.modified;
    return NULL;
}
