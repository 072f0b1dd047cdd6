"""SIGKILL at seeded random moments: afterwards the repository verifies and the last good backup restores.

PGSTRATA_KILLS says how often (30 in `make test`, 300 in `make soak`), PGSTRATA_SEED repeats a run.
"""
import os
import random
import signal
import subprocess
import time

import pytest

import pgcluster
import restoring

KILLS = int(os.environ.get('PGSTRATA_KILLS', '30'))
SEED = int(os.environ.get('PGSTRATA_SEED', '20261121'))


def begin(story, *command):
    argv = pgcluster.as_user(story.pgstrata.user, story.pgstrata.argv(*command))
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=story.cluster.data,
                            env={**pgcluster.clean_environment(), **story.pgstrata.env}, start_new_session=True)


def killed(process, after_s):
    """True when the process was still at work."""
    time.sleep(after_s)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running


@pytest.fixture
def story(pgstrata, clusters):
    story = restoring.Protected(pgstrata, clusters, 15)
    story.work()
    story.backup()
    return story


@pytest.mark.majors(15)
def test_killed_backups_hurt_nothing(story):
    print(f'seed {SEED}, {KILLS} kills')
    story.archive_all()
    state = story.shadow.at()
    choice = random.Random(SEED)
    # So many bytes that a backup takes about a second, and no two runs are cut at the same place.
    story.cluster.sql("create table ballast as select n, md5(n::text) || md5((n * 7)::text) as t from generate_series(1, 400000) n")
    story.archive_all()
    cut = {'full': 0, 'incr': 0}
    for number in range(KILLS):
        kind = ('full', 'incr')[number % 2]
        if kind == 'incr':      # a few dozen blocks of the table, and no others
            story.cluster.sql('update ballast set n = -n where n between %s and %s', (number * 1000, number * 1000 + 999))
        cut[kind] += killed(begin(story, 'backup', f'--type={kind}'), choice.uniform(0.02, 1.2 if kind == 'full' else 0.6))
        story.pgstrata('verify', '--quick' if number % 5 else '--jobs=2')
    assert all(cut.values()), f'no backup of a kind was cut, the moments are all too late: {cut}'
    data, _ = story.restore('--backup=' + first_backup(story), '--target-immediate')
    copy = story.started(data)
    copy.wait_for_recovery_end()
    copy.check_pages()
    copy.stop()
    for kind in ('incr', 'full'):
        story.pgstrata('backup', f'--type={kind}', *(['--self-check'] if kind == 'incr' else []))
        story.archive_all()
        sums = story.cluster.value('select sum(n) from ballast')
        data, _ = story.restore()
        assert ballast_of(story, data) == sums
        story.check(data, state)


def ballast_of(story, data):
    copy = story.started(data)
    copy.wait_for_recovery_end()
    found = copy.value('select sum(n) from ballast')
    copy.stop()
    return found


def first_backup(story):
    repository = story.archive.urls[0]
    return sorted(os.listdir(os.path.join(repository, 'main', 'g1', 'backup')))[0]


@pytest.mark.majors(15)
def test_killed_pushes_hurt_nothing(story):
    print(f'seed {SEED}, {KILLS} kills')
    command = story.cluster.value('show archive_command')
    story.archive_all()
    story.cluster.configure({'archive_command': "'/bin/false'"})
    story.cluster.sql('select pg_reload_conf()')
    choice = random.Random(SEED)
    cut = 0
    for _ in range(KILLS):
        story.cluster.sql('drop table if exists t; create table t as select n, random() as r from generate_series(1, 20000) n')
        name = story.cluster.switch_wal()
        cut += killed(begin(story, 'archive-push', f'pg_wal/{name}'), choice.uniform(0.0, 0.12))
        story.pgstrata('verify', '--quick')
        story.pgstrata('archive-push', f'pg_wal/{name}', cwd=story.cluster.data)
    assert cut > 0, 'no push was cut: the moments are all too late'
    state = story.shadow.at()
    quoted = command.replace("'", "''")
    story.cluster.configure({'archive_command': f"'{quoted}'"})
    story.cluster.sql('select pg_reload_conf()')
    story.archive_all()
    story.pgstrata('verify')
    data, _ = story.restore()
    story.check(data, state)
