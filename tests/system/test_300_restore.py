"""restore: every kind of target, compared by content with what was there at that moment."""
import subprocess

import pytest

import restoring


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    made.backup()
    return made


def test_every_target_gives_what_was_there(story):
    story.mark('first')
    commit = story.shadow.commits[-7]
    story.mark('second', seed=2)
    story.archive_all()
    first, log = story.shadow.marks['first'], story.shadow
    cases = [
        (['--target-name=first'], log.at(mark='first')),
        ([f'--target-lsn={first.lsn}'], log.at(mark='first')),
        ([f'--target-lsn={first.lsn}', '--target-exclusive'], log.at(mark='first')),
        ([f'--target-time={first.time.isoformat()}'], log.at(mark='first')),
        ([f'--target-time={commit.time.isoformat()}'], log.at(time=commit.time)),
        ([f'--target-time={commit.time.isoformat()}', '--target-exclusive'], log.at(time=commit.time, inclusive=False)),
        ([f'--target-xid={commit.xid}'], log.at(xid=commit.xid)),
        ([f'--target-xid={commit.xid}', '--target-exclusive'], log.at(xid=commit.xid, inclusive=False)),
        ([], log.at()),
    ]
    for args, state in cases:
        data, run = story.restore(*args)
        print(run)
        story.check(data, state)


@pytest.mark.majors(15)
def test_a_cluster_open_to_its_group_stays_so(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    story.cluster.stop()
    subprocess.run(['chmod', '-R', 'u=rwX,g=rX,o=', story.cluster.data], check=True)
    story.cluster.start()
    story.work()
    story.backup()
    story.archive_all()
    data, _ = story.restore()
    for path in data, data / 'base', data / 'PG_VERSION', data / 'global/pg_control', data / 'postgresql.auto.conf':
        assert path.stat().st_mode & 0o777 == (0o750 if path.is_dir() else 0o640), path
    story.check(data, story.shadow.at())
