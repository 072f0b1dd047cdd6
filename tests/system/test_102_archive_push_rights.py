"""Who may write into the archive: the production branch, and nobody else."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

import archiving
import pgcluster


@pytest.fixture
def archive(pgstrata, folder):
    return archiving.Archive(pgstrata, folder)


def archiving_on(archive):
    return {'archive_mode': 'on', 'archive_command': archive.command('archive-push', '%p')}


@pytest.mark.majors(15, 18)
def test_failover_brings_the_rest_of_the_old_timeline(archive, clusters, major):
    """The primary dies with segments that it did not archive; the standby has them, marked as done."""
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, start_lsn = archiving.base_copy(cluster, clusters)
    restored, _ = archiving.base_copy(cluster, clusters)
    standby = archiving.recover_by_archive(archive, clusters, data, signal='standby.signal', settings={
        'primary_conninfo': f"'host={cluster.run} port={cluster.port} user=postgres'", **archiving_on(archive)})
    standby.start()
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.reload()
    time.sleep(0.3)
    lost = []
    for n in range(3):
        cluster.sql(f'insert into t select generate_series({n}00, {n}99)')
        lost.append(cluster.switch_wal())
    cluster.sql('insert into t values (1000)')
    pgcluster.wait_until(lambda: standby.value('select count(*) from t') == 301, 'the standby has all rows')
    cluster.crash()
    assert not archive.has(lost[-1])
    standby.promote()
    standby.sql('insert into t values (1001)')
    archiving.end_segment(archive, standby)
    assert all(archive.has(name) for name in lost)
    assert archive.has('00000002.history')
    assert archive.branches() == ['00000001', '00000002']
    copy = archiving.recover_by_archive(archive, clusters, restored)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') == 302
    assert copy.value('select timeline_id from pg_control_checkpoint()') == 3


@pytest.mark.majors(15, 18)
def test_a_copy_that_was_opened_earlier_is_refused(archive, clusters, major):
    """A drill restores to a moment in the past, opens, and still has production's archive_command."""
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, _ = archiving.base_copy(cluster, clusters)
    cluster.sql("select pg_create_restore_point('past')")
    for n in range(3):
        cluster.sql(f'insert into t select generate_series({n}00, {n}99)')
        archiving.end_segment(archive, cluster)
    before = archive.objects()
    drill = archiving.recover_by_archive(archive, clusters, data, settings={
        'recovery_target_name': "'past'", 'recovery_target_action': 'promote', **archiving_on(archive)})
    drill.start()
    drill.wait_for_recovery_end()
    drill.sql('insert into t values (5000)')
    drill.switch_wal()
    pgcluster.wait_until(lambda: 'behind what is archived' in drill.log(), 'the copy is refused')
    assert 'takeover 2' in drill.log()
    assert archive.objects() == before and archive.branches() == ['00000001']
    archiving.end_segment(archive, cluster)

    # A person decides otherwise.
    run = archive.pgstrata('takeover', f'--pgdata={drill.data}', code=7)
    assert 'branched off timeline 1' in run.out and archive.branches() == ['00000001']
    archive.pgstrata('takeover', f'--pgdata={drill.data}', '--yes')
    assert archive.branches() == ['00000001', '00000002']
    drill.reload()
    archiving.end_segment(archive, drill)
    assert archive.has('00000002.history')


@pytest.mark.majors(15)
def test_marked_directories_are_refused(archive, clusters):
    cluster = clusters(15)
    archive.attach(cluster)
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.start()
    name = cluster.switch_wal()
    for marker in ('pgstrata.clone', 'pgstrata.restoring'):
        (cluster.data / marker).touch()
        run = archive.push(cluster, name, code=7)
        assert marker in run.err and not archive.has(name)
        (cluster.data / marker).unlink()
    archive.push(cluster, name)


@pytest.mark.majors(15, 18)
def test_restored_in_place_is_rightful_by_its_plan(archive, clusters, major):
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, start_lsn = archiving.base_copy(cluster, clusters)
    cluster.sql("select pg_create_restore_point('past')")
    cluster.sql('insert into t values (1)')
    last = archiving.end_segment(archive, cluster)
    cluster.stop()
    copy = archiving.recover_by_archive(archive, clusters, data, settings={
        'recovery_target_name': "'past'", 'recovery_target_action': 'promote', **archiving_on(archive)})
    archive.plan(data, 'owner', start_lsn, end=last)
    copy.start()
    copy.wait_for_recovery_end()
    archiving.end_segment(archive, copy)
    assert archive.branches() == ['00000001', '00000002']
    record = next(archive.urls[0].glob('main/g1/branch/00000002')).read_bytes()
    assert b'restore' in subprocess.run(['zstd', '-dc'], input=record, capture_output=True, check=True).stdout


@pytest.mark.majors(15, 18)
def test_the_switch_segment_of_a_dead_branch_ends_at_the_switch(archive, clusters, major, folder):
    """The child's first segment is not archived, the parent went on in its copy: those rows are of the dead branch."""
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, start_lsn = archiving.base_copy(cluster, clusters)
    second, _ = archiving.base_copy(cluster, clusters)
    cluster.sql('insert into t values (1)')
    cluster.sql("select pg_create_restore_point('past')")
    cluster.sql('insert into t values (666)')
    last = archiving.end_segment(archive, cluster)
    cluster.stop()
    owner = archiving.recover_by_archive(archive, clusters, data, settings={
        'recovery_target_name': "'past'", 'recovery_target_action': 'promote', **archiving_on(archive)})
    archive.plan(data, 'owner', start_lsn, end=last)
    owner.start()
    owner.wait_for_recovery_end()
    pgcluster.wait_until(lambda: archive.has('00000002.history'), 'the history is archived')
    owner.crash()
    child = re.sub('^00000001', '00000002', last)
    assert not archive.has(child)

    def recover(data, **settings):
        copy = archiving.recover_by_archive(archive, clusters, data, settings=settings)
        copy.start()
        copy.wait_for_recovery_end()
        return [n for n, in copy.sql('select n from t order by n')]
    third = folder / 'third'
    subprocess.run(['cp', '-a', second, third], check=True)
    archive.plan(second, 'clone', start_lsn, timeline=2, end=child)
    assert recover(second) == [1]
    assert recover(third) == [1, 666]   # what PostgreSQL makes of it without a plan


@pytest.mark.majors(15)
def test_content_decides(archive, clusters, folder):
    """Twice the same is fine; other content, WAL of another place or another cluster under a right name is not."""
    cluster, foreign = clusters(15), clusters(15)
    archive.attach(cluster)
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.start()
    foreign.start()
    names = [cluster.switch_wal() for _ in range(3)]
    archive.push(cluster, names[0])
    archive.push(cluster, names[0])
    wal = cluster.data / 'pg_wal'
    good = (wal / names[0]).read_bytes()
    stored = archive.object(names[0]).read_bytes()

    def refused(name, content, code, text):
        keep = (wal / name).read_bytes() if (wal / name).exists() else b''
        (wal / name).write_bytes(content)
        run = archive.push(cluster, name, code=code)
        assert text in run.err
        (wal / name).write_bytes(keep)

    refused(names[0], good[:9_000_000] + b'\1' + good[9_000_001:], 1, 'other content')
    assert archive.object(names[0]).read_bytes() == stored
    following = f'{names[2][:-1]}{int(names[2][-1], 16) + 1:X}'
    refused(following, good, 5, 'recycled')
    alien = foreign.switch_wal()
    while alien < following:
        alien = foreign.switch_wal()
    refused(following, (foreign.data / 'pg_wal' / following).read_bytes(), 5, 'another one')
    refused(following, good[:-8192], 5, 'bytes')
    assert not archive.has(following)


@pytest.mark.majors(15)
def test_failures_stay_below_126(archive, clusters):
    cluster = clusters(15)
    archive.attach(cluster)
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.start()
    name = cluster.switch_wal()
    conf = archive.pgstrata.conf.read_text()
    for text in ('nonsense\n', '', conf.replace('url = ', 'url = /nowhere'), conf.replace('[cluster main]', '[cluster other]')):
        archive.pgstrata.conf.write_text(text)
        assert 0 < archive.push(cluster, name, code=None).code <= 125
    archive.pgstrata.conf.write_text(conf)
    for args in ([], ['pg_wal/nonsense'], ['--nonsense', f'pg_wal/{name}'], [f'pg_wal/{name}', 'more']):
        assert 0 < archive.pgstrata('archive-push', *args, code=None, cwd=cluster.data).code <= 125
    archive.push(cluster, name)


@pytest.mark.majors(15)
def test_look_ahead_stores_what_waits_and_the_later_call_only_looks(archive, clusters, folder):
    cluster = clusters(15)
    archive.attach(cluster)
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.start()
    cluster.sql('create table t as select generate_series(1, 1000) as n')
    names = [cluster.switch_wal() for _ in range(6)]
    archive.push(cluster, names[0])
    assert all(archive.has(name) for name in names)
    os.rename(archive.urls[0], f'{archive.urls[0]}.gone')
    archive.push(cluster, names[1])                     # durable already: known from the note
    wal = cluster.data / 'pg_wal' / names[2]
    good = wal.read_bytes()
    wal.write_bytes(good[:5000] + b'\1' + good[5001:])
    archive.push(cluster, names[2], code=9)             # not these bytes
    wal.write_bytes(good)
    os.rename(f'{archive.urls[0]}.gone', archive.urls[0])
    archive.push(cluster, names[2])


@pytest.mark.majors(15)
def test_killed_at_any_moment_it_leaves_whole_objects_or_none(archive, clusters):
    cluster = clusters(15)
    archive.attach(cluster)
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.start()
    names = []
    for n in range(4):
        cluster.sql('drop table if exists t; create table t as select generate_series(1, 100000) as n, random() as r')
        names.append(cluster.switch_wal())
    rng = random.Random(7)
    for _ in range(10):
        process = subprocess.Popen(pgcluster.as_server_user(*archive.pgstrata.argv('archive-push', f'pg_wal/{names[0]}')),
                                   cwd=cluster.data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name in names:
            if archive.has(name):
                archive.get(cluster.data, name, 'pg_wal/taken')
                assert (cluster.data / 'pg_wal' / 'taken').read_bytes() == (cluster.data / 'pg_wal' / name).read_bytes()
    for name in names:
        archive.push(cluster, name)
        assert archive.has(name)
    shutil.rmtree(archive.folder / 'state' / 'spool')


@pytest.mark.majors(15)
def test_two_repositories_both_get_it_or_it_is_not_done(pgstrata, folder, clusters):
    archive = archiving.Archive(pgstrata, folder, repos=2)
    cluster = clusters(15)
    archive.attach(cluster)
    cluster.configure({'archive_command': "'/bin/false'"})
    cluster.start()
    name = cluster.switch_wal()
    os.rename(archive.urls[1], f'{archive.urls[1]}.gone')
    archive.push(cluster, name, code=9)
    os.rename(f'{archive.urls[1]}.gone', archive.urls[1])
    archive.push(cluster, name)
    assert archive.has(name, 0) and archive.has(name, 1)


@pytest.mark.majors(15, 18)
def test_wal_index_shows_stored_and_loose_segments(archive, clusters, major):
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql("select pg_create_restore_point('a point')")
    name = archiving.end_segment(archive, cluster)
    stored = archive.pgstrata('wal-index', name).out
    assert 'restore point a point' in stored
    assert archive.pgstrata('wal-index', cluster.data / 'pg_wal' / name).out == stored
    shown = json.loads(archive.pgstrata('wal-index', name, cluster.data / 'pg_wal' / name, '--output', 'json').out)['segments']
    assert [index.pop('is_stored') for index in shown] == [True, False]
    assert [index.pop('repository') for index in shown] == ['r1', '']
    assert shown[0] == shown[1] and shown[0]['segment'] == name and shown[0]['blocks']['relations']
