"""A fault is never taken for the end of WAL: what a recovering server does with archive-get's answers."""
import os
import shutil
import subprocess
import threading

import pytest

import archiving
import pgcluster


@pytest.fixture
def archive(pgstrata, folder):
    return archiving.Archive(pgstrata, folder)


@pytest.fixture
def story(archive, clusters, major):
    """A cluster with three archived segments behind a copy of it: 0-99, 100-199, 200-299 in table t. (cluster, copy's data,
    names of the segments)"""
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, _ = archiving.base_copy(cluster, clusters)
    names = []
    for n in range(3):
        cluster.sql(f'insert into t select generate_series({n}00, {n}99)')
        names.append(archiving.end_segment(archive, cluster))
    return cluster, data, names


def start_fails(copy, text):
    """The server gives up recovery with this text in its log, and has not been promoted."""
    try:
        copy.start()
        pgcluster.wait_until(lambda: not copy.is_running(), 'the server has given up')
    except pgcluster.ServerError:
        pass
    assert text in copy.log()
    assert 'selected new timeline' not in copy.log()
    copy.stop('immediate')


@pytest.mark.majors(15, 18)
def test_recovery_stops_while_the_repository_is_away(archive, clusters, folder, story):
    _, data, names = story
    disaster = folder / 'disaster'
    subprocess.run(['cp', '-a', data, disaster], check=True)
    url = archive.urls[0]

    # The repository disappears while the server recovers: after the first segment.
    def vanishing(answer):
        script = folder / f'vanishing-{answer.strip("$")}.sh'
        get = ' '.join(archive.pgstrata.argv('archive-get', '"$1"', '"$2"'))
        script.write_text(f'#!/bin/sh\n[ "$1" != {names[1]} ] || mv {url} {url}.gone\n{get}\ncode=$?\n'
                          f'[ $code = 0 ] || exit {answer}\nexit 0\n')
        script.chmod(0o755)
        return f"'{script} %f %p'"

    copy = archiving.recover_by_archive(archive, clusters, data, restore_command=vanishing('$code'))
    archive.pgstrata.conf.write_text(archive.pgstrata.conf.read_text() + 'spool-dir = /nowhere/spool\n')
    start_fails(copy, 'exit code 200')
    os.rename(f'{url}.gone', url)
    copy.configure({'restore_command': archive.command('archive-get', '%f', '%p')})
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') == 300
    copy.stop()

    # The same with exit status 1 for the fault: the server opens with a part of its rows. So the test can fail.
    copy = archiving.recover_by_archive(archive, clusters, disaster, restore_command=vanishing('1'))
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') < 300


@pytest.mark.majors(15, 18)
def test_a_gap_stops_recovery(archive, clusters, folder, story):
    _, data, names = story
    hole = archive.object(names[1])
    os.rename(hole, folder / 'kept')
    copy = archiving.recover_by_archive(archive, clusters, data)
    start_fails(copy, 'exit code 200')
    assert f'{names[1]} is in no repository' in copy.log()
    shutil.move(folder / 'kept', hole)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') == 300


@pytest.mark.majors(15, 18)
def test_damage_stops_recovery(archive, clusters, story):
    _, data, names = story
    stored = archive.object(names[1])
    good = stored.read_bytes()
    for at in (len(good) - 200, len(good) // 2, 2000):
        stored.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        archive.get(data, names[1], code=200)
        assert not [path.name for path in (data / 'pg_wal').glob('RECOVERYXLOG*')]
    copy = archiving.recover_by_archive(archive, clusters, data)
    start_fails(copy, 'exit code 200')
    stored.write_bytes(good)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') == 300


@pytest.mark.majors(15)
def test_bad_usage_and_bad_configuration_stop(archive, story):
    _, data, names = story
    for args in (['archive-get'], ['archive-get', names[0]], ['archive-get', '--nonsense', names[0], 'pg_wal/RECOVERYXLOG'],
                 ['archive-get', 'not-a-name', 'pg_wal/RECOVERYXLOG'], ['archvie-get', names[0], 'pg_wal/RECOVERYXLOG'],
                 ['archive-get', names[0], 'no_such_folder/RECOVERYXLOG']):
        archive.pgstrata(*args, code=200, cwd=data)
    conf = archive.pgstrata.conf.read_text()
    away = '[global]\nretry-timeout = 1s\n[repo r1]\nurl = /nowhere\n[cluster main]\n'
    for broken in (away, 'nonsense\n', conf + 'nonsense = 1\n', ''):
        archive.pgstrata.conf.write_text(broken)
        archive.get(data, names[0], code=200)
        assert not (data / 'pg_wal' / 'RECOVERYXLOG').exists()
    archive.pgstrata.conf.write_text(conf)
    archive.get(data, names[0])


@pytest.mark.majors(15)
def test_names_beside_segments(archive, story):
    cluster, data, names = story
    archive.get(data, '00000002.history', code=1)
    archive.get(data, f'{names[0]}.partial', code=1)
    archive.get(data, f'{names[0]}.00000028.backup', code=1)
    backups = [name for name in archive.objects() if name.endswith('.backup')]
    assert backups
    archive.get(data, backups[0])
    assert 'START WAL LOCATION' in (data / 'pg_wal' / 'RECOVERYXLOG').read_text()
    archive.get(data, names[2])
    assert (data / 'pg_wal' / 'RECOVERYXLOG').stat().st_size == 16 << 20


@pytest.mark.majors(15)
def test_prefetch_gives_right_bytes_and_never_damaged_ones(archive, story, folder):
    cluster, data, names = story
    archive.get(data, names[0])
    spool = [path for path in folder.glob('state/spool/get-*/*')]
    assert len(spool) == 2 and all(path.stat().st_size == 16 << 20 for path in spool)
    assert {path.parent.stat().st_mode & 0o777 for path in spool} == {0o700}
    with open([path for path in spool if path.name.startswith(names[1])][0], 'r+b') as file:
        file.seek(5000)
        file.write(b'damage')
    for name in names[1:]:
        archive.get(data, name)
        assert (data / 'pg_wal' / 'RECOVERYXLOG').read_bytes() == (cluster.data / 'pg_wal' / name).read_bytes()
    archive.get(data, f'{names[2][:-1]}F', code=1)
    assert not [*folder.glob('state/spool/get-*/*')]


@pytest.mark.majors(15)
def test_a_standby_waits_for_its_archive_and_does_not_promote(archive, clusters, story, folder):
    cluster, data, names = story
    os.rename(archive.urls[0], f'{archive.urls[0]}.gone')
    copy = archiving.recover_by_archive(archive, clusters, data, signal='standby.signal')
    with pytest.raises(pgcluster.ServerError):
        copy.start(timeout_s=3)
    assert 'waiting for' in copy.log()
    os.rename(f'{archive.urls[0]}.gone', archive.urls[0])
    pgcluster.wait_until(lambda: 'consistent recovery state' in copy.log(), 'the standby goes on')
    pgcluster.wait_until(lambda: copy.value('select count(*) from t') == 300, 'the standby has all rows')
    assert copy.value('select pg_is_in_recovery()')


@pytest.mark.majors(15)
def test_a_standby_with_a_primary_streams_while_the_archive_is_away(archive, clusters, story):
    cluster, data, names = story
    os.rename(archive.urls[0], f'{archive.urls[0]}.gone')
    copy = archiving.recover_by_archive(archive, clusters, data, signal='standby.signal', settings={
        'primary_conninfo': f"'host={cluster.run} port={cluster.port} user=postgres'"})
    copy.start()
    cluster.sql('insert into t values (1000)')
    pgcluster.wait_until(lambda: copy.value('select count(*) from t') == 301, 'the row came by streaming')
    os.rename(f'{archive.urls[0]}.gone', archive.urls[0])


@pytest.mark.majors(15)
def test_the_other_repository_serves_while_one_is_damaged_or_away(pgstrata, folder, clusters):
    archive = archiving.Archive(pgstrata, folder, repos=2)
    cluster = clusters(15)
    archive.attach(cluster, spool_dir='/nowhere/spool')
    cluster.start()
    names = [archiving.end_segment(archive, cluster) for _ in range(2)]
    pgcluster.wait_until(lambda: archive.has(names[1], 1), 'the second repository has it')
    stored = archive.object(names[0])
    stored.write_bytes(stored.read_bytes()[:-1])
    run = archive.get(cluster.data, names[0], 'pg_wal/taken')
    assert 'taken from the repository r2' in run.err
    assert (cluster.data / 'pg_wal' / 'taken').read_bytes() == (cluster.data / 'pg_wal' / names[0]).read_bytes()
    os.rename(archive.urls[0], f'{archive.urls[0]}.gone')
    archive.get(cluster.data, names[1], 'pg_wal/taken')
    archive.get(cluster.data, f'{names[1][:-1]}F', 'pg_wal/taken', code=200)    # nobody can know
    os.rename(f'{archive.urls[0]}.gone', archive.urls[0])
    archive.get(cluster.data, f'{names[1][:-1]}F', 'pg_wal/taken', code=1)


@pytest.mark.majors(15, 18)
def test_a_missing_history_file_does_not_make_its_timeline_free(archive, clusters, major, folder):
    """PostgreSQL takes the first number without a history file for its new timeline."""
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, start_lsn = archiving.base_copy(cluster, clusters)
    second, _ = archiving.base_copy(cluster, clusters)
    cluster.sql("select pg_create_restore_point('past')")
    cluster.sql('insert into t values (1)')
    last = archiving.end_segment(archive, cluster)
    cluster.stop()
    past = {'recovery_target_name': "'past'", 'recovery_target_action': 'promote', 'recovery_target_timeline': "'1'"}
    owner = archiving.recover_by_archive(archive, clusters, data, settings={
        **past, 'archive_mode': 'on', 'archive_command': archive.command('archive-push', '%p')})
    archive.plan(data, 'owner', start_lsn, end=last)
    owner.start()
    owner.wait_for_recovery_end()
    archiving.end_segment(archive, owner)
    owner.stop()
    os.rename(archive.object('00000002.history'), folder / 'history')

    third = folder / 'third'
    subprocess.run(['cp', '-a', second, third], check=True)
    start_fails(archiving.recover_by_archive(archive, clusters, second, settings=past), 'exit code 200')
    script = folder / 'forgiving.sh'
    script.write_text('#!/bin/sh\n' + ' '.join(archive.pgstrata.argv('archive-get', '"$1"', '"$2"')) + ' || exit 1\n')
    script.chmod(0o755)
    copy = archiving.recover_by_archive(archive, clusters, third, settings=past, restore_command=f"'{script} %f %p'")
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select timeline_id from pg_control_checkpoint()') == 2   # a second timeline of that number


@pytest.mark.majors(15)
def test_a_repository_that_comes_back_is_waited_for(archive, story):
    cluster, data, names = story
    conf = archive.pgstrata.conf
    conf.write_text(conf.read_text().replace('retry-timeout = 1s', 'retry-timeout = 60s') + 'spool-dir = /nowhere/spool\n')
    gone = f'{archive.urls[0]}.gone'
    os.rename(archive.urls[0], gone)
    back = threading.Timer(2, lambda: os.rename(gone, archive.urls[0]))
    back.start()
    archive.get(data, names[0], timeout_s=30)
    back.join()
