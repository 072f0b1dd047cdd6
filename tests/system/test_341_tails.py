"""The segment that a server did not finish: restore keeps what was in it as a tail, and the old server may still finish it."""
import shutil

import pytest

import pgcluster
import restoring
import shadow


@pytest.fixture
def story(pgstrata, clusters, major):
    """Crashed, with commits in a segment that was never finished; the newest mark lies in it."""
    made = restoring.Protected(pgstrata, clusters, major)
    made.backup()
    made.archive_all()
    made.mark('inside', 20)
    made.work(20, seed=2)
    made.cluster.crash()
    return made


def tails(story):
    return sorted(story.archive.urls[0].glob('main/g1/wal/*/*/*.tail'))


def whole(story, tail):
    return tail.with_name(tail.name[:24] + '.wal')


def salvage_only(story):
    """A restore that is refused when its salvage is done."""
    story.pgstrata('restore', '--yes', '--target-name=never', code=6)
    return tails(story)


def made_ahead(story):
    """The server had made the next segment ready, without a byte in it, as checkpoints do."""
    wal = story.cluster.data / 'pg_wal'
    newest = max(path.name for path in wal.glob('0' * 7 + '1' + '?' * 16))
    path = wal / f'{int(newest, 16) + 1:024X}'
    path.write_bytes(bytes(16 << 20))
    path.chmod(0o600)
    pgcluster.own_by_server_user(path)


def damaged(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_every_commit_comes_back_and_the_old_server_may_go_on(story):
    crashed = story.shadow.at()
    made_ahead(story)
    tail, = salvage_only(story)
    assert not whole(story, tail).exists()
    assert salvage_only(story) == [tail]

    assert 'inside' in story.pgstrata('wal-index', tail.name[:24]).out

    data, _ = story.restore('--target-name=inside')
    story.check(data, story.shadow.at(mark='inside'))
    data, run = story.restore()
    assert 'pinned' in run.out
    story.check(data, crashed)
    assert tail.name[:24] in story.pgstrata('info').out

    # The restore was given up: the old server finishes its segment, and archives it whole.
    story.cluster.start()
    shadow.compare(story.cluster, crashed)
    assert 'not yet safe: nothing' in story.pgstrata('info').out
    story.work(20, seed=3)
    assert 'not yet safe: nothing' not in story.pgstrata('info').out
    story.archive_all()
    assert whole(story, tail).exists()
    story.pgstrata('verify')
    # Now with a finished segment that waits for the archiver before the unfinished one.
    story.cluster.configure({'archive_command': "'/bin/false'"})
    story.cluster.reload()
    waiting = story.cluster.switch_wal()
    story.work(20, seed=4)
    story.cluster.crash()
    run = story.pgstrata('restore', '--yes')
    assert 'salvaged' in run.err + run.out
    assert story.archive.has(waiting)
    assert len(tails(story)) == 2
    story.cluster.configure({'archive_command': story.archive.command('archive-push', '%p')})
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    shadow.compare(story.cluster, story.shadow.at())
    story.cluster.check_pages()
    story.archive_all()
    assert story.archive.branches() == ['00000001', '00000002']


def test_time_inside_a_tail_and_a_second_life(story):
    """In place to a moment in the unfinished segment, and then on, crashed, and back to the first life's end."""
    first_end = story.shadow.at()
    story.pgstrata('restore', '--yes', f'--target-time={story.shadow.marks["inside"].time.isoformat()}')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    shadow.compare(story.cluster, story.shadow.at(mark='inside'))
    story.cluster.sql('create table second_life as select 2 as n')
    story.cluster.crash()
    salvage_only(story)
    assert [path.name[:8] for path in tails(story)] == ['00000001', '00000002']
    data, _ = story.restore('--target-timeline=1')
    story.check(data, first_end)
    story.pgstrata('restore', '--yes')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    shadow.compare(story.cluster, story.shadow.at(mark='inside'))
    assert story.cluster.value('select n from second_life') == 2


def ask(story, data, tail, code):
    got = data / 'pg_wal' / 'RECOVERYXLOG'
    run = story.pgstrata('archive-get', tail.name[:24], got, cwd=data, code=code)
    assert not got.exists(), run


@pytest.mark.majors(15)
def test_a_standby_gets_no_tail_and_nobody_a_damaged_one(story):
    """What a standby is given takes the place of what it has streamed."""
    tail, = salvage_only(story)
    data, run = story.restore('--standby')
    assert f'unfinished segment {tail.name[:24]}' in run.err, run
    ask(story, data, tail, 1)

    data, _ = story.restore()
    damaged(tail)
    story.pgstrata('restore', f'--to-dir={story.clusters.folder / "never"}', code=5)
    story.pgstrata('verify', code=5)
    ask(story, data, tail, 200)
    copy = story.clusters.adopt(story.major, data)
    with pytest.raises(pgcluster.ServerError):
        copy.start()
        copy.wait_for_recovery_end()
    # With the old directory still there the salvage meets it, and does not write over it.
    story.pgstrata('restore', '--yes', code=5)
    shutil.rmtree(story.cluster.data / 'pg_wal')
    story.pgstrata('restore', '--yes', code=5)
