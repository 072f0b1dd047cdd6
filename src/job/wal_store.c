/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "job/wal_store.h"

#include "base/log.h"
#include "os/file.h"
#include "os/path.h"
#include "repo/wal_archive.h"

#include <assert.h>
#include <string.h>

/* A backup history file has ten lines; a start-up file that long is something else. */
enum { BACKUP_HISTORY_MAX = 64 * 1024 };

struct WalParcel {
    WalName name;
    WalTail tail; /* the part of the segment that it is; `to` is 0 for a whole file */
    Buf plain;
    Hash128 hash;
    Buf *objects;      /* encoded, one per codec and level in use */
    size_t *object_of; /* which of them a repository takes, in the order of the set */
    size_t object_count;
};

void wal_parcel_free(WalParcel **parcel)
{
    WalParcel *const self = *parcel;
    if (!self)
        return;
    for (size_t i = 0; i < self->object_count; i++)
        buf_done(&self->objects[i]);
    mem_free(&self->objects);
    mem_free(&self->object_of);
    buf_done(&self->plain);
    mem_free(parcel);
}

WalName wal_parcel_name(const WalParcel *parcel)
{
    return parcel->name;
}

Hash128 wal_parcel_hash(const WalParcel *parcel)
{
    return parcel->hash;
}

static const WalTail *tail_of(const WalParcel *parcel)
{
    return parcel->tail.to ? &parcel->tail : NULL;
}

static Key key_of(const WalParcel *parcel, const KeyRoot *root)
{
    return tail_of(parcel) ? key_wal_tail(root, &parcel->tail) : key_wal(root, parcel->name);
}

/* ---- judging */

static Err *history_of(History *out, const WalStore *to, WalName name, const char *folder, Arena *arena)
{
    const WalName file = wal_name_of_history(name.timeline, name.segment_bytes);
    if (folder) {
        AUTO(buf_done) Buf text = {0};
        Err *err =
            file_read_all(&text, path_join(folder, wal_name_text(file).text, arena), HISTORY_BYTES_MAX);
        if (!err)
            return history_parse(out, name.timeline, arena_bytes(arena, buf_span(&text)), arena);
        err_free(&err);
    }
    AUTO(err_free) Err *silence = NULL;
    *out = (History){.timeline = name.timeline};
    for (size_t i = 0; i < to->set->count && !out->count; i++)
        silence = err_first(TAKE(silence), wal_archive_history(out, to->set->repos[i], &to->generation->root,
                                                               name.timeline, arena));
    return out->count ? NULL : TAKE(silence);
}

/* Only a segment in which its timeline began may carry another on its first page: the one that wrote that byte. */
static Err *ancestor_check(const WalStore *to, WalName name, Timeline found, const char *folder)
{
    AUTO(arena_free) Arena *arena = arena_new();
    History history;
    TRY(history_of(&history, to, name, folder, arena));
    if (history_timeline_at(&history, wal_name_start(name)).id == found.id)
        return NULL;
    return ERR(CORRUPT,
               "the first page of WAL segment %s is of timeline %u, its history has timeline %u there",
               wal_name_text(name).text, found.id, history_timeline_at(&history, wal_name_start(name)).id);
}

static Err *segment_judge(const WalStore *to, WalName name, Span plain, const char *folder)
{
    const Generation *const generation = to->generation;
    WalSegmentHead head, expected = {.system_id = generation->system_id,
                                     .segment_bytes = generation->segment_bytes,
                                     .timeline = name.timeline,
                                     .address = wal_name_start(name)};
    TRY(pg_version_of_major(&expected.version, generation->major));
    TRY_AS(wal_segment_head_decode(&head, plain), "WAL file %s", wal_name_text(name).text);
    Err *err = wal_segment_head_check(&head, &expected);
    if (err)
        return err_hint(
            err_doing(err, "WAL file %s", wal_name_text(name).text),
            "This is not the WAL its name promises: a recycled file, or one of another cluster. Nothing "
            "was stored.");
    return head.timeline.id == name.timeline.id ? NULL : ancestor_check(to, name, head.timeline, folder);
}

static Err *plain_judge(const WalStore *to, WalName name, Span plain, const char *folder)
{
    if (name.kind == WAL_NAME_HISTORY) {
        AUTO(arena_free) Arena *arena = arena_new();
        History history;
        return history_parse(&history, name.timeline, plain, arena);
    }
    if (name.kind == WAL_NAME_BACKUP)
        return NULL;
    if (name.kind == WAL_NAME_SEGMENT && plain.len != to->generation->segment_bytes)
        return ERR(CORRUPT, "WAL segment %s has %zu bytes, segments of this cluster have %u",
                   wal_name_text(name).text, plain.len, to->generation->segment_bytes);
    return segment_judge(to, name, plain, folder);
}

/* ---- making */

static Err *object_encode(Buf *out, const WalParcel *parcel, const WalStore *to, const RepoOptions *options,
                          const char *key)
{
    const WalObjectSpec spec = {.generation = to->generation,
                                .name = parcel->name,
                                .tail = tail_of(parcel),
                                .codec = options->codec,
                                .level = options->compress_level,
                                .key = key,
                                .jobs = to->jobs};
    AUTO(err_free) Err *index_fault = NULL;
    TRY(wal_object_encode(out, &index_fault, &spec, buf_span(&parcel->plain)));
    if (index_fault)
        log_warning("%s is stored without an index: %s", wal_name_text(parcel->name).text,
                    err_text(index_fault));
    return NULL;
}

/* Repositories of one codec and level share an object. */
static Err *parcel_encode(WalParcel *parcel, const WalStore *to)
{
    const size_t count = to->set->count;
    parcel->objects = mem_new(count * sizeof *parcel->objects);
    parcel->object_of = mem_new(count * sizeof *parcel->object_of);
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        while (to->options[same].codec != to->options[i].codec ||
               to->options[same].compress_level != to->options[i].compress_level)
            same++;
        parcel->object_of[i] = same < i ? parcel->object_of[same] : parcel->object_count;
        if (same == i)
            TRY(object_encode(&parcel->objects[parcel->object_count++], parcel, to, &to->options[i], NULL));
    }
    return NULL;
}

/* Consumes the bytes of `plain`, the whole file. */
static Err *parcel_make(WalParcel **out, const WalStore *to, const WalTail *part, Buf *plain,
                        const char *folder)
{
    TRY(plain_judge(to, part->name, buf_span(plain), folder));
    AUTO(wal_parcel_free) WalParcel *parcel = mem_new(sizeof *parcel);
    parcel->name = part->name;
    parcel->tail = *part;
    if (part->to)
        buf_cut(plain, part->to);
    buf_swap(&parcel->plain, plain);
    parcel->hash = hash128_of(buf_span(&parcel->plain));
    TRY(parcel_encode(parcel, to));
    *out = TAKE(parcel);
    return NULL;
}

static size_t size_limit(WalName name)
{
    switch (name.kind) {
    case WAL_NAME_HISTORY:
        return HISTORY_BYTES_MAX;
    case WAL_NAME_BACKUP:
        return BACKUP_HISTORY_MAX;
    case WAL_NAME_SEGMENT:
    case WAL_NAME_PARTIAL:
        break;
    }
    return name.segment_bytes;
}

static Err *parcel_read(WalParcel **out, const WalStore *to, const WalTail *part, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf plain = {0};
    TRY(file_read_all(&plain, path, size_limit(part->name)));
    return parcel_make(out, to, part, &plain, path_parent(path, arena));
}

Err *wal_parcel_make(WalParcel **out, const WalStore *to, const char *path)
{
    WalTail whole = {.to = 0};
    TRY(wal_name_parse(&whole.name, path_name(path), to->generation->segment_bytes));
    return parcel_read(out, to, &whole, path);
}

Err *wal_parcel_make_tail(WalParcel **out, const WalStore *to, const char *path, Lsn end)
{
    WalTail tail;
    TRY(wal_name_parse(&tail.name, path_name(path), to->generation->segment_bytes));
    assert(tail.name.kind == WAL_NAME_SEGMENT && end.at > wal_name_start(tail.name).at &&
           end.at < wal_name_end(tail.name).at);
    tail.from = 0;
    tail.to = (uint32_t)(end.at - wal_name_start(tail.name).at);
    return parcel_read(out, to, &tail, path);
}

Err *wal_parcel_of(WalParcel **out, const WalStore *to, WalName name, Span plain)
{
    AUTO(buf_done) Buf copy = {0};
    buf_add(&copy, plain.ptr, plain.len);
    return parcel_make(out, to, &(WalTail){.name = name}, &copy, NULL);
}

/* ---- storing */

/* NULL when the object has the parcel's bytes, and is durable. NOT_FOUND, EXISTS. */
static Err *there_compare(const WalParcel *parcel, const WalStore *to, const Repo *repo)
{
    const KeyRoot *const root = &to->generation->root;
    AUTO(buf_done) Buf plain = {0};
    Err *err = tail_of(parcel) ? wal_tail_read(&plain, repo->store, root, &parcel->tail)
                               : wal_object_read(&plain, repo->store, root, parcel->name);
    if (err_is(err, ERR_CORRUPT))
        return err_hint(err_doing(err, "comparing with what the repository %s has", repo->name),
                        "The stored copy is damaged. \"pgstrata verify\" says what else is.");
    TRY(err);
    if (span_equal(buf_span(&plain), buf_span(&parcel->plain)))
        return store_settle(repo->store, key_of(parcel, root).text);
    const Hash128 there = hash128_of(buf_span(&plain));
    return err_hint(
        err_detail(ERR(EXISTS, "%s%s is in the repository %s with other content",
                       tail_of(parcel) ? "the tail of " : "", wal_name_text(parcel->name).text, repo->name),
                   "There: %zu bytes, XXH3-128 %s. Here: %zu bytes, XXH3-128 %s.", plain.len,
                   hash128_text(&there).text, parcel->plain.len, hash128_text(&parcel->hash).text),
        "Two servers archive under one name. Turn archiving off on the one that is a copy or was replaced "
        "(archive_mode = off). Nothing was changed.");
}

/* A timeline may be left twice at different places of a segment, and each .partial is all there is of that end. */
static Err *partial_beside(const WalParcel *parcel, const WalStore *to, size_t at)
{
    const Key key = key_wal_partial_other(&to->generation->root, parcel->name, &parcel->hash);
    AUTO(buf_done) Buf object = {0};
    TRY(object_encode(&object, parcel, to, &to->options[at], key.text));
    return repo_put(to->set->repos[at], key.text, buf_span(&object));
}

static Err *parcel_put(const WalParcel *parcel, const WalStore *to, size_t at)
{
    Repo *const repo = to->set->repos[at];
    Err *err = repo_put(repo, key_of(parcel, &to->generation->root).text,
                        buf_span(&parcel->objects[parcel->object_of[at]]));
    if (!err_is(err, ERR_EXISTS))
        return err;
    err_free(&err);
    /* Other bytes of the object may still be the same file, stored with another codec. */
    err = there_compare(parcel, to, repo);
    if (!err_is(err, ERR_EXISTS) || parcel->name.kind != WAL_NAME_PARTIAL)
        return err;
    err_free(&err);
    return partial_beside(parcel, to, at);
}

/* With several repositories, a clash in one must show before another was written. */
static Err *clash_check(const WalParcel *parcel, const WalStore *to)
{
    if (to->set->count == 1 || parcel->name.kind == WAL_NAME_PARTIAL)
        return NULL;
    for (size_t i = 0; i < to->set->count; i++) {
        Err *err = there_compare(parcel, to, to->set->repos[i]);
        if (err_is(err, ERR_EXISTS) || err_is(err, ERR_CORRUPT))
            return err;
        err_free(&err); /* away or absent: storing will say */
    }
    return NULL;
}

Err *wal_parcel_store(const WalParcel *parcel, const WalStore *to)
{
    TRY(clash_check(parcel, to));
    /* A repository that is away does not keep the others from getting their copy. */
    AUTO(err_free) Err *first = NULL;
    for (size_t i = 0; i < to->set->count; i++)
        first = err_first(TAKE(first), parcel_put(parcel, to, i));
    if (first)
        return err_doing(TAKE(first), "archiving %s", wal_name_text(parcel->name).text);
    return NULL;
}

Err *wal_store_file(const WalStore *to, const char *path)
{
    AUTO(wal_parcel_free) WalParcel *parcel = NULL;
    TRY(wal_parcel_make(&parcel, to, path));
    return wal_parcel_store(parcel, to);
}
