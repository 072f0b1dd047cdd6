"""A standby that goes over to a new timeline while it is backed up."""
import os
import signal

import pytest

import pgcluster
import restoring


@pytest.fixture
def story(pgstrata, clusters, major):
    return restoring.Protected(pgstrata, clusters, major)


@pytest.mark.majors(15)
def test_a_standby_that_changes_timelines_is_backed_up_again(story):
    """What began on one timeline and is consistent on the next could be restored along neither."""
    story.work()
    story.backup()
    story.archive_all()
    data, _ = story.restore('--standby')
    standby = story.started(data)
    story.configure(standby)
    process = story.begin_backup('--type=full')
    story.configure(story.cluster)
    story.cluster.stop()
    story.pgstrata('restore', '--yes')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    story.work(seed=2)
    story.archive_all()

    def is_on_the_new_one():
        standby.sql('checkpoint')
        return standby.value('select min_recovery_end_timeline from pg_control_recovery()') == 2
    pgcluster.wait_until(is_on_the_new_one, 'the standby follows')
    os.kill(process.pid, signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 7, said
    assert 'the standby went over from timeline 1 to 2 while it was backed up' in said
    story.configure(standby)
    story.backup()
    standby.stop()
    story.pgstrata('verify')
