"""The room db/ against real servers: tests/db/db_probe.c, a primary and a standby for it to ask."""
import os
import pathlib
import shutil
import subprocess

import pytest

import pgcluster

HBA = '''local all all trust
local replication all trust
host all probe_secret 127.0.0.1/32 scram-sha-256
'''


@pytest.fixture
def primary(clusters, folder, major):
    cluster = clusters(major, segment_mb=1, conf={
        'password_encryption': "'scram-sha-256'", 'archive_mode': 'on', 'archive_command': "'true'",
        'checkpoint_timeout': '30min'})
    cluster.configure({'listen_addresses': "'127.0.0.1'"})
    (cluster.data / 'pg_hba.conf').write_text(HBA)
    subprocess.run(pgcluster.as_server_user('mkdir', folder / 'space', folder / 'scratch'), check=True)
    cluster.start()
    cluster.sql("create role probe_secret login password 'right'; create role probe_weak login; create role probe_unlisted login")
    cluster.sql(f"create tablespace probe_space location '{folder / 'space'}'")
    cluster.stop()
    return cluster


@pytest.fixture
def standby(clusters, primary):
    copy = clusters.copy_cold(primary)
    copy.configure({'primary_conninfo': f"'host={primary.run} port={primary.port} user=postgres'", 'archive_mode': 'off'})
    (copy.data / 'standby.signal').touch()
    primary.start()
    return copy.start()


@pytest.fixture
def probe(folder):
    """A copy of the test program where the server user may run it."""
    build = pathlib.Path(os.environ.get('PGSTRATA_BUILD', pathlib.Path(__file__).resolve().parents[2] / 'build'))
    return shutil.copy2(build / 'tests' / 'db' / 'db_probe', folder / 'db_probe')


@pytest.mark.majors(*pgcluster.EVERY)
def test_the_probe_passes(primary, standby, probe, folder, major):
    (folder / 'services').write_text(
        f'[probe]\nhost={primary.run}\nport={primary.port}\nuser=probe_weak\ndbname=template1\n')
    env = {'PATH': '/usr/sbin:/usr/bin:/bin', 'HOME': str(folder), 'PGSERVICEFILE': str(folder / 'services'),
           'PROBE_HOST': str(primary.run), 'PROBE_PORT': str(primary.port),
           'PROBE_STANDBY_HOST': str(standby.run), 'PROBE_STANDBY_PORT': str(standby.port),
           'PROBE_PGDATA': str(primary.data), 'PROBE_MAJOR': str(major), 'PROBE_SCRATCH': str(folder / 'scratch')}
    done = subprocess.run(pgcluster.as_server_user(probe), env=env, cwd='/', capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr + primary.log()[-2000:]
