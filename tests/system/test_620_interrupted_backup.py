"""A backup that is killed: the next one takes over what was stored, and reads and stores only the rest."""
import json
import shutil
import signal
import struct
import subprocess

import pytest

import archiving
import backing_up
import pgcluster

PACK = 64 << 20     # a pack is closed, and durable, with so many bytes


@pytest.fixture
def backups(pgstrata, folder):
    return backing_up.Backups(archiving.Archive(pgstrata, folder))


@pytest.fixture
def protected(backups, clusters, major):
    """A cluster with more than two packs' worth of rows, for one worker that does not compress."""
    cluster = clusters(major)
    backups.attach(cluster, compress='none', jobs=1)
    cluster.start()
    fill(cluster, 'big')
    return cluster


def fill(cluster, table):
    """Some 120 MB, and what the test looks at."""
    cluster.sql(f"create table {table} as select n, repeat(md5(n::text), 30) as t from generate_series(1, 110000) n")
    cluster.sql(f'create index on {table} (n)')
    cluster.sql(f'vacuum {table}')


def change(cluster, table):
    """A few rows here and there."""
    cluster.sql(f"update {table} set t = 'changed ' || n where n % 11000 = 7")


def content(cluster):
    return cluster.sql("select 'big', sum(hashtext(b::text)::bigint), count(*) from big b"
                       + (" union all select 'more', sum(hashtext(m::text)::bigint), count(*) from more m"
                          if cluster.value("select to_regclass('more') is not null") else '') + ' order by 1')


def cut(backups, *args, type='full'):
    """Kills a backup as soon as one of its packs is durable; the bytes of its packs."""
    before = set(backups.repo.glob('main/g1/backup/*/pack-*'))

    def packs():
        return set(backups.repo.glob('main/g1/backup/*/pack-*')) - before
    process = backups.begin(*args, type=type)
    pgcluster.wait_until(lambda: packs() or process.poll() is not None, 'a pack is stored', step_s=0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    assert not [path for path in packs() if (path.parent / 'backup').exists()], 'it was killed too late'
    if '--offline' not in args:
        pgcluster.wait_until(lambda: backing_up.sessions(backups.cluster) == 0, 'the session has ended')
    return sum(path.stat().st_size for path in packs())


def finish(backups, type='full', *args):
    run = backups.pgstrata('--output', 'json', 'backup', '--type', type, *args)
    return json.loads(run.out), run


def proven(backups, clusters, label):
    """The backup, restored and recovered, holds what the cluster holds."""
    archiving.end_segment(backups.archive, backups.cluster)
    backups.pgstrata('verify')
    data = clusters.folder / 'restored'
    backups.pgstrata('restore', '--backup', label, f'--to-dir={data}')
    copy = clusters.adopt(backups.cluster.major, data)
    copy.start()
    copy.wait_for_recovery_end()
    assert content(copy) == content(backups.cluster)
    copy.check_pages()


def test_a_full_backup_goes_on(backups, protected, clusters):
    stored = cut(backups)
    assert stored >= PACK
    change(protected, 'big')
    found, run = finish(backups)
    assert found['type'] == 'full'
    assert 'before it was interrupted serves again' in run.out
    # Ten rows were changed: their old and new pages, and what else is written on the way.
    assert found['read_bytes'] < found['size_bytes'] - stored + (4 << 20)
    assert found['stored_bytes'] < found['size_bytes'] - stored + (4 << 20)
    if protected.major == 15:
        backups.read('verify')
    proven(backups, clusters, found['label'])


def test_an_incremental_backup_goes_on(backups, protected, clusters):
    first, _ = finish(backups)
    fill(protected, 'more')
    change(protected, 'big')
    stored = cut(backups, type='incr')
    assert stored >= PACK
    change(protected, 'more')
    found, run = finish(backups, 'incr')
    assert (found['type'], found['parent']) == ('incr', first['label'])
    assert 'before it was interrupted serves again' in run.out
    grown = found['size_bytes'] - first['size_bytes']
    assert found['read_bytes'] < grown - stored + (16 << 20)
    assert found['stored_bytes'] < grown - stored + (16 << 20)
    proven(backups, clusters, found['label'])


@pytest.mark.majors(15)
def test_two_attempts_add_up(backups, protected, clusters):
    stored = cut(backups)
    change(protected, 'big')
    stored += cut(backups)
    found, _ = finish(backups, 'full', '--self-check')
    assert stored >= 2 * PACK
    assert found['read_bytes'] < found['size_bytes'] - stored + (16 << 20)
    proven(backups, clusters, found['label'])


@pytest.mark.majors(15)
def test_what_was_cut_off_and_written_again_is_read_again(backups, protected, clusters):
    """The file stays and its blocks are others: their old content must not come back."""
    cut(backups)
    protected.sql('truncate big')
    protected.sql("insert into big select n, repeat(md5((n * 2)::text), 30) from generate_series(1, 110000) n")
    protected.sql('delete from big where n > 70000')
    protected.sql('vacuum big')
    protected.sql("insert into big select n, 'grown again' from generate_series(1, 1000) n")
    found, _ = finish(backups)
    proven(backups, clusters, found['label'])


@pytest.mark.majors(15)
def test_without_wal_in_between_it_compares(backups, protected, clusters):
    """Part of what happened since is not known: nothing that was stored may be believed unread."""
    stored = cut(backups)
    change(protected, 'big')
    name = protected.value('select pg_walfile_name(pg_current_wal_lsn())')
    archiving.end_segment(backups.archive, protected)
    path, = backups.repo.glob(f'main/g1/wal/*/*/{name}.wal')
    path.unlink()
    (protected.data / 'pg_wal' / name).unlink(missing_ok=True)
    found, run = finish(backups)
    assert 'serves again, after a comparison' in run.out
    assert found['read_bytes'] >= found['size_bytes']
    assert found['stored_bytes'] < found['size_bytes'] - stored + (16 << 20)


@pytest.mark.majors(15)
def test_a_stopped_server_that_was_rolled_back_is_compared(backups, protected, clusters):
    """Two lives end at the same place in WAL, of which nothing is archived: only what stands there tells them apart."""
    protected.sql("alter system set archive_command = 'false'")
    protected.stop()
    kept = clusters.folder / 'kept'
    subprocess.run(pgcluster.as_server_user('cp', '-a', protected.data, kept), check=True)

    def live(word):
        protected.start()
        protected.sql(f"update big set t = '{word}' where n < 1000")
        protected.sql('checkpoint')
        protected.stop()
        return struct.unpack_from('<Q', (protected.data / 'global/pg_control').read_bytes(), 32)   # ControlFileData.checkPoint
    ended = live('red')
    cut(backups, '--offline')
    shutil.rmtree(protected.data)
    subprocess.run(pgcluster.as_server_user('cp', '-a', kept, protected.data), check=True)
    assert live('sky') == ended, 'the test needs two lives of the same length'
    found, run = finish(backups, 'full', '--offline')
    assert "after a comparison: its checkpoint is not found in the server's WAL" in run.out
    protected.start()
    protected.sql('alter system reset archive_command')
    protected.sql('select pg_reload_conf()')
    proven(backups, clusters, found['label'])


@pytest.mark.majors(15)
def test_after_a_start_of_the_server_it_compares(backups, protected, clusters):
    """Its disk may have been rolled back to a snapshot in between, and the WAL of that life be nowhere."""
    stored = cut(backups)
    protected.restart()
    change(protected, 'big')
    found, run = finish(backups)
    assert 'serves again, after a comparison: the server was started since' in run.out
    assert found['read_bytes'] >= found['size_bytes']
    assert found['stored_bytes'] < found['size_bytes'] - stored + (16 << 20)
    proven(backups, clusters, found['label'])
