"""Incremental backups of standbys, of stopped servers, and of clusters that lie in several places."""
import shutil

import pytest

import incremental
import pgcluster


@pytest.fixture
def line(pgstrata, clusters, major):
    return incremental.Line(pgstrata, clusters, major, conf={'autovacuum': 'off'})


def standby_of(line):
    line.archive_all()
    data, _ = line.restore('--standby')
    standby = line.started(data)
    return standby


def caught_up(line, standby):
    """Waits until the standby has replayed all, and takes a restart point there."""
    line.cluster.sql('checkpoint')
    lsn = line.cluster.value('select pg_current_wal_lsn()::text')
    line.archive_all()
    pgcluster.wait_until(lambda: standby.value(f"select pg_last_wal_replay_lsn() >= '{lsn}'"), 'the standby has all')
    standby.sql('checkpoint')


@pytest.mark.majors(13, 18)
def test_a_standby_as_the_source(line):
    """The parent is the primary's, the next a standby's, the one after that the primary's again."""
    line.create_kinds()
    line.work()
    line.take('full')
    standby = standby_of(line)
    line.stir_kinds()
    line.cluster.sql('vacuum kinds')
    line.work(seed=2)
    caught_up(line, standby)
    line.configure(standby)
    of_standby = line.take_incremental()
    line.stir_kinds()
    caught_up(line, standby)
    second = line.take_incremental()
    assert second['parent'] == of_standby['label']
    line.configure(line.cluster)
    line.stir_kinds()
    of_primary = line.take_incremental()
    assert of_primary['parent'] == second['label']
    standby.stop()
    for made in of_standby, of_primary:
        line.prove(made)


@pytest.mark.majors(15)
def test_a_standby_without_a_new_restart_point(line):
    """Its backup would start before any of the others ends: nothing can be left out."""
    line.create_kinds()
    line.take('full')
    standby = standby_of(line)
    standby.sql('select pg_wal_replay_pause()')
    line.stir_kinds()
    newest = line.take('full')
    line.configure(standby)
    made = line.take()
    assert made['type'] == 'full' and not made['parent'], made
    assert newest['label'] in made['reason'] and 'behind the start of this one' in made['reason'], made
    line.configure(line.cluster)
    standby.stop()
    line.prove(made)


@pytest.mark.majors(13, 18)
def test_the_standby_that_was_promoted(line):
    line.create_kinds()
    line.work()
    line.take('full')
    line.stir_kinds()
    line.take_incremental()
    standby = standby_of(line)
    line.stir_kinds()
    caught_up(line, standby)
    line.cluster.stop()
    command = line.archive.command('archive-push', '%p')
    standby.stop()
    standby.configure({'archive_mode': 'on', 'archive_command': command}, 'postgresql.auto.conf')
    (standby.data / 'pgstrata.clone').unlink(missing_ok=True)
    standby.start()
    standby.promote()
    standby.wait_for_recovery_end()
    line.cluster = line.shadow.cluster = standby
    line.configure(standby)
    line.stir_kinds()
    made = line.take_incremental()
    line.note('select sum(id) from kinds')
    line.prove(made)


@pytest.mark.majors(13, 18)
def test_tablespaces_and_a_linked_pg_wal(line, major, folder):
    cluster = line.cluster
    cluster.stop()
    shutil.move(cluster.data / 'pg_wal', folder / 'wal')
    (cluster.data / 'pg_wal').symlink_to(folder / 'wal')
    pgcluster.own_by_server_user(folder / 'wal')
    cluster.start()
    cluster.sql(f"create tablespace far location '{incremental.place_for_tablespace(line, 'far')}'")
    cluster.sql('create table t tablespace far as select generate_series(1, 20000) as n')
    settings = {}
    if major >= 15:
        settings = {'allow_in_place_tablespaces': 'on'}
        cluster.configure(settings)
        cluster.reload()
        cluster.sql("create tablespace near location ''")
        cluster.sql('create table u tablespace near as select generate_series(1, 20000) as n')
    line.take('full')
    for name in ('t', 'u') if major >= 15 else ('t',):
        cluster.sql(f'update {name} set n = -n where n % 1000 = 0')
        line.note(f'select sum(n) from {name}')
    made = line.take_incremental()
    assert made['read_bytes'] < made['size_bytes'] / 2
    line.prove(made, **settings)


@pytest.mark.majors(13, 18)
def test_a_stopped_server(line):
    """Offline backups between others, and from one another. What they hold is whole without any archive."""
    line.create_kinds()
    line.work()
    line.take('full')
    line.stir_kinds()
    line.cluster.stop()
    first = line.take_incremental('incr', '--offline')
    line.cluster.start()
    line.stir_kinds()
    line.cluster.stop()
    second = line.take_incremental('incr', '--offline')
    idle = line.take_incremental('incr', '--offline')
    line.cluster.start()
    assert second['parent'] == first['label'] and idle['parent'] == second['label']
    line.stir_kinds()
    third = line.take_incremental()
    line.note('select sum(id) from kinds')
    line.prove(third)
    line.prove(second)
    line.prove(first)
