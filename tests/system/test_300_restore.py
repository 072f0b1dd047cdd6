"""restore: every kind of target, compared by content with what was there at that moment."""
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
