"""restore's options for tablespaces, standbys and isolation."""
import os
import subprocess

import psycopg2
import pytest

import pgcluster
import restoring
import shadow


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    return made


def folder_of_server(story, name):
    path = story.clusters.folder / name
    path.mkdir()
    pgcluster.own_by_server_user(path)
    return path


def tablespace(story, name):
    path = folder_of_server(story, f'at_{name}')
    story.cluster.sql(f"create tablespace {name} location '{path}'")
    story.cluster.sql(f'create table in_{name} tablespace {name} as select generate_series(1, 1000) as n')
    return path, story.cluster.value(f"select oid from pg_tablespace where spcname = '{name}'")


# ---- tablespaces

@pytest.mark.majors(15)
def test_tablespaces_are_mapped_by_name_and_number(story):
    fast, fast_oid = tablespace(story, 'fast')
    slow, slow_oid = tablespace(story, 'slow')
    story.backup()
    story.archive_all()
    to = [story.clusters.folder / name for name in ('to_fast', 'to_slow')]
    data, _ = story.restore(f'--tablespace-map=fast={to[0]}', f'--tablespace-map={slow_oid}={to[1]}')
    assert [(data / 'pg_tblspc' / str(oid)).resolve() for oid in (fast_oid, slow_oid)] == to
    copy = story.started(data)
    copy.wait_for_recovery_end()
    assert copy.value('select sum(f.n + s.n) from in_fast f join in_slow s using (n)') == 2 * 500500
    copy.check_pages()
    copy.stop()
    cases = [(['fats=/x'], 2, ['no tablespace "fats"', f'fast ({fast_oid}) in {fast}', f'slow ({slow_oid}) in {slow}']),
             (['4711=/x'], 2, ['no tablespace 4711', f'fast ({fast_oid})']),
             (['fast=/x', f'{fast_oid}=/y'], 2, ['twice']),
             (['fast=/x', 'slow=/x'], 2, ['cannot both go to /x']),
             (['fast=x'], 2, ['must be absolute']), (['=/x'], 2, ['is not OID=DIR or NAME=DIR'])]
    for maps, code, words in cases:
        data, run = story.restore(*[f'--tablespace-map={text}' for text in maps], code=code)
        assert all(word in run.err for word in words) and not data.exists(), run


@pytest.mark.majors(15)
def test_nobodys_tablespace_is_written_into(story):
    """Production's folder is named by mistake, or kept by a takeover beside it; or the data directory is gone and only the
    tablespace is still there."""
    fast, oid = tablespace(story, 'fast')
    story.backup()
    story.archive_all()
    def listing():
        return subprocess.run(['find', fast, '-type', 'f', '-printf', '%p %s %T@\n'], capture_output=True, check=True).stdout
    before = listing()
    for option in (f'--tablespace-map=fast={fast}', '--takeover'):
        data, run = story.restore(option, code=7)
        assert f'tablespace {oid} would go to {fast}' in run.err and not data.exists(), run
    assert listing() == before
    story.cluster.stop()
    kept = story.cluster.data.rename(story.cluster.home / 'kept')
    run = story.pgstrata('restore', code=7)
    assert f'move {fast}/PG_15_' in run.err and not story.cluster.data.exists()
    version = next(fast.iterdir())
    version.rename(fast / 'away')
    story.pgstrata('restore')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    assert story.cluster.value('select sum(n) from in_fast') == 500500
    assert kept.exists()


@pytest.mark.majors(15)
def test_a_stopped_servers_tablespaces_are_mapped_by_number(story):
    fast, oid = tablespace(story, 'fast')
    story.cluster.stop()
    story.pgstrata('backup', '--offline')
    to = story.clusters.folder / 'to_fast'
    data, run = story.restore(f'--tablespace-map=fast={to}', code=2)
    assert f'one without a known name ({oid}) in {fast}' in run.err
    data, _ = story.restore(f'--tablespace-map={oid}={to}')
    copy = story.started(data)
    assert copy.value('select sum(n) from in_fast') == 500500
    copy.stop()


def test_tablespaces_inside_of_the_data_directory_come_along(story):
    """allow_in_place_tablespaces: a folder in pg_tblspc instead of a link."""
    story.cluster.sql('alter role postgres set allow_in_place_tablespaces = on')
    story.cluster.sql("create tablespace here location ''")
    story.cluster.sql('create table in_here tablespace here as select generate_series(1, 1000) as n')
    oid = story.cluster.value("select oid from pg_tablespace where spcname = 'here'")
    story.backup()
    story.cluster.sql('update in_here set n = n + 1')
    story.cluster.sql("create tablespace later location ''")
    story.cluster.sql('create table in_later tablespace later as select 7 as n')
    story.archive_all()
    data, _ = story.restore()
    place = data / 'pg_tblspc' / str(oid)
    assert place.is_dir() and not place.is_symlink()
    copy = story.check(data, story.shadow.at())
    copy.start()
    assert copy.value('select sum(in_here.n) + min(in_later.n) from in_here, in_later') == 501500 + 7
    copy.stop()


# ---- a standby

@pytest.mark.majors(13, 18)
def test_a_standby_streams_from_the_primary_it_is_told(story):
    story.backup()
    story.archive_all()
    primary = f"host={story.cluster.run} port={story.cluster.port} user=postgres application_name='standby''s own'"
    primary = primary.replace("''", "\\'")
    data, run = story.restore('--standby', f'--primary-conninfo={primary}')
    copy = story.started(data)
    story.work(seed=2)      # nothing of this is archived
    pgcluster.wait_until(lambda: story.cluster.value('select count(*) from pg_stat_replication'
                                                     " where application_name = 'standby''s own'") == 1, 'it streams')
    lsn = story.cluster.value('select pg_current_wal_lsn()::text')
    pgcluster.wait_until(lambda: copy.value(f"select pg_last_wal_replay_lsn() >= '{lsn}'"), 'the standby has all')
    shadow.compare(copy, story.shadow.at())
    copy.stop()


@pytest.mark.majors(15)
def test_a_primary_may_stand_in_the_configuration(story):
    story.backup()
    story.archive_all()
    settings = {'pgdata': story.cluster.data, 'primary_conninfo': 'host=db1 passfile=/etc/pgstrata/replication.pass'}
    story.pgstrata.configure({'r1': {'url': story.archive.urls[0]}}, {'main': settings}, retry_timeout='1s')
    data, _ = story.restore('--standby')
    automatic = (data / 'postgresql.auto.conf').read_text()
    assert "primary_conninfo = 'host=db1 passfile=/etc/pgstrata/replication.pass'" in automatic
    data, _ = story.restore()
    assert 'db1' not in (data / 'postgresql.auto.conf').read_text()
    for text, word in (('host=db1 password=secret', 'passfile='), ('postgresql://u:secret@db1/', 'passfile='),
                       ('host=db1 secret', 'no connection string')):
        data, run = story.restore('--standby', f'--primary-conninfo={text}', code=2)
        assert word in run.err and 'secret' not in run.err and not data.exists()
    _, run = story.restore('--primary-conninfo=host=db1', code=2)
    assert '--standby' in run.err


# ---- settings

@pytest.mark.majors(18)
def test_limits_are_met_by_what_included_files_say(story):
    """The maximum stands in a file that postgresql.conf includes: it is enough and must not be lowered. What the primary
    raised later, and its WAL tells, is more."""
    conf_d = story.cluster.data / 'conf.d'
    conf_d.mkdir()
    restoring.write_as_server_user(conf_d / 'limits.conf', 'max_connections = 70\nmax_wal_senders = 5\n')
    pgcluster.own_by_server_user(conf_d)
    story.cluster.configure({'include_dir': "'conf.d'"})
    story.cluster.restart()
    story.backup()
    story.cluster.configure({'max_wal_senders': '9'})
    story.cluster.restart()
    story.work(seed=2)
    story.archive_all()
    data, run = story.restore()
    automatic = (data / 'postgresql.auto.conf').read_text()
    assert 'max_connections' not in automatic and "max_wal_senders = '9'" in automatic
    copy = story.check(data, story.shadow.at())
    copy.start()
    assert copy.value('show max_connections') == '70'
    copy.stop()


@pytest.mark.majors(15)
def test_isolation_keeps_users_out_and_knows_how_long_a_path_may_be(story):
    story.backup()
    story.archive_all()
    folder = story.clusters.folder
    long = folder / ('x' * (93 - len(str(folder)) - 1))
    assert len(os.fsencode(long)) == 93
    run = story.pgstrata('restore', '--isolate', f'--to-dir={long}', code=1)
    assert 'has 93 bytes; at most 92' in run.err and not long.exists()
    longest = folder / long.name[1:]
    story.pgstrata('restore', '--isolate', f'--to-dir={longest}')
    copy = story.clusters.adopt(story.major, longest)
    copy.overrides = {'port': 65535, 'fsync': 'off'}     # the longest of ports
    copy.start()
    if os.geteuid() == 0:       # the socket is open to the server's own user only
        with pytest.raises(psycopg2.OperationalError, match='(?i)peer authentication'):
            psycopg2.connect(host=str(longest), port=65535, user='postgres', dbname='postgres')
    assert copy.log().count('listening on') == 1 and f'"{longest}/.s.PGSQL.' in copy.log()
    copy.stop()
