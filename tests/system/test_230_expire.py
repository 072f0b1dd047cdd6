"""Retention on real servers: what is kept restores, what is not goes, and an expiry that is killed hurts nothing."""
import json
import os
import random
import re

import pytest

import restoring
from test_600_kills import KILLS, SEED, begin, killed

NOW = '--expire-grace=0s'


def backup(story, kind='full', *args):
    """Its label, and what was in the database then."""
    story.work(commits=10)
    run = story.pgstrata('backup', f'--type={kind}', *args)
    return re.search(r'^backup (\S+) done: ', run.out, re.M)[1], story.shadow.at()


def committed(story, repo=0):
    return sorted(path.parent.name for path in story.archive.urls[repo].glob('main/g1/backup/*/backup'))


def expire(story, retention, *args, code=0):
    return story.pgstrata('expire', f'--retention={retention}', NOW, *args, code=code)


@pytest.mark.majors(13, 15, 18)
def test_what_is_kept_restores_and_the_rest_goes(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    made = [backup(story, kind, '--no-expire') for kind in ('full', 'incr', 'full', 'incr', 'incr')]
    story.archive_all()
    labels = [label for label, _ in made]
    said = expire(story, 'backups 1', '--dry-run')
    assert said.out.count('would be removed now: no promise wants it') == 4, said
    assert f'backup {labels[4]} stays: the last good one, backups' in said.out
    assert committed(story) == labels
    pgstrata('pin', labels[0], '--note=before the upgrade')
    assert 'pinned    before the upgrade' in pgstrata('info', labels[0]).out
    expire(story, 'backups 2')
    assert committed(story) == [labels[0], labels[3], labels[4]]
    pgstrata('verify')
    for number in 0, 3, 4:
        data, _ = story.restore(f'--backup={labels[number]}', '--target-immediate')
        story.check(data, made[number][1])
    pgstrata('unpin', labels[0])
    # The last one draws on packs of the one before it, and on those of the second full.
    done = json.loads(expire(story, 'backups 1', '--output=json').out)
    removed = [entry['label'] for entry in done['clusters'][0]['expire']['backups'] if entry['state'] == 'removed']
    assert removed == [labels[0], labels[3]] and committed(story) == [labels[4]]
    pgstrata('verify')
    data, _ = story.restore()
    story.check(data, story.shadow.at())
    assert not list(story.archive.urls[0].glob(f'main/g1/backup/{labels[0]}/*'))


@pytest.mark.majors(15)
def test_by_hand_and_after_a_backup(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    first, second, third = (backup(story, 'full', '--no-expire')[0] for _ in range(3))
    run = pgstrata('expire', f'--backup={third}', NOW, code=7)
    assert 'is the last good one' in run.err
    pgstrata('pin', second)
    run = pgstrata('expire', f'--backup={second}', NOW, code=7)
    assert 'is pinned' in run.err
    pgstrata('expire', '--backup=20200101-000000F', code=1)
    pgstrata('expire', '--force', code=2)
    pgstrata('expire', f'--backup={first}', NOW)
    pgstrata('expire', f'--backup={second}', '--force', NOW)
    assert committed(story) == [third]
    # No promise is asked when one goes by hand; after a backup all are, and the grace counts.
    fourth = backup(story, 'full', '--retention=backups 1')[0]
    assert committed(story) == [third, fourth]
    assert 'condemned' in pgstrata('info', third).out
    fifth = backup(story, 'incr', '--retention=backups 1', NOW)[0]
    assert committed(story) == [fifth]
    # The commits that went are not missed by the host that made them.
    assert 'commit' in pgstrata('check', code=None).out
    assert 'is gone' not in pgstrata('check', code=None).err
    pgstrata('verify')
    data, _ = story.restore()
    story.check(data, story.shadow.at())


@pytest.mark.majors(15)
def test_a_branch_that_was_left_stays_until_it_is_given_up(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    first = backup(story)[0]
    mark = story.mark('before')
    story.archive_all()
    left = backup(story)[0]
    story.archive_all()
    story.cluster.stop()
    pgstrata('restore', '--yes', f'--target-lsn={mark.lsn}', '--target-action=promote')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    second = re.search(r'^backup (\S+) done: ', pgstrata('backup', '--type=full', '--no-expire').out, re.M)[1]
    expire(story, 'backups 1')
    assert committed(story) == [left, second]
    data, _ = story.restore(f'--backup={left}', '--target-timeline=1')
    story.check(data, story.shadow.at())
    expire(story, 'backups 1', '--drop-timeline=2', code=7)
    expire(story, 'backups 1', '--drop-timeline=1')
    assert committed(story) == [second]
    assert first and not [name for name in story.archive.objects() if name.startswith('00000001')]
    pgstrata('verify')


@pytest.mark.majors(15)
def test_a_restore_looks_at_what_expires(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    made = [backup(story, 'full', '--no-expire') for _ in range(2)]
    story.archive_all()
    old = made[0][0]
    pgstrata('expire', '--retention=backups 1')
    assert f'backup {old} was condemned by host ' in pgstrata('check', code=None).out
    fates = story.archive.urls[0] / 'main/g1/hold/fate'
    run = story.restore(f'--backup={old}', '--target-immediate', '--dry-run', code=3)[1]
    assert f'backup {old} is condemned: it may be removed from ' in run.err and f'"pgstrata pin {old}" keeps it' in run.err
    assert os.listdir(fates) == [f'{old}.000001']
    data, run = story.restore(f'--backup={old}', '--target-immediate', code=3)
    story.check(data, made[0][1])
    assert sorted(os.listdir(fates)) == [f'{old}.000001', f'{old}.000002']
    pgstrata('pin', old)
    story.restore(f'--backup={old}', '--target-immediate', '--dry-run')
    # The pin keeps the backup, and not the WAL behind it, which nothing has promised for a moment now.
    data, run = story.restore(f'--backup={old}', code=3)
    assert 'is promised no more: it may be removed from ' in run.err and 'is condemned' not in run.err
    story.check(data, made[1][1])


@pytest.mark.majors(15)
def test_killed_expiries_hurt_nothing(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    made = [backup(story, 'incr' if number % 4 else 'full', '--no-expire') for number in range(10)]
    story.archive_all()
    print(f'seed {SEED}, {KILLS} kills')
    choice = random.Random(SEED)
    cut, kept = 0, len(made)
    for number in range(KILLS):
        kept = max(1, kept - (number % 3 == 2))
        cut += killed(begin(story, 'expire', f'--retention=backups {kept}', NOW), choice.uniform(0.005, 0.08))
        there = committed(story)
        assert there[-1:] == [made[-1][0]] and len(there) >= kept
        pgstrata('verify', '--quick')
    assert cut > 0, 'no expiry was cut: the moments are all too late'
    expire(story, 'backups 2')
    assert committed(story)[-1] == made[-1][0]
    pgstrata('verify')
    left = {path.parent.name for path in story.archive.urls[0].glob('main/g1/hold/fate/*')}
    data, _ = story.restore(f'--backup={made[-1][0]}', '--target-immediate')
    story.check(data, made[-1][1])
    assert len(left) <= 1 and os.listdir(story.archive.urls[0])
