#!/usr/bin/python3
"""Measures pgstrata beside pgBackRest, pg_basebackup and the floors on one cluster, in one run.

    bench.py --pgstrata build/src/pgstrata [--scale 1] [--runs 5] [--only full,restore,…] [--work FOLDER] [--report FILE]

Needs root (servers run as postgres), PostgreSQL 15 and pgBackRest from Debian. Everything lives below --work and is
removed at the end unless --keep is given.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

from cluster import BIN, OWNER, Cluster, as_owner, owned_folder
from measure import Contestant, drop_caches, folder_bytes, race, table

PORT = 55440


class Bench:
    def __init__(self, arguments):
        self.args = arguments
        self.work = owned_folder(arguments.work)
        self.work.chmod(0o755)
        self.cluster = Cluster(self.work / 'cluster', PORT)
        self.results = []
        self.program = pathlib.Path(arguments.pgstrata).resolve()

    # -- the two programs' configurations -------------------------------------------------------------------------

    def pgstrata(self, *argv, name='main'):
        return [self.program, '--config', self.work / 'pgstrata.conf', '--cluster', name, *argv]

    def pgbackrest(self, *argv, level=1):
        return ['pgbackrest', '--config', self.work / f'pgbackrest-{level}.conf', '--stanza=main', *argv]

    def configure(self):
        for level in (1, 3):
            repo = self.work / f'pgbackrest-repo-{level}'
            owned_folder(repo)
            (self.work / f'pgbackrest-{level}.conf').write_text(f'''[global]
repo1-path={repo}
repo1-bundle=y
repo1-retention-full=99
compress-type=zst
compress-level={level}
process-max=2
log-level-file=off
log-level-console=warn
lock-path={self.work}/lock
spool-path={self.work}/spool
start-fast=y
archive-check=n
archive-copy=n
[main]
pg1-path={self.cluster.data}
pg1-port={PORT}
pg1-socket-path={self.cluster.folder}
''')
        (self.work / 'pgstrata.conf').write_text(f'''[global]
jobs = 2
compress = zstd
state-dir = {self.work}/state
lock-dir = {self.work}/lock
spool-dir = {self.work}/spool
[repo main]
url = {self.work}/pgstrata-repo
[cluster main]
pgdata = {self.cluster.data}
host = {self.cluster.folder}
port = {PORT}
''')
        for folder in ('lock', 'spool', 'state'):
            owned_folder(self.work / folder)

    def prepare(self):
        """The cluster, archived by pgstrata (level 1); pgBackRest keeps its own repository beside it."""
        self.configure()
        self.cluster.create()
        self.cluster.set("archive_mode = on\narchive_command = '/bin/true'\nwal_level = replica\n")
        self.cluster.start()
        print(f'filling the cluster (scale {self.args.scale})')
        print(f'  {self.cluster.fill(self.args.scale) / 1e9:.2f} GB')
        for level in (1, 3):
            as_owner(*self.pgbackrest('stanza-create', level=level))
        owned_folder(self.work / 'pgstrata-repo')
        as_owner(*self.pgstrata('setup', '--replace'))
        self.cluster.sql('select pg_switch_wal()')

    # -- races ----------------------------------------------------------------------------------------------------

    def fresh(self, folder):
        def again():
            shutil.rmtree(folder, ignore_errors=True)
        return again

    def full(self):
        base = self.work / 'basebackup'
        stored1 = self.work / 'pgbackrest-repo-1/backup'

        def forget():
            for backup in (self.work / 'pgstrata-repo').glob('main/g*/backup/*'):
                shutil.rmtree(backup)

        def forget_rest(level):
            return lambda: subprocess.run(self.pgbackrest('expire', '--repo1-retention-full=1', level=level), check=False,
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=OWNER)

        contestants = [
            Contestant('pgstrata zstd 1', self.pgstrata('backup', '--type', 'full'), forget, user=OWNER,
                       stored=lambda: folder_bytes(self.work / 'pgstrata-repo/main/g1/backup')),
            Contestant('pgBackRest zst 1', self.pgbackrest('backup', '--type=full'),
                       forget_rest(1), user=OWNER, stored=lambda: folder_bytes(stored1 / 'main/latest/')),
            Contestant('pgstrata zstd 3', self.pgstrata('backup', '--type', 'full', '--compress-level', '3'), forget, user=OWNER),
            Contestant('pgBackRest zst 3', self.pgbackrest('backup', '--type=full', level=3), forget_rest(3), user=OWNER),
            Contestant('pg_basebackup -X none, zstd 1', [BIN / 'pg_basebackup', '-h', self.cluster.folder, '-p', PORT, '-D', base, '-Ft',
                       '-X', 'none', '-c', 'fast', '--compress=client-zstd:1'], self.fresh(base), user=OWNER,
                       stored=lambda: folder_bytes(base)),
            Contestant('floor: tar | zstd -1 -T2', ['sh', '-c', f'tar cf - -C {self.cluster.data} --exclude=./pg_wal . 2>/dev/null | '
                       f'zstd -q -1 -T2 -o {self.work}/floor.tar.zst -f'],
                       stored=lambda: (self.work / 'floor.tar.zst').stat().st_size),
        ]
        self.add(race('full backup, warm', contestants, self.args.runs))

    def restore(self):
        as_owner(*self.pgstrata('backup', '--type', 'full'))
        as_owner(*self.pgbackrest('backup', '--type=full'))
        ours, theirs, copy = (self.work / n for n in ('restored', 'restored-pgbackrest', 'copied'))

        def cold(folder):
            def again():
                shutil.rmtree(folder, ignore_errors=True)
                drop_caches()
            return again

        def cold_owned(folder):
            def again():
                shutil.rmtree(folder, ignore_errors=True)
                owned_folder(folder)
                drop_caches()
            return again

        self.add(race('restore, cold source', [
            Contestant('pgstrata', self.pgstrata('restore', '--to-dir', ours, '--target-immediate'), cold(ours), user=OWNER),
            Contestant('pgBackRest', self.pgbackrest('restore', f'--pg1-path={theirs}', '--type=none'), cold_owned(theirs), user=OWNER),
            Contestant('floor: cp -a, sync', ['sh', '-c', f'cp -a {self.cluster.data} {copy} && sync'], cold(copy)),
        ], self.args.runs))

    def archive(self):
        """A segment of real work, pushed and fetched again; each run with a new repository key."""
        self.cluster.sql('create table if not exists w (i int, t text); insert into w select i, md5(i::text) from generate_series(1,200000) i')
        name = self.cluster.sql('select pg_walfile_name(pg_switch_wal())')
        segment = self.cluster.data / 'pg_wal' / name
        kept = self.work / name
        shutil.copy(segment, kept)
        shutil.chown(kept, OWNER, OWNER)
        object_glob = lambda: list((self.work / 'pgstrata-repo').glob(f'main/g*/wal/*/*/{name}.wal'))
        got = self.work / 'got'

        def forget_ours():
            for path in object_glob():
                path.unlink()
            for path in (self.work / 'spool').rglob('*'):
                if path.is_file():
                    path.unlink()

        def forget_theirs():
            for path in (self.work / 'pgbackrest-repo-1/archive').rglob(f'{name}-*'):
                path.unlink()

        inside = ['sh', '-c', 'cd "$0" && exec "$@"', self.cluster.data]
        self.add(race('archive-push, one segment of 16 MB', [
            Contestant('pgstrata', inside + self.pgstrata('archive-push', f'pg_wal/{name}'), forget_ours, user=OWNER,
                       stored=lambda: object_glob()[0].stat().st_size),
            Contestant('pgBackRest', inside + self.pgbackrest('archive-push', f'pg_wal/{name}'), forget_theirs, user=OWNER),
        ], self.args.runs * 4))
        self.add(race('archive-get, one segment of 16 MB', [
            Contestant('pgstrata', inside + self.pgstrata('archive-get', name, got), self.fresh_file(got), user=OWNER),
            Contestant('pgBackRest', inside + self.pgbackrest('archive-get', name, got), self.fresh_file(got), user=OWNER),
        ], self.args.runs * 4))

    def fresh_file(self, path):
        return lambda: path.unlink(missing_ok=True)

    def small(self):
        """100,000 relations of one page."""
        self.cluster.sql('create schema if not exists small')
        for begin in range(0, int(100_000 * min(1, self.args.scale)), 2000):
            self.cluster.sql(f"do $$ begin for i in {begin}..{begin + 1999} loop "
                             f"execute format('create table small.t%s (i int); insert into small.t%s values (1)', i, i); end loop; end $$")
        self.cluster.sql('checkpoint')
        self.full_small()

    def full_small(self):
        self.add(race('full backup with 100,000 small files more', [
            Contestant('pgstrata zstd 1', self.pgstrata('backup', '--type', 'full'), user=OWNER),
            Contestant('pgBackRest zst 1', self.pgbackrest('backup', '--type=full'), user=OWNER),
        ], max(1, self.args.runs // 2)))

    # -- the run --------------------------------------------------------------------------------------------------

    def add(self, result):
        self.results.append(result)
        print(table(result), flush=True)

    def run(self):
        try:
            self.prepare()
            for name in self.args.only.split(','):
                getattr(self, name)()
        finally:
            self.cluster.stop('immediate')
            if not self.args.keep:
                shutil.rmtree(self.work, ignore_errors=True)
        if self.args.report:
            report = pathlib.Path(self.args.report)
            report.with_suffix('.md').write_text('\n'.join(table(r) for r in self.results))
            report.with_suffix('.json').write_text(json.dumps(self.results, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--pgstrata', default='build/src/pgstrata')
    parser.add_argument('--scale', type=float, default=1)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--only', default='full,restore,archive,small')
    parser.add_argument('--work', default='/var/tmp/pgstrata-bench')
    parser.add_argument('--report')
    parser.add_argument('--keep', action='store_true')
    arguments = parser.parse_args()
    Bench(arguments).run()


if __name__ == '__main__':
    sys.exit(main())
