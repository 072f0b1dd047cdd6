"""What cannot be right, one after the other: what every command says of it, and its exit status."""
import os
import re
import shutil
import signal
import struct
import subprocess
import time

import pytest

import archiving
import backing_up
import pgcluster

NEWER = 'written by a newer pgstrata: format 2; this program reads 1'


@pytest.fixture
def backups(pgstrata, folder):
    return backing_up.Backups(archiving.Archive(pgstrata, folder))


@pytest.fixture
def protected(backups, clusters, major):
    """A running cluster with an archive; backups.cluster."""
    cluster = clusters(major)
    backups.attach(cluster)
    return cluster.start()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def raise_format(path):
    """Makes the object one of the next format: the trailer keeps its place and its CRC. (FORMAT.md, "Trailer")"""
    data = bytearray(path.read_bytes())
    trailer = data[-76:]
    trailer[58:60] = struct.pack('<H', 2)
    trailer[-4:] = struct.pack('<I', crc32c(trailer[:-4]))
    path.chmod(0o600)
    path.write_bytes(data[:-76] + trailer)


def exchange(one, other):
    kept = one.with_name('kept')
    one.rename(kept)
    other.rename(one)
    kept.rename(other)


# ---- repositories that are not what they should be

@pytest.mark.majors(15)
def test_a_repository_of_another_format_is_told_by_every_command(backups, protected, folder):
    backups.make()
    name = archiving.end_segment(backups.archive, protected)
    waiting = protected.value('select pg_walfile_name(pg_current_wal_insert_lsn())')
    raise_format(backups.repo / 'pgstrata')
    before = sorted(backups.repo.rglob('*'))
    commands = {('backup', '--type=full'): 1, ('backup', '--type=full', '--dry-run'): 1, ('check',): 1, ('info',): 1,
                ('verify',): 1, ('verify', '--quick'): 1, ('restore', f'--to-dir={folder / "copy"}'): 1,
                ('restore', '--dry-run', f'--to-dir={folder / "copy"}'): 1, ('takeover', '--yes'): 1, ('wal-index', name): 1,
                ('archive-push', f'pg_wal/{waiting}'): 1, ('archive-get', name, 'pg_wal/RECOVERYXLOG'): 200,
                ('archive-get', '00000002.history', 'pg_wal/RECOVERYHISTORY'): 200,
                ('setup', f'--pgdata={protected.data}', '--replace'): 1}
    for command, code in commands.items():
        run = backups.pgstrata(*command, code=code, cwd=protected.data)
        assert NEWER in run.err and 'HINT:  use a newer pgstrata' in run.err, run
    assert sorted(backups.repo.rglob('*')) == before and not (folder / 'copy').exists()


@pytest.mark.majors(15)
def test_an_object_of_another_format_is_no_damage(backups, protected, folder):
    label, _ = backups.make()
    run = backups.pgstrata('verify', '--backup=20200101-000000F', code=1)
    assert 'has no committed backup 20200101-000000F' in run.err and 'HINT:  "pgstrata info" lists the backups' in run.err
    name = archiving.end_segment(backups.archive, protected)
    objects = {backups.repo / 'main' / 'g1' / 'backup' / label / 'pack-000001': ['verify', 'restore'],
               backups.repo / 'main' / 'g1' / 'backup' / label / 'backup': ['verify', 'restore'],
               backups.archive.object(name): ['verify', 'get'],
               backups.repo / 'main' / 'g1' / 'cluster': ['verify', 'restore', 'backup']}
    commands = {'verify': ('verify',), 'restore': ('restore', f'--to-dir={folder / "copy"}'), 'backup': ('backup',),
                'get': ('archive-get', name, 'pg_wal/RECOVERYXLOG')}
    for path, words in objects.items():
        good = path.read_bytes()
        raise_format(path)
        for word in words:
            run = backups.pgstrata(*commands[word], code=200 if word == 'get' else 1, cwd=protected.data)
            assert NEWER in run.err and 'damaged' not in run.err, run
        assert not (folder / 'copy' / 'global' / 'pg_control').exists()
        shutil.rmtree(folder / 'copy', ignore_errors=True)
        path.write_bytes(good)
    backups.pgstrata('verify')


@pytest.mark.majors(15)
def test_objects_that_changed_places_are_never_used(backups, protected, folder):
    labels = [backups.make()[0], backups.make()[0]]
    names = [archiving.end_segment(backups.archive, protected) for _ in range(2)]
    wal = [backups.archive.object(name) for name in names]
    packs = [backups.repo / 'main' / 'g1' / 'backup' / label / 'pack-000001' for label in labels]
    exchange(*wal)
    run = backups.pgstrata('verify', code=5)
    for path, name in zip(wal, names):
        assert str(path.relative_to(backups.repo)) in run.err and 'calls itself' in run.err
        run_get = backups.pgstrata('archive-get', name, 'pg_wal/RECOVERYXLOG', code=200, cwd=protected.data)
        assert 'calls itself' in run_get.err and not (protected.data / 'pg_wal' / 'RECOVERYXLOG').exists()
    exchange(*wal)
    exchange(*packs)
    run = backups.pgstrata('verify', code=5)
    for path, label in zip(packs, labels):
        assert str(path.relative_to(backups.repo)) in run.err and f'backup {label} cannot be restored' in run.err
        run_restore = backups.pgstrata('restore', f'--backup={label}', f'--to-dir={folder / label}', code=5)
        assert 'calls itself' in run_restore.err and not (folder / label / 'global' / 'pg_control').exists()
    exchange(*packs)
    backups.pgstrata('verify')


@pytest.mark.majors(15)
def test_objects_of_another_cluster_are_found(backups, protected, pgstrata, folder, clusters, major):
    """The repository of another cluster has the same names in it: main/g1/…"""
    label, _ = backups.make()
    other_home = folder / 'other'
    other_home.mkdir()
    pgcluster.own_by_server_user(other_home)
    alien = backing_up.Backups(archiving.Archive(pgstrata, other_home))
    cluster = clusters(major)
    alien.attach(cluster)
    cluster.start()
    alien_label = label
    while alien_label == label:     # in the same second both would have the same
        alien_label, _ = alien.make()
    while True:
        name = archiving.end_segment(alien.archive, cluster)
        if not backups.archive.has(name):
            break
    backups.configure(protected)
    alien_wal = alien.archive.object(name)
    place = backups.repo / alien_wal.relative_to(alien.repo)
    shutil.copytree(alien.repo / 'main' / 'g1' / 'backup' / alien_label, backups.repo / 'main' / 'g1' / 'backup' / alien_label)
    shutil.copy2(alien_wal, place)
    pgcluster.own_by_server_user(backups.repo)

    run = backups.pgstrata('verify', code=5)
    assert f'backup {alien_label} cannot be restored as it was: it is of the cluster with system id' in run.err
    assert str(place.relative_to(backups.repo)) in run.err and f'backup {label} cannot' not in run.err
    run = backups.pgstrata('archive-get', name, 'pg_wal/RECOVERYXLOG', code=200, cwd=protected.data)
    assert 'system id' in run.err and not (protected.data / 'pg_wal' / 'RECOVERYXLOG').exists()
    place.unlink()
    run = backups.pgstrata('restore', f'--backup={alien_label}', '--target-immediate', f'--to-dir={folder / "copy"}', code=None)
    assert run.code in (5, 6) and not (folder / 'copy' / 'global' / 'pg_control').exists()
    # The other cluster's whole generation in the place of ours: it is not ours any more.
    shutil.rmtree(backups.repo / 'main' / 'g1')
    shutil.copytree(alien.repo / 'main' / 'g1', backups.repo / 'main' / 'g1')
    pgcluster.own_by_server_user(backups.repo)
    run = backups.make(code=1)[1]
    assert 'run "pgstrata setup"' in run.err
    # Nor is our WAL stored among theirs.
    protected.configure({'archive_command': "'/bin/false'"})
    protected.reload()
    waiting = protected.switch_wal()
    run = backups.pgstrata('archive-push', f'pg_wal/{waiting}', code=None, cwd=protected.data)
    assert 0 < run.code <= 125 and 'system id' in run.err


@pytest.mark.majors(15)
def test_another_repository_at_the_same_place(backups, protected, clusters):
    """A recovery asks the repositories of its plan by their ids: another one proves nothing."""
    backups.make()
    data, start_lsn = archiving.base_copy(protected, clusters)
    name = archiving.end_segment(backups.archive, protected)
    backups.archive.plan(data, 'clone', start_lsn, end=name)
    backups.archive.get(data, name)
    (data / 'pg_wal' / 'RECOVERYXLOG').unlink()
    backups.repo.rename(f'{backups.repo}.old')
    backups.archive.call_probe('init', protected.data, backups.repo)
    for asked in (name, '00000002.history', '0000000100000000000000FF'):
        run = backups.archive.get(data, asked, code=200)
        assert 'the plan of this directory asks for' in run.err and 'HINT:  Is another disk mounted there?' in run.err
    assert not (data / 'pg_wal' / 'RECOVERYXLOG').exists()


@pytest.mark.majors(15)
def test_wal_that_is_not_what_its_name_says(backups, protected):
    protected.configure({'archive_command': "'/bin/false'"})
    protected.reload()
    name = protected.switch_wal()
    path = protected.data / 'pg_wal' / name
    good = path.read_bytes()

    def changed(at, data):
        return good[:at] + data + good[at + len(data):]

    # The long header of the first page: magic, timeline, page address, system id, sizes (xlog_internal.h).
    for content, word in ((changed(0, b'\xff\xff'), 'magic'), (changed(4, struct.pack('<I', 9)), 'timeline'),
                          (changed(8, struct.pack('<Q', 1 << 30)), 'recycled'), (changed(24, bytes(8)), 'system id'),
                          (changed(32, struct.pack('<I', 1 << 20)), 'segment'), (good[:-8192], 'bytes'), (good + bytes(8192), 'bytes'),
                          (b'', 'bytes')):
        path.write_bytes(content)
        run = backups.archive.push(protected, name, code=None)
        assert 0 < run.code <= 125 and word in run.err and name in run.err, (word, str(run))
        assert not backups.archive.has(name)
    path.write_bytes(good)
    backups.archive.push(protected, name)


@pytest.mark.majors(15)
def test_a_repository_that_may_not_be_written(backups, protected):
    backup_folder = backups.repo / 'main' / 'g1'
    backup_folder.chmod(0o555)
    try:
        _, run = backups.make(code=1)
        assert '/DENIED]' in run.err and str(backup_folder) in run.err
        assert f'HINT:  something in {backups.repo} is not ours' in run.err
        assert backups.committed() == []
    finally:
        backup_folder.chmod(0o750)
    backups.make()


# ---- data directories that cannot be backed up

@pytest.mark.majors(15)
def test_data_directories_that_cannot_be_backed_up(backups, protected, folder):
    empty = folder / 'empty'
    empty.mkdir()
    pgcluster.own_by_server_user(empty)
    backups.configure(protected, pgdata=empty)
    _, run = backups.make(code=1)
    assert f'{empty}/global/pg_control' in run.err and 'is no data directory' in run.err
    backups.configure(protected)
    _, run = backups.make('--offline', code=7)
    assert f'the server of {protected.data} is running' in run.err and 'HINT:  stop it in order' in run.err
    protected.stop('immediate')
    _, run = backups.make('--offline', code=7)
    assert 'was not shut down cleanly' in run.err
    control = protected.data / 'global' / 'pg_control'
    data = bytearray(control.read_bytes())
    end = next(at for at in range(200, 512, 4) if crc32c(data[:at]) == struct.unpack('<I', data[at:at + 4])[0])
    data[8:12] = struct.pack('<I', 9999)
    data[end:end + 4] = struct.pack('<I', crc32c(data[:end]))
    control.write_bytes(data)
    _, run = backups.make('--offline', code=1)
    assert 'control file version is 9999' in run.err
    assert backups.committed() == []


# ---- the server says no

@pytest.mark.majors(13, 15)
def test_the_grants_that_are_named_are_enough(backups, protected, major):
    """A role that may nothing can make a backup when it has got, one by one, what the hints ask for."""
    protected.sql('create role weak login')
    backups.configure(protected, user='weak')
    asked = []
    while True:
        label, run = backups.make(code=None)
        if run.code != 1:
            break
        grant = re.search(r'GRANT .* TO "?weak"?', run.err)
        assert grant and 'db/DENIED' in run.err and grant[0] not in asked, run
        assert backups.committed() == []
        asked.append(grant[0])
        protected.sql(grant[0])
    assert run.code in (0, 3) and label in backups.committed()
    start = 'pg_start_backup(text, boolean, boolean)' if major < 15 else 'pg_backup_start(text, boolean)'
    assert any(f'EXECUTE ON FUNCTION {start}' in grant for grant in asked), asked


@pytest.mark.majors(15)
def test_a_wrong_password(backups, protected):
    protected.sql("create role keeper superuser login password 'right'")
    (protected.data / 'pg_hba.conf').write_text('local all keeper scram-sha-256\nlocal all all trust\n')
    protected.reload()
    backups.configure(protected, user='keeper')
    backups.pgstrata.env['PGPASSWORD'] = 'mistaken'
    _, run = backups.make(code=1)
    assert 'password authentication failed' in run.err and 'keeper' in run.err
    assert 'mistaken' not in run.err and not list(backups.repo.glob('main/g1/backup/*'))
    backups.pgstrata.env['PGPASSWORD'] = 'right'
    backups.make()


# ---- interrupted while it waits

def start(backups):
    user = pgcluster.server_user() if os.geteuid() == 0 else None
    options = {'user': user, 'group': user, 'extra_groups': []} if user else {}
    return subprocess.Popen(backups.pgstrata.argv('backup', '--type=full'), text=True, cwd='/', stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=pgcluster.clean_environment(), **options)


def interrupted(process):
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and time.monotonic() - begun < 5, err
    return err


@pytest.mark.majors(13, 15)
def test_interrupted_while_it_waits(backups, protected):
    waiting_for_the_checkpoint(backups, protected)
    waiting_for_wal(backups, protected)
    pgcluster.wait_until(lambda: backing_up.sessions(protected) == 0, 'all sessions have ended')
    assert backups.committed() == []
    backups.read('verify')


def waiting_for_the_checkpoint(backups, protected):
    pid = protected.value("select pid from pg_stat_activity where backend_type = 'checkpointer'")
    os.kill(pid, signal.SIGSTOP)
    try:
        process = start(backups)
        pgcluster.wait_until(lambda: protected.value("select count(*) from pg_stat_activity where query like '%start%backup%' or"
                                                     " query like '%backup_start%'") > 1, 'the backup is being started')
        err = interrupted(process)
        assert 'waiting for checkpoint' in err
    finally:
        os.kill(pid, signal.SIGCONT)
    pgcluster.wait_until(lambda: backing_up.sessions(protected) == 0, 'all sessions have ended')
    assert not list(backups.repo.glob('main/g1/backup/*'))


def waiting_for_wal(backups, protected):
    protected.configure({'archive_command': "'sleep 600'"})
    protected.reload()
    backups.configure(protected, archive_timeout='600s')
    process = start(backups)
    pgcluster.wait_until(lambda: list((protected.data / 'pg_wal').glob('*.backup')), 'the backup has been stopped')
    time.sleep(0.3)
    err = interrupted(process)
    assert 'waiting for WAL' in err


@pytest.mark.majors(15)
def test_a_standby_that_is_promoted_meanwhile(backups, protected, clusters):
    first, _ = backups.make()
    standby = archiving.recover_by_archive(backups.archive, clusters, backups.copy(first, clusters), signal='standby.signal')
    standby.start()
    backups.configure(standby)
    backing_up.ballast(standby, gigabytes=2)
    process = backups.begin()
    process.send_signal(signal.SIGSTOP)
    standby.promote()
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and 'promoted' in err and 'HINT:' in err, err
    assert backups.committed() == [first]
    backups.read('verify')


# ---- no room

def small_disk(folder, size):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', folder], check=True)
    pgcluster.own_by_server_user(folder)


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root can mount a small file system')
def test_a_full_spool_costs_time_and_nothing_else(backups, protected, folder):
    names = [archiving.end_segment(backups.archive, protected) for _ in range(3)]
    spool = folder / 'spool'
    small_disk(spool, '1m')
    try:
        backups.configure(protected, spool_dir=spool)
        for name in names:
            backups.pgstrata('archive-get', name, 'pg_wal/RECOVERYXLOG', cwd=protected.data)
            assert (protected.data / 'pg_wal' / 'RECOVERYXLOG').stat().st_size == 16 << 20
            assert not [path for path in spool.rglob('*') if path.is_file()]
        protected.sql('create table t as select 1 as n')
        archiving.end_segment(backups.archive, protected)
    finally:
        subprocess.run(['umount', '-l', spool], check=True)


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root can mount a small file system')
def test_a_full_repository_stops_archiving_until_there_is_room(backups, folder, clusters, major):
    small_disk(folder / 'repos', '24m')
    try:
        cluster = clusters(major)
        backups.attach(cluster)
        cluster.configure({'archive_command': "'/bin/false'"})
        cluster.start()
        ballast = folder / 'repos' / 'ballast'
        cluster.sql('create table t as select generate_series(1, 100000) as n')
        name = cluster.switch_wal()
        with open(ballast, 'wb') as file, pytest.raises(OSError):
            while True:
                file.write(bytes(65536))
                file.flush()
        run = backups.pgstrata('archive-push', f'pg_wal/{name}', code=1, cwd=cluster.data)
        assert 'No space left on device' in run.err and name in run.err and 'HINT:  free space' in run.err
        assert not backups.archive.has(name) and not [*backups.repo.glob('.tmp/*')]
        ballast.unlink()
        backups.archive.push(cluster, name)
        assert backups.archive.has(name)
        backups.pgstrata('verify', code=6)     # no backup yet, and nothing else is wrong
    finally:
        subprocess.run(['umount', '-l', folder / 'repos'], check=True)
