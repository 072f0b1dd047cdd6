"""restore to its end: what the server does at the target, the end of a backup, who owns the archive afterwards, and again."""
import json
import re
import shlex

import pytest

import archiving
import pgcluster
import restoring
import shadow


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.mark('before the backup')
    made.backup()
    return made


# ---- at the target

def test_it_pauses_at_the_target_and_goes_on_when_told(story):
    story.mark('here')
    story.work(seed=2)
    story.archive_all()
    data, run = story.restore('--target-name=here', '--target-action=pause', '--output=json')
    copy = story.started(data)
    pgcluster.wait_until(lambda: copy.value('select pg_is_wal_replay_paused()'), 'recovery pauses')
    assert copy.value('select pg_last_wal_replay_lsn()::text') == json.loads(run.out)['end_lsn']
    shadow.compare(copy, story.shadow.at(mark='here'))
    copy.sql('select pg_wal_replay_resume()')
    copy.wait_for_recovery_end()
    shadow.compare(copy, story.shadow.at(mark='here'))
    copy.stop()
    data, run = story.restore('--target-name=here', '--target-action=pause', '--start', '--isolate', '--output=json')
    said = json.loads(run.out)
    assert said['reached_lsn'] == said['end_lsn'] and said['reached_timeline'] == 1
    story.clusters.adopt(story.major, data).stop()


def test_it_shuts_down_at_the_target(story):
    story.mark('here')
    story.work(seed=2)
    story.archive_all()
    data, run = story.restore('--target-name=here', '--target-action=shutdown', '--start', '--isolate', '--output=json')
    said = json.loads(run.out)
    assert said['reached_lsn'] == said['end_lsn'] and said['reached_timeline'] == 1
    copy = story.clusters.adopt(story.major, data)
    assert not copy.is_running()
    copy.configure({'recovery_target_action': "'promote'", 'hba_file': f"'{data}/pg_hba.conf'"}, 'postgresql.auto.conf')
    story.check(data, story.shadow.at(mark='here'))


@pytest.mark.majors(15)
def test_a_copy_is_started_beside_the_running_original(story):
    """It listens on the next port that is free, and on it again after the next start; or where it is told to."""
    story.archive_all()
    wanted = pgcluster.free_port()
    for args in ([], [f'--port={wanted}']):
        data, run = story.restore('--start', '--output=json', *args)
        copy = story.clusters.adopt(story.major, data)
        copy.run, copy.port, copy.overrides = story.cluster.run, json.loads(run.out)['port'], {}
        assert copy.port != story.cluster.port and (not args or copy.port == wanted)
        shadow.compare(copy, story.shadow.at())
        copy.restart()
        assert copy.value('show port') == str(copy.port)
        copy.stop()
    assert story.cluster.value('select 1') == 1


@pytest.mark.majors(15)
def test_what_was_got_is_what_the_server_says(story):
    """Not what was announced: that is the last commit, and the server counts a rollback behind it too."""
    story.cluster.sql('begin; create table rolled_back (); rollback')
    story.archive_all()
    data, run = story.restore('--start')
    copy = story.clusters.adopt(story.major, data)
    copy.run, copy.overrides = story.cluster.run, {}
    copy.port = int(re.search(r'^the server listens on port (\d+)$', run.out, re.M)[1])
    lsn = copy.value('select pg_last_wal_replay_lsn()::text')
    time = copy.value("select to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')").rstrip('0.')
    copy.stop()
    assert re.search(rf'^asked the latest, got {re.escape(time)}\+00 at LSN {lsn} ', run.out, re.M), (time, run)
    assert f'will get {time}' not in run.out and 'the server is on timeline 2' in run.out


@pytest.mark.majors(15)
def test_a_server_that_ends_before_its_target_is_an_error(story):
    """pg_ctl has said that it started, and then it died: no waiting for it, and no success."""
    story.archive_all()
    programs = story.clusters.folder / 'programs'
    programs.mkdir()
    fake = programs / 'pg_ctl'
    fake.write_text(f'''#!/bin/sh
[ "$1" != --version ] || {{ echo "pg_ctl (PostgreSQL) {story.major}.1"; exit; }}
cd "$2"
echo "FATAL:  could not restore file" > "$4"
sleep 1 > /dev/null 2>&1 < /dev/null &
printf '%s\\n' $! "$2" 1 5999 /nowhere '' '' ready > postmaster.pid
''')
    fake.chmod(0o755)
    path = f'{programs}:{story.pgstrata.env["PATH"]}'
    data, run = story.restore('--start', code=1, env={'PATH': path}, timeout_s=30)
    assert f'the restored server in {data} ended before it reached ' in run.err, run
    assert 'could not restore file' in run.err and f'{data}/pgstrata.log' in run.err and 'done' not in run.out


@pytest.mark.majors(13, 18)
def test_the_end_of_a_backup_is_a_target(story):
    story.work(seed=2)
    story.archive_all()
    data, run = story.restore('--target-immediate', '--target-action=pause', '--output=json')
    copy = story.started(data)
    pgcluster.wait_until(lambda: copy.value('select pg_is_wal_replay_paused()'), 'recovery pauses')
    assert copy.value('select pg_last_wal_replay_lsn()::text') == json.loads(run.out)['end_lsn']
    shadow.compare(copy, story.shadow.at(mark='before the backup'))
    copy.stop()
    data, _ = story.restore('--target-immediate')
    story.check(data, story.shadow.at(mark='before the backup'))


def test_a_standbys_backup_is_restored(story):
    """A standby writes nothing into WAL that ends its backup: the copy is consistent where its control file says."""
    primary = f'host={story.cluster.run} port={story.cluster.port} user=postgres'
    data, _ = story.restore('--standby', f'--primary-conninfo={primary}')
    standby = story.started(data)
    standby.configure({'archive_mode': 'off'}, 'postgresql.auto.conf')
    story.mark('on the standby', seed=2)
    lsn = story.cluster.value('select pg_current_wal_lsn()::text')
    pgcluster.wait_until(lambda: standby.value(f"select pg_last_wal_replay_lsn() >= '{lsn}'"), 'the standby has all')
    story.cluster.sql('checkpoint')
    story.archive_all()
    story.configure(standby)
    story.backup()
    standby.stop()
    story.configure(story.cluster)
    story.mark('later', seed=3)
    story.work(seed=4)
    story.archive_all()
    newest = sorted(path.parent.name for path in story.archive.urls[0].glob('main/g1/backup/*/backup'))[-1]
    for args, state in (([], story.shadow.at()), (['--target-name=later'], story.shadow.at(mark='later')),
                        (['--target-immediate'], story.shadow.at(mark='on the standby'))):
        data, run = story.restore(*args)
        assert f'backup: {newest}' in run.out
        story.check(data, state)


# ---- who owns the archive

@pytest.mark.majors(15)
def test_what_is_not_salvaged_is_given_up(story):
    story.mark('archived')
    story.archive_all()
    story.work(seed=2)
    story.cluster.crash()
    held = story.archive.objects()
    run = story.pgstrata('restore', '--yes', '--no-salvage', code=3)
    assert re.search(r'\d+ files? of WAL in \S+/pg_wal (was|were) not in the archive and given up', run.err), run
    assert story.archive.objects() == held
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    shadow.compare(story.cluster, story.shadow.at(mark='archived'))


@pytest.mark.majors(13, 18)
def test_a_copy_takes_over(story):
    """The restored copy is the rightful owner: it archives, and its timeline is production's, whatever the old server
    still writes."""
    story.work(seed=2)
    story.archive_all()
    state = story.shadow.at()
    story.cluster.stop()
    data, _ = story.restore('--takeover')
    assert not (data / 'pgstrata.clone').exists()
    copy = story.started(data)
    copy.wait_for_recovery_end()
    shadow.compare(copy, state)
    copy.sql('create table owned as select 7 as n')
    archiving.end_segment(story.archive, copy)
    assert story.archive.branches() == ['00000001', '00000002']
    copy.stop()
    story.cluster.start()
    story.cluster.sql('drop table shadow_events')
    story.archive_all()
    again, _ = story.restore()
    clone = story.started(again)
    clone.wait_for_recovery_end()
    assert clone.value('select n from owned') == 7
    shadow.compare(clone, state)
    clone.stop()


# ---- branches

@pytest.fixture
def forked(story):
    """Two lines of descent: timeline 1 went on behind the fork, timeline 2 is production's."""
    story.mark('reachable')
    story.archive_all()
    story.mark('early', seed=2)
    story.early_segment = story.archive_all()
    story.mark('fork', seed=3)
    story.archive_all()
    story.mark('old', seed=4)
    story.archive_all()
    in_place(story, '--target-name=fork')
    story.cluster.sql('create table new_branch as select 7 as n')
    story.archive_all()
    return story


def in_place(story, *args):
    story.cluster.stop()
    story.pgstrata('restore', '--yes', *args)
    story.cluster.start()
    story.cluster.wait_for_recovery_end()


def hinted(run):
    """The command that a hint gives, as arguments."""
    command = re.search(r'^HINT: .*: pgstrata (restore .*)$', run.err, re.M)
    assert command, run
    return shlex.split(command[1])


@pytest.mark.majors(18)
def test_a_hole_in_the_parent_below_a_child_is_named(forked):
    """The child is whole, and the way to it leads over a segment of its parent that is not there."""
    hole = forked.archive.object(forked.early_segment)
    kept = hole.rename(forked.clusters.folder / 'kept')
    data, run = forked.restore(code=6)
    assert f'WAL segment {forked.early_segment} is missing' in run.err and not data.exists(), run
    assert 'the last commit that can be reached is of 20' in run.err
    forked.pgstrata(*hinted(run))
    forked.check(data, forked.shadow.at(mark='reachable'))
    kept.rename(hole)
    data, _ = forked.restore()
    copy = forked.check(data, forked.shadow.at(mark='fork'))
    copy.start()
    assert copy.value('select n from new_branch') == 7
    copy.stop()


@pytest.mark.majors(13)
def test_a_place_on_another_branch_is_named(forked):
    old = forked.shadow.marks['old']
    data, run = forked.restore(f'--target-lsn={old.lsn}', code=6)
    assert f'LSN {old.lsn} lies behind the end of the archive on timeline 2' in run.err and not data.exists()
    assert f'timeline 1 has WAL at {old.lsn}: --target-timeline=1 leads there' in run.err
    data, _ = forked.restore(f'--target-lsn={old.lsn}', '--target-timeline=1')
    forked.check(data, forked.shadow.at(mark='old'))
    _, run = forked.restore('--target-lsn=FF/0', code=6)
    assert 'leads there' not in run.err


def test_a_time_without_full_wal_on_the_way_is_refused(story):
    """With wal_level minimal a server leaves out of WAL what it writes to files at once: a copy would lack those rows."""
    story.mark('full', seed=2)
    story.cluster.configure({'wal_level': 'minimal', 'archive_mode': 'off', 'max_wal_senders': '0'})
    story.cluster.restart()
    story.cluster.sql('create table left_out (n int)')
    story.cluster.sql('begin; truncate left_out; copy left_out from program \'seq 1000\'; commit')
    story.cluster.configure({'wal_level': 'replica', 'archive_mode': 'on', 'max_wal_senders': '4'})
    story.cluster.restart()
    story.mark('after', seed=3)
    story.archive_all()
    for args in ([], ['--target-name=after']):
        data, run = story.restore(*args, code=6)
        assert 'the server ran with wal_level minimal at ' in run.err and not data.exists(), run
    story.pgstrata(*hinted(run))
    story.check(data, story.shadow.at(mark='full'))
    story.backup()
    story.archive_all()
    data, _ = story.restore()
    copy = story.check(data, story.shadow.at())
    copy.start()
    assert copy.value('select count(*) from left_out') == 1000
    copy.stop()


def test_a_second_try_to_an_earlier_moment(forked):
    """The first moment was not early enough. The second lies before the fork: it is of the parent's part of the branch, and
    every line must still be reachable afterwards, the new one too."""
    early = forked.shadow.at(mark='early')
    in_place(forked, '--target-name=early')
    shadow.compare(forked.cluster, early)
    forked.cluster.sql('create table third as select 8 as n')
    forked.archive_all()
    assert forked.archive.branches() == ['00000001', '00000002', '00000003']
    for args, new_branch, third in (([], None, 8), (['--target-timeline=2'], 7, None)):
        data, run = forked.restore(*args)
        copy = forked.started(data)
        copy.wait_for_recovery_end()
        assert copy.value("select to_regclass('new_branch') is not null") == (new_branch is not None), run
        assert copy.value("select to_regclass('third') is not null") == (third is not None), run
        shadow.compare(copy, early if third else forked.shadow.at(mark='fork'))
        copy.stop()
    data, _ = forked.restore('--target-timeline=1')
    forked.check(data, forked.shadow.at())
