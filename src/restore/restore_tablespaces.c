/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Where each tablespace goes, and whether the place is free, before anything is copied.
 *
 * A tablespace's folder holds one folder a PostgreSQL version. Where that is there already and the data directory that we
 * restore over does not lead to it, it is another cluster's, and writing there would destroy it. The same holds for
 * folders in which recovery creates tablespaces on the way: the server takes their paths from WAL and asks nobody. It
 * does not empty them either, so that pages of the old future would come back to life in new tables.
 */
#include "base/text.h"
#include "restore/restore_manifest.h"
#include "os/entry.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "pg/pgdata_path.h"
#include "pg/tablespace_map.h"
#include "repo/json_lines.h"
#include "repo/place_store.h"

#include <string.h>

#define LINKS_FOLDER "pg_tblspc"

typedef struct Links {
    Restore *restore;
    Buf list; /* of RestoreLink */
    PlaceReader *places;
} Links;

static void links_done(Links *links)
{
    buf_done(&links->list);
    place_reader_free(&links->places);
}

static RestoreLink *link_at(Links *links, size_t at)
{
    return (RestoreLink *)(void *)links->list.data + at;
}

static size_t links_count(const Links *links)
{
    return links->list.len / sizeof(RestoreLink);
}

static void link_add(Links *links, Oid oid, const char *original)
{
    const RestoreLink link = {.oid = oid, .original = arena_text(links->restore->arena, original)};
    buf_add(&links->list, &link, sizeof link);
}

/* ---- what the backup has */

static Err *links_of_map(Links *links)
{
    const Span text = links->restore->way.backup.tablespace_map_file;
    TablespaceMap map;
    TRY(tablespace_map_parse(&map, text, tablespace_map_style(text), links->restore->arena));
    for (size_t i = 0; i < map.count; i++)
        link_add(links, map.links[i].tablespace, map.links[i].path);
    return NULL;
}

static Err *link_of_entry(void *arg, const ManifestEntry *entry)
{
    Links *const links = arg;
    const PgdataPath what = pgdata_path_classify(entry->path, links->restore->from.version);
    if (entry->kind == MANIFEST_LINK && what.kind == PGDATA_TABLESPACE)
        link_add(links, what.tablespace, entry->link_target);
    return NULL;
}

static Err *names_take(Links *links, Span text)
{
    JsonLines lines = json_lines(text, "the backup's list of tablespaces");
    for (;;) {
        AUTO(json_free) json_t *line = NULL;
        TRY(json_lines_next(&line, &lines));
        if (!line)
            return NULL;
        JsonReader reader = json_lines_read(&lines, line);
        const char *const name = json_read_text(&reader, "name");
        /* As the server writes its numbers: json_build_object() gives an OID as text. */
        uint64_t oid = 0;
        if (!text_u64(&oid, json_read_text(&reader, "oid")))
            json_read_fault(&reader, "oid is no number");
        TRY(json_read_end(&reader));
        for (size_t i = 0; i < links_count(links); i++) {
            if (link_at(links, i)->oid.id == oid)
                link_at(links, i)->name = arena_text(links->restore->arena, name);
        }
    }
}

static Err *links_name(Links *links)
{
    const BackupRecord *const backup = &links->restore->way.backup;
    for (size_t i = 0; i < backup->side_count; i++) {
        const SideItem *const item = &backup->side[i];
        if (!text_starts(item->name, "tablespaces.") || !text_ends(item->name, ".ndjson"))
            continue;
        AUTO(buf_done) Buf text = {0};
        TRY(place_get(&text, links->places, &item->place));
        TRY(names_take(links, buf_span(&text)));
    }
    return NULL;
}

/* ---- where they go */

static Err *unknown_err(Links *links, const RestoreTablespace *wanted)
{
    const char *const label = links->restore->way.backup.label.text;
    Err *err = wanted->name
                   ? ERR(USAGE, "--tablespace-map: backup %s has no tablespace \"%s\"", label, wanted->name)
                   : ERR(USAGE, "--tablespace-map: backup %s has no tablespace %u", label, wanted->oid.id);
    for (size_t i = 0; i < links_count(links); i++) {
        const RestoreLink *const link = link_at(links, i);
        err = err_hint(err, "it has %s (%u) in %s", link->name ? link->name : "one without a known name",
                       link->oid.id, link->original);
    }
    return links_count(links) ? err : err_hint(err, "it has none that lies outside of the data directory");
}

static Err *map_apply(Links *links, const RestoreTablespace *wanted)
{
    for (size_t i = 0; i < links_count(links); i++) {
        RestoreLink *const link = link_at(links, i);
        const bool is_it = wanted->name ? link->name && text_equal(link->name, wanted->name)
                                        : link->oid.id == wanted->oid.id;
        if (!is_it)
            continue;
        if (link->folder)
            return ERR(USAGE, "--tablespace-map names tablespace %u twice: %s and %s", link->oid.id,
                       link->folder, wanted->folder);
        link->folder = wanted->folder;
        return NULL;
    }
    return unknown_err(links, wanted);
}

static Err *folders_choose(Links *links)
{
    const Restore *const restore = links->restore;
    const RestoreOptions *const options = restore->options;
    for (size_t i = 0; i < options->tablespace_count; i++)
        TRY(map_apply(links, &options->tablespaces[i]));
    for (size_t i = 0; i < links_count(links); i++) {
        RestoreLink *const link = link_at(links, i);
        if (!link->folder)
            link->folder = restore->place.keeps_tablespaces
                               ? link->original
                               : arena_textf(restore->arena, "%s/" RESTORE_TABLESPACES "/%u",
                                             restore->place.folder, link->oid.id);
        for (size_t j = 0; j < i; j++) {
            if (text_equal(link->folder, link_at(links, j)->folder))
                return ERR(USAGE, "tablespaces %u and %u cannot both go to %s", link_at(links, j)->oid.id,
                           link->oid.id, link->folder);
        }
    }
    return NULL;
}

/* ---- are the places free? */

/* The links of a data directory; none where there is no pg_tblspc. */
static Err *old_links_list(FolderList *out, const char *data, Arena *arena)
{
    FolderList all;
    const char *const folder = path_join(data, LINKS_FOLDER, arena);
    EntryInfo info;
    *out = (FolderList){0};
    TRY(entry_stat(&info, folder));
    if (info.kind != ENTRY_FOLDER)
        return NULL;
    TRY(folder_list(&all, folder, arena));
    for (size_t i = 0; i < all.count; i++) {
        if (all.entries[i].kind == ENTRY_LINK)
            all.entries[out->count++] = all.entries[i];
    }
    out->entries = all.entries;
    return NULL;
}

/* Does the data directory lead there, by a link of any number? */
static Err *leads_to(bool *out, const char *data, const char *folder)
{
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList links;
    EntryInfo there;
    *out = false;
    TRY(entry_stat_follow(&there, folder));
    TRY(old_links_list(&links, data, arena));
    for (size_t i = 0; i < links.count && !*out; i++) {
        EntryInfo here;
        const char *const link = path_join(LINKS_FOLDER, links.entries[i].name, arena);
        TRY(entry_stat_follow(&here, path_join(data, link, arena)));
        *out = here.kind == ENTRY_FOLDER && here.device == there.device && here.inode == there.inode;
    }
    return NULL;
}

/* Does the data directory that we restore over lead there? One that was made with cp -a leads to production's, too. */
static Err *is_own(bool *out, const Restore *restore, const char *folder)
{
    const RestorePlace *const place = &restore->place;
    const char *const pgdata = restore->cluster->pgdata;
    TRY(leads_to(out, place->folder, folder));
    if (!*out || place->is_own_place || place->ground == GROUND_MARKED || !pgdata)
        return NULL;
    bool is_productions;
    TRY(leads_to(&is_productions, pgdata, folder));
    *out = !is_productions;
    return NULL;
}

/* The folder within a tablespace that servers of this major use. */
static const char *version_folder(const Restore *restore)
{
    const Generation *const generation = &restore->from.generation;
    return arena_textf(restore->arena, "PG_%u_%u", generation->major, generation->catalog_version);
}

static Err *folder_check(const Restore *restore, const RestoreLink *link)
{
    const char *const version = version_folder(restore);
    EntryInfo info;
    bool is_ours = false;
    TRY(entry_stat(&info, path_join(link->folder, version, restore->arena)));
    if (info.kind == ENTRY_ABSENT)
        return NULL;
    TRY(is_own(&is_ours, restore, link->folder));
    if (is_ours)
        return NULL;
    return err_hint(
        ERR(REFUSED,
            "tablespace %u would go to %s, where %s is there already, and nothing in %s says that it "
            "may be restored over",
            link->oid.id, link->folder, version, restore->place.folder),
        "if no cluster uses it, move %s/%s away; --tablespace-map %u=DIR sends the tablespace elsewhere",
        link->folder, version, link->oid.id);
}

/* Recovery goes on with the files that it finds in the folder. In its own place those of the old data directory go
 * (restore_tablespaces_leave()); what no link leads to is nobody's that we know. */
static Err *created_place_check(const Restore *restore, const WindowTablespace *made)
{
    const char *const version = version_folder(restore);
    EntryInfo info;
    bool is_ours = false;
    TRY(entry_stat(&info, path_join(made->path, version, restore->arena)));
    if (info.kind == ENTRY_ABSENT)
        return NULL;
    TRY(is_own(&is_ours, restore, made->path));
    if (is_ours)
        return NULL;
    return err_hint(
        ERR(REFUSED,
            "at %s the server creates tablespace %u at %s, where %s is there already, and nothing "
            "in %s says that it may be restored over",
            lsn_text(made->lsn).text, made->oid.id, made->path, version, restore->place.folder),
        "if no cluster uses it, move %s/%s away", made->path, version);
}

/* Recovery in the cluster's own place creates them again where they were. One without a path becomes a folder in
 * pg_tblspc. */
static Err *created_check(Restore *restore)
{
    const WindowFacts *const facts = &restore->way.facts;
    for (size_t i = 0; i < facts->tablespace_count; i++) {
        EntryInfo info;
        const bool is_inner = !*facts->tablespaces[i].path;
        restore->has_inner_tablespaces |= is_inner;
        if (restore->place.is_own_place && !is_inner)
            TRY(created_place_check(restore, &facts->tablespaces[i]));
        TRY(entry_stat(&info, facts->tablespaces[i].path));
        if (info.kind != ENTRY_ABSENT && !restore->place.is_own_place)
            return err_hint(
                ERR(REFUSED,
                    "at %s the server creates tablespace %u at %s, which is in use on this host: the "
                    "copy would write into it",
                    lsn_text(facts->tablespaces[i].lsn).text, facts->tablespaces[i].oid.id,
                    facts->tablespaces[i].path),
                "recover to a moment before it, from a newer backup, or on another host");
    }
    return NULL;
}

Err *restore_tablespaces_find(Restore *restore)
{
    AUTO(links_done) Links links = {.restore = restore};
    links.places = place_reader_new(restore->from.repo->store, &restore->from.generation.root);
    /* Nobody gave out a map of a stopped server; its links stand in the manifest. */
    TRY(restore->way.backup.offline ? restore_manifest_each(restore, link_of_entry, &links)
                                    : links_of_map(&links));
    if (restore->options->tablespace_count)
        TRY(links_name(&links));
    TRY(folders_choose(&links));
    for (size_t i = 0; i < links_count(&links); i++)
        TRY(folder_check(restore, link_at(&links, i)));
    restore->link_count = links_count(&links);
    restore->links =
        (const RestoreLink *)(const void *)arena_bytes(restore->arena, buf_span(&links.list)).ptr;
    return created_check(restore);
}

/* ---- those that the backup does not know */

/* `link` is the path of the link, in the data directory. */
static Err *later_leave(Restore *restore, const char *link, Arena *arena)
{
    const RestorePlace *const place = &restore->place;
    const char *const folder = path_join(restore_path(restore, link, arena), version_folder(restore), arena);
    EntryInfo info;
    TRY(entry_stat(&info, folder));
    if (place->ground == GROUND_UNREADABLE) {
        if (info.kind == ENTRY_FOLDER)
            TRY(file_rename(folder,
                            arena_textf(arena, "%s%s", folder, place->aside + strlen(place->folder))));
        return restore_set_aside(restore, link);
    }
    if (info.kind != ENTRY_FOLDER)
        return NULL;
    TRY(folder_remove_all(folder));
    return folder_sync(path_parent(folder, arena));
}

Err *restore_tablespaces_leave(Restore *restore)
{
    if (!restore->place.is_own_place)
        return NULL;
    AUTO(arena_free) Arena *arena = arena_new();
    FolderList links;
    TRY(old_links_list(&links, restore->place.folder, arena));
    for (size_t i = 0; i < links.count; i++) {
        const char *const link = path_join(LINKS_FOLDER, links.entries[i].name, arena);
        const PgdataPath what = pgdata_path_classify(link, restore->from.version);
        bool is_known = what.kind != PGDATA_TABLESPACE;
        for (size_t at = 0; at < restore->link_count; at++)
            is_known |= restore->links[at].oid.id == what.tablespace.id;
        if (!is_known)
            TRY_AS(later_leave(restore, link, arena),
                   "clearing the tablespace at %s, which the backup has not", link);
    }
    return NULL;
}

const char *restore_tablespace_folder(const Restore *restore, Oid oid)
{
    for (size_t i = 0; i < restore->link_count; i++) {
        if (restore->links[i].oid.id == oid.id)
            return restore->links[i].folder;
    }
    return arena_textf(restore->arena, "%s/" RESTORE_TABLESPACES "/%u", restore->place.folder, oid.id);
}
