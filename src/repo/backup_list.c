/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * The lists of repo/backup_set.h: which packs a backup draws on, and which backups there are. Both grow with the
 * cluster, so the first is NDJSON and the second is made of names. A new label is one behind the end of the second.
 */
#include "repo/backup_set.h"

#include "base/limits.h"
#include "base/text.h"
#include "repo/json_lines.h"
#include "repo/json_object.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char packs_object[] = "packs";

static int use_compare(const PackUse *a, const PackUse *b)
{
    const int order = strcmp(a->label.text, b->label.text);
    return order ? order : (a->pack > b->pack) - (a->pack < b->pack);
}

static int use_order(const void *a, const void *b)
{
    return use_compare(a, b);
}

const PackUse *pack_uses_find(PackUses packs, BackupLabel label, uint32_t pack)
{
    const PackUse wanted = {.label = label, .pack = pack};
    return packs.count ? bsearch(&wanted, packs.uses, packs.count, sizeof wanted, use_order) : NULL;
}

Err *backup_packs_write(RepoSet *set, const KeyRoot *root, BackupLabel label, PackUses packs)
{
    AUTO(buf_done) Buf plain = {0};
    buf_addf(&plain, "{\"schema\":%d,\"label\":\"%s\",\"packs\":%zu}\n", JSON_SCHEMA, label.text,
             packs.count);
    for (size_t i = 0; i < packs.count; i++) {
        const PackUse *const use = &packs.uses[i];
        assert(i == 0 || use_compare(use - 1, use) < 0);
        buf_addf(
            &plain,
            "{\"label\":\"%s\",\"pack\":%u,\"stored\":%llu,\"plain\":%llu,\"live\":%llu,\"sha256\":\"%s\"}\n",
            use->label.text, use->pack, (unsigned long long)use->stored_bytes,
            (unsigned long long)use->plain_bytes, (unsigned long long)use->live_bytes,
            sha256_text(&use->sha256).text);
    }
    if (plain.len > JSON_OBJECT_MAX)
        return ERR(LIMIT, "backup %s draws on %zu packs, too many for one list", label.text, packs.count);
    const Key key = key_backup_object(root, label, packs_object);
    const ContainerSpec spec = {.kind = CONTAINER_PACKS,
                                .name = key_object_name(key.text),
                                .codec = CODEC_ZSTD,
                                .level = codec_level_default(CODEC_ZSTD)};
    AUTO(buf_done) Buf bytes = {0};
    TRY(object_encode(&bytes, &spec, buf_span(&plain)));
    return repo_set_put(set, key.text, buf_span(&bytes));
}

static Err *packs_head_read(uint64_t *count, JsonLines *lines, BackupLabel label)
{
    AUTO(json_free) json_t *line = NULL;
    TRY(json_lines_next(&line, lines));
    if (!line)
        return ERR(CORRUPT, "%s is empty", lines->what);
    JsonReader reader = json_lines_read(lines, line);
    json_read_schema(&reader);
    const BackupLabel there = json_read_label(&reader, "label");
    *count = json_read_size(&reader, "packs");
    if (!reader.fault && !text_equal(there.text, label.text))
        json_read_fault(&reader, "the label is %s", there.text);
    return json_read_end(&reader);
}

static Err *use_read(PackUse *out, JsonReader *reader)
{
    const PackUse use = {
        .label = json_read_label(reader, "label"),
        .pack = (uint32_t)json_read_int(reader, "pack", 1, PACK_NUMBER_MAX),
        .stored_bytes = json_read_size(reader, "stored"),
        .plain_bytes = (uint64_t)json_read_int(reader, "plain", 0, PACK_PLAIN_MAX),
        .live_bytes = json_read_size(reader, "live"),
        .sha256 = json_read_sha256(reader, "sha256"),
    };
    if (use.live_bytes > use.plain_bytes)
        json_read_fault(reader, "more bytes are live than it holds");
    TRY(json_read_end(reader));
    *out = use;
    return NULL;
}

Err *backup_packs_load(PackUses *out, Repo *repo, const KeyRoot *root, BackupLabel label, Arena *arena)
{
    const Key key = key_backup_object(root, label, packs_object);
    AUTO(buf_done) Buf plain = {0};
    TRY(object_load(&plain, repo->store, key.text, CONTAINER_PACKS));
    JsonLines lines = json_lines(buf_span(&plain), key.text);
    uint64_t announced = 0;
    TRY(packs_head_read(&announced, &lines, label));

    AUTO(buf_done) Buf uses = {0};
    PackUse before = {.pack = 0};
    for (;;) {
        AUTO(json_free) json_t *line = NULL;
        TRY(json_lines_next(&line, &lines));
        if (!line)
            break;
        JsonReader reader = json_lines_read(&lines, line);
        PackUse use;
        TRY(use_read(&use, &reader));
        if (before.pack && use_compare(&before, &use) >= 0)
            return ERR(CORRUPT, "%s, line %u: packs stand out of order", key.text, lines.line);
        buf_add(&uses, &use, sizeof use);
        before = use;
    }
    const size_t count = uses.len / sizeof(PackUse);
    if (count != announced)
        return ERR(CORRUPT, "%s lists %zu packs, announced %llu", key.text, count,
                   (unsigned long long)announced);
    *out = (PackUses){.uses = (const PackUse *)(const void *)arena_bytes(arena, buf_span(&uses)).ptr,
                      .count = count};
    return NULL;
}

typedef struct Listing {
    size_t prefix_len;
    Buf entries; /* of BackupEntry */
} Listing;

static void listing_done(Listing *listing)
{
    buf_done(&listing->entries);
}

/* The entry of the label; keys come sorted, so it is the last one or new. */
static BackupEntry *entry_of(Listing *listing, const BackupLabel *label)
{
    Buf *const entries = &listing->entries;
    BackupEntry *last = entries->len ? (BackupEntry *)(void *)(entries->data + entries->len) - 1 : NULL;
    if (!last || !text_equal(last->label.text, label->text)) {
        const BackupEntry fresh = {.label = *label, .begun = INSTANT_NONE, .committed = INSTANT_NONE};
        buf_add(entries, &fresh, sizeof fresh);
        last = (BackupEntry *)(void *)(entries->data + entries->len) - 1;
    }
    return last;
}

static Err *object_count(void *arg, const ObjectEntry *object)
{
    Listing *const listing = arg;
    const char *const name = object->key + listing->prefix_len;
    char text[LABEL_CHARS + 1];
    BackupLabel label;
    if (strlen(name) <= LABEL_CHARS || name[LABEL_CHARS] != '/')
        return NULL;
    memcpy(text, name, LABEL_CHARS);
    text[LABEL_CHARS] = 0;
    if (!label_is(text))
        return NULL;
    memcpy(label.text, text, sizeof label.text);

    BackupEntry *const entry = entry_of(listing, &label);
    const char *const what = name + LABEL_CHARS + 1;
    uint32_t pack;
    entry->stored_bytes += object->info.size_bytes;
    entry->pack_count += key_pack_matches(&pack, what);
    entry->has_packs |= text_equal(what, packs_object);
    if (text_equal(what, "backup")) {
        entry->is_committed = true;
        entry->committed = object->info.modified;
    }
    if (text_equal(what, "begin")) {
        entry->has_begin = true;
        entry->begun = object->info.modified;
    }
    return NULL;
}

Err *backup_list(const BackupEntry **out, size_t *count, Repo *repo, const KeyRoot *root, Arena *arena)
{
    const Key prefix = key_backup_prefix(root);
    AUTO(listing_done) Listing listing = {.prefix_len = strlen(prefix.text)};
    TRY(store_list(repo->store, prefix.text, (ListOpts){0}, object_count, &listing));
    *count = listing.entries.len / sizeof(BackupEntry);
    *out = (const BackupEntry *)(const void *)arena_bytes(arena, buf_span(&listing.entries)).ptr;
    return NULL;
}

static int entry_order(const void *wanted, const void *entry)
{
    return strcmp(((const BackupLabel *)wanted)->text, ((const BackupEntry *)entry)->label.text);
}

const BackupEntry *backup_entry_find(const BackupEntry *entries, size_t count, BackupLabel label)
{
    return count ? bsearch(&label, entries, count, sizeof *entries, entry_order) : NULL;
}

Err *backup_label_choose(BackupLabel *out, RepoSet *set, const KeyRoot *root, BackupType type, Instant now)
{
    AUTO(arena_free) Arena *arena = arena_new();
    BackupLabel newest = {{0}};
    for (size_t i = 0; i < set->count; i++) {
        const BackupEntry *entries;
        size_t count;
        TRY(backup_list(&entries, &count, set->repos[i], root, arena));
        if (count > 0 && strcmp(entries[count - 1].label.text, newest.text) > 0)
            newest = entries[count - 1].label;
    }
    return label_next(out, type, now, newest.text[0] ? &newest : NULL);
}

Err *backup_begin_reserve(BackupBegin *begin, RepoSet *set, const KeyRoot *root)
{
    const BackupType type = label_type(begin->label);
    for (int i = 0; i < LABEL_TRIES_MAX; i++) {
        TRY(backup_label_choose(&begin->label, set, root, type, label_time(begin->label)));
        Err *err = backup_begin_write(set, root, begin);
        if (!err_is(err, ERR_EXISTS))
            return err;
        err_free(&err);
    }
    return err_hint(ERR(BUSY, "other hosts took %d labels of cluster %s, the last one %s", LABEL_TRIES_MAX,
                        root->cluster, begin->label.text),
                    "let one host at a time back up this cluster");
}
