/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * store/posix.h - objects as files below a folder, local or mounted
 *
 * The key is the path below the root. A put writes <root>/.tmp/<random>, syncs it, makes and syncs the folders of the
 * key, renames without overwriting and syncs the folder: a reader sees the whole object or none, at any moment and
 * after any crash. Temporary files of writers that died go when they are a day old and somebody writes.
 *
 * An unmounted disk must not look like an empty repository: the root must be there when the store is opened, and must
 * still be the same folder whenever "not found" or a listing depends on it; when the object "pgstrata" was seen once
 * (every repository has it), it must still be there. Otherwise the answer is AWAY.
 *
 * Below the root no symbolic link is followed (REFUSED). Names that cannot be keys (lost+found, .snapshot) are not
 * listed. Files get mode 0640, folders 0750.
 */
#pragma once

#include "store/store.h"

/* "/abs" and "file:///abs". AWAY when the root is missing and not to be made. */
extern const StoreDriver posix_driver;
