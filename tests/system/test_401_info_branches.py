"""info and verify where the cluster has several lives: both branches are shown, and what is whole is not called damaged."""
import json

import pytest

import restoring


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    made.backup()
    return made


def info(story):
    main, = json.loads(story.pgstrata('info', '--output=json').out)['clusters']
    return main


@pytest.mark.majors(15, 18)
def test_both_branches_after_a_restore_in_place(story):
    story.mark('fork')
    story.work(seed=2)
    story.archive_all()
    before, = info(story)['windows']
    story.cluster.stop()
    story.pgstrata('restore', '--yes', '--target-name=fork')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    story.work(20, seed=3)
    story.archive_all()

    main = info(story)
    assert main['status'] == 'ok' and main['production_timeline'] == 2 and not main['gaps']
    old, new = main['timelines']
    assert (new['timeline'], new['parent'], new['origin']) == (2, 1, 'restore') and old['origin'] == 'setup'
    assert old['production'] and new['production']
    young, dead = main['windows']
    assert young['timeline'] == 2 and young['production'] and young['first_backup'] == before['first_backup']
    assert dead['timeline'] == 1 and not dead['production'] and dead['to_time'] >= before['to_time']
    assert young['to_time'] > dead['to_time']
    story.pgstrata('verify')

    # A backup of the new life stands on the new branch only.
    story.backup()
    story.work(20, seed=4)
    story.archive_all()
    main = info(story)
    assert [backup['state'] for backup in main['backups']] == ['good', 'good']
    assert {window['timeline']: window['backups'] for window in main['windows']} == {2: 2, 1: 1}
    assert main['freshness']['source'] == 'server' and main['freshness']['unsafe_seconds'] < 60
    story.pgstrata('verify')

    # Without its history file nobody finds the way onto the new timeline.
    history = story.archive.object('00000002.history')
    history.rename(story.clusters.folder / 'kept')
    run = story.pgstrata('verify', code=5)
    assert '00000002.history' in run.err
