/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "base/limits.h"
#include "base/text.h"
#include "job/setup.h"

#define OURS "/usr/bin/pgstrata --cluster=main archive-push %p"

static const ClusterOptions cluster = {.name = "main", .rpo_us = INT64_C(300) * 1000000};

static SetupOptions options_of_main(void)
{
    return (SetupOptions){
        .cluster = &cluster, .archive_command = OURS, .own_marks = {"--cluster=main ", " archive-push "}};
}

static ServerInfo server_ready(void)
{
    return (ServerInfo){.block_bytes = PAGE_BYTES,
                        .wal_block_bytes = PAGE_BYTES,
                        .wal_level = "replica",
                        .archive_mode = "on",
                        .archive_command = OURS,
                        .archive_timeout_s = 60,
                        .data_directory = "/pg"};
}

static const SetupChange *change_of(const SetupPlan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (text_equal(plan->changes[i].name, name))
            return &plan->changes[i];
    }
    return NULL;
}

static void test_setup_plan__leaves_alone_what_is_right(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const SetupOptions options = options_of_main();
    ServerInfo server = server_ready();
    SetupPlan plan;
    ASSERT_OK(setup_plan(&plan, &server, &options, arena));
    assert_int_equal(plan.count, 0);
    server.wal_level = "logical";
    server.archive_mode = "always";
    server.archive_timeout_s = 10;
    ASSERT_OK(setup_plan(&plan, &server, &options, arena));
    assert_int_equal(plan.count, 0);
    assert_false(plan.needs_restart);
}

static void test_setup_plan__changes_what_a_new_server_lacks(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const SetupOptions options = options_of_main();
    ServerInfo server = server_ready();
    SetupPlan plan;
    server.wal_level = "minimal";
    server.archive_mode = "off";
    server.archive_command = NULL;
    server.archive_timeout_s = 0;
    ASSERT_OK(setup_plan(&plan, &server, &options, arena));
    assert_int_equal(plan.count, 4);
    assert_true(plan.needs_restart);
    assert_string_equal(change_of(&plan, "wal_level")->after, "replica");
    assert_string_equal(change_of(&plan, "archive_mode")->after, "on");
    assert_string_equal(change_of(&plan, "archive_command")->after, OURS);
    assert_string_equal(change_of(&plan, "archive_timeout")->after, "60s");
    assert_false(change_of(&plan, "archive_command")->needs_restart);
}

static void test_setup_plan__keeps_the_timeout_below_the_promise(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const ClusterOptions strict = {.name = "main", .rpo_us = INT64_C(10) * 1000000};
    SetupOptions options = options_of_main();
    const ServerInfo server = server_ready();
    SetupPlan plan;
    options.cluster = &strict;
    ASSERT_OK(setup_plan(&plan, &server, &options, arena));
    assert_int_equal(plan.count, 1);
    assert_string_equal(plan.changes[0].before, "60s");
    assert_string_equal(plan.changes[0].after, "5s");
    assert_true(plan.is_ours); /* whatever else has to be changed */
}

static void test_setup_plan__replaces_our_own_command_and_no_other(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    SetupOptions options = options_of_main();
    ServerInfo server = server_ready();
    SetupPlan plan;
    server.archive_command = "/old/place/pgstrata --config=/x --cluster=main archive-push %p";
    ASSERT_OK(setup_plan(&plan, &server, &options, arena));
    assert_string_equal(change_of(&plan, "archive_command")->after, OURS);
    assert_true(plan.is_ours);
    server.archive_command = "/usr/bin/pgstrata --cluster=main2 archive-push %p";
    ASSERT_ERR(REFUSED, setup_plan(&plan, &server, &options, arena));
    server.archive_command = "cp %p /x/%f";
    ASSERT_ERR(REFUSED, setup_plan(&plan, &server, &options, arena));
    server.archive_library = "basic_archive";
    options.take_over = true;
    ASSERT_OK(setup_plan(&plan, &server, &options, arena));
    assert_string_equal(change_of(&plan, "archive_library")->after, "");
    assert_string_equal(change_of(&plan, "archive_command")->before, "cp %p /x/%f");
    assert_false(plan.is_ours);
}

static void test_setup_plan__refuses_what_it_cannot_protect(void **state)
{
    (void)state;
    AUTO(arena_free) Arena *arena = arena_new();
    const SetupOptions options = options_of_main();
    ServerInfo server = server_ready();
    SetupPlan plan;
    server.block_bytes = 4096;
    ASSERT_ERR(UNSUPPORTED, setup_plan(&plan, &server, &options, arena));
    server = server_ready();
    server.is_in_recovery = true;
    ASSERT_ERR(UNSUPPORTED, setup_plan(&plan, &server, &options, arena));
}

UNIT_MAIN(cmocka_unit_test(test_setup_plan__leaves_alone_what_is_right),
          cmocka_unit_test(test_setup_plan__changes_what_a_new_server_lacks),
          cmocka_unit_test(test_setup_plan__keeps_the_timeout_below_the_promise),
          cmocka_unit_test(test_setup_plan__replaces_our_own_command_and_no_other),
          cmocka_unit_test(test_setup_plan__refuses_what_it_cannot_protect))
