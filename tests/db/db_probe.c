/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/*
 * tests/db/db_probe.c - the room db/ against a real server
 *
 * tests/system/test_010_db.py starts the server (and a standby of it) and says in the environment where they are:
 * PROBE_HOST (a socket folder), PROBE_PORT, the same of PROBE_STANDBY_, PROBE_PGDATA, PROBE_MAJOR, PROBE_SCRATCH. It
 * connects as a superuser without password; the role probe_secret has the password "right" and comes over TCP.
 */
#include "unit.h"

#include "base/text.h"
#include "db/backup_api.h"
#include "db/server.h"
#include "db/settings.h"
#include "os/clock.h"
#include "os/signal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *from_env(const char *name)
{
    const char *const value = getenv(name);
    if (!value)
        fail_msg("%s is not set: run tests/system/test_010_db.py", name);
    return value;
}

static DbOptions where(void)
{
    return (DbOptions){.host = from_env("PROBE_HOST"), .port = from_env("PROBE_PORT"), .user = "postgres"};
}

static Connection *connect_as(const char *user)
{
    DbOptions options = where();
    options.user = user;
    Connection *connection = NULL;
    ASSERT_OK(db_connect(&connection, &options));
    return connection;
}

static Connection *connect_standby(void)
{
    DbOptions options = where();
    options.host = from_env("PROBE_STANDBY_HOST");
    options.port = from_env("PROBE_STANDBY_PORT");
    Connection *connection = NULL;
    ASSERT_OK(db_connect(&connection, &options));
    return connection;
}

static int64_t ask_i64(Connection *connection, const char *sql)
{
    AUTO(result_free) Result *result = NULL;
    ASSERT_OK(db_query(&result, connection, &(Query){.sql = sql}));
    int64_t value = 0;
    ASSERT_OK(result_i64(&value, result, 0, "n"));
    return value;
}

/* ---- connecting ---- */

static void test_db_connect__makes_the_session_predictable(void **state)
{
    (void)state;
    assert_int_equal(
        setenv("PGOPTIONS", "-c statement_timeout=10 -c search_path=public -c DateStyle=German", 1), 0);
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    assert_int_equal(unsetenv("PGOPTIONS"), 0);
    AUTO(result_free) Result *result = NULL;
    ASSERT_OK(db_query(&result, connection,
                       &(Query){.sql = "SELECT current_setting('statement_timeout') AS t, current_setting("
                                       "'search_path') AS s, '2026-01-02'::date AS d, current_setting("
                                       "'application_name') AS a, current_setting('client_encoding') AS e"}));
    assert_string_equal(result_text(result, 0, "t"), "0");
    assert_string_equal(result_text(result, 0, "s"), "pg_catalog");
    assert_string_equal(result_text(result, 0, "d"), "2026-01-02");
    assert_string_equal(result_text(result, 0, "a"), "pgstrata");
    assert_string_equal(result_text(result, 0, "e"), "UTF8");
    assert_string_equal(connection_dbname(connection), "postgres");
    assert_int_equal(connection_version(connection) / 10000, atoi(from_env("PROBE_MAJOR")));
}

static void password_file_write(const char *password)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/pgpass", from_env("PROBE_SCRATCH"));
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "*:*:*:*:%s\n", password);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(setenv("PGPASSFILE", path, 1), 0);
}

static Err *connect_with_password(const char *password)
{
    password_file_write(password);
    DbOptions options = where();
    options.host = "127.0.0.1";
    options.user = "probe_secret";
    AUTO(connection_close) Connection *connection = NULL;
    return db_connect(&connection, &options);
}

static void test_db_connect__takes_passwords_from_the_password_file(void **state)
{
    (void)state;
    ASSERT_OK(connect_with_password("right"));
    AUTO(err_free) Err *err = connect_with_password("wr0ngsecret");
    assert_true(err_is(err, ERR_DENIED));
    assert_non_null(strstr(err_text(err), "probe_secret"));
    assert_null(strstr(err_text(err), "wr0ngsecret"));
    assert_string_equal(err_detail_text(err), "SQLSTATE 28P01");
    assert_non_null(strstr(err_hint_text(err), "pgpass"));

    assert_int_equal(setenv("PGPASSFILE", "/nonexistent", 1), 0);
    DbOptions options = where();
    options.host = "127.0.0.1";
    options.user = "probe_secret";
    Connection *connection = NULL;
    AUTO(err_free) Err *none = db_connect(&connection, &options);
    assert_true(err_is(none, ERR_DENIED));
    assert_non_null(strstr(err_hint_text(none), "pgpass"));
}

static void test_db_connect__tells_refusals_apart(void **state)
{
    (void)state;
    Connection *connection = NULL;
    DbOptions options = where();
    options.user = "nobody_at_all";
    ASSERT_ERR_TEXT(DENIED, "nobody_at_all", db_connect(&connection, &options));
    options = where();
    options.dbname = "no_such_database";
    ASSERT_ERR_TEXT(NOT_FOUND, "no_such_database", db_connect(&connection, &options));
    options = where();
    options.host = "127.0.0.1";
    options.user = "probe_unlisted"; /* no line of pg_hba.conf lets it in over TCP */
    ASSERT_ERR_TEXT(DENIED, "pg_hba.conf", db_connect(&connection, &options));
    options = where();
    options.service = "no_such_service";
    ASSERT_ERR_TEXT(USAGE, "no_such_service", db_connect(&connection, &options));
    assert_null(connection);
}

static void test_db_connect__says_away_when_nobody_answers(void **state)
{
    (void)state;
    Connection *connection = NULL;
    DbOptions options = where();
    options.port = "1";
    options.host = "127.0.0.1";
    ASSERT_ERR_TEXT(AWAY, "127.0.0.1", db_connect(&connection, &options));
    options.host = "/nonexistent";
    ASSERT_ERR_TEXT(AWAY, "/nonexistent", db_connect(&connection, &options));

    /* Somebody who listens and never says a word. */
    const int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(mute, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(mute, 1), 0);
    assert_int_equal(getsockname(mute, (struct sockaddr *)&address, &length), 0);
    char port[16];
    snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
    options = (DbOptions){.host = "127.0.0.1", .port = port, .user = "x", .connect_timeout_ms = 600};
    const int64_t begin = clock_monotonic_us();
    ASSERT_ERR_TEXT(AWAY, "no answer", db_connect(&connection, &options));
    assert_in_range(clock_monotonic_us() - begin, 500000, 3000000);
    close(mute);
}

static void test_db_connect__takes_what_a_service_says(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = NULL;
    ASSERT_OK(db_connect(&connection, &(DbOptions){.service = "probe"}));
    assert_string_equal(connection_dbname(connection), "template1");
    assert_string_equal(connection_user(connection), "probe_weak");
    assert_non_null(strstr(connection_place(connection), from_env("PROBE_PORT")));
}

/* ---- asking ---- */

static void test_db_query__reads_text_binary_and_null(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    AUTO(result_free) Result *result = NULL;
    const Query query = {
        .sql = "SELECT '\\x00ff41'::bytea AS bytes, (-7)::int8 AS wide, 8::int2 AS narrow, $1::text AS echo,"
               " NULL::text AS nothing",
        .params = {"it's"},
        .param_count = 1,
        .is_binary = true,
    };
    ASSERT_OK(db_query(&result, connection, &query));
    assert_true(span_equal(result_bytes(result, 0, "bytes"), span_of("\0\xff"
                                                                     "A",
                                                                     3)));
    int64_t number = 0;
    ASSERT_OK(result_i64(&number, result, 0, "wide"));
    assert_int_equal(number, -7);
    ASSERT_OK(result_i64(&number, result, 0, "narrow"));
    assert_int_equal(number, 8);
    assert_string_equal(result_text(result, 0, "echo"), "it's");
    assert_true(result_is_null(result, 0, "nothing"));
    ASSERT_ERR(CORRUPT, result_i64(&number, result, 0, "nothing"));
    ASSERT_ERR(CORRUPT, result_i64(&number, result, 0, "echo"));
}

static void test_db_query__goes_on_after_a_refused_statement(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    AUTO(err_free) Err *err = db_exec(connection, "SELECT 1; SELECT 1/0; SELECT 2");
    assert_true(err_is(err, ERR_IO));
    assert_non_null(strstr(err_detail_text(err), "22012"));
    assert_int_equal(ask_i64(connection, "SELECT 5 AS n"), 5);
}

static void test_db_query__says_away_when_the_session_is_lost(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    ASSERT_ERR(AWAY, db_exec(connection, "SELECT pg_terminate_backend(pg_backend_pid())"));
    ASSERT_ERR(AWAY, db_exec(connection, "SELECT 1"));
    connection_drop(connection);
    ASSERT_ERR(AWAY, db_exec(connection, "SELECT 1"));
    ASSERT_ERR(AWAY, db_run(connection, &(Query){.sql = "SELECT 1"}));
}

/* ---- the server ---- */

static uint64_t system_id_of(const char *pgdata)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/global/pg_control", pgdata);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t bytes[8];
    assert_int_equal(read(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(fd);
    return get_u64(bytes);
}

static void test_server_info__agrees_with_the_files(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    ServerInfo info;
    ASSERT_OK(server_info_read(&info, connection, arena));
    assert_int_equal(info.major, atoi(from_env("PROBE_MAJOR")));
    assert_string_equal(info.data_directory, from_env("PROBE_PGDATA"));
    assert_true(info.system_id.id == system_id_of(info.data_directory));
    assert_true(text_starts(info.hba_file, info.data_directory));
    assert_string_equal(info.socket_directories, from_env("PROBE_HOST"));
    assert_int_equal(info.port, atoi(from_env("PROBE_PORT")));
    assert_int_equal(info.wal_segment_bytes, 1024 * 1024);
    assert_int_equal(info.block_bytes, 8192);
    assert_int_equal(info.segment_blocks, 131072);
    assert_int_equal(info.timeline.id, 1);
    assert_true(info.has_checksums && info.has_full_page_writes && !info.is_in_recovery);
    assert_string_equal(info.wal_level, "replica");
    assert_string_equal(info.archive_mode, "on");
    assert_string_equal(info.archive_command, "true");
    assert_null(info.archive_library);
    assert_int_equal(info.archive_timeout_s, 0);
    assert_true(info.rights.is_superuser && info.rights.can_backup && info.rights.can_set);
    assert_true(info.started.us < clock_now().us && info.started.us > clock_now().us - INT64_C(3600000000));
}

static void test_server_lists__name_tablespaces_and_databases(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    const ServerTablespace *spaces = NULL;
    size_t count = 0;
    ASSERT_OK(server_tablespaces_read(&spaces, &count, connection, arena));
    assert_int_equal(count, 1);
    assert_string_equal(spaces[0].name, "probe_space");
    assert_true(text_ends(spaces[0].location, "/space"));
    const ServerDatabase *databases = NULL;
    ASSERT_OK(server_databases_read(&databases, &count, connection, arena));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(databases[i].encoding, "UTF8");
        assert_true(databases[i].can_connect == !text_equal(databases[i].name, "template0"));
        assert_true(databases[i].is_template == text_starts(databases[i].name, "template"));
        assert_int_equal(databases[i].tablespace.id, 1663);
        assert_non_null(databases[i].provider);
    }
}

static void test_server_position__moves_with_the_wal(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    ServerPosition before, after;
    ASSERT_OK(server_position_read(&before, connection));
    Lsn mark = {0};
    ASSERT_OK(wal_mark_restore_point(&mark, connection, "probe mark"));
    ASSERT_OK(server_position_read(&after, connection));
    assert_false(before.is_in_recovery);
    assert_true(lsn_is_valid(before.inserted) && mark.at > before.inserted.at &&
                after.inserted.at >= mark.at);
    assert_true(after.now.us > before.now.us && after.now.us - clock_now().us < 10000000);
    char longer[65];
    memset(longer, 'x', 64);
    longer[64] = '\0';
    ASSERT_ERR_TEXT(USAGE, "64 bytes", wal_mark_restore_point(&mark, connection, longer));
}

static void test_wal_switch__completes_a_segment_on_an_idle_server(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    WalSwitch first, second;
    ASSERT_OK(wal_switch(&first, connection));
    ASSERT_OK(wal_switch(&second, connection));
    assert_true(strcmp(first.segment.text, second.segment.text) < 0);
    SegmentText name;
    ASSERT_OK(wal_segment_name(&name, connection, second.lsn));
    assert_string_equal(name.text, second.segment.text);

    ServerArchiver archiver = {0};
    for (int i = 0; i < 100; i++) {
        ASSERT_OK(server_archiver_read(&archiver, connection, arena));
        if (archiver.last_archived && strcmp(archiver.last_archived, second.segment.text) >= 0)
            break;
        clock_sleep_ms(100);
    }
    assert_true(archiver.archived_count >= 2 && archiver.failed_count == 0);
    assert_null(archiver.last_failed);
    assert_true(instant_is_none(archiver.last_failed_time));
    assert_true(archiver.last_archived_time.us <= archiver.now.us);
}

/* ---- settings ---- */

static void test_setting_change__survives_quotes_and_is_undone(void **state)
{
    (void)state;
    static const char odd[] = "true # it's a \"command\" \\ with %p";
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    ServerSetting setting;
    ASSERT_OK(setting_change(connection, "archive_command", odd));
    ASSERT_OK(settings_reload(connection));
    ASSERT_OK(setting_read(&setting, connection, "archive_command", arena));
    assert_string_equal(setting.value, odd);
    assert_true(text_ends(setting.source_file, "/postgresql.auto.conf"));
    ASSERT_OK(setting_reset(connection, "archive_command"));
    ASSERT_OK(settings_reload(connection));
    ASSERT_OK(setting_read(&setting, connection, "archive_command", arena));
    assert_string_equal(setting.value, "true");
    ASSERT_ERR_TEXT(NOT_FOUND, "no_such_setting",
                    setting_read(&setting, connection, "no_such_setting", arena));
    AUTO(err_free) Err *err = setting_change(connection, "x\"; DROP TABLE y", "1");
    assert_non_null(err);
}

static void test_settings_pending__names_what_waits_for_a_restart(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    const ServerSetting *pending = NULL;
    size_t count = 99;
    ASSERT_OK(settings_pending_read(&pending, &count, connection, arena));
    assert_int_equal(count, 0);
    ASSERT_OK(setting_change(connection, "max_connections", "77"));
    ASSERT_OK(settings_reload(connection));
    ASSERT_OK(settings_pending_read(&pending, &count, connection, arena));
    assert_int_equal(count, 1);
    assert_string_equal(pending[0].name, "max_connections");
    assert_string_equal(pending[0].context, "postmaster");
    ASSERT_OK(setting_reset(connection, "max_connections"));
    ASSERT_OK(settings_reload(connection));
}

/* ---- backups ---- */

static void test_backup_api__hands_over_label_and_map(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    AUTO(backup_api_abandon) BackupSession *session = NULL;
    ASSERT_OK(
        backup_api_start(&session, connection, &(BackupStartOptions){.label = "it's me", .is_fast = true}));
    const BackupStart start = *backup_session_start(session);
    assert_int_equal(start.timeline.id, 1);
    assert_false(start.is_standby);
    assert_int_equal(ask_i64(connection, "SELECT 6 AS n"), 6); /* the session stays usable */

    AUTO(backup_stop_done) BackupStop stop = {0};
    ASSERT_OK(backup_api_stop(&stop, TAKE(session)));
    char line[128];
    snprintf(line, sizeof line, "START WAL LOCATION: %s (file 0000000100000", lsn_text(start.lsn).text);
    assert_true(text_starts(buf_text(&stop.label), line));
    assert_non_null(strstr(buf_text(&stop.label), "LABEL: it's me\n"));
    assert_non_null(strstr(buf_text(&stop.label), "BACKUP METHOD: streamed\n"));
    assert_true(text_ends(buf_text(&stop.map), "/space\n"));
    assert_true(stop.lsn.at > start.lsn.at && stop.time.us > start.time.us);
    ASSERT_OK(db_exec(connection, "SELECT 1"));
}

static void test_backup_api__abandon_ends_the_session(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    BackupSession *session = NULL;
    const BackupStartOptions options = {.label = "abandoned", .is_fast = true};
    ASSERT_OK(backup_api_start(&session, connection, &options));
    backup_api_abandon(&session);
    assert_null(session);
    ASSERT_ERR(AWAY, db_exec(connection, "SELECT 1"));
    AUTO(connection_close) Connection *next = connect_as("postgres");
    ASSERT_OK(backup_api_start(&session, next, &options));
    AUTO(backup_stop_done) BackupStop stop = {0};
    ASSERT_OK(backup_api_stop(&stop, TAKE(session)));
}

static void test_backup_api__works_on_a_standby(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *connection = connect_standby();
    ServerInfo info;
    ASSERT_OK(server_info_read(&info, connection, arena));
    assert_true(info.is_in_recovery);
    assert_string_equal(info.archive_mode, "off");
    assert_string_equal(info.archive_command, "true"); /* not "(disabled)" */
    ServerSetting setting;
    ASSERT_OK(setting_read(&setting, connection, "archive_command", arena));
    assert_string_equal(setting.value, "true");
    assert_int_equal(info.timeline.id, 1);
    ServerPosition position;
    ASSERT_OK(server_position_read(&position, connection));
    assert_true(position.is_in_recovery && lsn_is_valid(position.replayed) &&
                !lsn_is_valid(position.inserted));

    BackupSession *session = NULL;
    ASSERT_OK(backup_api_start(&session, connection, &(BackupStartOptions){.label = "s", .is_fast = true}));
    const BackupStart start = *backup_session_start(session);
    assert_true(start.is_standby && start.timeline.id == 1);
    AUTO(backup_stop_done) BackupStop stop = {0};
    ASSERT_OK(backup_api_stop(&stop, TAKE(session)));
    assert_non_null(strstr(buf_text(&stop.label), "BACKUP FROM: standby\n"));
    assert_true(stop.lsn.at >= start.lsn.at);
    WalSwitch ignored;
    ASSERT_ERR_TEXT(UNSUPPORTED, "in recovery", wal_switch(&ignored, connection));
}

static void wait_count(void *arg, int64_t waited_ms)
{
    assert_true(waited_ms >= 900);
    ++*(int *)arg;
}

/* In a child, because a stop is final for its process: 0 when the start was canceled as it should be. */
static int start_until_stopped(void)
{
    signal_setup();
    DbOptions options = where();
    options.application_name = "probe_canceled";
    AUTO(connection_close) Connection *connection = NULL;
    AUTO(err_free) Err *err = db_connect(&connection, &options);
    if (err)
        return 2;
    int waits = 0;
    BackupSession *session = NULL;
    err = backup_api_start(&session, connection,
                           &(BackupStartOptions){.label = "slow", .on_wait = wait_count, .wait_arg = &waits});
    if (!err_is(err, ERR_CANCELED))
        return 3;
    return waits >= 1 ? 0 : 4;
}

static void test_backup_api__is_canceled_during_a_slow_checkpoint(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *connection = connect_as("postgres");
    ASSERT_OK(db_exec(connection, "CREATE TABLE public.slow AS SELECT generate_series(1, 100000) AS n"));
    const pid_t child = fork();
    if (child == 0)
        _exit(start_until_stopped());
    clock_sleep_ms(2500);
    assert_int_equal(kill(child, SIGTERM), 0);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    int64_t left = 1;
    for (int i = 0; left && i < 30; i++) {
        clock_sleep_ms(100);
        left =
            ask_i64(connection,
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'probe_canceled'");
    }
    assert_int_equal(left, 0);
    ASSERT_OK(db_exec(connection, "DROP TABLE public.slow"));
}

/* ---- privileges: what a hint says must help ---- */

static void hint_follow(Err *err)
{
    assert_non_null(err);
    if (!err_is(err, ERR_DENIED))
        fail_msg("%s [%s], expected DENIED", err_text(err), err_code(err));
    const char *const grant = strstr(err_hint_text(err), "GRANT ");
    if (!grant)
        fail_msg("no GRANT in the hint \"%s\" of \"%s\"", err_hint_text(err), err_text(err));
    AUTO(connection_close) Connection *super = connect_as("postgres");
    ASSERT_OK(db_exec(super, grant));
    err_free(&err);
}

static void test_missing_rights__are_healed_by_their_hints(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    AUTO(connection_close) Connection *weak = connect_as("probe_weak");
    ServerInfo info;
    hint_follow(server_info_read(&info, weak, arena));
    ASSERT_OK(server_info_read(&info, weak, arena));
    assert_false(info.rights.can_backup || info.rights.can_switch_wal || info.rights.is_superuser);

    BackupSession *session = NULL;
    const BackupStartOptions options = {.label = "weak", .is_fast = true};
    hint_follow(backup_api_start(&session, weak, &options));
    ASSERT_OK(backup_api_start(&session, weak, &options));
    AUTO(backup_stop_done) BackupStop stop = {0};
    hint_follow(backup_api_stop(&stop, TAKE(session)));
    AUTO(connection_close) Connection *again = connect_as("probe_weak");
    ASSERT_OK(backup_api_start(&session, again, &options));
    ASSERT_OK(backup_api_stop(&stop, TAKE(session)));

    WalSwitch done;
    hint_follow(wal_switch(&done, again));
    ASSERT_OK(wal_switch(&done, again));
    Lsn mark;
    hint_follow(wal_mark_restore_point(&mark, again, "weak"));
    ASSERT_OK(wal_mark_restore_point(&mark, again, "weak"));
    hint_follow(settings_reload(again));
    ASSERT_OK(settings_reload(again));
    ASSERT_OK(server_info_read(&info, again, arena));
    assert_true(info.rights.can_backup && info.rights.can_switch_wal && info.rights.can_mark_restore);
    assert_true(info.rights.can_reload && !info.rights.can_set);
}

static void test_setting_change__is_a_superusers_right_before_15(void **state)
{
    (void)state;
    AUTO(connection_close) Connection *weak = connect_as("probe_weak");
    if (connection_version(weak) >= 150000) {
        hint_follow(setting_change(weak, "archive_command", "true"));
        ASSERT_OK(setting_change(weak, "archive_command", "true"));
        return;
    }
    AUTO(err_free) Err *err = setting_change(weak, "archive_command", "true");
    assert_true(err_is(err, ERR_DENIED));
    assert_non_null(strstr(err_hint_text(err), "superuser"));
}

UNIT_MAIN(cmocka_unit_test(test_db_connect__makes_the_session_predictable),
          cmocka_unit_test(test_db_connect__takes_passwords_from_the_password_file),
          cmocka_unit_test(test_db_connect__tells_refusals_apart),
          cmocka_unit_test(test_db_connect__says_away_when_nobody_answers),
          cmocka_unit_test(test_db_connect__takes_what_a_service_says),
          cmocka_unit_test(test_db_query__reads_text_binary_and_null),
          cmocka_unit_test(test_db_query__goes_on_after_a_refused_statement),
          cmocka_unit_test(test_db_query__says_away_when_the_session_is_lost),
          cmocka_unit_test(test_server_info__agrees_with_the_files),
          cmocka_unit_test(test_server_lists__name_tablespaces_and_databases),
          cmocka_unit_test(test_server_position__moves_with_the_wal),
          cmocka_unit_test(test_wal_switch__completes_a_segment_on_an_idle_server),
          cmocka_unit_test(test_setting_change__survives_quotes_and_is_undone),
          cmocka_unit_test(test_settings_pending__names_what_waits_for_a_restart),
          cmocka_unit_test(test_backup_api__hands_over_label_and_map),
          cmocka_unit_test(test_backup_api__abandon_ends_the_session),
          cmocka_unit_test(test_backup_api__works_on_a_standby),
          cmocka_unit_test(test_backup_api__is_canceled_during_a_slow_checkpoint),
          cmocka_unit_test(test_missing_rights__are_healed_by_their_hints),
          cmocka_unit_test(test_setting_change__is_a_superusers_right_before_15))
