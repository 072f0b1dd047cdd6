"""repo repair on what real servers and real backups have written: damage in one repository is made good from what is left and from another."""
import json
import os
import random
import shutil
import signal
import subprocess

import pytest

import pgcluster
import restoring

REGIONS = (0.0, 0.001, 0.05, 0.5, 0.9, 0.97, 0.999, 1.0)


@pytest.fixture
def story(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major, repos=2)
    story.work()
    story.backup()
    story.state = story.mark('after the backup')
    story.archive_all()
    story.backup()
    story.a, story.b = story.archive.urls
    return story


def objects(repository):
    """All that the other repository has too: not what is said of this one alone."""
    return sorted(path for path in repository.rglob('*') if path.is_file() and path.name != 'pgstrata'
                  and not {'hold', 'quarantine', '.tmp'} & set(path.relative_to(repository).parts))


def flip(path, part):
    stored = bytearray(path.read_bytes())
    stored[min(int(len(stored) * part), len(stored) - 1)] ^= 0x10
    path.chmod(0o600)
    path.write_bytes(stored)
    pgcluster.own_by_server_user(path)


def clusters_of(run):
    main, = json.loads(run.out)['clusters']
    return main


def verified(story, code=0, *args):
    return clusters_of(story.pgstrata('--output', 'json', 'verify', *args, code=code))


def repaired(story, code=0, *args):
    return clusters_of(story.pgstrata('--output', 'json', 'repo', 'repair', *args, code=code))['repairs']


@pytest.mark.majors(13, 15, 18)
def test_a_repository_full_of_damage_is_made_good_from_another(story):
    """A byte flipped somewhere in every object of one repository; afterwards it restores alone."""
    draw = random.Random(4712)
    damaged = objects(story.a)
    for path in damaged:
        flip(path, draw.choice(REGIONS))
    story.pgstrata('verify', code=5)
    before = {path: path.read_bytes() for path in damaged}
    dry = repaired(story, 5, '--dry-run')
    assert {path: path.read_bytes() for path in objects(story.a)} == before
    assert len(dry) == len(damaged) and not [deed for deed in dry if deed['how'] == 'left']

    deeds = repaired(story)
    assert {deed['key'] for deed in deeds} == {str(path.relative_to(story.a)) for path in damaged}
    assert {deed['repository'] for deed in deeds} == {'r1'} and not [deed for deed in deeds if deed['how'] == 'left']
    assert verified(story)['faulty_objects'] == 0
    assert len(list(story.a.rglob('quarantine/**/*.*'))) >= len(damaged)
    for path in objects(story.a):  # what others refer to by hash is the same, byte for byte
        if path.name == 'backup' or path.name.startswith('pack-'):
            assert path.read_bytes() == (story.b / path.relative_to(story.a)).read_bytes()

    os.rename(story.b, story.b.with_name('away'))
    data, _ = story.restore('--repo=r1', '--target-action=promote')
    copy = story.started(data)
    copy.wait_for_recovery_end()
    copy.check_pages()
    os.rename(story.b.with_name('away'), story.b)


@pytest.mark.majors(15)
def test_what_is_missing_comes_back_and_what_is_left_is_named(story):
    pack = next(story.a.glob('main/g1/backup/*/pack-000001'))
    wal = sorted(story.a.glob('main/g1/wal/*/*/*.wal'))[-2]  # behind a backup
    os.unlink(pack)
    os.unlink(wal)
    assert sorted(deed['how'] for deed in repaired(story)) == ['copied', 'copied']
    assert verified(story)['faulty_objects'] == 0
    assert repaired(story) == []

    # Lost in both: the one that is left damaged is not touched.
    flip(pack, 0.5)
    bad = pack.read_bytes()
    os.unlink(story.b / pack.relative_to(story.a))
    run = story.pgstrata('repo', 'repair', code=5)
    assert 'not repaired' in run.out and f'backup {pack.parent.name} cannot be restored' in run.err
    assert pack.read_bytes() == bad


def interrupted(story, seconds, *words):
    user = pgcluster.server_user() if os.geteuid() == 0 else None
    options = {'user': user, 'group': user, 'extra_groups': []} if user else {}
    process = subprocess.Popen(story.pgstrata.argv(*words), cwd='/', stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=pgcluster.clean_environment(), **options)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


KILLS = int(os.environ.get('PGSTRATA_KILLS', 30))


@pytest.mark.majors(15)
def test_killed_verify_and_repair_lose_nothing(story, folder):
    """After any kill -9 the next repair ends the work; a killed verify leaves nothing at all."""
    seed = int(os.environ.get('PGSTRATA_SEED', 20261121))
    draw = random.Random(seed)
    keys = [path.relative_to(story.a) for path in objects(story.a)]
    memory = folder / 'state' / 'verify'
    shutil.rmtree(memory, ignore_errors=True)
    for number in range(KILLS):
        for key in draw.sample(keys, 4):
            flip(story.a / key, draw.random())
        wanted = draw.uniform(0.002, 0.12)
        if number % 3 == 0:
            before = {path: path.stat().st_mtime_ns for path in objects(story.a)}
            interrupted(story, wanted, 'verify')
            assert {path: path.stat().st_mtime_ns for path in objects(story.a)} == before, f'seed {seed}, {number}'
        interrupted(story, wanted, 'repo', 'repair')
        run = story.pgstrata('repo', 'repair', code=None)
        assert run.code == 0, f'seed {seed}, kill {number}\n{run}'
    assert verified(story)['faulty_objects'] == 0
    assert [path.relative_to(story.a) for path in objects(story.a)] == keys


@pytest.mark.majors(15)
def test_a_repository_that_lost_its_object_gets_it_again(story):
    """This host remembers under which id it wrote the commits; where nobody does, the cluster is not given up either."""
    root = story.a / 'pgstrata'
    good = root.read_bytes()
    root.unlink()
    for command in (['verify'], ['verify', '--quick'], ['info']):
        assert 'has lost its object pgstrata' in story.pgstrata(*command, code=5).err
    repaired(story, 5, '--dry-run')
    assert not root.exists()
    deed, = repaired(story)
    assert (deed['key'], deed['state'], deed['how']) == ('pgstrata', 'missing', 'rebuilt')
    verified(story)
    root.chmod(0o600)
    root.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    deed, = repaired(story)
    assert (deed['state'], deed['how']) == ('damaged', 'mended')
    assert root.read_bytes() == good
