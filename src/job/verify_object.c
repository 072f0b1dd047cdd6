/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/verify_object.h"

#include "base/text.h"
#include "repo/wal_object.h"

#include <string.h>

enum { TIMELINE_DIGITS = 8 };

static const char *last_part(const char *key)
{
    const char *const slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

static bool wal_of(VerifyObject *out, const char *key, const KeyRoot *root, uint32_t segment_bytes)
{
    if (key_wal_tail_matches(&out->tail, last_part(key), segment_bytes)) {
        out->wal = out->tail.name;
        out->kind = CONTAINER_WAL_TAIL;
        return text_equal(key, key_wal_tail(root, &out->tail).text);
    }
    if (!key_wal_matches(&out->wal, last_part(key), segment_bytes))
        return false;
    out->kind = wal_object_kind(out->wal.kind);
    const Key expected = key_wal(root, out->wal);
    /* A second .partial has its hash behind the name. */
    return out->wal.kind == WAL_NAME_PARTIAL ? text_starts(key, expected.text)
                                             : text_equal(key, expected.text);
}

static bool branch_of(VerifyObject *out, const char *key, const KeyRoot *root)
{
    uint64_t timeline;
    const char *const name = last_part(key);
    if (strlen(name) != TIMELINE_DIGITS || !text_hex_upper(&timeline, name, TIMELINE_DIGITS) || !timeline)
        return false;
    out->timeline.id = (uint32_t)timeline;
    out->kind = CONTAINER_BRANCH;
    return text_equal(key, key_branch(root, out->timeline).text);
}

/* `rest` is "<label>/<object>". */
static bool backup_of(VerifyObject *out, const char *rest)
{
    char label[LABEL_CHARS + 1] = {0};
    if (strnlen(rest, LABEL_CHARS + 1) <= LABEL_CHARS || rest[LABEL_CHARS] != '/')
        return false;
    memcpy(label, rest, LABEL_CHARS);
    if (!label_is(label))
        return false;
    memcpy(out->label.text, label, sizeof label);
    const char *const object = rest + LABEL_CHARS + 1;
    if (key_pack_matches(&out->pack, object))
        out->kind = CONTAINER_PACK;
    else if (text_equal(object, "begin"))
        out->kind = CONTAINER_BEGIN;
    else if (text_equal(object, "packs"))
        out->kind = CONTAINER_PACKS;
    else if (text_equal(object, "backup"))
        out->kind = CONTAINER_BACKUP;
    else
        return false;
    return true;
}

/* "pin/<label>.000001" and the like: told by the list of the decisions alone what they mean. */
static bool hold_of(VerifyObject *out, const char *rest)
{
    static const char *const folders[] = {"pin/", "fate/", "timeline/", "wal/", "clock/", "gone/"};
    out->kind = CONTAINER_HOLD;
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        if (text_starts(rest, folders[i]))
            return !strchr(rest + strlen(folders[i]), '/');
    }
    return false;
}

bool verify_object_of(VerifyObject *out, const char *key, const char *cluster, uint32_t segment_bytes)
{
    VerifyObject object = {.kind = CONTAINER_REPOSITORY};
    if (text_equal(key, KEY_REPOSITORY)) {
        *out = object;
        return true;
    }
    const Key folder = key_cluster_folder(cluster);
    KeyRoot root = {.generation = 0};
    if (!text_starts(key, folder.text) ||
        !key_generation_matches(&object.generation, key + strlen(folder.text)))
        return false;
    memcpy(root.cluster, cluster, strlen(cluster) + 1);
    root.generation = object.generation;
    const char *const rest = key + strlen(key_generation_prefix(&root).text);
    bool is_known = false;
    if (text_equal(key, key_cluster(&root).text)) {
        object.kind = CONTAINER_CLUSTER;
        is_known = true;
    } else if (text_starts(rest, "wal/")) {
        is_known = wal_of(&object, key, &root, segment_bytes);
    } else if (text_starts(rest, "branch/")) {
        is_known = branch_of(&object, key, &root);
    } else if (text_starts(rest, "backup/")) {
        is_known = backup_of(&object, rest + strlen("backup/"));
    } else if (text_starts(rest, "hold/")) {
        is_known = hold_of(&object, rest + strlen("hold/"));
    }
    if (is_known)
        *out = object;
    return is_known;
}
