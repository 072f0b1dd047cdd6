/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/keys.h"

#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WAL_NAME_DIGITS = 24, WAL_FOLDER_DIGITS = 16, OFFSET_DIGITS = 8, HASH_DIGITS = 8, PACK_DIGITS = 6 };
/* Where a record ends, the next one begins on a multiple of this (MAXALIGN of PostgreSQL's src/include/c.h). */
enum { TAIL_ALIGNMENT = 8 };

static const char wal_suffix[] = ".wal", partial_suffix[] = ".partial", tail_suffix[] = ".tail",
                  pack_prefix[] = "pack-";

Err *key_name_check(const char *what, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const size_t len = strlen(name);
    if (len == 0 || len > KEY_NAME_MAX || strspn(name, allowed) != len)
        return err_hint(ERR(USAGE, "\"%s\" cannot be the name of a %s", name, what),
                        "A name has 1 to %d characters out of a-z, 0-9, _ and -.", KEY_NAME_MAX);
    if (text_equal(name, KEY_REPOSITORY) || text_equal(name, "key"))
        return err_hint(
            ERR(USAGE, "\"%s\" cannot be the name of a %s: the repository itself uses it", name, what),
            "Take another name.");
    return NULL;
}

Err *key_root_make(KeyRoot *out, const char *cluster, uint32_t generation)
{
    TRY(key_name_check("cluster", cluster));
    if (generation == 0)
        return ERR(CORRUPT, "cluster %s has a generation 0, they count from 1", cluster);
    KeyRoot root = {.generation = generation};
    memcpy(root.cluster, cluster, strlen(cluster) + 1);
    *out = root;
    return NULL;
}

const char *key_object_name(const char *key)
{
    const char *const slash = strchr(key, '/');
    return slash ? slash + 1 : key;
}

static Key key_make(const KeyRoot *root, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "<cluster>/g<n>/" and what the format says; all parts are bounded, so it always fits. */
static Key key_make(const KeyRoot *root, const char *format, ...)
{
    Key key;
    const int begin = snprintf(key.text, sizeof key.text, "%s/g%u/", root->cluster, root->generation);
    va_list args;
    va_start(args, format);
    const int rest = vsnprintf(key.text + begin, sizeof key.text - (size_t)begin, format, args);
    va_end(args);
    assert(begin > 0 && rest >= 0 && (size_t)(begin + rest) < sizeof key.text);
    return key;
}

Key key_cluster_folder(const char *cluster)
{
    Key key;
    snprintf(key.text, sizeof key.text, "%.*s/", KEY_NAME_MAX, cluster);
    return key;
}

Key key_cluster(const KeyRoot *root)
{
    return key_make(root, "cluster");
}

Key key_generation_prefix(const KeyRoot *root)
{
    return key_make(root, "%s", "");
}

Key key_wal(const KeyRoot *root, WalName name)
{
    if (name.kind == WAL_NAME_HISTORY)
        return key_history(root, name.timeline);
    const WalNameText text = wal_name_text(name);
    return key_make(root, "wal/%08X/%.*s/%s%s", name.timeline.id, WAL_FOLDER_DIGITS, text.text, text.text,
                    name.kind == WAL_NAME_SEGMENT ? wal_suffix : "");
}

Key key_wal_partial_other(const KeyRoot *root, WalName name, const Hash128 *hash)
{
    assert(name.kind == WAL_NAME_PARTIAL);
    return key_make(root, "%s.%.*s", key_object_name(key_object_name(key_wal(root, name).text)), HASH_DIGITS,
                    hash128_text(hash).text);
}

Key key_wal_stem(const KeyRoot *root, WalName name)
{
    const WalNameText text = wal_name_text(wal_name_segment(name));
    return key_make(root, "wal/%08X/%.*s/%s.", name.timeline.id, WAL_FOLDER_DIGITS, text.text, text.text);
}

Key key_wal_tail(const KeyRoot *root, const WalTail *tail)
{
    assert(tail->from < tail->to && tail->to < tail->name.segment_bytes);
    return key_make(root, "%s%0*X-%0*X%s",
                    key_object_name(key_object_name(key_wal_stem(root, tail->name).text)), OFFSET_DIGITS,
                    tail->from, OFFSET_DIGITS, tail->to, tail_suffix);
}

Key key_wal_prefix(const KeyRoot *root, Timeline timeline)
{
    return key_make(root, "wal/%08X/", timeline.id);
}

Key key_wal_root(const KeyRoot *root)
{
    return key_make(root, "wal/");
}

Key key_history(const KeyRoot *root, Timeline timeline)
{
    return key_make(root, "wal/%08X.history", timeline.id);
}

Key key_branch(const KeyRoot *root, Timeline timeline)
{
    return key_make(root, "branch/%08X", timeline.id);
}

Key key_branch_prefix(const KeyRoot *root)
{
    return key_make(root, "branch/");
}

Key key_backup_prefix(const KeyRoot *root)
{
    return key_make(root, "backup/");
}

Key key_backup_object(const KeyRoot *root, BackupLabel label, const char *object)
{
    return key_make(root, "backup/%s/%s", label.text, object);
}

Key key_pack(const KeyRoot *root, BackupLabel label, uint32_t pack)
{
    assert(pack >= 1 && pack <= PACK_NUMBER_MAX);
    return key_make(root, "backup/%s/%s%0*u", label.text, pack_prefix, PACK_DIGITS, pack);
}

enum { QUARANTINE_DIGITS = 8 };

Key key_quarantine_prefix(const KeyRoot *root)
{
    return key_make(root, "quarantine/");
}

Key key_quarantine(const KeyRoot *root, const char *key, const Hash128 *hash)
{
    const char *const rest = key + strlen(key_generation_prefix(root).text);
    return key_make(root, "quarantine/%s.%.*s", rest, QUARANTINE_DIGITS, hash ? hash128_text(hash).text : "");
}

bool key_quarantine_matches(Key *out, const KeyRoot *root, const char *key)
{
    const Key prefix = key_quarantine_prefix(root);
    const size_t len = strlen(key), begin = strlen(prefix.text);
    if (!text_starts(key, prefix.text) || len < begin + QUARANTINE_DIGITS + 2 ||
        key[len - QUARANTINE_DIGITS - 1] != '.' ||
        strspn(key + len - QUARANTINE_DIGITS, "0123456789abcdef") != QUARANTINE_DIGITS)
        return false;
    *out = key_make(root, "%.*s", (int)(len - QUARANTINE_DIGITS - 1 - begin), key + begin);
    return true;
}

Key key_hold_prefix(const KeyRoot *root)
{
    return key_make(root, "hold/");
}

Key key_hold(const KeyRoot *root, const char *folder, const char *name, uint32_t number)
{
    return key_make(root, "hold/%s/%s%s%06u", folder, name, *name ? "." : "", number);
}

Key key_hold_stem(const KeyRoot *root, const char *folder, const char *name)
{
    return key_make(root, "hold/%s/%s%s", folder, name, *name ? "." : "");
}

Key key_hold_clock(const KeyRoot *root, uint64_t random)
{
    return key_make(root, "hold/clock/%016llx", (unsigned long long)random);
}

Key key_hold_gone(const KeyRoot *root, BackupLabel label)
{
    return key_make(root, "hold/gone/%s", label.text);
}

bool key_generation_matches(uint32_t *out, const char *name)
{
    char digits[12];
    const size_t len = strcspn(name, "/");
    if (name[0] != 'g' || name[1] == '0' || len < 2 || len > sizeof digits)
        return false;
    memcpy(digits, name + 1, len - 1);
    digits[len - 1] = 0;
    uint64_t number;
    if (!text_u64(&number, digits) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

bool key_wal_matches(WalName *out, const char *name, uint32_t segment_bytes)
{
    char text[64];
    size_t len = strlen(name);
    if (len >= sizeof text)
        return false;
    memcpy(text, name, len + 1);

    if (text_ends(text, wal_suffix)) {
        text[len - strlen(wal_suffix)] = 0;
        return wal_name_matches(out, text, segment_bytes) && out->kind == WAL_NAME_SEGMENT;
    }
    /* A second partial: 24 digits, ".partial", and its hash behind another point. */
    const size_t partial_len = WAL_NAME_DIGITS + strlen(partial_suffix);
    uint8_t hash[HASH_DIGITS / 2];
    if (len == partial_len + 1 + HASH_DIGITS && text[partial_len] == '.' &&
        text_hex_parse(hash, sizeof hash, text + partial_len + 1)) {
        text[partial_len] = 0;
        return wal_name_matches(out, text, segment_bytes) && out->kind == WAL_NAME_PARTIAL;
    }
    return wal_name_matches(out, text, segment_bytes) && out->kind != WAL_NAME_SEGMENT;
}

bool key_wal_tail_matches(WalTail *out, const char *name, uint32_t segment_bytes)
{
    /* 24 digits, '.', eight, '-', eight, ".tail" */
    enum { FROM = WAL_NAME_DIGITS + 1, TO = FROM + OFFSET_DIGITS + 1, SUFFIX = TO + OFFSET_DIGITS };
    char segment[WAL_NAME_DIGITS + 1] = {0};
    uint64_t from, to;
    WalTail tail;
    if (strlen(name) != SUFFIX + strlen(tail_suffix) || name[FROM - 1] != '.' || name[TO - 1] != '-' ||
        !text_equal(name + SUFFIX, tail_suffix) || !text_hex_upper(&from, name + FROM, OFFSET_DIGITS) ||
        !text_hex_upper(&to, name + TO, OFFSET_DIGITS))
        return false;
    memcpy(segment, name, WAL_NAME_DIGITS);
    if (!wal_name_matches(&tail.name, segment, segment_bytes) || from >= to || to >= segment_bytes ||
        from % TAIL_ALIGNMENT || to % TAIL_ALIGNMENT)
        return false;
    tail.from = (uint32_t)from;
    tail.to = (uint32_t)to;
    *out = tail;
    return true;
}

bool key_pack_matches(uint32_t *out, const char *name)
{
    const size_t prefix_len = strlen(pack_prefix);
    uint64_t number;
    if (!text_starts(name, pack_prefix) || strlen(name) != prefix_len + PACK_DIGITS ||
        !text_u64(&number, name + prefix_len) || number == 0)
        return false;
    *out = (uint32_t)number;
    return true;
}
