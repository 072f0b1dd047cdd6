"""What the tests of backup share: a cluster with repository and archive, backups of it, and copies made from them.

Copies are made by the independent reader, so that what backup wrote is judged by the written format alone.
"""
import os
import pathlib
import re
import subprocess
import sys

import archiving
import pgcluster

READER = pathlib.Path(__file__).resolve().parents[1] / 'spec' / 'reader.py'


class Backups:
    """Backups of one cluster into the first repository of an Archive."""

    def __init__(self, archive):
        self.archive, self.pgstrata, self.repo = archive, archive.pgstrata, archive.urls[0]

    def attach(self, cluster, **common):
        """As Archive.attach, and tells the program how to reach the server."""
        self.cluster = cluster
        self.archive.attach(cluster)
        self.configure(cluster, **common)

    def configure(self, cluster, pgdata=None, user='postgres', **common):
        settings = {'retry_timeout': '1s', 'archive_timeout': '20s', 'jobs': 2,
                    'lock_dir': self.archive.folder / 'state' / 'lock', **common}
        self.pgstrata.configure({'r1': {'url': self.repo}},
                                {'main': {'pgdata': pgdata or cluster.data, 'host': cluster.run, 'port': cluster.port,
                                          'user': user, 'dbname': 'postgres'}}, **settings)

    def make(self, *args, code=0):
        """Makes a backup and returns its label and the Run."""
        run = self.pgstrata('backup', '--type', 'full', *args, code=code)
        found = re.search(r'^backup (\d{8}-\d{6}F) done: ', run.out, re.M)
        return found and found[1], run

    def begin(self, *args, type='full'):
        return begin(self.pgstrata, self.repo, '--type', type, *args)

    def committed(self):
        """Labels of the backups that exist."""
        return sorted(path.parent.name for path in self.repo.glob('main/g1/backup/*/backup'))

    def read(self, *args):
        """The independent reader's answer about the repository."""
        done = subprocess.run([sys.executable, READER, self.repo, *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def copy(self, label, clusters, data=None):
        """The backup's files in a new data directory, as a path."""
        data = data or clusters.folder / f'copy{len(clusters.made)}'
        self.read('restore', 'main/g1', label, data)
        data.chmod(0o700)
        pgcluster.own_by_server_user(data)
        return data

    def recovered(self, label, clusters, data=None, **options):
        """The backup as a running server that has recovered all that the archive has."""
        copy = archiving.recover_by_archive(self.archive, clusters, self.copy(label, clusters, data), **options)
        copy.start()
        copy.wait_for_recovery_end()
        return copy


def begin(pgstrata, repo, *args):
    """Starts a backup and returns its process once it has begun to copy."""
    had = set(repo.glob('main/g1/backup/*/begin'))
    user = pgcluster.server_user() if os.geteuid() == 0 else None
    options = {'user': user, 'group': user, 'extra_groups': []} if user else {}
    process = subprocess.Popen(pgstrata.argv('backup', *args), text=True, cwd='/', stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**pgcluster.clean_environment(), **pgstrata.env}, **options)
    pgcluster.wait_until(lambda: set(repo.glob('main/g1/backup/*/begin')) - had or process.poll() is not None,
                         'the backup has begun', step_s=0.002)      # it may be over soon
    assert process.poll() is None, process.communicate()
    return process


def ballast(cluster, gigabytes=16):
    """A file without content that takes seconds to read, so that a backup can be met while it copies."""
    path = cluster.data / 'ballast'
    path.touch(0o600)
    pgcluster.own_by_server_user(path)
    os.truncate(path, gigabytes << 30)
    return path


def sessions(cluster):
    """Sessions other than the one that asks. A session that ends takes its backup mode with it."""
    return cluster.value("select count(*) from pg_stat_activity where backend_type = 'client backend'"
                         ' and pid <> pg_backend_pid()')
