/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "archive/wal_store.h"

#include "base/limits.h"
#include "base/log.h"
#include "os/file.h"
#include "os/path.h"
#include "repo/wal_archive.h"
#include "repo/wal_cover.h"

#include <assert.h>
#include <string.h>

/* A backup history file has ten lines; a start-up file that long is something else. */
enum { BACKUP_HISTORY_MAX = 64 * 1024 };

struct WalParcel {
    WalName name;
    WalTail tail; /* the part of the segment that it is; `to` is 0 for a whole file */
    Buf first;    /* of a segment the first page, of other files all */
    File *file;   /* a segment's; NULL: `first` is all */
    uint64_t size_bytes;
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
    buf_done(&self->first);
    file_close(&self->file);
    mem_free(parcel);
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

static Err *parcel_judge(const WalParcel *parcel, const WalStore *to, const char *folder)
{
    const WalName name = parcel->name;
    if (name.kind == WAL_NAME_HISTORY) {
        AUTO(arena_free) Arena *arena = arena_new();
        History history;
        return history_parse(&history, name.timeline, buf_span(&parcel->first), arena);
    }
    if (name.kind == WAL_NAME_BACKUP)
        return NULL;
    if (name.kind == WAL_NAME_SEGMENT && parcel->size_bytes != to->generation->segment_bytes)
        return ERR(CORRUPT, "WAL segment %s has %llu bytes, segments of this cluster have %u",
                   wal_name_text(name).text, (unsigned long long)parcel->size_bytes,
                   to->generation->segment_bytes);
    return segment_judge(to, name, buf_span(&parcel->first), folder);
}

/* ---- making */

typedef struct ParcelReading {
    const WalParcel *parcel;
    uint64_t at;
} ParcelReading;

/* The first page was judged and is not read again. */
static Err *parcel_read(void *arg, uint8_t *to, size_t size)
{
    ParcelReading *const reading = arg;
    const WalParcel *const parcel = reading->parcel;
    const Span known = span_cut(buf_span(&parcel->first), (size_t)reading->at, size);
    size_t got = 0;
    if (known.len)
        memcpy(to, known.ptr, known.len);
    reading->at += known.len;
    if (known.len == size)
        return NULL;
    TRY(file_read_at(&got, parcel->file, to + known.len, size - known.len, reading->at));
    reading->at += got;
    if (got != size - known.len)
        return ERR(CORRUPT, "%s ends at %llu while it is being read", file_path(parcel->file),
                   (unsigned long long)reading->at);
    return NULL;
}

static WalObjectSpec spec_of(const WalParcel *parcel, const WalStore *to, const RepoOptions *options)
{
    return (WalObjectSpec){.generation = to->generation,
                           .name = parcel->name,
                           .tail = tail_of(parcel),
                           .codec = options->codec,
                           .level = options->compress_level,
                           .jobs = to->jobs};
}

static Err *object_make(Buf *out, Hash128 *hash, const WalParcel *parcel, const WalObjectSpec *spec)
{
    ParcelReading reading = {.parcel = parcel};
    const WalPlain from = {.size_bytes = parcel->size_bytes, .read = parcel_read, .arg = &reading};
    WalMade made;
    TRY(wal_object_make(out, &made, spec, &from));
    AUTO(err_free) Err *index_fault = made.index_fault;
    if (index_fault)
        log_warning("%s is stored without an index: %s", wal_name_text(parcel->name).text,
                    err_text(index_fault));
    *hash = made.plain_hash;
    return NULL;
}

/* What is made later must be of the bytes that the first object was made of. */
static Err *object_again(Buf *out, const WalParcel *parcel, const WalObjectSpec *spec)
{
    Hash128 hash;
    TRY(object_make(out, &hash, parcel, spec));
    if (!hash128_equal(&hash, &parcel->hash))
        return ERR(CORRUPT, "WAL file %s changed while it was read: its XXH3-128 was %s and is %s",
                   wal_name_text(parcel->name).text, hash128_text(&parcel->hash).text,
                   hash128_text(&hash).text);
    return NULL;
}

static Err *parcel_object_add(WalParcel *parcel, const WalObjectSpec *spec)
{
    Buf *const object = &parcel->objects[parcel->object_count++];
    return parcel->object_count == 1 ? object_make(object, &parcel->hash, parcel, spec)
                                     : object_again(object, parcel, spec);
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
        const WalObjectSpec spec = spec_of(parcel, to, &to->options[i]);
        if (same == i)
            TRY(parcel_object_add(parcel, &spec));
    }
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

static Err *segment_open(WalParcel *parcel, const char *path)
{
    size_t got = 0;
    TRY(file_open_read_opts(&parcel->file, path, (FileReadOpts){.is_sequential = true}));
    TRY(file_size(&parcel->size_bytes, parcel->file));
    TRY(file_read_at(&got, parcel->file, buf_reserve(&parcel->first, PAGE_BYTES), PAGE_BYTES, 0));
    buf_grown(&parcel->first, got);
    return NULL;
}

static Err *file_open(WalParcel *parcel, const char *path)
{
    if (parcel->name.kind == WAL_NAME_SEGMENT)
        return segment_open(parcel, path);
    TRY(file_read_all(&parcel->first, path, size_limit(parcel->name)));
    parcel->size_bytes = parcel->first.len;
    return NULL;
}

static Err *parcel_make(WalParcel **out, const WalStore *to, const WalTail *part, const char *path)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(wal_parcel_free) WalParcel *parcel = mem_new(sizeof *parcel);
    parcel->name = part->name;
    parcel->tail = *part;
    TRY(file_open(parcel, path));
    TRY(parcel_judge(parcel, to, path_parent(path, arena)));
    if (part->to)
        parcel->size_bytes = part->to;
    TRY(parcel_encode(parcel, to));
    *out = TAKE(parcel);
    return NULL;
}

Err *wal_parcel_make(WalParcel **out, const WalStore *to, const char *path)
{
    WalTail whole = {.to = 0};
    TRY(wal_name_parse(&whole.name, path_name(path), to->generation->segment_bytes));
    return parcel_make(out, to, &whole, path);
}

Err *wal_parcel_make_tail(WalParcel **out, const WalStore *to, const char *path, Lsn end)
{
    WalTail tail;
    TRY(wal_name_parse(&tail.name, path_name(path), to->generation->segment_bytes));
    assert(tail.name.kind == WAL_NAME_SEGMENT && end.at > wal_name_start(tail.name).at &&
           end.at < wal_name_end(tail.name).at);
    tail.from = 0;
    tail.to = (uint32_t)(end.at - wal_name_start(tail.name).at);
    return parcel_make(out, to, &tail, path);
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
    const Hash128 there = hash128_of(buf_span(&plain));
    if (plain.len == parcel->size_bytes && hash128_equal(&there, &parcel->hash))
        return store_settle(repo->store, key_of(parcel, root).text);
    return err_hint(
        err_detail(ERR(EXISTS, "%s%s is in the repository %s with other content",
                       tail_of(parcel) ? "the tail of " : "", wal_name_text(parcel->name).text, repo->name),
                   "There: %zu bytes, XXH3-128 %s. Here: %llu bytes, XXH3-128 %s.", plain.len,
                   hash128_text(&there).text, (unsigned long long)parcel->size_bytes,
                   hash128_text(&parcel->hash).text),
        "Two servers archive under one name. Turn archiving off on the one that is a copy or was replaced "
        "(archive_mode = off). Nothing was changed.");
}

/* A timeline may be left twice at different places of a segment, and each .partial is all there is of that end. */
static Err *partial_beside(const WalParcel *parcel, const WalStore *to, size_t at)
{
    const Key key = key_wal_partial_other(&to->generation->root, parcel->name, &parcel->hash);
    WalObjectSpec spec = spec_of(parcel, to, &to->options[at]);
    spec.key = key.text;
    AUTO(buf_done) Buf object = {0};
    TRY(object_again(&object, parcel, &spec));
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

/* Does the parcel hold these bytes, as far as both go? */
static Err *begin_compare(bool *is_equal, const WalParcel *parcel, Span there)
{
    const size_t both = there.len < parcel->size_bytes ? there.len : (size_t)parcel->size_bytes;
    ParcelReading reading = {.parcel = parcel};
    AUTO(buf_done) Buf here = {0};
    TRY(parcel_read(&reading, buf_reserve(&here, both), both));
    buf_grown(&here, both);
    *is_equal = span_equal(buf_span(&here), span_cut(there, 0, both));
    return NULL;
}

/* What cannot be read of other tails says nothing here. */
static Err *tails_compare(const WalParcel *parcel, const WalStore *to, const Repo *repo)
{
    const KeyRoot *const root = &to->generation->root;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf there = {0};
    WalCover cover;
    AUTO(err_free) Err *unread = wal_cover_find(&cover, repo->store, root, parcel->name, arena);
    if (!unread)
        unread = wal_cover_read(&there, repo->store, root, &cover);
    bool is_equal = true;
    if (!unread)
        TRY(begin_compare(&is_equal, parcel, buf_span(&there)));
    if (is_equal)
        return NULL;
    return err_hint(ERR(EXISTS, "tails of %s are in the repository %s with other content",
                        wal_name_text(parcel->name).text, repo->name),
                    "Two servers wrote on this timeline, or one and an old copy of its data directory. "
                    "Nothing was changed.");
}

/* Tails of one segment hold the same bytes as far as they go. */
static Err *tails_check(const WalParcel *parcel, const WalStore *to)
{
    for (size_t i = 0; i < to->set->count && tail_of(parcel); i++)
        TRY(tails_compare(parcel, to, to->set->repos[i]));
    return NULL;
}

Err *wal_parcel_store(const WalParcel *parcel, const WalStore *to)
{
    TRY(clash_check(parcel, to));
    TRY(tails_check(parcel, to));
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
