"""restore out of two repositories: whatever is bad in one, the other's copy is taken, and the bad one is named."""
import contextlib
import hashlib
import os
import shutil

import pytest

import restoring

# An object of each kind, by the pattern of its name, and where the bit is flipped: as a part of its length. The first are
# read to find the way, the packs to copy.
ON_THE_WAY = {'pgstrata': 0.5, 'main/g1/cluster': 0.5, 'main/g1/branch/00000001': 0.5, 'main/g1/backup/*/backup': 0.5,
              'main/g1/wal/*/*/*.wal': 0.999}
PACKS = {'main/g1/backup/*/pack-000001': 0.4, 'main/g1/backup/*/pack-000002': 0.9}
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


def named(run, *names):
    for name in names:
        assert name in run.err, run


def way_found(story, path):
    """The way is found although the first repository's copy is bad, and that is said."""
    named(story.restore('--dry-run', code=3)[1], 'repository r1', path.name)


def same(story, code, *names):
    """What is restored is what was restored when all was well."""
    data, run = story.restore(code=code)
    named(run, *names)
    assert content(data) == story.expected, run
    shutil.rmtree(data)


@pytest.mark.majors(15)
def test_the_good_copy_is_taken_and_the_bad_one_named(story):
    first = story.archive.urls[0]
    data, _ = story.restore()
    story.expected = content(data)
    for pattern, part in ON_THE_WAY.items():
        path = objects(first, pattern)[-1]
        with flipped(path, part):
            way_found(story, path)
    for pattern in ('main/g1/backup/*/backup', 'main/g1/branch/00000001'):
        path, = objects(first, pattern)
        with gone(path):
            way_found(story, path)
    packs = {objects(first, pattern)[0]: part for pattern, part in PACKS.items()}
    with contextlib.ExitStack() as bad:
        for path, part in packs.items():
            bad.enter_context(flipped(path, part))
        same(story, 3, 'repository r1', *(path.name for path in packs))
    with contextlib.ExitStack() as unread:
        for pattern in UNREAD:
            unread.enter_context(flipped(objects(first, pattern)[0], 0.5))
        same(story, 0)
    with gone(first):
        named(story.restore('--dry-run', code=3)[1], 'repository r1')


@pytest.mark.majors(15)
def test_the_server_recovers_although_one_repository_is_all_bad(story):
    state = story.shadow.at()
    with contextlib.ExitStack() as bad:
        for pattern, part in [*list(ON_THE_WAY.items())[1:], *PACKS.items()]:
            for path in objects(story.archive.urls[0], pattern):
                bad.enter_context(flipped(path, part))
        data, _ = story.restore(code=3)
        story.check(data, state)


def both_named(story, path, *options):
    data, run = story.restore(*options, code=5)
    named(run, 'repository r1', 'repository r2', path.name)
    assert not (data / 'global' / 'pg_control').exists()


@pytest.mark.majors(15)
def test_what_is_bad_in_both_is_named_with_both(story):
    first, second = story.archive.urls
    for pattern, options in (('main/g1/backup/*/backup', ['--dry-run']), ('main/g1/backup/*/pack-000001', [])):
        (one,), (two,) = objects(first, pattern), objects(second, pattern)
        with flipped(one, 0.4), flipped(two, 0.4):
            both_named(story, one, *options)
        with flipped(one, 0.4), gone(two):
            both_named(story, one, *options)
    with gone(one), gone(two):
        both_named(story, one)


@pytest.mark.majors(15)
def test_an_unreadable_backup_does_not_stand_in_the_way_of_another(story):
    story.backup()
    story.archive_all()
    older, newer = (path.parent.name for path in objects(story.archive.urls[0], 'main/g1/backup/*/backup'))
    with contextlib.ExitStack() as bad:
        for url in story.archive.urls:
            bad.enter_context(flipped(url / 'main/g1/backup' / newer / 'backup', 0.5))
        _, run = story.restore('--dry-run', code=3)
        named(run, newer)
        assert f'backup: {older}' in run.out
        named(story.restore('--dry-run', f'--backup={newer}', code=5)[1], newer)


@pytest.mark.majors(15)
def test_the_repository_is_chosen(story):
    """--repo: no other one is asked, not for WAL either."""
    first = story.archive.urls[0]
    with flipped(objects(first, 'main/g1/backup/*/backup')[-1], 0.5):
        data, run = story.restore('--repo=r2')
        assert run.err == ''
        plan = (data / 'pgstrata.plan').read_text()
        assert str(story.archive.urls[1]) in plan and str(first) not in plan
        story.check(data, story.shadow.at())
        data, run = story.restore('--repo=r1', code=5)
        assert not data.exists()
    _, run = story.restore('--repo=r3', code=2)
    named(run, 'r3')
