"""restore over the cluster itself: what it saves first, which branch it follows, what it refuses."""
import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

import archiving
import pgcluster
import restoring
import shadow


@pytest.fixture
def story(pgstrata, clusters, major):
    made = restoring.Protected(pgstrata, clusters, major)
    made.work()
    made.backup()
    return made


def in_place(story, *args, code=0):
    return story.pgstrata('restore', '--yes', *args, code=code)


def running_again(story, state):
    story.cluster.start()
    story.cluster.wait_for_recovery_end()
    shadow.compare(story.cluster, state)


def test_a_crashed_cluster_loses_no_commit(story):
    """The last commits lie in segments that were never archived: they are salvaged before anything is overwritten."""
    story.work(60)
    story.cluster.crash()
    shutil.rmtree(story.cluster.data / 'base' / '1')
    run = in_place(story)
    assert 'salvaged' in run.err + run.out
    running_again(story, story.shadow.at())
    story.cluster.check_pages()


def test_each_branch_can_be_reached(story):
    """Restored in place to a moment the cluster goes on as a new timeline; both lines stay reachable, and a clone that
    promoted in between changes nothing."""
    story.mark('fork')
    story.work(seed=2)
    old_end = story.shadow.at()
    story.archive_all()
    story.cluster.stop()
    in_place(story, '--target-name=fork')
    at_fork = story.shadow.at(mark='fork')
    running_again(story, at_fork)
    story.cluster.sql("create table new_branch as select 7 as n")
    story.archive_all()
    data, _ = story.restore()
    clone = story.started(data)
    clone.wait_for_recovery_end()
    assert clone.value('select n from new_branch') == 7
    assert clone.value("show archive_mode") == 'off'
    shadow.compare(clone, at_fork)
    clone.stop()
    data, _ = story.restore('--target-timeline=1')
    story.check(data, old_end)
    assert story.archive.branches() == ['00000001', '00000002']


@pytest.mark.majors(15)
def test_what_would_be_lost_is_asked_for(story):
    """Without a terminal the answer is no; nothing has changed then. Where nothing is lost nobody is asked."""
    story.archive_all()
    story.cluster.stop()
    data, held = story.cluster.data, story.archive.objects()
    for run in (story.pgstrata('restore', code=7), story.pgstrata.on_terminal('no', 'restore', code=7)):
        assert 'asked the latest, will get' in run.out, run     # who is asked knows what for
        assert f'{data} holds the data directory of cluster main (shut down' in run.err
        assert (data / 'global' / 'pg_control').exists() and not (data / 'pgstrata.restoring').exists()
        assert story.archive.objects() == held
    assert 'HINT:  it loses what is in there; if that is meant, add --yes' in story.pgstrata('restore', code=7).err
    story.pgstrata.on_terminal('yes', 'restore')
    shutil.rmtree(data)
    story.pgstrata('restore')
    running_again(story, story.shadow.at())
    story.archive_all()
    clone, _ = story.restore()
    run = story.pgstrata('restore', f'--to-dir={clone}', code=7)
    assert f'{clone} holds a copy of cluster main' in run.err
    run = story.pgstrata('restore', f'--to-dir={clone}', '--delta', code=7)
    assert f'{clone} holds a copy of cluster main' in run.err
    owner, _ = story.restore('--takeover')
    assert '--delta restores over it' in story.pgstrata('restore', f'--to-dir={owner}', code=7).err
    run = story.pgstrata('restore', f'--to-dir={owner}', '--delta', code=7)
    assert f'{owner} holds the data directory of cluster main' in run.err and (owner / 'global' / 'pg_control').exists()
    story.pgstrata('restore', f'--to-dir={owner}', '--delta', '--yes')


def test_a_running_cluster_is_refused(story):
    run = in_place(story, code=7)
    assert 'server' in run.err and 'runs in' in run.err
    assert story.cluster.value('select 1') == 1


@pytest.mark.majors(13, 15)
def test_a_copy_of_a_restored_cluster_is_not_held_to_its_plan(story):
    """The plan of an ended recovery travels with every copy of the folder; it knows nothing of what came later."""
    story.archive_all()
    story.cluster.stop()
    in_place(story)
    running_again(story, story.shadow.at())
    data, _ = archiving.base_copy(story.cluster, story.clusters)
    assert (data / 'pgstrata.plan').exists()
    story.cluster.sql('create table later as select 7 as n')
    story.archive_all()
    settings = data / 'postgresql.auto.conf'
    settings.write_text(''.join(line for line in settings.read_text().splitlines(True) if 'recovery_target' not in line))
    copy = archiving.recover_by_archive(story.archive, story.clusters, data)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select n from later') == 7


@pytest.mark.majors(15)
def test_what_a_killed_server_left_behind_is_refused(story):
    """kill -9 of the postmaster alone: a backend goes on with its statement, and with writing."""
    cluster = story.cluster
    busy = cluster.connect()
    pid, leader = busy.info.backend_pid, int((cluster.data / 'postmaster.pid').read_text().split()[0])

    def work():
        with contextlib.suppress(Exception), busy.cursor() as cursor:
            cursor.execute('do $$ begin loop end loop; end $$')
    thread = threading.Thread(target=work)
    thread.start()
    children = map(int, pathlib.Path(f'/proc/{leader}/task/{leader}/children').read_text().split())
    idle = {leader, *children} - {pid}
    try:
        pgcluster.wait_until(lambda: cluster.value('select state from pg_stat_activity where pid = %s', (pid,)) == 'active',
                             'the statement runs')
        os.kill(leader, signal.SIGKILL)
        pgcluster.wait_until(lambda: all(map(pgcluster.is_gone, idle)), 'all others are gone')
        assert f'a server runs in {cluster.data} (process {pid})' in in_place(story, code=7).err
    finally:
        os.kill(pid, signal.SIGKILL)
    thread.join()
    pgcluster.wait_until(lambda: pgcluster.is_gone(pid), 'the backend is gone')
    in_place(story)
    running_again(story, story.shadow.at())


def test_foreign_and_other_folders_are_refused(story, clusters, major):
    other = clusters(major)
    run = story.pgstrata('restore', f'--to-dir={other.data}', code=7)
    assert 'another cluster' in run.err
    home = clusters.folder / 'home'
    home.mkdir()
    restoring.write_as_server_user(home / 'letter.txt', 'dear')
    pgcluster.own_by_server_user(home)
    run = story.pgstrata('restore', f'--to-dir={home}', code=7)
    assert (home / 'letter.txt').read_text() == 'dear'


def test_a_gap_is_named_before_anything_is_copied(story):
    story.mark('before')
    story.archive_all()
    story.work(seed=2)
    missing = story.archive_all()
    story.mark('behind', seed=3)
    story.archive_all()
    story.archive.object(missing).unlink()
    for target in ('--target-name=behind', f'--target-time={story.shadow.marks["behind"].time.isoformat()}',
                   f'--target-lsn={story.shadow.marks["behind"].lsn}'):
        data, run = story.restore(target, code=6)
        assert not data.exists()
        print(run)
        assert missing in run.err and ' --target-lsn=' in run.err
    data, _ = story.restore('--target-name=before')
    story.check(data, story.shadow.at(mark='before'))


def test_targets_that_cannot_be(story):
    story.archive_all()
    cases = [('--target-time=2020-01-01 00:00:00+00', 6, 'before'), ('--target-xid=999999', 6, ''),
             ('--target-name=never', 6, 'never'), ('--target-lsn=FF/0', 6, ''), ('--target-lsn=xyz', 2, ''),
             ('--target-time=yesterday', 2, ''), ('--backup=20200101-000000F', 1, 'no backup'),
             ('--target-timeline=9', 6, '9')]
    for target, code, word in cases:
        data, run = story.restore(target, code=code)
        assert word in run.err, run
        assert not data.exists()


def test_a_time_behind_the_last_commit_is_pinned(story):
    story.work()
    story.archive_all()
    data, run = story.restore('--target-time=2099-01-01 00:00:00 Asia/Seoul')
    assert 'pinned' in run.out, run
    story.check(data, story.shadow.at())


@pytest.mark.parametrize('zone', ['+09:00', ' KST', ' Asia/Seoul', ''])
@pytest.mark.majors(15)
def test_a_time_of_any_zone_is_that_moment(story, zone):
    """09:00 in Seoul is midnight UTC; without a zone it is the time of whoever types it. Said back in both."""
    story.work(seed=2)
    moment = story.shadow.mark('moment').time.astimezone(datetime.timezone.utc)
    story.work(seed=3)
    story.archive_all()
    seoul = moment.astimezone(datetime.timezone(datetime.timedelta(hours=9)))
    text, utc = seoul.strftime('%Y-%m-%d %H:%M:%S.%f').rstrip('0'), moment.strftime('%H:%M:%S.%f').rstrip('0')
    data, run = story.restore(f'--target-time={text}{zone}', env={'TZ': 'UTC' if zone else 'Asia/Seoul'})
    echo = next(line for line in run.out.split('\n') if line.startswith('target: '))
    assert echo.startswith(f'target: {text}+09') and f'{utc} UTC)' in echo, echo     # with its date where that is another
    assert ('read as local time' in echo) == (not zone)
    story.check(data, story.shadow.at(mark='moment'))


def test_an_interrupted_restore_goes_on(story):
    story.work()
    story.archive_all()
    data = story.clusters.folder / 'cut'
    argv = pgcluster.as_user(story.pgstrata.user, story.pgstrata.argv('restore', f'--to-dir={data}', '--jobs=1'))
    choice = random.Random(5)
    for _ in range(4):
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd='/',
                                   env={**pgcluster.clean_environment(), **story.pgstrata.env}, start_new_session=True)
        time.sleep(choice.uniform(0.02, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert (data / 'pgstrata.restoring').exists() or not (data / 'global' / 'pg_control').exists() \
            or (data / 'pgstrata.plan').exists()
    story.pgstrata('restore', f'--to-dir={data}', '--delta', '--yes')     # the last try may have come to its end
    assert not (data / 'pgstrata.restoring').exists()
    story.check(data, story.shadow.at())


def stopped_in_the_middle(story, *args):
    """Starts a restore and presses Ctrl-C once it has begun to write; the data directory."""
    user = pgcluster.server_user() if os.geteuid() == 0 else None
    options = {'user': user, 'group': user, 'extra_groups': []} if user else {}
    for attempt in range(5):
        data = story.clusters.folder / f'stopped{attempt}'
        process = subprocess.Popen(story.pgstrata.argv('restore', f'--to-dir={data}', '--jobs=1', *args), text=True, cwd='/',
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=pgcluster.clean_environment(), **options)
        while not (data / 'pgstrata.restoring').exists() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        if process.returncode:
            assert process.returncode == 130 and 'stopped by SIGINT' in err, err
            return data
    raise AssertionError('no restore could be stopped in time')


@pytest.mark.majors(15)
def test_ctrl_c_and_again_and_once_more(story):
    story.work()
    story.archive_all()
    data = stopped_in_the_middle(story)
    assert (data / 'pgstrata.restoring').exists() and not (data / 'global' / 'pg_control').exists()
    story.pgstrata('restore', f'--to-dir={data}')
    story.check(data, story.shadow.at())
    in_place_data = story.cluster.data
    story.cluster.stop()
    runs = [in_place(story, '--output=json') for _ in range(2)]
    first, second = (json.loads(run.out) for run in runs)
    assert first['end_lsn'] == second['end_lsn'] and second['copied_bytes'] <= first['copied_bytes']
    assert not list(in_place_data.glob('pgstrata.restoring'))
    running_again(story, story.shadow.at())
    story.cluster.check_pages()


@pytest.mark.majors(15)
def test_what_cannot_be_read_is_moved_aside(story):
    """The control file is gone: nobody can say whose the folder is. In the cluster's own place nothing of it is removed."""
    story.archive_all()
    story.cluster.stop()
    data = story.cluster.data
    restoring.write_as_server_user(data / 'letter.txt', 'dear')
    (data / 'global' / 'pg_control').unlink()
    run = story.pgstrata('restore', code=3)
    aside, = data.parent.glob('data.aside-*')
    assert str(aside) in run.err and (aside / 'letter.txt').read_text() == 'dear' and (aside / 'base').is_dir()
    assert not (data / 'letter.txt').exists()
    running_again(story, story.shadow.at())


def test_delta_writes_what_differs(story):
    story.archive_all()
    data, run = story.restore('--output=json')
    whole = json.loads(run.out)
    state = story.shadow.at()
    copy = story.started(data)
    copy.wait_for_recovery_end()
    copy.sql('delete from shadow_events')
    copy.stop()
    restoring.write_as_server_user(data / 'base' / 'stray', 'x')
    run = story.pgstrata('restore', f'--to-dir={data}', '--delta', '--yes', '--output=json')
    again = json.loads(run.out)
    assert again['copied_bytes'] < whole['copied_bytes'] / 4
    assert not (data / 'base' / 'stray').exists()
    story.check(data, state)


def test_damage_in_a_pack_is_found(story):
    story.archive_all()
    pack = max(story.archive.urls[0].glob('main/g1/backup/*/pack-*'), key=lambda path: path.stat().st_size)
    with open(pack, 'r+b') as file:
        file.seek(pack.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    data, run = story.restore('--start', code=5)
    assert 'will get' in run.out, run       # said before the first byte was copied
    assert 'pgstrata verify' in run.err and '--backup' in run.err and '--repo' in run.err
    assert not (data / 'global' / 'pg_control').exists()
    assert (data / 'pgstrata.restoring').exists()


def test_start_says_what_was_reached(story):
    story.mark('here')
    story.work(seed=2)
    story.archive_all()
    data, run = story.restore('--target-name=here', '--start', '--isolate', '--output=json')
    said = json.loads(run.out)
    copy = story.clusters.adopt(story.major, data)
    try:
        assert said['reached_timeline'] == 2
        # What was announced is the last commit; the server's own clock of replay counts rollbacks behind it too.
        announced, reached = (datetime.datetime.fromisoformat(said[name]) for name in ('end_time', 'reached_time'))
        assert announced <= reached <= announced + datetime.timedelta(seconds=5)
    finally:
        copy.pg_ctl('-m', 'fast', '-w', 'stop')
