"""restore out of two repositories: whatever is bad in one, the other's copy is taken, and the bad one is named."""
import contextlib
import hashlib
import os
import shutil

import pytest

import restoring

# An object of each kind, by the pattern of its name, and where the bit is flipped: as a part of its length.
OBJECTS = {'pgstrata': 0.5, 'main/g1/cluster': 0.5, 'main/g1/branch/00000001': 0.5, 'main/g1/backup/*/backup': 0.5,
           'main/g1/backup/*/pack-000001': 0.4, 'main/g1/backup/*/pack-000002': 0.9, 'main/g1/wal/*/*/*.wal': 0.999}
# What a restore does not read: it does not care.
UNREAD = ('main/g1/backup/*/begin', 'main/g1/backup/*/packs')


def objects(repository, pattern):
    found = sorted(repository.glob(pattern))
    assert found, pattern
    return found


@contextlib.contextmanager
def flipped(path, part):
    """One bit of the file is wrong, and right again afterwards."""
    def flip():
        stored = bytearray(path.read_bytes())
        stored[int(len(stored) * part)] ^= 0x10
        path.write_bytes(stored)
    flip()
    yield
    flip()


@contextlib.contextmanager
def gone(path):
    aside = path.with_name(path.name + '.aside')
    os.rename(path, aside)
    yield
    os.rename(aside, path)


def content(data):
    """Hashes of all files of a restored directory that come from the backup."""
    own = ('postgresql.auto.conf', 'pgstrata.plan', 'pgstrata.clone')
    return {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in data.rglob('*') if path.is_file() and path.name not in own}


@pytest.fixture
def story(pgstrata, clusters):
    story = restoring.Protected(pgstrata, clusters, 15, repos=2)
    story.work()
    story.backup()
    story.work(seed=2)
    story.archive_all()
    return story


def good(story, code, *names):
    """A restore that takes the other copy; it must say which one was bad."""
    data, run = story.restore(code=code)
    for name in names:
        assert name in run.err, run
    assert content(data) == story.expected, run
    shutil.rmtree(data)


@pytest.mark.majors(15)
def test_the_good_copy_is_taken_and_the_bad_one_named(story):
    first, second = story.archive.urls
    data, _ = story.restore()
    story.expected = content(data)
    for pattern, part in OBJECTS.items():
        path = objects(first, pattern)[-1]
        with flipped(path, part):
            good(story, 3, 'repository r1', path.name)
    for pattern in ('main/g1/backup/*/backup', 'main/g1/backup/*/pack-000001', 'main/g1/branch/00000001'):
        path, = objects(first, pattern)
        with gone(path):
            good(story, 3, 'repository r1', path.name)
    for pattern in UNREAD:
        path, = objects(first, pattern)
        with flipped(path, 0.5):
            good(story, 0)
    with gone(first):
        good(story, 3, 'repository r1')
    state = story.shadow.at()
    with contextlib.ExitStack() as all_bad:             # and the server recovers out of the other one
        for pattern, part in list(OBJECTS.items())[1:]:
            for path in objects(first, pattern):
                all_bad.enter_context(flipped(path, part))
        data, _ = story.restore(code=3)
        story.check(data, state)


@pytest.mark.majors(15)
def test_what_is_bad_in_both_is_named_with_both(story):
    first, second = story.archive.urls
    for pattern in ('main/g1/backup/*/backup', 'main/g1/backup/*/pack-000001'):
        (one,), (two,) = objects(first, pattern), objects(second, pattern)
        with flipped(one, 0.4), flipped(two, 0.4):
            both_named(story, one)
        with flipped(one, 0.4), gone(two):
            both_named(story, one)
    with gone(objects(first, 'main/g1/backup/*/pack-000001')[0]), gone(objects(second, 'main/g1/backup/*/pack-000001')[0]):
        both_named(story, one)


def both_named(story, path):
    data, run = story.restore(code=5)
    for word in ('repository r1', 'repository r2', path.name):
        assert word in run.err, run
    assert not (data / 'global' / 'pg_control').exists()


@pytest.mark.majors(15)
def test_an_unreadable_backup_does_not_stand_in_the_way_of_another(story):
    story.backup()
    story.archive_all()
    older, newer = objects(story.archive.urls[0], 'main/g1/backup/*/backup')
    other = story.archive.urls[1] / newer.relative_to(story.archive.urls[0])
    state = story.shadow.at()
    with flipped(newer, 0.5), flipped(other, 0.5):
        data, run = story.restore(code=3)
        assert newer.parent.name in run.err, run
        story.check(data, state)
        _, run = story.restore(f'--backup={newer.parent.name}', code=5)
        assert newer.parent.name in run.err, run
