"""What the tests of archive-push and archive-get share: a repository, a cluster that archives into it, copies that recover."""
import os
import pathlib
import shlex
import shutil
import subprocess

import pgcluster

BUILD = pathlib.Path(os.environ.get('PGSTRATA_BUILD', pathlib.Path(__file__).resolve().parents[2] / 'build'))


class Archive:
    """Repositories r1, r2, … below `folder`, owned by the server's user, and how to speak with them."""

    def __init__(self, pgstrata, folder, repos=1):
        self.pgstrata, self.folder = pgstrata, folder
        pgstrata.user = pgcluster.server_user()
        self.probe = shutil.copy2(BUILD / 'tests' / 'archive' / 'archive_probe', folder / 'archive_probe')
        self.urls = [folder / f'repo{i + 1}' for i in range(repos)]
        for name in ('state', 'repos'):
            (folder / name).mkdir()
            pgcluster.own_by_server_user(folder / name)
        self.urls = [folder / 'repos' / f'r{i + 1}' for i in range(repos)]

    def call_probe(self, *args):
        done = subprocess.run(pgcluster.as_server_user(self.probe, *map(str, args)), capture_output=True, text=True, cwd='/')
        assert done.returncode == 0, done.stderr

    def attach(self, cluster, **common):
        """Makes repositories and generation for the cluster and turns its archiving on (before its start)."""
        self.cluster = cluster
        common.setdefault('retry_timeout', '1s')
        self.pgstrata.configure({f'r{i + 1}': {'url': url} for i, url in enumerate(self.urls)},
                                {'main': {'pgdata': cluster.data}}, **common)
        self.call_probe('init', cluster.data, *self.urls)
        cluster.configure({'archive_mode': 'on', 'archive_command': self.command('archive-push', '%p'),
                           'restore_command': self.command('archive-get', '%f', '%p')})

    def command(self, *args):
        """A setting's value, quoted for postgresql.conf."""
        words = [word if word in ('%p', '%f') else shlex.quote(word) for word in self.pgstrata.argv(*args)]
        return "'" + ' '.join(words).replace("'", "''") + "'"

    def plan(self, data, role, start_lsn, timeline=1, end='none'):
        self.call_probe('plan', data, role, start_lsn, timeline, end, *self.urls)

    def objects(self, repo=0):
        """Names of the stored WAL files."""
        return sorted(path.name for path in self.urls[repo].glob('main/g*/wal/**/*') if path.is_file())

    def object(self, name, repo=0):
        """The path of the object of a WAL file."""
        found = [path for path in self.urls[repo].glob('main/g*/wal/**/*') if path.name in (name, name + '.wal')]
        return found[0] if found else None

    def has(self, name, repo=0):
        return self.object(name, repo) is not None

    def branches(self):
        return sorted(path.name for path in self.urls[0].glob('main/g*/branch/*'))

    def push(self, cluster, name, code=0):
        return self.pgstrata('archive-push', f'pg_wal/{name}', code=code, cwd=cluster.data)

    def get(self, data, name, path='pg_wal/RECOVERYXLOG', code=0, **options):
        return self.pgstrata('archive-get', name, path, code=code, cwd=data, **options)


def end_segment(archive, cluster):
    """Ends the current segment, waits until it is archived, and returns its name."""
    name = cluster.switch_wal()
    pgcluster.wait_until(lambda: archive.has(name), f'{name} is archived')
    return name


def base_copy(cluster, clusters):
    """A copy of the running cluster with its backup_label, as any base backup gives it. (data directory, start LSN)"""
    start, stop = ('pg_start_backup', 'pg_stop_backup') if cluster.major < 15 else ('pg_backup_start', 'pg_backup_stop')
    home = clusters.folder / f'copy{len([*clusters.folder.glob("copy*")])}'
    link = cluster.connect()
    with link.cursor() as cursor:
        cursor.execute(f"select {start}('test', true{', false' if cluster.major < 15 else ''})")
        start_lsn = cursor.fetchone()[0]
        # Files may vanish or grow meanwhile: cp -a says so and goes on.
        subprocess.run(['cp', '-a', cluster.data, home], check=False, stderr=subprocess.DEVNULL)
        cursor.execute(f"select labelfile from {stop}(false{', false' if cluster.major < 15 else ''})")
        label = cursor.fetchone()[0]
    link.close()
    for path in [home / 'postmaster.pid', home / 'postmaster.opts', *(home / 'pg_wal').glob('0*'),
                 *(home / 'pg_wal' / 'archive_status').glob('*')]:
        path.unlink(missing_ok=True)
    (home / 'backup_label').write_text(label)
    (home / 'log').unlink(missing_ok=True)
    pgcluster.own_by_server_user(home)
    return home, start_lsn


def recover_by_archive(archive, clusters, data, *, signal='recovery.signal', restore_command=None, settings=None):
    """Prepares the copy to recover, archiving off, and returns it as a cluster that is not started yet."""
    major = archive.cluster.major
    (data / signal).touch()
    pgcluster.own_by_server_user(data / signal)
    copy = clusters.adopt(major, data)
    copy.configure({'archive_mode': 'off', 'hot_standby': 'on',
                    'restore_command': restore_command or archive.command('archive-get', '%f', '%p'), **(settings or {})})
    return copy
