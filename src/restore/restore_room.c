/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * Is there room for it? A copy that fills its disk half way would have cost the old data directory for nothing.
 *
 * Mostly the size of all files says yes. Only where it does not, the manifest is asked how much of that is stored (blocks
 * of zeros take no room) and where it goes, and what is restored over is counted as room. WAL that recovery fetches is
 * not counted: what is refused here could not have ended well.
 */
#include "base/text.h"
#include "restore/restore_manifest.h"
#include "os/entry.h"
#include "os/folder.h"
#include "os/path.h"
#include "os/signal.h"

#include <stdlib.h>
#include <string.h>

/* One file system that is written to. */
typedef struct Room {
    const char *folder; /* the first that lies on it */
    dev_t device;
    FolderRoom disk;
    uint64_t needed_bytes;
    uint64_t reused_bytes; /* of files that go or are written over */
} Room;

typedef struct Rooms {
    Restore *restore;
    Room *list;
    size_t count;
    size_t *of_link; /* number in the list, per link of the restore */
} Rooms;

/* The folder itself may not be there yet: then it will lie where the nearest one above it does. */
static Err *room_find(size_t *out, Rooms *rooms, const char *folder)
{
    Arena *const arena = rooms->restore->arena;
    const char *at = folder;
    EntryInfo info;
    TRY(entry_stat_follow(&info, at));
    while (info.kind == ENTRY_ABSENT && !text_equal(at, "/")) {
        at = path_parent(at, arena);
        TRY(entry_stat_follow(&info, at));
    }
    for (*out = 0; *out < rooms->count; (*out)++) {
        if (rooms->list[*out].device == info.device)
            return NULL;
    }
    Room *const room = &rooms->list[rooms->count];
    *room = (Room){.folder = folder, .device = info.device};
    TRY(folder_room(&room->disk, at));
    rooms->count++;
    return NULL;
}

static Err *rooms_find(Rooms *rooms)
{
    const Restore *const restore = rooms->restore;
    size_t first;
    rooms->list = arena_alloc(restore->arena, (restore->link_count + 1) * sizeof *rooms->list);
    rooms->of_link = arena_alloc(restore->arena, (restore->link_count + 1) * sizeof *rooms->of_link);
    TRY(room_find(&first, rooms, restore->place.folder));
    for (size_t i = 0; i < restore->link_count; i++)
        TRY(room_find(&rooms->of_link[i], rooms, restore->links[i].folder));
    return NULL;
}

/* ---- what is needed */

static Room *room_of_path(const Rooms *rooms, const char *path)
{
    static const char prefix[] = "pg_tblspc/";
    const Restore *const restore = rooms->restore;
    if (!text_starts(path, prefix))
        return &rooms->list[0];
    const unsigned long oid = strtoul(path + strlen(prefix), NULL, 10);
    for (size_t i = 0; i < restore->link_count; i++) {
        if (restore->links[i].oid.id == oid)
            return &rooms->list[rooms->of_link[i]];
    }
    return &rooms->list[0];
}

static uint64_t stored_bytes(const ManifestEntry *entry)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < entry->extent_count; i++)
        bytes += (uint64_t)entry->extents[i].count * PAGE_BYTES;
    return bytes < entry->size_bytes ? bytes : entry->size_bytes;
}

static Err *need_add(void *arg, const ManifestEntry *entry)
{
    Rooms *const rooms = arg;
    if (entry->kind == MANIFEST_FILE)
        room_of_path(rooms, entry->path)->needed_bytes += stored_bytes(entry);
    return NULL;
}

/* ---- what is there already */

static Err *folder_measure(Rooms *rooms, Buf *stack, const char *folder, Arena *arena)
{
    FolderList list;
    TRY(folder_list(&list, folder, arena));
    for (size_t i = 0; i < list.count; i++) {
        const char *const path = path_join(folder, list.entries[i].name, arena);
        EntryInfo info;
        TRY(entry_stat(&info, path));
        if (info.kind == ENTRY_FOLDER)
            buf_add(stack, &path, sizeof path);
        for (size_t at = 0; at < rooms->count && info.kind == ENTRY_FILE; at++)
            rooms->list[at].reused_bytes += rooms->list[at].device == info.device ? info.size_bytes : 0;
    }
    return NULL;
}

static Err *tree_measure(Rooms *rooms, const char *folder)
{
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(buf_done) Buf stack = {0};
    EntryInfo info;
    TRY(entry_stat_follow(&info, folder));
    if (info.kind == ENTRY_FOLDER)
        buf_add(&stack, &folder, sizeof folder);
    while (stack.len) {
        memcpy(&folder, stack.data + stack.len - sizeof folder, sizeof folder);
        buf_cut(&stack, stack.len - sizeof folder);
        TRY(folder_measure(rooms, &stack, folder, arena));
        TRY(signal_check());
    }
    return NULL;
}

static Err *reuse_measure(Rooms *rooms)
{
    const Restore *const restore = rooms->restore;
    const RestoreGround ground = restore->place.ground;
    if (ground != GROUND_CLUSTER && ground != GROUND_MARKED)
        return NULL; /* nothing is there, or it is moved aside */
    TRY(tree_measure(rooms, restore->place.folder));
    for (size_t i = 0; i < restore->link_count; i++) {
        if (!path_is_below(restore->links[i].folder, restore->place.folder))
            TRY(tree_measure(rooms, restore->links[i].folder));
    }
    return NULL;
}

/* ---- the verdict */

static Err *room_judge(const Rooms *rooms, const Room *room)
{
    Restore *const restore = rooms->restore;
    const uint64_t there = room->disk.free_bytes + room->reused_bytes;
    if (room->needed_bytes <= there)
        return NULL;
    if (room->disk.may_compress) {
        report_warn(restore->report, "restore/ROOM",
                    "backup %s takes %s in %s, where %s are free; the file system may compress it to less",
                    restore->way.backup.label.text, size_text(room->needed_bytes).text, room->folder,
                    size_text(there).text);
        return NULL;
    }
    return err_hint(ERR(REFUSED, "backup %s takes %s in %s, where %s are free%s",
                        restore->way.backup.label.text, size_text(room->needed_bytes).text, room->folder,
                        size_text(there).text, room->reused_bytes ? ", with what is restored over" : ""),
                    "make room; or restore elsewhere with --to-dir, a tablespace with --tablespace-map");
}

Err *restore_room_check(Restore *restore)
{
    Rooms rooms = {.restore = restore};
    RestoreResult *const result = &restore->result;
    const uint64_t most = restore->way.backup.size_bytes;
    TRY(rooms_find(&rooms));
    result->needed_bytes = most;
    result->free_bytes = rooms.list[0].disk.free_bytes;
    bool is_plenty = true;
    for (size_t i = 0; i < rooms.count; i++)
        is_plenty = is_plenty && rooms.list[i].disk.free_bytes >= most;
    if (is_plenty)
        return NULL;
    TRY(restore_manifest_each(restore, need_add, &rooms));
    TRY(reuse_measure(&rooms));
    result->needed_bytes = rooms.list[0].needed_bytes;
    for (size_t i = 0; i < rooms.count; i++)
        TRY(room_judge(&rooms, &rooms.list[i]));
    return NULL;
}
