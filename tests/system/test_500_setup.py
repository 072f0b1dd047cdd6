"""setup: from nothing to a proven archive, again and again, and what it says when it cannot."""
import os
import shutil

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


def test_setup__works_as_the_owner(place):
    place.setup('--restart', user=pgcluster.server_user())
    assert 'nothing had to be changed' in place.setup(user=pgcluster.server_user()).out
    assert 'nothing had to be changed' in place.setup().out


def test_setup__changes_nothing_in_a_dry_run(place):
    place.cluster.sql('checkpoint')
    settings = 'select name, setting, sourcefile from pg_settings order by 1'
    before = listing(place.folder), place.cluster.sql(settings)
    run = place.setup('--dry-run', '--restart')
    for word in ('archive_mode', 'archive_command', '[repo main]', '[cluster main]', 'restart'):
        assert word in run.out
    assert (listing(place.folder), place.cluster.sql(settings)) == before


def test_setup__leaves_the_restart_to_people(place):
    run = place.setup(code=3)
    assert 'restart' in run.err
    assert place.cluster.value('show archive_mode') == 'off'
    place.cluster.restart()
    assert 'was archived by the server' in place.setup().out
