"""The test bed itself: servers of every major run, and the shadow log notices what it must notice."""
import subprocess

import pytest

import pgcluster
import shadow


@pytest.fixture
def story(clusters, major):
    """A stopped cluster whose shadow log has two marks."""
    cluster = clusters(major).start()
    log = shadow.Shadow(cluster)
    log.create_tables()
    with shadow.Workload(log, seed=major) as work:
        work.until_commits(60)
        log.mark('middle')
        work.until_commits(60)
        log.mark('late')
        work.until_commits(20)
    cluster.stop()
    return cluster, log


@pytest.mark.majors(*pgcluster.EVERY)
def test_every_major_runs_and_a_cold_copy_is_equal(clusters, story, major):
    cluster, log = story
    copy = clusters.copy_cold(cluster).start()
    assert copy.value('show server_version_num').startswith(str(major))
    shadow.compare(copy, log.at())
    copy.check_pages()
    assert sum(len(rows) for rows in log.at().tables.values()) > 100


@pytest.mark.majors(15)
@pytest.mark.parametrize('statement', [
    'update shadow_accounts set amount = amount + 1 where id = (select min(id) from shadow_accounts)',
    'delete from shadow_events where id = (select max(id) from shadow_events)',
    "insert into shadow_documents values (-7, 0, '')",
    'drop table shadow_events',
])
def test_a_change_behind_the_log_is_noticed(clusters, story, statement):
    cluster, log = story
    copy = clusters.copy_cold(cluster).start()
    shadow.compare(copy, log.at())
    copy.sql(statement)
    with pytest.raises(shadow.Mismatch):
        shadow.compare(copy, log.at())


@pytest.mark.majors(15)
def test_another_moment_is_another_state(clusters, story):
    cluster, log = story
    copy = clusters.copy_cold(cluster).start()
    with pytest.raises(shadow.Mismatch):
        shadow.compare(copy, log.at(mark='late'))
    last = log.commits[-1]
    assert log.at(xid=last.xid) == log.at()
    assert log.at(xid=last.xid, inclusive=False) != log.at()
    assert log.at(time=last.time) == log.at()
    assert log.at(time=last.time, inclusive=False) == log.at(xid=last.xid, inclusive=False)
    with pytest.raises(ValueError):
        log.at(lsn='%X/%X' % (last.before >> 32, last.before & 0xffffffff))


@pytest.mark.majors(*pgcluster.STORY)
def test_a_flipped_bit_is_noticed(clusters, story, major):
    cluster, log = story
    copy = clusters.copy_cold(cluster).start()
    path = copy.data / copy.value("select pg_relation_filepath('shadow_accounts')")
    copy.stop()
    with open(path, 'r+b') as file:
        file.seek(8192 - 20)
        byte = file.read(1)[0]
        file.seek(8192 - 20)
        file.write(bytes([byte ^ 1]))
    copy.start()
    with pytest.raises(Exception, match='invalid page|checksum'):
        copy.check_pages()


@pytest.fixture
def archived(clusters, folder, major):
    """A cold copy, an archive of plain files made by cp, and the log of what happened after the copy."""
    archive = folder / 'archive'
    archive.mkdir()
    pgcluster.own_by_server_user(archive)
    cluster = clusters(major, conf={'archive_mode': 'on', 'archive_command': f"'cp %p {archive}/%f'"}).start()
    log = shadow.Shadow(cluster)
    log.create_tables()
    cluster.stop()
    base = clusters.copy_cold(cluster)
    cluster.start()
    with shadow.Workload(log, seed=major) as work:
        work.until_commits(80)
        log.mark('middle')
        work.until_commits(80)
    log.mark('before')
    log.accident('drop table shadow_events', 'shadow_events', 'dropped')
    segment = cluster.switch_wal()
    pgcluster.wait_until((archive / segment).exists, f'{segment} is archived')
    cluster.stop()
    return clusters, base, archive, log


def recovered(archived, settings):
    clusters, base, archive, _ = archived
    copy = clusters.copy_cold(base)
    copy.configure({'restore_command': f"'cp {archive}/%f %p'", 'archive_mode': 'off', 'recovery_target_action': 'promote',
                    **settings})
    subprocess.run(pgcluster.as_server_user('touch', copy.data / 'recovery.signal'), check=True)
    copy.start()
    copy.wait_for_recovery_end()
    return copy


@pytest.mark.majors(*pgcluster.STORY)
def test_the_log_knows_what_the_server_recovers(archived):
    log = archived[3]
    middle, commit = log.marks['middle'], log.commits[100]
    drop = log.commits[-1]
    cases = [
        ({'recovery_target_name': "'middle'"}, log.at(mark='middle')),
        ({'recovery_target_time': f"'{middle.time.isoformat()}'"}, log.at(time=middle.time)),
        ({'recovery_target_lsn': f"'{middle.lsn}'"}, log.at(lsn=middle.lsn)),
        ({'recovery_target_time': f"'{commit.time.isoformat()}'"}, log.at(time=commit.time)),
        ({'recovery_target_xid': f"'{commit.xid}'"}, log.at(xid=commit.xid)),
        ({'recovery_target_xid': f"'{drop.xid}'", 'recovery_target_inclusive': 'off'}, log.at(mark='before')),
        ({}, log.at()),
    ]
    assert log.at(mark='middle') == log.at(time=middle.time) == log.at(lsn=middle.lsn)
    for settings, state in cases:
        copy = recovered(archived, settings)
        shadow.compare(copy, state)
        copy.stop()


@pytest.mark.majors(*pgcluster.STORY)
def test_a_crash_leaves_one_of_the_possible_ends(clusters, major):
    cluster = clusters(major).start()
    log = shadow.Shadow(cluster)
    log.create_tables()
    with shadow.Workload(log, seed=major) as work:
        work.until_commits(50)
        cluster.crash()
    cluster.start()
    shadow.compare_any(cluster, log.possible_ends())
    cluster.check_pages()


@pytest.mark.majors(13, 15, 17, 18)
def test_the_other_programs_fit_the_servers(cluster, all_programs, major):
    programs = all_programs(major)
    name = cluster.value('select pg_walfile_name(pg_current_wal_lsn())')
    cluster.stop()
    done = subprocess.run(pgcluster.as_server_user(programs / 'pg_waldump', '-n', '3', cluster.data / 'pg_wal' / name), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, cwd='/')
    assert done.stdout.count('rmgr:') == 3, done
