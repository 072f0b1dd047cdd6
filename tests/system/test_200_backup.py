"""Full backups of running servers: what comes back from them, and what happens when something is wrong."""
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

import archiving
import backing_up
import pgcluster
import shadow


@pytest.fixture
def backups(pgstrata, folder):
    return backing_up.Backups(archiving.Archive(pgstrata, folder))


@pytest.fixture
def protected(backups, clusters, major):
    """A running cluster with an archive; backups.cluster."""
    cluster = clusters(major)
    backups.attach(cluster)
    return cluster.start()


@pytest.mark.majors(*pgcluster.EVERY)
def test_a_backup_under_load_comes_back_whole(backups, protected, clusters, major):
    log = shadow.Shadow(protected)
    log.create_tables()
    with shadow.Workload(log, seed=major) as work:
        work.until_commits(100)
        label, run = backups.make('--note', 'under load')
        work.until_commits(50)
    archiving.end_segment(backups.archive, protected)
    assert run.out.startswith(f'backup {label} done: ') and run.err == ''
    assert sessions_end(protected)
    backups.read('verify')
    copy = backups.recovered(label, clusters)
    shadow.compare(copy, log.at())
    copy.check_pages()


def sessions_end(cluster):
    return pgcluster.wait_until(lambda: backing_up.sessions(cluster) == 0, 'all sessions have ended')


@pytest.mark.majors(15)
def test_the_result_as_json(backups, protected):
    found = json.loads(backups.pgstrata('--output', 'json', 'backup', '--type', 'full').out)
    assert found['label'] in backups.committed()
    stored = backups.repo.glob(f'main/g1/backup/{found["label"]}/*')
    assert found['stored_bytes'] == sum(path.stat().st_size for path in stored)
    assert found['files'] > 900 and found['size_bytes'] > found['stored_bytes'] > 1 << 20
    assert pgcluster.lsn_number(found['start_lsn']) < pgcluster.lsn_number(found['stop_lsn'])


@pytest.mark.majors(15)
def test_a_dry_run_writes_nothing(backups, protected):
    before = backups.read('list')
    run = backups.pgstrata('backup', '--type', 'full', '--dry-run')
    assert 'a full backup would read ' in run.out
    assert backups.read('list') == before


# ---- damage and interruption

def test_a_bad_page_is_named_and_the_backup_is_made(backups, protected, clusters):
    protected.sql("create table app as select n, repeat('x', 200) as filler from generate_series(1, 1000) n")
    protected.sql('checkpoint')
    path = protected.data / protected.value("select pg_relation_filepath('app')")
    with open(path, 'r+b') as file:
        file.seek(2 * 8192 + 4000)
        file.write(b'damage')
    label, run = backups.make(code=3)
    assert label in backups.committed()
    assert f'block 2 of {path.relative_to(protected.data)} is damaged: relation postgres.public.app' in run.err
    backups.read('verify')
    data = backups.copy(label, clusters)
    assert (data / path.relative_to(protected.data)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_ended_backup_leaves_nothing_behind(backups, protected, how, clusters):
    first, _ = backups.make()
    ballast = backing_up.ballast(protected)
    process = backups.begin()
    process.send_signal(how)
    _, err = process.communicate(timeout=20)
    assert process.returncode == (-how if how == signal.SIGKILL else 128 + how), err
    assert sessions_end(protected)
    assert backups.committed() == [first]
    backups.read('verify')
    ballast.unlink()
    second, _ = backups.make()
    assert backups.committed() == [first, second]
    backups.read('verify')


@pytest.mark.majors(15)
def test_two_at_once(backups, protected):
    backing_up.ballast(protected)
    process = backups.begin()
    _, run = backups.make(code=8)
    assert 'another backup of cluster main' in run.err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


@pytest.mark.majors(15)
def test_the_server_dies_meanwhile(backups, protected):
    backing_up.ballast(protected, gigabytes=4)
    process = backups.begin()
    protected.crash()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 10, err
    assert backups.committed() == []
    backups.read('verify')


@pytest.mark.majors(15)
def test_a_lost_session_is_noticed_while_files_are_copied(backups, protected):
    """The server lives on and has ended the backup: what would be copied from here on could not be used."""
    backing_up.ballast(protected, 128)
    process = backups.begin('--jobs=1')
    protected.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgstrata'")
    begun = time.monotonic()
    err = process.communicate(timeout=60)[1]
    assert time.monotonic() - begun < 5
    assert process.returncode == 10 and 'is lost' in err and "the server's log says why" in err, err
    assert backups.committed() == []


@pytest.mark.majors(15)
def test_ctrl_c_is_looked_at_between_frames(backups, protected):
    """One part of a large file keeps a worker for minutes at a high level."""
    path = protected.data / 'ballast'
    path.write_bytes(random.Random(1).randbytes(1 << 20) * 100)
    pgcluster.own_by_server_user(path)
    process = backups.begin('--jobs=1', '--compress-level=22')
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - begun < 2


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root can mount a small file system')
def test_a_full_repository(backups, folder, clusters, major):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'none', folder / 'repos'], check=True)
    try:
        pgcluster.own_by_server_user(folder / 'repos')
        cluster = clusters(major)
        backups.attach(cluster)
        cluster.start()
        ballast = cluster.data / 'ballast'
        ballast.write_bytes(os.urandom(60 << 20))
        pgcluster.own_by_server_user(ballast)
        _, run = backups.make(code=1)
        assert 'No space left on device' in run.err and 'backup/' in run.err
        assert backups.committed() == [] and sessions_end(cluster)
        cluster.stop('immediate')
        backups.read('verify')
    finally:
        subprocess.run(['umount', '-l', folder / 'repos'], check=True)


# ---- what is refused, and what a person is told

@pytest.mark.majors(15)
def test_an_unreachable_server(backups, protected):
    protected.stop()
    _, run = backups.make(code=10)
    assert str(protected.run) in run.err


@pytest.mark.majors(15)
def test_the_data_directory_of_another_server(backups, protected, clusters, major):
    other = clusters(major).start()
    backups.configure(other, pgdata=protected.data)
    _, run = backups.make(code=7)
    assert 'belong to different servers' in run.err


@pytest.mark.majors(15)
def test_no_data_directory_there(backups, protected, folder):
    backups.configure(protected, pgdata=folder / 'nowhere')
    _, run = backups.make(code=1)
    assert str(folder / 'nowhere') in run.err


@pytest.mark.majors(15)
def test_a_cluster_that_was_not_set_up(backups, protected, clusters, major):
    other = clusters(major).start()
    backups.configure(other)
    _, run = backups.make(code=1)
    assert 'run "pgstrata setup"' in run.err


@pytest.mark.majors(15)
def test_a_missing_repository_is_no_empty_one(backups, protected):
    shutil.rmtree(backups.repo)
    _, run = backups.make(code=None)
    assert run.code in (1, 9) and str(backups.repo) in run.err
    assert not backups.repo.exists()


# ---- WAL that the archive does not bring

def test_an_archive_command_that_only_says_yes(backups, protected, clusters):
    protected.sql('create table t as select 1 as n')
    protected.configure({'archive_command': "'/bin/true'"})
    protected.reload()
    label, run = backups.make(code=3)
    assert 'was not archived and was stored by the backup itself' in run.err
    copy = backups.recovered(label, clusters)
    assert copy.value('select n from t') == 1


@pytest.mark.majors(15)
def test_an_archive_command_that_fails(backups, protected, clusters):
    protected.configure({'archive_command': "'/bin/false'"})
    protected.reload()
    backups.configure(protected, archive_timeout='1s')
    label, run = backups.make(code=3)
    assert 'was not archived and was stored by the backup itself' in run.err and 'pgstrata check' in run.err
    backups.recovered(label, clusters)


# ---- places

@pytest.mark.majors(13, 18)
def test_tablespaces_and_a_linked_pg_wal(backups, clusters, major, folder):
    cluster = clusters(major)
    backups.attach(cluster)
    for name in ('wal', 'space'):
        (folder / name).mkdir()
    shutil.rmtree(folder / 'wal')
    shutil.move(cluster.data / 'pg_wal', folder / 'wal')
    (cluster.data / 'pg_wal').symlink_to(folder / 'wal')
    pgcluster.own_by_server_user(folder / 'space')
    pgcluster.own_by_server_user(folder / 'wal')
    cluster.start()
    cluster.sql(f"create tablespace far location '{folder / 'space'}'")
    cluster.sql('create table t tablespace far as select generate_series(1, 1000) as n')
    if major >= 15:
        with_place = cluster.connect()
        with with_place.cursor() as cursor:
            cursor.execute('set allow_in_place_tablespaces = on')
            cursor.execute("create tablespace near location ''")
        with_place.close()
        cluster.sql('create table u tablespace near as select generate_series(1, 1000) as n')
    label, _ = backups.make()
    cluster.stop()
    shutil.rmtree(cluster.data)
    for name in ('wal', 'space'):
        shutil.rmtree(folder / name)
        (folder / name).mkdir()
    backups.copy(label, clusters, cluster.data)
    for name in ('wal', 'space'):
        pgcluster.own_by_server_user(folder / name)
    in_place = {'allow_in_place_tablespaces': 'on'} if major >= 15 else {}    # or recovery refuses their folders
    copy = archiving.recover_by_archive(backups.archive, clusters, cluster.data, settings=in_place)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select sum(n) from t') == 500500
    assert major < 15 or copy.value('select sum(n) from u') == 500500


# ---- stopped servers and standbys

@pytest.mark.majors(13, 15, 17, 18)
def test_an_offline_backup_starts_without_any_archive(backups, protected, clusters, major):
    log = shadow.Shadow(protected)
    log.create_tables()
    with shadow.Workload(log, seed=major) as work:
        work.until_commits(50)
    _, run = backups.make('--offline', code=7)
    assert 'is running' in run.err
    protected.crash()
    _, run = backups.make('--offline', code=7)
    assert 'was not shut down cleanly' in run.err
    protected.start()
    for _ in range(4):
        archiving.end_segment(backups.archive, protected)
        protected.sql('checkpoint')
    protected.stop()
    label, _ = backups.make('--offline')
    backups.read('verify')
    assert f'PostgreSQL {major}, stopped,' in backups.pgstrata('info', label).out
    data = backups.copy(label, clusters)
    segments = [path.name for path in sorted((data / 'pg_wal').iterdir()) if path.is_file()]
    assert len(segments) == 1 < len([path for path in (protected.data / 'pg_wal').iterdir() if path.is_file()])
    copy = clusters.adopt(major, data)
    copy.configure({'archive_mode': 'off'})
    copy.start()
    shadow.compare(copy, log.at())
    copy.check_pages()


def test_a_backup_of_a_standby(backups, protected, clusters, major):
    protected.sql('create table t as select generate_series(1, 1000) as n')
    first, _ = backups.make()
    data = backups.copy(first, clusters)
    standby = archiving.recover_by_archive(backups.archive, clusters, data, signal='standby.signal')
    standby.start()
    protected.sql('insert into t select generate_series(1001, 2000)')
    protected.sql('checkpoint')
    archiving.end_segment(backups.archive, protected)
    pgcluster.wait_until(lambda: standby.value('select count(*) from t') == 2000, 'the standby has replayed')
    backups.configure(standby)
    label, _ = backups.make()
    backups.read('verify')
    data = backups.copy(label, clusters)
    (data / 'standby.signal').unlink()
    copy = archiving.recover_by_archive(backups.archive, clusters, data)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') == 2000
    copy.check_pages()
