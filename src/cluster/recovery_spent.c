/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cluster/recovery_spent.h"

#include "base/limits.h"
#include "base/text.h"
#include "db/settings.h"
#include "os/file.h"
#include "os/path.h"
#include "pg/conf_file.h"

static Err *conf_read(PgConf *out, const char *folder, const char *name, Arena *arena)
{
    AUTO(buf_done) Buf text = {0};
    *out = (PgConf){0};
    Err *err = file_read_all(&text, path_join(folder, name, arena), PG_CONF_BYTES_MAX);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(&err);
        return NULL;
    }
    TRY(err);
    return pg_conf_parse(out, arena_bytes(arena, buf_span(&text)), arena);
}

Err *spent_settings_find(SpentSettings *out, const char *data_directory, Arena *arena)
{
    PgConf ours, now;
    TRY(conf_read(&ours, data_directory, RECOVERY_SETTINGS_FILE, arena));
    TRY(conf_read(&now, data_directory, "postgresql.auto.conf", arena));
    const char **const names = arena_alloc(arena, (ours.count + 1) * sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < ours.count; i++) {
        const PgConfLine *const line = &ours.lines[i];
        const char *const value = line->kind == PG_CONF_SETTING ? pg_conf_find(&now, line->name) : NULL;
        /* One that was emptied and then set is in the list twice; the last line counts. */
        if (value && text_equal(value, line->value))
            names[count++] = line->name;
    }
    *out = (SpentSettings){names, count};
    return NULL;
}

const char *spent_settings_sql(const SpentSettings *spent, Arena *arena)
{
    AUTO(buf_done) Buf sql = {0};
    for (size_t i = 0; i < spent->count; i++)
        buf_addf(&sql, "%sALTER SYSTEM RESET %s;", i ? " " : "", spent->names[i]);
    return arena_text(arena, buf_text(&sql));
}

static Err *reset(Connection *connection, const SpentSettings *spent, const char *data_directory,
                  Arena *arena)
{
    for (size_t i = 0; i < spent->count; i++)
        TRY(setting_reset(connection, spent->names[i]));
    return file_remove(path_join(data_directory, RECOVERY_SETTINGS_FILE, arena));
}

void spent_settings_reset(Connection *connection, const char *data_directory, Report *report)
{
    AUTO(arena_free) Arena *arena = arena_new();
    SpentSettings spent = {0};
    AUTO(err_free) Err *err = spent_settings_find(&spent, data_directory, arena);
    if (!err && !spent.count)
        return;
    if (!err)
        err = reset(connection, &spent, data_directory, arena);
    if (!err) {
        report_note(
            report, "restore/SPENT",
            "the settings of the recovery that has ended (restore_command, recovery_target…) were reset");
        return;
    }
    report_note(report, "restore/SPENT", "settings of the recovery that has ended are still there: %s",
                err_text(err));
    if (spent.count)
        report_hint(report, "before a standby is made of this server, a superuser must run: %s",
                    spent_settings_sql(&spent, arena));
}
