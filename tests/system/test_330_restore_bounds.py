"""restore at its bounds: other majors, root, full disks, links in the way, what --dry-run says."""
import os
import re
import subprocess

import pytest

import pgcluster
import restoring


def made(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    story.work()
    story.backup()
    story.mark('here')
    return story


@pytest.mark.majors(14, 16, 17)
def test_a_round_trip(pgstrata, clusters, major):
    story = made(pgstrata, clusters, major)
    story.work(seed=2)
    story.archive_all()
    data, _ = story.restore('--target-name=here')
    story.check(data, story.shadow.at(mark='here'))


@pytest.fixture
def story(pgstrata, clusters, major):
    story = made(pgstrata, clusters, major)
    story.archive_all()
    return story


@pytest.mark.majors(15)
def test_a_dry_run_changes_nothing_and_says_all(story):
    data, run = story.restore('--dry-run', '--target-name=here')
    assert not data.exists()
    for word in ('backup: 2', 'WAL: ', 'asked restore point "here"', 'it may take'):
        assert word in run.out, run


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root becomes somebody else')
def test_root_becomes_the_servers_user(story):
    data, _ = story.restore(user='root')
    assert {path.owner() for path in data.rglob('*')} == {pgcluster.server_user()}
    story.check(data, story.shadow.at())


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root mounts')
def test_a_full_disk_leaves_no_cluster(story):
    data = story.clusters.folder / 'small'
    data.mkdir()
    # There is room for the bytes, which is looked at before, and not for all the names.
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m,nr_inodes=400', 'tmpfs', data], check=True)
    try:
        pgcluster.own_by_server_user(data)
        data.chmod(0o700)
        run = story.pgstrata('restore', f'--to-dir={data}', code=1)
        assert 'No space left' in run.err
        assert not (data / 'global' / 'pg_control').exists()
    finally:
        subprocess.run(['umount', data], check=True)


@pytest.mark.majors(15)
def test_a_link_in_the_way_is_never_written_through(story):
    data, _ = story.restore()
    outside = story.clusters.folder / 'outside'
    outside.mkdir()
    pgcluster.own_by_server_user(outside)
    subprocess.run(pgcluster.as_server_user('mv', data / 'base', data / 'base.moved'), check=True)
    subprocess.run(pgcluster.as_server_user('ln', '-s', outside, data / 'base'), check=True)
    version = data / 'PG_VERSION'
    subprocess.run(pgcluster.as_server_user('rm', version), check=True)
    subprocess.run(pgcluster.as_server_user('ln', '-s', outside / 'victim', version), check=True)
    story.pgstrata('restore', f'--to-dir={data}', '--delta', '--yes')
    assert not list(outside.iterdir())
    assert not (data / 'base').is_symlink() and not version.is_symlink()
    story.check(data, story.shadow.at())


@pytest.mark.majors(13, 15, 18)
def test_a_stopped_servers_backup_starts_again(pgstrata, clusters, major):
    story = restoring.Protected(pgstrata, clusters, major)
    story.work()
    story.cluster.stop()
    story.pgstrata('backup', '--offline')
    for segment in story.archive.urls[0].glob('main/g*/wal/*/*/*.wal'):
        segment.unlink()
    data, _ = story.restore()
    copy = story.started(data)
    assert not copy.value('select pg_is_in_recovery()')
    restoring.shadow.compare(copy, story.shadow.at())
    copy.check_pages()


@pytest.mark.majors(15)
def test_configuration_from_elsewhere_is_copied_into_a_clone(pgstrata, clusters, major):
    """Debian keeps postgresql.conf, pg_hba.conf and pg_ident.conf outside of the data directory."""
    story = restoring.Protected(pgstrata, clusters, major)
    outside = clusters.folder / 'etc'
    outside.mkdir()
    pgcluster.own_by_server_user(outside)
    cluster = story.cluster
    cluster.stop()
    for name in ('postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'):
        subprocess.run(pgcluster.as_server_user('mv', cluster.data / name, outside / name), check=True)
    with open(outside / 'postgresql.conf', 'a') as conf:
        conf.write(f"data_directory = '{cluster.data}'\nhba_file = '{outside}/pg_hba.conf'\n"
                   f"ident_file = '{outside}/pg_ident.conf'\nexternal_pid_file = '{outside}/main.pid'\n")
    cluster.overrides = {'config_file': outside / 'postgresql.conf'}
    cluster.start()
    story.backup()
    story.work(seed=2)
    story.archive_all()
    data, _ = story.restore()
    assert '\ndata_directory' not in (data / 'postgresql.conf').read_text()
    story.check(data, story.shadow.at())


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root can mount a small file system')
def test_room_is_looked_at_before_anything_is_copied(pgstrata, clusters, major):
    """Blocks of zeros take no room, and what is restored over gives it back."""
    story = restoring.Protected(pgstrata, clusters, major)
    hole = story.cluster.data / 'hole'
    hole.touch(0o600)
    os.truncate(hole, 1 << 30)
    pgcluster.own_by_server_user(hole)
    story.backup()
    story.archive_all()
    small = clusters.folder / 'small'
    small.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=40m', 'none', small], check=True)
    try:
        pgcluster.own_by_server_user(small)
        filler = small / 'filler'
        filler.write_bytes(bytes(20 << 20))
        for args in ([], ['--dry-run']):
            run = story.pgstrata('restore', f'--to-dir={small}/copy', *args, code=7)
            assert re.search(rf'takes 2\d\.\d MB in {small}/copy, where 2\d\.\d MB are free', run.err), run
            assert not (small / 'copy').exists()
        filler.unlink()
        run = story.pgstrata('restore', f'--to-dir={small}/copy')
        assert 'room: at most 2' in run.out and f'are free at {small}/copy' in run.out
        story.pgstrata('restore', f'--to-dir={small}/copy', '--delta', '--yes')
    finally:
        subprocess.run(['umount', '-l', small], check=True)
