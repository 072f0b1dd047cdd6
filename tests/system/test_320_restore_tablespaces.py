"""restore and what lies outside of the data directory: tablespaces, pg_wal elsewhere, settings of the old server."""
import os
import shutil
import subprocess

import pytest

import pgcluster
import restoring


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.fast = clusters.folder / 'fast'
    made.fast.mkdir()
    pgcluster.own_by_server_user(made.fast)
    made.cluster.sql(f"create tablespace fast location '{made.fast}'")
    made.cluster.sql('create table far (n int) tablespace fast')
    made.cluster.sql('insert into far select generate_series(1, 1000)')
    made.oid = made.cluster.value("select oid from pg_tablespace where spcname = 'fast'")
    made.work()
    return made


def far_sum(copy):
    return copy.value('select sum(n) from far')


@pytest.mark.majors(13, 15)
def test_a_path_in_another_encoding_stays_as_it_is(story):
    """A database in EUC_KR makes the folder's name of its own bytes, and says it to us in UTF-8."""
    cluster, conf = story.cluster, story.pgstrata.conf
    place = os.fsencode(story.fast.parent) + b'/' + '\ud55c'.encode('euc_kr')
    os.mkdir(place)
    shutil.chown(place, pgcluster.server_user(), pgcluster.server_user())
    cluster.sql("create database old encoding 'EUC_KR' lc_collate 'C' lc_ctype 'C' template template0")
    cluster.sql(f"create tablespace hangul location '{story.fast.parent}/\ud55c'", dbname='old')
    cluster.sql('create table here (n int) tablespace hangul')
    cluster.sql('insert into here values (42)')
    conf.write_text(conf.read_text().replace('user = postgres', 'user = postgres\ndbname = old'))
    story.backup()
    cluster.stop()
    story.pgstrata('restore', '--yes')
    cluster.start()
    cluster.wait_for_recovery_end()
    assert cluster.value('select n from here') == 42
    assert os.listdir(place)


def test_tablespaces_of_a_clone_stay_below_it(story):
    story.backup()
    story.archive_all()
    before = subprocess.run(['find', story.fast, '-type', 'f', '-printf', '%p %s %T@\n'], capture_output=True, check=True).stdout
    data, _ = story.restore()
    copy = story.started(data)
    copy.wait_for_recovery_end()
    assert far_sum(copy) == 500500
    copy.sql('delete from far')
    copy.stop()
    link = (data / 'pg_tblspc' / str(story.oid)).resolve()
    assert link.is_relative_to(data)
    after = subprocess.run(['find', story.fast, '-type', 'f', '-printf', '%p %s %T@\n'], capture_output=True, check=True).stdout
    assert before == after
    mapped = story.clusters.folder / 'mapped'
    data, _ = story.restore(f'--tablespace-map={story.oid}={mapped}')
    story.check(data, story.shadow.at())
    assert (data / 'pg_tblspc' / str(story.oid)).resolve() == mapped


def test_tablespaces_come_back_in_place(story):
    story.backup()
    story.archive_all()
    story.cluster.stop()
    shutil.rmtree(story.fast)
    shutil.rmtree(story.cluster.data / 'base')
    story.pgstrata('restore', '--yes')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    assert far_sum(story.cluster) == 500500
    assert story.fast.exists()
    story.cluster.check_pages()


def test_a_clone_refuses_to_replay_into_production(story):
    """Without the refusal the copy would replay CREATE TABLESPACE into production's own folder."""
    story.backup()
    story.shadow.mark('before')
    other = story.clusters.folder / 'other'
    other.mkdir()
    pgcluster.own_by_server_user(other)
    story.cluster.sql(f"create tablespace later location '{other}'")
    story.archive_all()
    data, run = story.restore(code=7)
    assert str(other) in run.err and not data.exists()
    data, _ = story.restore('--target-name=before')
    story.check(data, story.shadow.at(mark='before'))


def test_limits_raised_on_the_way_are_met(story):
    story.backup()
    story.cluster.configure({'max_connections': '60', 'max_locks_per_transaction': '100'})
    story.cluster.restart()
    story.work(seed=2)
    story.archive_all()
    data, _ = story.restore()
    story.check(data, story.shadow.at())
    assert "max_connections = '60'" in (data / 'postgresql.auto.conf').read_text()


def test_an_older_recovery_leaves_nothing_behind(story):
    story.cluster.configure({'recovery_target_time': "'2001-01-01 00:00:00+00'", 'recovery_end_command': "'false'",
                             'archive_cleanup_command': "'rm %r'"})
    story.backup()
    story.archive_all()
    data, _ = story.restore()
    story.check(data, story.shadow.at())


def test_a_standby_follows_the_archive(story):
    story.backup()
    story.archive_all()
    data, _ = story.restore('--standby')
    copy = story.started(data)
    assert copy.value('select pg_is_in_recovery()')
    story.cluster.sql('create table news as select 3 as n')
    story.archive_all()
    pgcluster.wait_until(lambda: copy.value("select to_regclass('news') is not null"), 'the standby has the news')
    copy.stop()
