"""restore and the WAL that is not archived yet: what a look counts in, what a copy cannot have, and what is said about it."""
import datetime
import time

import pytest

import pgcluster
import restoring
import shadow

pytestmark = pytest.mark.majors(15)


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    made.backup()
    made.archive_all()
    return made


def newest(story):
    """A restore point in WAL that is on the disk, by a commit behind it, and not in the archive."""
    mark = story.mark('newest', seed=2)
    story.work(5, seed=3)
    return mark


def announced(run):
    """What is said before anything is done, without how much room there is: others write to the same disk."""
    said = run.out.split('it may take')[0]
    return [line for line in said.splitlines() if not line.startswith('room: ') and 'nothing was done' not in line]


def test_a_look_counts_in_what_would_be_salvaged(story):
    """The answer of --dry-run is the one that the restore gives; the archive stays as it is."""
    newest(story)
    story.cluster.crash()
    wal = story.cluster.data / 'pg_wal'
    ahead = wal / f'{int(max(path.name for path in wal.glob("0" * 7 + "1" + "?" * 16)), 16) + 1:024X}'
    ahead.write_bytes(bytes(16 << 20))      # as checkpoints make segments for later
    pgcluster.own_by_server_user(ahead)
    held = story.archive.objects()
    look = story.pgstrata('restore', '--dry-run', '--target-name=newest')
    assert 'asked restore point "newest", will get' in look.out
    assert f'{story.cluster.data}/pg_wal has WAL that is not archived yet, up to segment 0000' in look.err
    refused = story.pgstrata('restore', '--target-name=newest', code=7)
    assert announced(refused) == announced(look)
    assert story.archive.objects() == held      # also when the one who was asked said no
    run = story.pgstrata('restore', '--yes', '--target-name=newest')
    assert announced(run)[:len(announced(look))] == announced(look) and 'salvaged' in run.err
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    shadow.compare(story.cluster, story.shadow.at(mark='newest'))


def held_back(story):
    """Stopped in order, with WAL that is not archived."""
    story.cluster.configure({'archive_command': "'/bin/false'"})
    story.cluster.sql('select pg_reload_conf()')
    story.work(5, seed=2)
    story.cluster.stop()


def labels(story):
    return {path.parent.name for path in story.archive.urls[0].glob('main/g1/backup/*/backup')}


def test_what_was_announced_is_restored(story):
    """While a person thinks about the question, somebody makes a newer backup."""
    held_back(story)
    announced, = labels(story)
    run = story.pgstrata.on_terminal('yes', 'restore', meanwhile=lambda: story.backup('--offline'))
    assert len(labels(story)) == 2 and 'salvaged' in run.err
    assert f'restore of {announced} done' in run.out, run


def test_less_than_announced_is_refused(story):
    """While a person thinks about the question, the newest WAL is wiped out."""
    held_back(story)
    wal = story.cluster.data / 'pg_wal'
    def wipe():
        for path in wal.glob('0' * 7 + '1' + '?' * 16):
            if not list(wal.glob(f'archive_status/{path.name}.*')):     # not finished, or made for later
                path.write_bytes(bytes(16 << 20))
    run = story.pgstrata.on_terminal('yes', 'restore', code=7, meanwhile=wipe)
    assert 'was announced, and now the archive leads backup ' in run.err, run
    assert (story.cluster.data / 'global' / 'pg_control').exists()


def test_what_is_given_up_is_not_counted_in(story):
    newest(story)
    story.cluster.crash()
    run = story.pgstrata('restore', '--dry-run', '--no-salvage', '--target-name=newest', code=6)
    assert 'may not be archived yet' in run.err


def test_a_copy_is_told_that_its_target_is_not_archived(story):
    mark = newest(story)
    for target in ('--target-name=newest', f'--target-lsn={mark.lsn}'):
        data, run = story.restore(target, code=6)
        assert f'lies in WAL that is in {story.cluster.data}/pg_wal and not archived yet' in run.err, run
        assert 'SELECT pg_switch_wal()' in run.err and not data.exists()
    _, run = story.restore('--target-name=never', code=6)
    assert 'lies in WAL' not in run.err and 'SELECT pg_switch_wal()' in run.err
    story.archive_all()
    data, _ = story.restore('--target-name=newest')
    story.check(data, story.shadow.at(mark='newest'))


def test_a_past_time_that_is_pinned_is_worth_a_warning(story):
    """Commits before the time are there, in pg_wal alone. When they are archived nothing is left to warn of."""
    time.sleep(1.1)
    story.work(seed=2)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    _, run = story.restore('--dry-run', f'--target-time={now}', code=3)
    assert 'the end of the archive, pinned' in run.out and 'not archived yet [restore/NOT_ARCHIVED]' in run.err
    story.archive_all()
    data, run = story.restore(f'--target-time={now}')
    assert 'NOT_ARCHIVED' not in run.err
    story.check(data, story.shadow.at())
