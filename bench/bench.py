#!/usr/bin/python3
"""Measures pgstrata beside pgBackRest, pg_basebackup and the floors, each race on one cluster and in one run.

    bench.py --pgstrata PROGRAM [--floor PROGRAM] [--scale 1] [--runs 5] [--only full,restore,…] [--work FOLDER]
             [--report FILE] [--write docs/PERFORMANCE.md]

Races: full, restore, incr, tenth, verify, index, archive (ratio 3) · dense (full and restore at ratio 14) · small (full backup of 100,000
relations of a page) · million (offline backups of a million relations of a page) · native (PostgreSQL 17 with its own incrementals). --scale 0.02 tries everything in two minutes. Needs root (servers run as postgres), PostgreSQL 15 and pgBackRest
from Debian. Everything lives below --work and is removed at the end unless --keep is given. --report writes FILE.md and
FILE.json, --write puts the tables into a document, between its lines <!-- bench: begin --> and <!-- bench: end -->.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import incremental
from cluster import BIN, OWNER, Cluster, as_owner, owned_folder
from measure import Contestant, drop_caches, folder_bytes, race, table

PORT = 55440
MARKS = '<!-- bench: begin -->\n', '<!-- bench: end -->\n'


class Site:
    """One cluster with a repository of each program; pgBackRest's needs one a level."""

    def __init__(self, folder, program, programs=BIN):
        self.work, self.program = owned_folder(folder), program
        self.work.chmod(0o755)
        self.cluster = Cluster(self.work / 'cluster', PORT, programs)

    def pgstrata(self, *argv):
        return [self.program, '--config', self.work / 'pgstrata.conf', '--cluster', 'main', *argv]

    def pgbackrest(self, *argv, level=1):
        return ['pgbackrest', '--config', self.work / f'pgbackrest-{level}.conf', '--stanza=main', *argv]

    def configure(self):
        for level in (1, 3):
            owned_folder(self.work / f'pgbackrest-repo-{level}')
            (self.work / f'pgbackrest-{level}.conf').write_text(f'''[global]
repo1-path={self.work}/pgbackrest-repo-{level}
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
        for folder in ('lock', 'spool', 'state', 'pgstrata-repo'):
            owned_folder(self.work / folder)

    def begin(self, fill, scale):
        """The cluster, archived by pgstrata from here on; pgBackRest keeps its own repositories beside it."""
        self.configure()
        self.cluster.create()
        self.cluster.set("archive_mode = on\narchive_command = '/bin/true'\nwal_level = replica\n")
        self.cluster.start()
        print(f'filling {self.cluster.data} (scale {scale})', flush=True)
        fill(self.cluster, scale)
        print(f'  {self.cluster.size() / 1e9:.2f} GB with WAL', flush=True)
        for level in (1, 3) if self.cluster.programs == BIN else ():  # it does not know later majors
            as_owner(*self.pgbackrest('stanza-create', level=level))
        as_owner(*self.pgstrata('setup', '--replace'))
        self.cluster.sql('select pg_switch_wal()')

    def end(self, keep):
        if (self.cluster.data / 'postmaster.pid').exists():
            self.cluster.stop('immediate')
        if not keep:
            shutil.rmtree(self.work, ignore_errors=True)

    # -- what a race needs again and again ------------------------------------------------------------------------

    def backups_forget(self):
        for backup in (self.work / 'pgstrata-repo').glob('main/g*/backup/*'):
            shutil.rmtree(backup)

    def backups_forget_theirs(self, level):
        subprocess.run(self.pgbackrest('expire', '--repo1-retention-full=1', level=level), check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=OWNER)

    def ours(self, level=1, *more):
        argv = self.pgstrata('backup', '--type', 'full', '--compress-level', level, *more)
        return Contestant(f'**pgstrata, zstd {level}**', argv, self.backups_forget, user=OWNER,
                          stored=lambda: folder_bytes(self.work / 'pgstrata-repo/main/g1/backup'))

    def theirs(self, level=1, *more):
        return Contestant(f'pgBackRest, zst {level}', self.pgbackrest('backup', '--type=full', *more, level=level),
                          lambda: self.backups_forget_theirs(level), user=OWNER,
                          stored=lambda: folder_bytes(self.work / f'pgbackrest-repo-{level}/backup/main/latest/'))

    def floor(self):
        to = self.work / 'floor.tar.zst'
        return Contestant('floor: `tar \\| zstd -1 -T2`',
                          ['sh', '-c', f'tar cf - -C {self.cluster.data} --exclude=./pg_wal . | zstd -q -1 -T2 -o {to} -f'],
                          stored=lambda: to.stat().st_size)

    def base_backup(self):
        to = self.work / 'basebackup'
        return Contestant('`pg_basebackup -X none`, zstd 1',
                          [BIN / 'pg_basebackup', '-h', self.cluster.folder, '-p', PORT, '-D', to, '-Ft', '-X', 'none',
                           '-c', 'fast', '--compress=client-zstd:1'],
                          lambda: shutil.rmtree(to, ignore_errors=True), user=OWNER, stored=lambda: folder_bytes(to))


# -- races ------------------------------------------------------------------------------------------------------------

def race_full(site, arguments):
    yield race('Full backup, ratio 3, warm',
               [site.ours(), site.theirs(), site.ours(3), site.theirs(3), site.base_backup(), site.floor()],
               arguments.runs)


def race_restore(site, arguments, what='ratio 3'):
    """The copy leaves pg_wal out, which no backup holds either."""
    as_owner(*site.pgstrata('backup', '--type', 'full'))
    as_owner(*site.pgbackrest('backup', '--type=full'))
    ours, theirs, copy = (site.work / n for n in ('restored', 'restored-pgbackrest', 'copied'))

    def cold(folder, is_made):
        def again():
            shutil.rmtree(folder, ignore_errors=True)
            if is_made:
                owned_folder(folder)
            drop_caches()
        return again

    copying = f'find {site.cluster.data} -mindepth 1 -maxdepth 1 ! -name pg_wal -exec cp -a -t {copy} {{}} + && sync'
    yield race(f'Restore, {what}, cold source', [
        Contestant('**pgstrata**', site.pgstrata('restore', '--to-dir', ours, '--target-immediate'), cold(ours, False), user=OWNER),
        Contestant('pgBackRest', site.pgbackrest('restore', f'--pg1-path={theirs}', '--type=none'), cold(theirs, True), user=OWNER),
        Contestant('floor: `cp -a` without pg_wal, `sync`', ['sh', '-c', copying], cold(copy, True)),
    ], arguments.runs)
    for folder in (ours, theirs, copy):
        shutil.rmtree(folder, ignore_errors=True)


class Segment:
    """A segment of real work that both programs push and get, over and over."""

    def __init__(self, site):
        self.site = site
        # The server's own calls would bring segments behind ours, which look-ahead and prefetch then go for.
        site.cluster.sql("alter system set archive_command = '/bin/true'")
        site.cluster.sql('select pg_reload_conf()')
        site.cluster.sql("create table w (aid int primary key, abalance int, filler char(84))")
        site.cluster.sql("insert into w select i, 0, '' from generate_series(1, 500000) i")
        self.before, self.name = self.filled(site)
        self.kept = site.work / 'segment'
        shutil.copy(site.cluster.data / 'pg_wal' / self.name, self.kept)
        self.got, self.floor_out = site.work / 'got', site.work / 'floor-out'
        for name in (self.before, self.name):
            as_owner(*site.pgbackrest('archive-push', f'pg_wal/{name}'), cwd=site.cluster.data)
            as_owner(*site.pgstrata('archive-push', f'pg_wal/{name}'), cwd=site.cluster.data)
        self.object = self.ours()[0]
        self.copy = site.work / 'segment.zst'
        shutil.copy(self.object, self.copy)

    @staticmethod
    def filled(site):
        """Two neighbours, full to the brim with single updates and page images, as of pgbench."""
        site.cluster.sql('select pg_switch_wal(); checkpoint')
        begin = site.cluster.sql('select pg_current_wal_insert_lsn()')
        site.cluster.sql('update w set abalance = abalance + (random() * 1000)::int '
                         'where aid in (select (random() * 500000)::int from generate_series(1, 200000))')
        site.cluster.sql('select pg_switch_wal()')
        return site.cluster.sql(f"select pg_walfile_name(pg_lsn '{begin}' + n * 16777216) from generate_series(0, 1) n").split()

    def ours(self):
        return list((self.site.work / 'pgstrata-repo').glob(f'main/g*/wal/*/*/{self.name}.wal'))

    def forget(self):
        """Neither repository has it, no spool, and nothing is there that was got."""
        theirs = (self.site.work / 'pgbackrest-repo-1/archive').rglob(f'{self.name}-*')
        for path in [*self.ours(), *theirs, self.floor_out]:
            path.unlink(missing_ok=True)
        self.forget_got()

    def forget_got(self):
        self.got.unlink(missing_ok=True)
        self.floor_out.unlink(missing_ok=True)
        for path in (self.site.work / 'spool').rglob('*'):
            if path.is_file():
                path.unlink()

    def fetch_ahead(self):
        """The call for the segment before leaves this one in the spool."""
        self.forget_got()
        as_owner(*self.site.pgstrata('archive-get', self.before, self.got), cwd=self.site.cluster.data)
        self.got.unlink()


def race_archive(site, arguments):
    """As PostgreSQL calls them: in the data directory, as its user. Nothing else is ready or archived behind it."""
    segment = Segment(site)
    run = {'user': OWNER, 'folder': site.cluster.data}
    push, get = ('archive-push', f'pg_wal/{segment.name}'), ('archive-get', segment.name, segment.got)

    def least(what, begin, prepare):
        if arguments.floor:
            yield Contestant(f'floor: one thread, no checks (`bench/floor.c {what}`)', [arguments.floor, what, begin, segment.floor_out], prepare)

    yield race('archive-push, one segment of 16 MB', [
        Contestant('**pgstrata**', site.pgstrata(*push), segment.forget, lambda: segment.ours()[0].stat().st_size, **run),
        Contestant('pgBackRest', site.pgbackrest(*push), segment.forget, **run),
        *least('push', segment.kept, segment.forget)], arguments.runs * 6)
    for push_argv in (site.pgstrata(*push), site.pgbackrest(*push)):
        subprocess.run([str(a) for a in push_argv], check=False, user=OWNER, cwd=site.cluster.data)
    yield race('archive-get, one segment of 16 MB', [
        Contestant('**pgstrata**', site.pgstrata(*get), segment.forget_got, **run),
        Contestant('pgBackRest', site.pgbackrest(*get), segment.forget_got, **run),
        Contestant('**pgstrata**, fetched ahead', site.pgstrata(*get), segment.fetch_ahead, **run),
        *least('get', segment.copy, segment.forget_got)], arguments.runs * 6)


def race_dense(site, arguments):
    yield race('Full backup, ratio 14, warm', [site.ours(), site.theirs(), site.floor()], arguments.runs)
    yield from race_restore(site, arguments, 'ratio 14')


def race_small(site, arguments):
    yield race(f'Full backup of {100_000 * arguments.scale:,.0f} relations of a page, warm',
               [site.ours(), site.theirs(), site.floor()], arguments.runs)


def race_million(site, arguments):
    """Offline: no server would start beside so many files that it does not know."""
    count = int(1_000_000 * arguments.scale)
    site.cluster.stop()
    site.cluster.add_files(count)
    runs = max(1, arguments.runs // 3)
    yield race(f'Full backup of {count:,} relations of a page, offline', [site.ours(1, '--offline'), site.theirs(1, '--no-online')], runs)
    changed = site.cluster.data / 'base/90000/changed'  # pgBackRest fails when nothing at all was changed
    yield race(f'Incremental backup of {count:,} relations of a page, one file changed, offline', [
        Contestant('**pgstrata, incr**', site.pgstrata('backup', '--type', 'incr', '--offline'),
                   lambda: changed.write_text(str(os.times().elapsed)), user=OWNER),
        Contestant('pgBackRest, incr', site.pgbackrest('backup', '--type=incr', '--no-online'), user=OWNER)], runs)


# Races of one cluster stand together; `archive` adds to it and comes last.
SITES = {'real': (Cluster.fill, {'full': race_full, 'restore': race_restore, 'incr': incremental.race_incr,
                                 'tenth': incremental.race_tenth, 'verify': incremental.race_verify,
                                 'index': incremental.race_index, 'archive': race_archive}),
         'dense': (Cluster.fill_dense, {'dense': race_dense}),
         'small': (Cluster.fill_small, {'small': race_small}),
         'million': (lambda cluster, scale: None, {'million': race_million}),
         'native': (Cluster.fill, {'native': incremental.race_native})}


def run_site(name, wanted, arguments):
    fill, races = SITES[name]
    races = {race_name: function for race_name, function in races.items() if race_name in wanted}
    if not races:
        return
    programs = BIN
    if name == 'native':
        if not arguments.native:
            print('native is left out: no PostgreSQL 17 (--native)', flush=True)
            return
        programs = arguments.native
    site = Site(pathlib.Path(arguments.work) / name, pathlib.Path(arguments.pgstrata).resolve(), programs)
    try:
        site.begin(fill, arguments.scale)
        for function in races.values():
            os.sync()  # what filling left to be written must not be written during a race
            yield from function(site, arguments)
    finally:
        site.end(arguments.keep)


def machine():
    """Where and with what it was measured, in a line."""
    with open('/proc/cpuinfo') as info:
        model = next(line.split(':')[1].strip() for line in info if line.startswith('model name'))
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    rest = subprocess.run(['pgbackrest', 'version'], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    postgres = subprocess.run([BIN / 'postgres', '--version'], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[2]
    return f'{os.cpu_count()} processors ({model}), {memory:.0f} GiB, Linux {platform.release().split("-")[0]}, PostgreSQL {postgres}, {rest}.'


def write_between_marks(path, text):
    document = pathlib.Path(path).read_text()
    before, rest = document.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    pathlib.Path(path).write_text(before + MARKS[0] + text + MARKS[1] + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--pgstrata', default='build/src/pgstrata')
    parser.add_argument('--floor', help='bench/floor.c, compiled')
    parser.add_argument('--native', help="the programs of a PostgreSQL 17, for the race against its own incrementals")
    parser.add_argument('--scale', type=float, default=1)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--only', default='full,restore,incr,tenth,verify,index,archive,dense,small,million,native')
    parser.add_argument('--work', default='/var/tmp/pgstrata-bench')
    parser.add_argument('--report')
    parser.add_argument('--write')
    parser.add_argument('--keep', action='store_true')
    arguments = parser.parse_args()
    wanted = arguments.only.split(',')
    known = [race_name for _, races in SITES.values() for race_name in races]
    if not set(wanted) <= set(known):
        parser.error(f'races are {", ".join(known)}')
    if shutil.disk_usage(pathlib.Path(arguments.work).parent).free < 25e9 * arguments.scale:
        parser.error(f'less than {25 * arguments.scale:.0f} GB are free at {arguments.work}')
    results = []
    for name in SITES:
        for result in run_site(name, wanted, arguments):
            results.append(result)
            print(table(result), flush=True)
    scale = '' if arguments.scale == 1 else f' Scale {arguments.scale}.'
    text = '\n'.join([f'{machine()}{scale}\n', *(table(result) for result in results)])
    if arguments.report:
        report = pathlib.Path(arguments.report)
        report.with_suffix('.md').write_text(text)
        report.with_suffix('.json').write_text(json.dumps(results, indent=1))
    if arguments.write:
        write_between_marks(arguments.write, text)


if __name__ == '__main__':
    sys.exit(main())
