"""A standby that goes over to a new timeline while it is backed up."""
import os
import signal
import subprocess

import pytest

import pgcluster
import restoring


@pytest.fixture
def story(pgstrata, clusters, major):
    return restoring.Protected(pgstrata, clusters, major)


def begun(story):
    """A backup that was stopped in its tracks once it had begun."""
    repo = story.archive.urls[0]
    user = pgcluster.server_user() if os.geteuid() == 0 else None
    options = {'user': user, 'group': user, 'extra_groups': []} if user else {}
    had = set(repo.glob('main/g1/backup/*/begin'))
    process = subprocess.Popen(story.pgstrata.argv('backup', '--type=full', '--compress-level=19'), text=True, cwd='/',
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**pgcluster.clean_environment(), **story.pgstrata.env}, **options)
    pgcluster.wait_until(lambda: set(repo.glob('main/g1/backup/*/begin')) - had or process.poll() is not None, 'it begins')
    os.kill(process.pid, signal.SIGSTOP)
    assert process.poll() is None, process.communicate()
    return process


@pytest.mark.majors(15)
def test_a_standby_that_changes_timelines_is_backed_up_again(story):
    """What began on one timeline and is consistent on the next could be restored along neither."""
    story.work()
    story.backup()
    story.archive_all()
    data, _ = story.restore('--standby')
    standby = story.started(data)
    story.configure(standby)
    process = begun(story)
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
