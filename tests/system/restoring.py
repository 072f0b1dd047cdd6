"""What the tests of restore share: a protected cluster with a history, and restored copies of it."""
import contextlib
import os
import signal

import archiving
import backing_up
import pgcluster
import shadow


class Protected:
    """A running cluster that archives into a repository, with a shadow log of everything committed."""

    def __init__(self, pgstrata, clusters, major, repos=1, **options):
        self.pgstrata, self.clusters, self.major = pgstrata, clusters, major
        self.archive = archiving.Archive(pgstrata, clusters.folder, repos)
        self.cluster = clusters(major, **options)
        self.copies = 0
        self.archive.attach(self.cluster)
        self.configure(self.cluster)
        pgstrata.env['PATH'] = f'{self.cluster.programs}:{os.environ["PATH"]}'
        self.cluster.start()
        self.shadow = shadow.Shadow(self.cluster)
        self.shadow.create_tables()

    def configure(self, cluster, **common):
        """Tells the program which server is the cluster's. `common` settings go to [global]."""
        self.pgstrata.configure({f'r{i + 1}': {'url': url} for i, url in enumerate(self.archive.urls)},
                                {'main': {'pgdata': cluster.data, 'host': cluster.run, 'port': cluster.port,
                                          'user': 'postgres'}}, **{'retry_timeout': '1s', **common})

    def backup(self, *args, **options):
        self.pgstrata('backup', '--type=full', *args, **options)

    def begin_backup(self, *args):
        """Starts a backup, stops it in its tracks once it has begun to copy, and returns its process."""
        process = backing_up.begin(self.pgstrata, self.archive.urls[0], '--compress-level=9', *args)
        os.kill(process.pid, signal.SIGSTOP)
        assert process.poll() is None, process.communicate()
        return process

    def work(self, commits=40, seed=1):
        writers = shadow.Workload(self.shadow, seed=seed)
        writers.rows = getattr(self, 'rows', writers.rows)
        with writers:
            writers.until_commits(commits)
        self.rows = writers.rows

    def mark(self, name, commits=40, seed=1):
        """Work, and then a moment to come back to."""
        self.work(commits, seed)
        return self.shadow.mark(name)

    def archive_all(self):
        return archiving.end_segment(self.archive, self.cluster)

    def restore(self, *args, code=0, **options):
        """restore --to-dir into a new folder; the folder and the run."""
        self.copies += 1
        data = self.clusters.folder / f'restored{self.copies}'
        return data, self.pgstrata('restore', f'--to-dir={data}', *args, code=code, **options)

    def started(self, data):
        """Starts what was restored; a promoted one is waited for."""
        copy = self.clusters.adopt(self.major, data)
        copy.start()
        return copy

    def check(self, data, state):
        """The restored copy holds these rows, and its pages and indexes are sound."""
        copy = self.started(data)
        copy.wait_for_recovery_end()
        shadow.compare(copy, state)
        copy.check_pages()
        copy.stop()
        return copy


@contextlib.contextmanager
def stopped(cluster, mode='fast'):
    cluster.stop(mode)
    yield
    cluster.start()


def write_as_server_user(path, text):
    path.write_text(text)
    pgcluster.own_by_server_user(path)
