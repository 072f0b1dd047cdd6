"""setup: from nothing to a proven archive, again and again, and what it says when it cannot."""
import json
import os
import shutil
import subprocess
import time

import pytest

import pgcluster

pytestmark = pytest.mark.majors(*pgcluster.EVERY)


class Place:
    """A running server that nobody archives yet, and where its protection shall go."""

    def __init__(self, pgstrata, folder, cluster):
        self.pgstrata, self.folder, self.cluster = pgstrata, folder, cluster
        self.home = folder / 'protected'
        self.home.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.home, pgcluster.server_user())
        pgstrata.conf = self.home / 'pgstrata.conf'
        self.repo = self.home / 'repository'

    def setup(self, *args, **options):
        return self.pgstrata('setup', f'--pgdata={self.cluster.data}', f'--repo-url={self.repo}', '--user=postgres',
                             f'--state-dir={self.home / "state"}', '--archive-timeout=20s', *args, **options)


@pytest.fixture
def place(pgstrata, folder, cluster):
    return Place(pgstrata, folder, cluster)


def owners(path):
    return {entry.owner() for entry in [path, *path.rglob('*')]}


def listing(*folders):
    return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for folder in folders for path in folder.rglob('*')
                  if 'pg_stat' not in str(path) and path.name not in ('postmaster.pid', 'server.log'))


def test_setup__protects_a_server_from_nothing(place):
    run = place.setup('--restart')
    assert 'was archived by the server and found in every repository' in run.out
    assert place.cluster.value('show archive_mode') == 'on'
    assert place.cluster.value('show archive_timeout') == '1min'
    command = place.cluster.value('show archive_command')
    assert f'--config={place.home}/pgstrata.conf --cluster=main archive-push %p' in command
    assert owners(place.repo) == {pgcluster.server_user()}
    again = place.setup()
    assert 'nothing had to be changed' in again.out and 'was archived by the server' in again.out
    # Without options everything comes from the configuration.
    assert 'nothing had to be changed' in place.pgstrata('setup').out
    place.pgstrata('backup')


@pytest.mark.majors(15)
@pytest.mark.parametrize('told, code', [('{name}', 0), ('./{name}/', 0), ('../{parent}/{name}', 7)])
def test_setup__restarts_a_server_that_was_told_a_relative_folder(place, told, code):
    """pg_ctl gives a server the words of its last start once more: from another folder they mean another data directory."""
    data = place.cluster.data
    told = told.format(name=data.name, parent=data.parent.name)
    place.cluster.stop()
    options = ' '.join(f"-c {name}='{value}'" for name, value in place.cluster.overrides.items())
    pgcluster.started.add(place.cluster)
    subprocess.run(pgcluster.as_server_user(place.cluster.programs / 'pg_ctl', '-D', told, '-l', place.cluster.log_file, '-w', '-o', options,
                                            'start'), cwd=data.parent, check=True, stdout=subprocess.DEVNULL)
    run = place.setup('--restart', code=code)
    if code:
        assert f'was started with the relative data directory "{told}"' in run.err and 'restart it by hand' in run.err
        assert place.cluster.value('select 1') == 1
    else:
        assert place.cluster.value('show archive_mode') == 'on'


def test_setup__works_as_the_owner(place):
    place.setup('--restart', user=pgcluster.server_user())
    assert 'nothing had to be changed' in place.setup(user=pgcluster.server_user()).out
    assert 'nothing had to be changed' in place.setup().out


def test_setup__changes_nothing_in_a_dry_run(place):
    place.cluster.sql('checkpoint')
    settings = 'select name, setting, sourcefile from pg_settings order by 1'
    before = listing(place.folder), place.cluster.sql(settings)
    run = place.setup('--dry-run', '--restart')
    for word in ('archive_mode', 'archive_command', '[repo main]', '[cluster main]', 'restart',
                 f'folder: {place.home}/state would be made for state', f'folder: {place.home}/state/spool would be made',
                 f'folder: {place.home}/state/lock would be made'):
        assert word in run.out
    assert (listing(place.folder), place.cluster.sql(settings)) == before


def test_setup__leaves_the_restart_to_people(place):
    run = place.setup(code=3)
    assert 'restart' in run.err
    assert place.cluster.value('show archive_mode') == 'off'
    place.cluster.restart()
    assert 'was archived by the server' in place.setup().out


# ---- what it refuses, and how it says so (one major is as good as another)

@pytest.mark.majors(15)
class TestRefusals:
    def test_setup__keeps_an_archive_command_that_is_not_ours(self, place):
        place.cluster.sql("alter system set archive_command = 'cp %p /tmp/elsewhere/%f'")
        place.cluster.reload()
        run = place.setup('--restart', code=7)
        assert 'cp %p /tmp/elsewhere/%f' in run.err and '--replace' in run.err
        assert not place.repo.exists() and not place.pgstrata.conf.exists()
        place.setup('--restart', '--replace')
        assert 'archive-push' in place.cluster.value('show archive_command')

    def test_setup__gives_a_new_cluster_a_new_generation(self, place, clusters, major):
        place.setup('--restart')
        place.cluster.stop()
        other = clusters(major).start()
        # The same place with another cluster in it, as after initdb or pg_upgrade.
        other.stop()
        shutil.rmtree(place.cluster.data)
        shutil.copytree(other.data, place.cluster.data, symlinks=True)
        for path in [place.cluster.data, *place.cluster.data.rglob('*')]:
            if os.geteuid() == 0:
                shutil.chown(path, pgcluster.server_user(), pgcluster.server_user())
        place.cluster.data.chmod(0o700)
        place.cluster.configure({'port': place.cluster.port, 'unix_socket_directories': f"'{place.cluster.run}'"})
        place.cluster.start()
        run = place.setup('--restart')
        assert 'generation 2 of cluster "main" begun' in run.out

    def test_setup__says_what_it_did_not_find(self, place, folder):
        run = place.pgstrata('setup', f'--pgdata={folder / "nowhere"}', f'--repo-url={place.repo}', code=1)
        assert str(folder / 'nowhere') in run.err
        place.cluster.stop()
        run = place.setup(code=1)
        assert 'no PostgreSQL server runs in' in run.err

    def test_setup__names_the_line_that_contradicts(self, place):
        place.setup('--restart')
        before = place.pgstrata.conf.read_text()
        run = place.pgstrata('setup', f'--pgdata={place.cluster.data}', f'--repo-url={place.home / "other"}', code=2)
        assert f'{place.pgstrata.conf}:' in run.err and str(place.repo) in run.err
        assert place.pgstrata.conf.read_text() == before

    def test_setup__takes_options_of_one_run(self, place):
        place.setup('--restart')
        before = place.pgstrata.conf.read_text()
        assert 'nothing had to be changed' in place.pgstrata('setup', '--retry-timeout=1s', '--archive-timeout=30s', '--rpo=300s').out
        run = place.pgstrata('setup', '--rpo=1h', code=2)
        assert 'section [cluster main] has no rpo, and "1h" was found or asked for' in run.err
        assert place.pgstrata.conf.read_text() == before

    def test_setup__keeps_a_configuration_that_is_a_link(self, place):
        kept = place.home / 'kept' / 'real.conf'
        kept.parent.mkdir()
        kept.write_text('# ours\n')
        place.pgstrata.conf.symlink_to(kept)
        place.setup('--restart')
        assert place.pgstrata.conf.is_symlink() and kept.read_text().startswith('# ours\n')
        assert '[cluster main]' in kept.read_text()

    def test_setup__finds_servers_that_do_not_fit_together(self, place, clusters, major):
        other = clusters(major).start()
        run = place.setup(f'--host={other.run}', f'--port={other.port}', code=2)
        assert str(other.data) in run.err and str(place.cluster.data) in run.err

    def test_setup__protects_with_two_repositories(self, place):
        other = place.home / 'second'
        place.pgstrata.conf.write_text(f'[repo here]\nurl = {place.repo}\n[repo there]\nurl = {other}\n')
        args = f'--pgdata={place.cluster.data}', '--user=postgres', f'--state-dir={place.home / "state"}', '--restart'
        assert 'found in every repository' in place.pgstrata('setup', *args).out
        for repo in (place.repo, other):
            assert list(repo.rglob('*.wal')), repo

    def test_setup__adds_a_cluster_and_a_repository(self, place, clusters, major):
        place.setup('--restart')
        other, conf = clusters(major).start(), place.pgstrata.conf
        args = ('setup', f'--pgdata={other.data}', '--cluster=second', '--restart', '--user=postgres',
                f'--state-dir={place.home / "state"}', '--archive-timeout=20s')
        assert 'found in every repository' in place.pgstrata(*args).out
        assert '[cluster second]' in conf.read_text() and conf.read_text().count('[repo ') == 1
        # The new repository would be one more for every cluster that chooses none: archiving would stop there.
        args = [*args[:2], '--cluster=third', f'--repo-url={place.home / "elsewhere"}', '--repo=fresh', *args[3:]]
        before = conf.read_text()
        assert 'repo = main' in place.pgstrata(*args, code=2).err and conf.read_text() == before
        conf.write_text(before.replace('[cluster main]', '[cluster main]\nrepo = main')
                        .replace('[cluster second]', '[cluster second]\nrepo = main'))
        assert 'found in every repository' in place.pgstrata(*args, '--replace').out
        assert 'repo = fresh' in conf.read_text() and 'found in every repository' in place.setup().out

    def test_setup__makes_no_second_repository_where_a_disk_is_away(self, place):
        place.setup('--restart')
        place.repo.rename(place.home / 'away')
        place.repo.mkdir()
        conf = place.pgstrata.conf
        for rpo in ('', '\nrpo = 20s'):  # also where a setting has to be changed
            conf.write_text(conf.read_text().replace('[cluster main]', '[cluster main]' + rpo))
            run = place.setup(code=7)
            assert 'is the right disk mounted?' in run.err and '--yes' in run.err
            assert not list(place.repo.iterdir())
        assert 'repository: created' in place.setup('--yes').out

    def test_setup__quotes_for_shell_and_server(self, place):
        odd = place.home / "it's 100%f odd"
        odd.mkdir()
        if os.geteuid() == 0:
            shutil.chown(odd, pgcluster.server_user())
        place.pgstrata.conf, place.repo = odd / 'a b.conf', odd / 'repository'
        assert 'found in every repository' in place.setup('--restart').out
        assert 'nothing had to be changed' in place.setup().out

    def test_setup__needs_a_repository(self, place):
        run = place.pgstrata('setup', f'--pgdata={place.cluster.data}', code=2)
        assert 'no repository is configured' in run.err

    def test_setup__takes_a_relative_configuration_file(self, place):
        place.setup('--restart')
        place.pgstrata.conf = place.pgstrata.conf.name
        assert 'nothing had to be changed' in place.pgstrata('setup', cwd=place.home).out

    def test_setup__keeps_what_a_person_wrote(self, place):
        place.pgstrata.conf.write_text('# mine\n[global]\njobs = 2\n')
        place.setup('--restart')
        text = place.pgstrata.conf.read_text()
        assert text.startswith('# mine\n[global]\njobs = 2\n') and '[cluster main]' in text

    def test_setup__names_the_role_that_may_not(self, place):
        place.cluster.sql('create role nobody login')
        run = place.setup('--user=nobody', code=1)
        assert 'pg_monitor' in run.err or 'GRANT' in run.err
        place.cluster.sql('grant pg_monitor to nobody')
        run = place.setup('--user=nobody', '--restart', code=1)
        assert 'ALTER SYSTEM' in run.err

    def test_setup__names_a_wrong_password(self, place):
        place.cluster.sql("create role keeper superuser login password 'right'")
        (place.cluster.data / 'pg_hba.conf').write_text('local all keeper scram-sha-256\nlocal all all trust\n')
        place.cluster.reload()
        run = place.setup('--user=keeper', '--restart', env={'PGPASSWORD': 'wrong'}, code=1)
        assert 'password' in run.err and 'wrong' not in run.err.replace('wrong password', '')
        place.setup('--user=keeper', '--restart', env={'PGPASSWORD': 'right'})

    def test_setup__names_what_pg_hba_refuses(self, place):
        hba = place.cluster.data / 'pg_hba.conf'
        hba.write_text('local all all reject\n')
        place.cluster.reload()
        assert 'pg_hba.conf' in place.setup(code=1).err

    def test_setup__says_what_a_standby_needs_instead(self, place):
        place.cluster.stop()
        place.cluster.configure({'hot_standby': 'on', 'restore_command': "'/bin/false'"})
        (place.cluster.data / 'standby.signal').touch()
        if os.geteuid() == 0:
            shutil.chown(place.cluster.data / 'standby.signal', pgcluster.server_user())
        place.cluster.start()
        before = listing(place.home)
        run = place.setup('--restart', code=1)
        assert 'is a standby: its WAL is the primary' in run.err and 'A standby needs no setup' in run.err
        assert 'run setup on the primary' in run.err and listing(place.home) == before

    @pytest.mark.skipif(os.geteuid() != 0, reason='only root can make a folder that the server user may not write in')
    def test_setup__names_the_user_that_may_not_write(self, place):
        place.repo.mkdir(mode=0o755)
        (place.repo / 'other').mkdir()
        run = place.setup('--restart', code=None)
        assert run.code not in (0, 3) and pgcluster.server_user() in run.err and str(place.repo) in run.err


def archiving(place):
    place.setup('--restart')
    return place.pgstrata


# ---- check

@pytest.mark.majors(13, 15, 18)
class TestCheck:
    def test_check__is_content_after_setup_and_a_backup(self, place):
        pgstrata = archiving(place)
        run = pgstrata('check', code=3)
        assert 'there is no backup' in run.out
        quiet = pgstrata('check', '--quiet', code=3).out.splitlines()
        assert len(quiet) == 1 and quiet[0].startswith('warn  backup') and quiet[0] in run.out
        pgstrata('backup')
        run = pgstrata('check')
        assert 'fail' not in run.out and 'warn' not in run.out
        assert 'was found in every repository' in run.out
        assert pgstrata('check', '--quiet').out == ''

    @pytest.mark.skipif(os.geteuid() != 0, reason='only root may look at clusters of several owners')
    def test_check__goes_through_clusters_of_several_owners(self, place):
        place.setup('--restart')
        other, conf = place.home / 'other', place.pgstrata.conf
        other.mkdir()
        shutil.chown(other, 'nobody')
        conf.write_text(conf.read_text().replace('[cluster main]', f'[cluster aside]\npgdata = {other}\n[cluster main]'))
        run = place.pgstrata('check', '--archive-timeout=20s', code=None)
        first, second = run.out.split('cluster main\n')
        assert 'cluster aside' in first and 'was found in every repository' in second

    def test_check__tells_machines(self, place):
        pgstrata = archiving(place)
        pgstrata('backup')
        document = json.loads(pgstrata('check', '--output=json').out)
        verdicts = {check['name']: check['verdict'] for check in document['clusters'][0]['checks']}
        assert verdicts['archiving'] == verdicts['server'] == verdicts['freshness'] == 'ok'


@pytest.mark.majors(15)
class TestCheckFinds:
    def test_check__an_archive_command_that_fails(self, place):
        pgstrata = archiving(place)
        place.cluster.sql("alter system set archive_command = 'echo no luck today; false'")
        place.cluster.reload()
        run = pgstrata('check', '--archive-timeout=5s', code=1)
        assert 'did not arrive' in run.err and 'no luck today' in run.err and 'exit status 1' in run.err

    def test_check__an_archive_command_that_lies(self, place):
        pgstrata = archiving(place)
        place.cluster.sql("alter system set archive_command = '/bin/true'")
        place.cluster.reload()
        run = pgstrata('check', '--archive-timeout=3s', code=1)
        assert 'the server believes that all is archived' in run.err and '/bin/true' in run.err

    def test_check__work_that_is_not_safe(self, place):
        pgstrata = archiving(place)
        pgstrata('backup')
        place.cluster.sql("alter system set archive_command = ''")
        place.cluster.reload()
        place.cluster.sql('create table work as select 1 as id')
        time.sleep(2.5)
        run = pgstrata('check', '--rpo=1s', '--archive-timeout=2s', code=None)
        assert 'is not safe' in run.out and 'fail  freshness' in run.out

    def test_check__a_file_that_is_stuck(self, place):
        pgstrata = archiving(place)
        pgstrata('backup')
        # Content that does not belong under its name: refused for ever, and everything behind it waits.
        stuck = place.cluster.data / 'pg_wal' / '000000010000000000000001.partial'
        ready = place.cluster.data / 'pg_wal' / 'archive_status' / f'{stuck.name}.ready'
        for path, text in ((stuck, b'no WAL'), (ready, b'')):
            path.write_bytes(text)
            if os.geteuid() == 0:
                shutil.chown(path, pgcluster.server_user())
        run = pgstrata('check', '--archive-timeout=10s', code=1)
        assert f'the first is {stuck.name}' in run.err

    def test_check__a_server_that_is_gone(self, place):
        pgstrata = archiving(place)
        place.cluster.stop()
        assert 'fail  server' in pgstrata('check', code=10).out

    def test_check__a_repository_that_is_gone(self, place):
        pgstrata = archiving(place)
        place.repo.rename(place.home / 'elsewhere')
        assert 'fail  repository' in pgstrata('check', '--retry-timeout=1s', code=9).out

    @pytest.mark.skipif(os.geteuid() != 0, reason='only root can take a folder away from the server user')
    def test_check__a_repository_that_may_not_be_written(self, place):
        pgstrata = archiving(place)
        os.chown(place.repo, 0, 0)
        place.repo.chmod(0o755)
        run = pgstrata('check', '--archive-timeout=2s', code=None)
        assert run.code != 0 and 'fail  permission' in run.out and 'uid' in run.out

    @pytest.mark.skipif(os.geteuid() != 0, reason='only root can mount a small file system')
    def test_check__a_repository_with_little_room(self, place):
        place.repo.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=120m', 'none', place.repo], check=True)
        try:
            pgstrata = archiving(place)
            assert 'ok    room' in pgstrata('check', code=3).out
            (place.home / 'repository' / 'filler').write_bytes(bytes(70 << 20))
            run = pgstrata('check', code=3)
            assert 'warn  room' in run.out and 'may need 67.1 MB' in run.out
        finally:
            subprocess.run(['umount', '--lazy', place.repo], check=True)

    def test_check__the_marker_of_a_clone(self, place):
        pgstrata = archiving(place)
        (place.cluster.data / 'pgstrata.clone').write_text('')
        run = pgstrata('check', '--archive-timeout=2s', code=7)
        assert 'fail  markers' in run.out
