"""A restored cluster goes on as a primary like any other: standbys made of it with PostgreSQL's own programs follow it."""
import subprocess

import pytest

import archiving
import pgcluster
import restoring

pytestmark = pytest.mark.majors(15)


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    made.backup()
    made.mark('here')
    made.work(seed=2)
    made.archive_all()
    made.cluster.stop()
    return made


def standby_of(story):
    """pg_basebackup -R, started, with no pgstrata of its own."""
    cluster, data = story.cluster, story.clusters.folder / 'standby'
    done = subprocess.run(pgcluster.as_server_user('/usr/lib/postgresql/15/bin/pg_basebackup', '-R', '-X', 'stream', '-c', 'fast',
                                                   '-h', cluster.run, '-p', cluster.port, '-U', 'postgres', '-D', data),
                          capture_output=True, text=True, cwd='/')
    assert done.returncode == 0, done.stderr
    standby = story.clusters.adopt(story.major, data)
    standby.overrides['archive_mode'] = 'off'
    return standby.start()


def follows(story, standby):
    story.cluster.sql('create table after_restore as select 7 as n')
    lsn = story.cluster.value('select pg_current_wal_lsn()::text')
    pgcluster.wait_until(lambda: standby.value(f"select pg_last_wal_replay_lsn() >= '{lsn}'"), 'the standby has all', 20)
    assert standby.value('select n from after_restore') == 7
    assert standby.value('select count(*) from pg_stat_wal_receiver') == 1
    standby.stop()


def automatic(story):
    return (story.cluster.data / 'postgresql.auto.conf').read_text()


def test_a_started_restore_leaves_no_settings_of_its_recovery(story):
    story.cluster.configure({'work_mem': "'5MB'"}, 'postgresql.auto.conf')
    run = story.pgstrata('restore', '--yes', '--target-name=here', '--start')
    assert 'were reset [restore/SPENT]' in run.err
    assert 'recovery_' not in automatic(story) and 'restore_command' not in automatic(story)
    assert 'settings of a restore' not in story.pgstrata('check', code=3).out     # (archive_timeout is not set here)
    follows(story, standby_of(story))


def test_check_names_what_is_left_and_a_backup_resets_it(story):
    """Started by hand, the server keeps them until pgstrata meets it again. What somebody has set since stays."""
    story.pgstrata('restore', '--yes', '--target-name=here')
    assert "recovery_target_timeline = '1'" in automatic(story)
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    story.cluster.sql("alter system set recovery_min_apply_delay = '1s'")
    run = story.pgstrata('check', code=3)
    assert 'ALTER SYSTEM RESET restore_command;' in run.err and 'ALTER SYSTEM RESET recovery_target_timeline;' in run.err
    assert 'RESET recovery_min_apply_delay' not in run.err
    assert "recovery_target_timeline = '1'" in automatic(story)
    archiving.end_segment(story.archive, story.cluster)
    story.backup()
    assert 'recovery_target' not in automatic(story) and "recovery_min_apply_delay = '1s'" in automatic(story)
    story.cluster.sql('alter system reset recovery_min_apply_delay')
    assert 'settings of a restore' not in story.pgstrata('check', code=3).out     # (archive_timeout is not set here)
    follows(story, standby_of(story))


def test_a_role_without_the_right_is_told_the_commands(story):
    story.pgstrata('restore', '--yes', '--target-name=here')
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    rights = ('grant pg_monitor to plain; grant execute on function pg_backup_start(text, boolean) to plain;'
              'grant execute on function pg_backup_stop(boolean) to plain; grant execute on function pg_switch_wal() to plain')
    story.cluster.sql(f'create role plain login; {rights}')
    run = story.pgstrata('backup', '--type=full', '--user=plain')
    assert 'a superuser must run: ALTER SYSTEM RESET' in run.err and "recovery_target_timeline = '1'" in automatic(story)
