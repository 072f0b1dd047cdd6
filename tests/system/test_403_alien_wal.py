"""verify over an archive in which a copy of the server has archived: its segments are sound and have the right names."""
import json
import shutil

import pytest

import pgcluster
import restoring

pytestmark = pytest.mark.majors(13, 14, 15, 16, 17, 18)


@pytest.fixture
def story(pgstrata, clusters, major):
    return restoring.Protected(pgstrata, clusters, major, segment_mb=1)


def verify(story, code, *args):
    document, = json.loads(story.pgstrata('--output=json', 'verify', *args, code=code).out)['clusters']
    return document


def faults(story, code, *args):
    return story.pgstrata('verify', *args, code=code).err


def live(cluster, rows, rounds, ends_segments):
    """So many segments or more; records cross their borders, or a switch ends each."""
    for number in range(rounds):
        cluster.sql(f"insert into life select n, repeat('x', {100 + rows}) from generate_series(1, {rows}) n")
        if ends_segments:
            cluster.switch_wal()


def two_lives(story, ends_segments):
    """Full segments of both lives of the same names; the original has archived its own, and those of the other lie in its pg_wal."""
    story.cluster.sql('create table life (n int, text text)')
    story.backup()
    with restoring.stopped(story.cluster):
        clone = story.cluster.copy_cold()
        clone.configure({'archive_command': "'/bin/false'"})
    clone.start()
    live(story.cluster, 3000, 9, ends_segments)
    story.cluster.crash()       # what a crash leaves is no break
    story.cluster.start()
    live(story.cluster, 3000, 7, ends_segments)
    live(clone, 2500, 20, ends_segments)
    story.archive_all()
    clone.stop()
    had = [name[:24] for name in story.archive.objects() if name.endswith('.wal')]
    return clone, had


@pytest.mark.parametrize('ends_segments', [False, True])
def test_verify_finds_a_segment_that_a_copy_of_the_server_wrote(story, folder, ends_segments):
    clone, had = two_lives(story, ends_segments)
    assert verify(story, 0)['breaks'] == 0
    assert verify(story, 0, '--since-last')['objects_not_read'] > 5
    start = verify(story, 0)['backups'][0]['to_lsn']
    both = sorted({*had} & {path.name for path in (clone.data / 'pg_wal').iterdir()})
    before, alien, behind = both[1:4]
    good = story.archive.object(alien)
    shutil.move(good, folder / 'good')
    shutil.copyfile(clone.data / 'pg_wal' / alien, story.cluster.data / 'pg_wal' / alien)
    story.archive.push(story.cluster, alien)
    for args in (['--since-last'], [], ['--since-last']):
        document = verify(story, 5, *args)
        assert document['faulty_objects'] == 0 and document['breaks'] == 2
        backup, = document['backups']
        assert backup['state'] == 'good'
        assert pgcluster.lsn_number(backup['to_lsn']) == segment_start(alien)
    told = faults(story, 5)
    assert f'WAL {alien} does not go on where {before} ends' in told
    assert f'WAL {behind} does not go on where {alien} ends' in told
    assert f'WAL {alien} fits neither what is before it nor what is behind it' in told
    # The right one again.
    story.archive.object(alien).unlink()
    shutil.move(folder / 'good', good)
    assert verify(story, 0)['backups'][0]['to_lsn'] == start


def segment_start(name):
    """The LSN at which a segment of 1 MB begins."""
    return (int(name[8:16], 16) << 32) + (int(name[16:], 16) << 20)


@pytest.mark.majors(15)
def test_verify_follows_the_wal_over_timelines(story, clusters):
    """A standby that is promoted goes on in the middle of a segment; nothing breaks there, on either side."""
    story.work()
    story.backup()
    story.archive_all()
    for number in range(2):
        story.work(10, seed=number)
        story.archive_all()
        story.cluster.stop()
        story.pgstrata('restore', '--yes')
        story.cluster.start()
        story.cluster.wait_for_recovery_end()
        story.work(10, seed=7)
        story.archive_all()
        assert verify(story, 0)['breaks'] == 0
