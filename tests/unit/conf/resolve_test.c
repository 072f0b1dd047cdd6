/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "conf/conf_fixture.h"
#include "conf/resolve.h"

static Err *resolve(ClusterOptions *out, Fixture *f, const char *options)
{
    TRY(fixture_load(f, options, ""));
    return conf_cluster(out, f->settings, f->arena);
}

static const char two_of_each[] =
    "[global]\nretry-timeout = 10s\n"
    "[repo near]\nurl = /near\ncompress = lz4\n[repo far]\nurl = s3://b/p\n"
    "[cluster one]\npgdata = /one\nhost = /run\nport = 5433\nrepo = far\nrpo = 1h\n"
    "[cluster two]\npgdata = /two\nsource = local\nstate-dir = /st\n";

static void test_conf_cluster__fills_the_struct(void **state)
{
    Fixture *const f = *state;
    fixture_write(f, "main.conf", two_of_each);
    ClusterOptions cluster;
    ASSERT_OK(resolve(&cluster, f, "--cluster=one"));
    assert_string_equal(cluster.name, "one");
    assert_string_equal(cluster.pgdata, "/one");
    assert_string_equal(cluster.connection.host, "/run");
    assert_string_equal(cluster.connection.port, "5433");
    assert_null(cluster.connection.user);
    assert_int_equal(cluster.source, SOURCE_LOCAL);
    assert_int_equal(cluster.rpo_us, INT64_C(3600000000));
    assert_string_equal(cluster.spool_dir, "/var/lib/pgstrata/spool");
    assert_int_equal(cluster.retry_timeout_ms, 10000);
    assert_in_range(cluster.jobs, 1, 4);
    assert_int_equal(cluster.repo_count, 1);
    assert_string_equal(cluster.repos[0].name, "far");
    assert_string_equal(cluster.repos[0].url, "s3://b/p");
    assert_int_equal(cluster.repos[0].codec, CODEC_ZSTD);
    assert_int_equal(cluster.repos[0].compress_level, 1);
    assert_true(cluster.repos[0].is_required);
    assert_int_equal(cluster.repos[0].retry_timeout_ms, 10000);

    ASSERT_OK(resolve(&cluster, f, "--cluster=two --lock-dir=/locks"));
    assert_int_equal(cluster.repo_count, 2);
    assert_int_equal(cluster.repos[0].codec, CODEC_LZ4);
    assert_string_equal(cluster.spool_dir, "/st/spool");
    assert_string_equal(cluster.lock_dir, "/locks");
}

static void test_conf_cluster__must_be_one(void **state)
{
    Fixture *const f = *state;
    ClusterOptions cluster;
    ASSERT_ERR_TEXT(USAGE, "no cluster is configured", resolve(&cluster, f, ""));
    fixture_write(f, "main.conf", two_of_each);
    ASSERT_ERR_TEXT(USAGE, "several clusters are configured: \"one\", \"two\"", resolve(&cluster, f, ""));
    Err *err = resolve(&cluster, f, "--cluster=onee");
    assert_string_equal(err_text(err), "there is no cluster \"onee\" in the configuration");
    assert_string_equal(err_hint_text(err), "did you mean \"one\"?");
    err_free(&err);
}

static void test_conf_cluster__repositories_must_make_sense(void **state)
{
    Fixture *const f = *state;
    ClusterOptions cluster;
    ASSERT_ERR_TEXT(USAGE, "no repository is configured", resolve(&cluster, f, "--pgdata=/pg"));
    fixture_write(f, "main.conf", two_of_each);
    ASSERT_ERR_TEXT(USAGE, "command line (--repo): there is no repository \"neer\"",
                    resolve(&cluster, f, "--cluster=one --repo=neer"));
    ASSERT_ERR_TEXT(USAGE, "repositories \"near\" and \"far\" are at the same place: /x",
                    resolve(&cluster, f, "--cluster=two --repo-url=/x"));
    ASSERT_OK(resolve(&cluster, f, "--cluster=two --repo-url=/x --repo=near"));
    assert_string_equal(cluster.repos[0].url, "/x");
    ASSERT_ERR_TEXT(USAGE, "command line (--compress-level): ",
                    resolve(&cluster, f, "--cluster=one --compress=lz4 --compress-level=19"));
    fixture_write(f, "main.conf", "[cluster a]\n[repo r]\n");
    ASSERT_ERR_TEXT(USAGE, "repository \"r\" has no url", resolve(&cluster, f, ""));
}

static void test_conf_cluster__needs_no_file(void **state)
{
    Fixture *const f = *state;
    ClusterOptions cluster;
    ASSERT_OK(resolve(&cluster, f, "--pgdata=/pg --repo-url=/srv --cluster=prod -j 7"));
    assert_string_equal(cluster.name, "prod");
    assert_string_equal(cluster.repos[0].name, "main");
    assert_int_equal(cluster.jobs, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

UNIT_MAIN(TEST(test_conf_cluster__fills_the_struct), TEST(test_conf_cluster__must_be_one),
          TEST(test_conf_cluster__repositories_must_make_sense), TEST(test_conf_cluster__needs_no_file))
