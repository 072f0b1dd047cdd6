"""backup of a server whose archive holds the WAL of another life under the same names: a snapshot rolled back, a copy that was started."""
import os
import shutil
import signal
import subprocess

import pytest

import pgcluster
import restoring

pytestmark = pytest.mark.majors(15)


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    made.backup()
    return made


def labels(story):
    return sorted(path.parent.name for path in story.archive.urls[0].glob('main/g1/backup/*/backup'))


def snapshot(story):
    """What a storage system keeps of the data directory."""
    with restoring.stopped(story.cluster):
        kept = story.clusters.folder / 'snapshot'
        subprocess.run(pgcluster.as_server_user('cp', '-a', story.cluster.data, kept), check=True)
    return kept


def live_on(story):
    """A life that leaves a backup, and WAL behind it."""
    story.work(seed=5)
    story.pgstrata('backup')
    for _ in range(6):
        story.work(5, seed=6)
        story.archive_all()


@pytest.mark.parametrize('segments', [4, 14])
def test_a_snapshot_that_was_rolled_back_is_no_ground_for_a_backup(story, segments):
    """Its WAL is not that of the archive, whatever the names say: no backup of it could be rolled forward."""
    kept = snapshot(story)
    live_on(story)
    story.cluster.crash()
    shutil.rmtree(story.cluster.data)
    subprocess.run(pgcluster.as_server_user('cp', '-a', kept, story.cluster.data), check=True)
    story.cluster.start()
    story.cluster.sql('create table other_life (i int)')
    for _ in range(segments):     # within what the archive has, and beyond
        story.cluster.sql('insert into other_life select generate_series(1, 1000)')
        story.cluster.switch_wal()
    had = labels(story)
    for kind in ('incr', 'full'):
        run = story.pgstrata('backup', '--type', kind, code=7)
        assert 'in repository r1 is not the one of this server' in run.err and 'rolled back to a snapshot' in run.err
    assert labels(story) == had


def archive_of_another_life(story, name):
    """Archives the segment as a copy of the data directory would that has written something else since."""
    data = story.clusters.folder / 'copy'
    for path in 'global/pg_control', f'pg_wal/{name}':
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(story.cluster.data / path, data / path)
    with open(data / 'pg_wal' / name, 'r+b') as segment:
        segment.seek(-1, os.SEEK_END)
        segment.write(b'x')
    pgcluster.own_by_server_user(data)
    story.pgstrata('archive-push', f'pg_wal/{name}', cwd=data)


def test_another_life_that_archives_while_the_backup_copies(story):
    """At its start all was well; what it waits for at its end has come, under the right name, from elsewhere."""
    had = labels(story)
    process = story.begin_backup()
    archive_of_another_life(story, story.cluster.value('select pg_walfile_name(pg_current_wal_lsn())'))
    os.kill(process.pid, signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 7, said
    assert 'in repository r1 is not the one of this server' in said
    assert labels(story) == had
