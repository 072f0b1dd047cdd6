"""backup of a server whose archive holds the WAL of another life under the same names: a snapshot rolled back, a copy that was started."""
import shutil
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
